//! An entry of a transparency log, held against the log's own word.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint;
use super::material::{Entry, Promise, Proof};
use super::refusal::{Check, Refusal};
use super::root::Log;
use super::verifier::Verifier;
use crate::engine::hex;

/// Checks that the log has the entry: by its promise, by a proof, or both; everything that is there has to hold. Gives the time since
/// when the log has it, where the log has promised that.
pub(super) fn check(entry: &Entry, log: &Log, needs_proof: bool) -> Result<Option<i64>, Refusal> {
    let Some(key) = &log.key else {
        return Err(Check::Entry.refuses("the log's key is of a kind that is not known here"));
    };
    let proof = entry.inclusion_proof.as_ref();
    // Without a checkpoint nobody has signed what it proves.
    let proof = proof.filter(|one| needs_proof || one.checkpoint.is_some());
    match (proof, &entry.inclusion_promise) {
        (None, _) if needs_proof => return Err(Check::Proof.refuses("there is none")),
        (None, None) => return Err(Check::Promise.refuses("there is none, and no inclusion proof")),
        (Some(proof), _) => included(entry, proof, log, key)?,
        (None, Some(_)) => {}
    }
    entry.inclusion_promise.as_ref().map(|promise| promised(entry, promise, key)).transpose()
}

/// The time of a promise that the log has signed.
fn promised(entry: &Entry, promise: &Promise, key: &Verifier) -> Result<i64, Refusal> {
    // What is signed is this JSON, with its members in this order and nothing between them.
    let message = format!(
        r#"{{"body":"{}","integratedTime":{},"logID":"{}","logIndex":{}}}"#,
        STANDARD.encode(&entry.canonicalized_body.0),
        entry.integrated_time.0,
        hex(&entry.log_id.key_id.0),
        entry.log_index.0
    );
    if !key.verifies(message.as_bytes(), &promise.signed_entry_timestamp.0) {
        return Err(Check::Promise.refuses("the log has not signed it, or it was changed after that"));
    }
    i64::try_from(entry.integrated_time.0).map_err(|_| Check::Promise.refuses("its time is none"))
}

/// Whether the entry is in the log's tree.
fn included(entry: &Entry, proof: &Proof, log: &Log, key: &Verifier) -> Result<(), Refusal> {
    let checkpoint = proof.checkpoint.as_ref().ok_or_else(|| Check::Checkpoint.refuses("there is none"))?;
    let tree = checkpoint::signed_tree(&checkpoint.envelope, &log.id, key)
        .map_err(|why| Check::Checkpoint.refuses(why))?;
    if tree.size != proof.tree_size.0 || tree.root != proof.root_hash.0 {
        return Err(Check::Checkpoint.refuses("it is of another tree than the inclusion proof"));
    }
    let hashes: Vec<Vec<u8>> = proof.hashes.iter().map(|hash| hash.0.clone()).collect();
    let root = checkpoint::root(&entry.canonicalized_body.0, proof.log_index.0, tree.size, &hashes);
    match root == Some(tree.root) {
        true => Ok(()),
        false => Err(Check::Proof.refuses("it does not lead from the entry to the root of the log's tree")),
    }
}
