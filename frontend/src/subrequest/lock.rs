//! `frontend.lock`: what the names of a product resolve to, and what of that the committed lock has otherwise.

use llb_gen::lock::{Change, Difference, Lock};
use serde::Serialize;

use super::Answer;

#[derive(Serialize)]
struct LockJson<'a> {
    path: &'a str,
    committed: bool,
    up_to_date: bool,
    changes: &'a [Change],
    document: String,
}

/// The answer: `lock` is what it is to be, `path` where it belongs, `committed` what is there now, byte for byte.
pub fn lock(path: &str, committed: Option<&[u8]>, difference: &Difference, lock: &Lock) -> Answer {
    let document = lock.to_json();
    let up_to_date = committed == Some(&document);
    let text = match (up_to_date, difference.is_empty()) {
        (true, _) => format!("{path} is up to date.\n"),
        (false, true) => format!("{path} says the same in another form.\n"),
        (false, false) => difference.text(),
    };
    let json = LockJson {
        path,
        committed: committed.is_some(),
        up_to_date,
        changes: &difference.changes,
        document: String::from_utf8(document).unwrap_or_default(),
    };
    Answer::new(&json, text).with_status(u8::from(!up_to_date))
}
