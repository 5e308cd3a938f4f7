//! Files of lines, each an item of its own.

use alloc::vec::Vec;

use super::threeway::{Item, distinct};

/// The lines of a text without their ends. None: there is a zero byte, so this is no text.
pub(super) fn lines(text: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    let ended = text.split_inclusive(|&byte| byte == b'\n');
    (!text.contains(&0)).then(|| ended.map(|line| line.strip_suffix(b"\n").unwrap_or(line)))
}

/// Lines that are known by all that they say.
pub(super) fn parse(text: &[u8]) -> Option<Vec<Item>> {
    Some(distinct(lines(text)?.map(|line| Item::new(line, line)).collect()))
}

/// Lines that are known by the path in them, from the first slash on.
pub(super) fn parse_by_path(text: &[u8]) -> Option<Vec<Item>> {
    let item = |line: &[u8]| {
        let slash = line.iter().position(|&byte| byte == b'/').unwrap_or(0);
        Item::new(&line[slash..], line)
    };
    Some(distinct(lines(text)?.map(item).collect()))
}

/// Every item's value, each with a line's end.
pub(super) fn render(items: &[Item]) -> Vec<u8> {
    items.iter().flat_map(|item| [&item.value[..], b"\n"].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(items: Vec<Item>) -> Vec<String> {
        items.into_iter().map(|item| String::from_utf8_lossy(&item.key).into_owned()).collect()
    }

    #[test]
    fn what_is_read_is_written() {
        for text in ["", "a\n", "a\n\nb\n", "a\na\n"] {
            assert_eq!(render(&parse(text.as_bytes()).unwrap()), text.as_bytes());
            assert_eq!(render(&parse_by_path(text.as_bytes()).unwrap()), text.as_bytes());
        }
        assert_eq!(render(&parse(b"a\n\xff").unwrap()), b"a\n\xff\n");
        assert_eq!(parse(b"a\0\n"), None);
    }

    #[test]
    fn paths_are_the_keys() {
        let text = b"root messagebus 4754 /usr/lib/a b\n0123  /etc/x\nnone\n";
        assert_eq!(keys(parse_by_path(text).unwrap()), ["/usr/lib/a b", "/etc/x", "none"]);
    }
}
