//! Checkpoints: the size and the root of a log's tree, signed by the log as a note; and the way from an entry to that root.

use sha2::{Digest as _, Sha256};

use super::verifier::Verifier;
use crate::signing::dsse::decode;

/// How the line of a signature begins.
const SIGNED_BY: &str = "\u{2014} ";

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tree {
    pub(super) size: u64,
    pub(super) root: Vec<u8>,
}

/// Reads a checkpoint that a log has signed. Others may have signed it too; they say nothing here.
pub(super) fn signed_tree(note: &str, log: &[u8], key: &Verifier) -> Result<Tree, &'static str> {
    let (text, signatures) = note.rsplit_once("\n\n").ok_or("it is no signed note")?;
    // The text ends with the line break that stands before the empty line.
    let text = &note[..=text.len()];
    let mut signed = Err("the log has not signed it: no signature names the log's key");
    for line in signatures.lines() {
        let (_, signature) = line
            .strip_prefix(SIGNED_BY)
            .and_then(|rest| rest.rsplit_once(' '))
            .ok_or("it is no signed note")?;
        let bytes = decode(signature).ok_or("a signature of it is broken base64")?;
        let Some((hint, signature)) = bytes.split_at_checked(4) else { continue };
        if log.get(..4) != Some(hint) {
            continue;
        }
        if key.verifies(text.as_bytes(), signature) {
            signed = Ok(());
            break;
        }
        signed = Err("the log has not signed it, or it was changed after that");
    }
    signed?;
    let mut lines = text.lines();
    let origin = lines.next().unwrap_or_default();
    let size = lines.next().unwrap_or_default();
    let root = lines.next().unwrap_or_default();
    let number = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit());
    let size = number.then(|| size.parse().ok()).flatten().ok_or("it says no size")?;
    let root = decode(root).filter(|root| root.len() == 32).ok_or("it says no root")?;
    match origin.is_empty() {
        true => Err("it does not say whose it is"),
        false => Ok(Tree { size, root }),
    }
}

/// The root that an entry and the hashes beside its way lead to, in a tree of a size (RFC 9162, 2.1.3.2); nothing where there is no
/// such way.
pub(super) fn root(entry: &[u8], index: u64, size: u64, hashes: &[Vec<u8>]) -> Option<Vec<u8>> {
    let last = size.checked_sub(1).filter(|last| index <= *last)?;
    let (mut at, mut end) = (index, last);
    let mut hash = Sha256::new_with_prefix([0]).chain_update(entry).finalize();
    let both = |left: &[u8], right: &[u8]| {
        Sha256::new_with_prefix([1]).chain_update(left).chain_update(right).finalize()
    };
    for beside in hashes {
        if end == 0 || beside.len() != hash.len() {
            return None;
        }
        if at & 1 == 1 || at == end {
            hash = both(beside, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                end >>= 1;
            }
        } else {
            hash = both(&hash, beside);
        }
        at >>= 1;
        end >>= 1;
    }
    (end == 0).then(|| hash.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The root of a tree and the way from an entry to it, as RFC 6962 defines them.
    fn tree(entries: &[Vec<u8>], index: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
        if let [entry] = entries {
            return (Sha256::digest([&[0][..], entry].concat()).to_vec(), Vec::new());
        }
        let split = entries.len().next_power_of_two() / 2;
        let (left, right) = entries.split_at(split);
        let ((left, left_way), (right, right_way)) =
            (tree(left, index.min(split - 1)), tree(right, index.saturating_sub(split)));
        let hash = Sha256::digest([&[1][..], &left, &right].concat()).to_vec();
        let (mut way, beside) = if index < split { (left_way, right) } else { (right_way, left) };
        way.push(beside);
        (hash, way)
    }

    #[test]
    fn every_entry_of_every_tree_leads_to_its_root_and_nothing_else_does() {
        for size in 1..=17_usize {
            let entries: Vec<Vec<u8>> = (0..size).map(|at| vec![u8::try_from(at).unwrap()]).collect();
            for index in 0..size {
                let (expected, way) = tree(&entries, index);
                let (at, of) = (index as u64, size as u64);
                assert_eq!(root(&entries[index], at, of, &way), Some(expected.clone()), "{index} of {size}");
                assert_ne!(root(b"other", at, of, &way), Some(expected.clone()));
                assert_eq!(root(&entries[index], of, of, &way), None);
                let longer = [way.clone(), vec![vec![0; 32]]].concat();
                assert_eq!(root(&entries[index], at, of, &longer), None);
                for changed in 0..way.len() {
                    let mut other = way.clone();
                    other[changed][0] ^= 1;
                    assert_ne!(root(&entries[index], at, of, &other), Some(expected.clone()));
                    let mut shorter = way.clone();
                    shorter.remove(changed);
                    assert_ne!(root(&entries[index], at, of, &shorter), Some(expected.clone()));
                }
            }
        }
    }
}
