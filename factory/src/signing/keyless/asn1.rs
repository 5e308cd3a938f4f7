//! Reading of DER where no type of others' says what is needed: one level at a time.

use x509_cert::der::asn1::{AnyRef, ObjectIdentifier};
use x509_cert::der::{Decode as _, Encode as _, Reader as _, SliceReader, Tag};

/// All values that follow each other in `bytes`; nothing where they are no DER.
pub(super) fn items(bytes: &[u8]) -> Option<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(bytes).ok()?;
    let mut items = Vec::new();
    while !reader.is_finished() {
        items.push(AnyRef::decode(&mut reader).ok()?);
    }
    Some(items)
}

/// What is in the one sequence that `bytes` are.
pub(super) fn sequence(bytes: &[u8]) -> Option<Vec<AnyRef<'_>>> {
    match items(bytes)?[..] {
        [one] => inside(one, Tag::Sequence),
        _ => None,
    }
}

/// What is in a value with this tag.
pub(super) fn inside(value: AnyRef<'_>, tag: Tag) -> Option<Vec<AnyRef<'_>>> {
    is(value, tag).then(|| items(value.value())).flatten()
}

/// Whether a value has this tag.
pub(super) fn is(value: AnyRef<'_>, tag: Tag) -> bool {
    x509_cert::der::Tagged::tag(&value) == tag
}

/// The tag `[number]` of a value that holds others.
pub(super) fn context(number: u32) -> Tag {
    Tag::ContextSpecific { constructed: true, number: x509_cert::der::TagNumber(number) }
}

/// Whether a value is this object identifier.
pub(super) fn is_oid(value: AnyRef<'_>, oid: ObjectIdentifier) -> bool {
    is(value, Tag::ObjectIdentifier) && value.value() == oid.as_bytes()
}

/// A value's own bytes, with its tag and length.
pub(super) fn whole(value: AnyRef<'_>) -> Option<Vec<u8>> {
    value.to_der().ok()
}

/// A value with this tag around `content`.
pub(super) fn wrapped(tag: Tag, content: &[u8]) -> Option<Vec<u8>> {
    AnyRef::new(tag, content).ok()?.to_der().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_one_level_at_a_time() {
        let der = [0x30, 6, 2, 1, 5, 0xa3, 1, 0];
        assert_eq!(sequence(&der), None, "what is inside [3] is not looked at, but the rest is too long");
        let der = [0x30, 6, 2, 1, 5, 0x04, 1, 0];
        let found = sequence(&der).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].value(), [5]);
        assert_eq!(whole(found[1]).unwrap(), [4, 1, 0]);
        for wrong in [&[0x30][..], &[0x30, 2, 2], &[0x30, 0x80, 0, 0], &[2, 1, 5], &[0x30, 0, 0x30, 0]] {
            assert_eq!(sequence(wrong), None, "{wrong:?}");
        }
    }
}
