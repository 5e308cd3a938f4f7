//! dpkg's `diversions` and `statoverride`: what an administrator or a package says of paths of other packages.

use alloc::vec::Vec;

use super::lines::{self, lines};
use super::order::sorted;
use super::threeway::{Item, distinct};

/// The size of dpkg's table of paths (lib/dpkg/fsys-hash.c).
const BINS: u32 = 262_139;

/// Diversions: the path, where it was moved to, the package. They are known by the path.
pub(super) fn parse_diversions(text: &[u8]) -> Option<Vec<Item>> {
    let lines: Vec<_> = lines(text)?.collect();
    let item = |record: &[&[u8]]| Item::new(record[0], &record.join(&b'\n'));
    (lines.len() % 3 == 0).then(|| distinct(lines.chunks_exact(3).map(item).collect()))
}

/// Lines or diversions in the order of dpkg's table, in which it writes them.
pub(super) fn render(items: &[Item]) -> Vec<u8> {
    lines::render(&sorted(items, |a, b| bin(&a.key).cmp(&bin(&b.key))))
}

/// The place of a path in dpkg's table: FNV-1a of what follows the first slash.
fn bin(path: &[u8]) -> u32 {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    let hash =
        path.iter().fold(2_166_136_261, |hash: u32, &byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    hash % BINS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diversions_are_three_lines() {
        let items = parse_diversions(b"/bin/sh\n/bin/sh.distrib\ndash\n/a\n/b\n:\n").unwrap();
        let keys: Vec<_> = items.iter().map(|item| item.key.as_slice()).collect();
        assert_eq!(keys, [&b"/bin/sh"[..], b"/a"]);
        assert_eq!(parse_diversions(b"/bin/sh\n/bin/sh.distrib\n"), None);
    }

    #[test]
    fn the_order_is_that_of_dpkg() {
        // As dpkg 1.22 wrote them.
        let written = [
            "/lib/x86_64-linux-gnu/libhistory.so.8.2",
            "/lib/x86_64-linux-gnu/libreadline.so.8",
            "/lib64/ld-linux-x86-64.so.2",
            "/lib/x86_64-linux-gnu/libhistory.so.8",
            "/lib/x86_64-linux-gnu/libreadline.so.8.2",
            "/libx32",
            "/lib32",
            "/libo32",
            "/lib/x86_64-linux-gnu/libtirpc.so.3",
        ];
        let text = |paths: &[&str]| {
            paths.iter().map(|path| format!("{path}\n{path}.usr-is-merged\nbase-files\n")).collect::<String>()
        };
        let mut mixed = written;
        mixed.sort_unstable();
        let items = parse_diversions(text(&mixed).as_bytes()).unwrap();
        assert_eq!(String::from_utf8(render(&items)).unwrap(), text(&written));
    }
}
