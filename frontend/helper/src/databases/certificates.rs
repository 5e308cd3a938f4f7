//! Bundles of certificates in PEM: blocks between lines of dashes.

use alloc::vec::Vec;

use super::lines::lines;
use super::threeway::{Item, distinct};

/// The blocks of a bundle, each with the lines before it. None: there are none, though the bundle is not empty.
pub(super) fn parse(text: &[u8]) -> Option<Vec<Item>> {
    let _ = lines(text)?;
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    let mut open = Vec::new();
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        open.extend_from_slice(line);
        if line.starts_with(b"-----END ") {
            blocks.push(core::mem::take(&mut open));
        }
    }
    if blocks.is_empty() && !open.is_empty() {
        return None;
    }
    blocks.extend((!open.is_empty()).then_some(open));
    Some(distinct(blocks.iter().map(|block| Item::new(block.trim_ascii(), block)).collect()))
}

/// The blocks one after the other.
pub(super) fn render(items: &[Item]) -> Vec<u8> {
    let mut bundle: Vec<u8> = Vec::new();
    for item in items {
        if bundle.last().is_some_and(|&byte| byte != b'\n') {
            bundle.push(b'\n');
        }
        bundle.extend_from_slice(&item.value);
    }
    bundle
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(name: &str) -> String {
        format!("-----BEGIN CERTIFICATE-----\n{name}\n-----END CERTIFICATE-----\n")
    }

    #[test]
    fn a_bundle_is_its_blocks() {
        for text in
            [String::new(), block("a"), format!("# a\n{}{}{}rest", block("a"), block("b"), block("a"))]
        {
            assert_eq!(render(&parse(text.as_bytes()).unwrap()), text.as_bytes());
        }
        assert_eq!(parse(format!("{}{}", block("a"), block("b")).as_bytes()).unwrap().len(), 2);
        assert_eq!(parse(b"no certificate\n"), None);
        assert_eq!(parse(b"-----END \0\n"), None);
    }

    #[test]
    fn blocks_never_run_into_each_other() {
        let (ended, unended) = (block("a"), block("a").trim_end().to_owned());
        let items = parse(unended.as_bytes()).unwrap();
        assert_eq!(items[0].key, parse(ended.as_bytes()).unwrap()[0].key);
        let both = [items, parse(block("b").as_bytes()).unwrap()].concat();
        assert_eq!(String::from_utf8(render(&both)).unwrap(), format!("{ended}{}", block("b")));
    }
}
