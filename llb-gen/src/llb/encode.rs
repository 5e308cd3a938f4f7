//! The canonical encoding of ops.
//!
//! Since release 0.18 the daemon decodes every op and encodes it again with Go's deterministic marshaller; the digest of
//! *those* bytes is the vertex's identity. Prost differs from it in two ways, both mended here: Go writes the members of a
//! oneof after all other fields, prost by tag number (so the payload would stand before `platform` and `constraints`); and
//! Go writes key and value of a map entry even where they are empty, prost leaves an empty one out.

use std::collections::BTreeMap;

use bollard_buildkit_proto::pb;
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};

use super::Resources;

/// Encodes an op as the daemon would.
pub(crate) fn op(mut op: pb::Op) -> Vec<u8> {
    let payload = op.op.take();
    let mut bytes = op.encode_to_vec();
    match payload {
        Some(pb::op::Op::Source(source)) => length_delimited(3, &source_op(&source), &mut bytes),
        Some(payload) => pb::Op { op: Some(payload), ..pb::Op::default() }
            .encode(&mut bytes)
            .expect("a vector grows as needed"),
        None => {}
    }
    bytes
}

/// Encodes a definition with limits of its execs, by the digests of their ops ([`super::Graph::resources`]). The generated
/// wire types end before that field of the metadata.
pub fn encode_definition(definition: &pb::Definition, resources: &BTreeMap<String, Resources>) -> Vec<u8> {
    let mut rest = definition.clone();
    rest.metadata.retain(|digest, _| !resources.contains_key(digest));
    let mut bytes = rest.encode_to_vec();
    for (digest, resources) in resources {
        let mut value =
            definition.metadata.get(digest).map(pb::OpMetadata::encode_to_vec).unwrap_or_default();
        length_delimited(7, &resources.encode_to_vec(), &mut value);
        let mut entry = Vec::new();
        length_delimited(1, digest.as_bytes(), &mut entry);
        length_delimited(2, &value, &mut entry);
        length_delimited(2, &entry, &mut bytes);
    }
    bytes
}

fn source_op(source: &pb::SourceOp) -> Vec<u8> {
    let mut bytes = Vec::new();
    if !source.identifier.is_empty() {
        length_delimited(1, source.identifier.as_bytes(), &mut bytes);
    }
    for (key, value) in &source.attrs {
        let mut entry = Vec::new();
        length_delimited(1, key.as_bytes(), &mut entry);
        length_delimited(2, value.as_bytes(), &mut entry);
        length_delimited(2, &entry, &mut bytes);
    }
    bytes
}

fn length_delimited(tag: u32, value: &[u8], out: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(value.len() as u64, out);
    out.extend_from_slice(value);
}
