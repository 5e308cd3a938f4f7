//! The report as a filesystem: `records/`, `evidence/` and, where something failed, `errors/`.

use llb_gen::llb::{Copy, FileOp, Meta, Mkdir, Mkfile, State, Timestamp};
use llb_gen::request::DEFAULT_EPOCH;
use serde::Serialize;

use super::Reported;

/// A file of the report whose bytes are the frontend's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path from the report's root.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A file of the report that something in the graph has made.
#[derive(Debug, Clone, PartialEq)]
pub struct Raw {
    /// Its path from the report's root.
    pub path: String,
    /// The filesystem that has it.
    pub from: State,
    /// Its path there.
    pub source: String,
}

/// The path of a build's record.
pub fn record_path(build_id: &str) -> String {
    format!("records/{build_id}.json")
}

/// The path of a build's log.
pub fn log_path(build_id: &str) -> String {
    format!("evidence/{build_id}.log")
}

/// The path of what a build's steps and tests have left.
pub fn raw_path(build_id: &str, name: &str) -> String {
    format!("evidence/{build_id}/{name}")
}

/// The path of a build's error.
pub fn error_path(build_id: &str) -> String {
    format!("errors/error-{build_id}.json")
}

/// A document as people read it, with a line feed at its end.
pub fn document(value: &impl Serialize) -> Vec<u8> {
    let mut bytes =
        serde_json::to_vec_pretty(value).expect("records hold only strings, numbers and lists of them");
    bytes.push(b'\n');
    bytes
}

/// The files of one build.
fn files(one: &Reported) -> Vec<File> {
    let id = &one.record.build_id;
    let record = File { path: record_path(id), bytes: document(&one.record) };
    let log = File { path: log_path(id), bytes: one.log.clone() };
    let error = one.error.iter().map(|error| File { path: error_path(id), bytes: document(error) });
    [record, log].into_iter().chain(error).collect()
}

/// All of it in one op; `more` are files beside those of the builds, such as a summary. Times are those of `epoch`, in seconds.
pub fn tree(reported: &[Reported], more: &[File], epoch: Option<u64>) -> State {
    let files: Vec<File> = reported.iter().flat_map(files).chain(more.iter().cloned()).collect();
    let raw: Vec<&Raw> = reported.iter().flat_map(|one| &one.raw).collect();
    let time = Timestamp::Seconds(i64::try_from(epoch.unwrap_or(DEFAULT_EPOCH)).unwrap_or(i64::MAX));
    let folders = folders(files.iter().map(|file| &*file.path).chain(raw.iter().map(|raw| &*raw.path)));
    let op = FileOp::on(&State::scratch()).meta(Meta::named("[report] write"));
    let op = folders.iter().fold(op, |op, folder| op.mkdir(Mkdir::new(folder, 0o755).timestamp(time)));
    let op = files.into_iter().fold(op, |op, file| {
        op.mkfile(Mkfile::new(format!("/{}", file.path), 0o644, file.bytes).timestamp(time))
    });
    let copy = |raw: &Raw| Copy::new(&raw.from, &raw.source, format!("/{}", raw.path)).timestamp(time);
    raw.into_iter().fold(op, |op, raw| op.copy(copy(raw))).state()
}

/// The folders of these paths, each after those that it is in.
fn folders<'p>(paths: impl Iterator<Item = &'p str>) -> Vec<String> {
    let mut folders = std::collections::BTreeSet::new();
    for path in paths {
        let ends = path.match_indices('/').map(|(at, _)| format!("/{}", &path[..at]));
        folders.extend(ends);
    }
    folders.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_come_before_what_is_in_them() {
        let paths = ["evidence/b/core/x.stdout", "records/b.json", "evidence/a.log", "summary.md"];
        let expected = ["/evidence", "/evidence/b", "/evidence/b/core", "/records"];
        assert_eq!(folders(paths.into_iter()), expected);
    }

    #[test]
    fn a_document_is_a_text_with_an_end() {
        assert_eq!(document(&serde_json::json!({"a": 1})), b"{\n  \"a\": 1\n}\n");
    }
}
