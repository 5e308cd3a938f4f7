//! A build that has ended before the frontend could report: what it leaves is made from what the client has printed.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use llb_gen::record::{ErrorKind, ErrorRecord, SCHEMA_VERSION};
use sha2::{Digest as _, Sha256};

use super::client::Log;
use crate::exit::{Error, Result};
use crate::reports::{Exported, LONGEST_EXCERPT, error_path, evidence_path};

/// What was to be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// The manifest's or the plan's id.
    pub(crate) id: String,
    /// The manifest's id.
    pub(crate) manifest: String,
    /// The platform, where it is one.
    pub(crate) platform: Option<String>,
}

/// What the client's words mean, the first that fits. Nothing else tells causes apart: the daemon sends them as one text.
const CAUSES: [(ErrorKind, &[&str]); 3] = [
    (ErrorKind::Step, &["did not complete successfully: exit code"]),
    (
        ErrorKind::Infrastructure,
        &[
            "no space left on device",
            "disk quota exceeded",
            "cannot connect to the docker daemon",
            "error reading from server",
            "error during connect",
            "connection refused",
            "connection reset",
            "broken pipe",
            "transport is closing",
            "i/o timeout",
            "timeout exceeded",
            "handshake timeout",
            "deadline exceeded",
            "no such host",
            "temporary failure in name resolution",
            "server misbehaving",
            "network is unreachable",
            "no route to host",
            "toomanyrequests",
            "429 too many requests",
            "500 internal server error",
            "502 bad gateway",
            "503 service unavailable",
            "504 gateway time",
            "unexpected eof",
        ],
    ),
    (
        ErrorKind::Input,
        &[
            "not found",
            "does not exist",
            "no such file or directory",
            "pull access denied",
            "insufficient_scope",
            "unauthorized",
            "no match for platform",
            "invalid reference format",
            "failed to parse platform",
            ".json:",
        ],
    ),
];

/// The kind of thing that the client's last words are about. What nobody has an explanation for says nothing about the
/// product, as infrastructure does.
pub(crate) fn cause(words: &str) -> ErrorKind {
    let words = words.to_lowercase();
    let fits = |(_, marks): &&(ErrorKind, &[&str])| marks.iter().any(|mark| words.contains(mark));
    CAUSES.iter().find(fits).map_or(ErrorKind::Infrastructure, |(kind, _)| *kind)
}

/// What the client said in the end: its line `ERROR: …` with those after it, without the words that all failures have.
fn last_words(log: &Log) -> Option<String> {
    let lines: Vec<&str> = log.lines().collect();
    let at = lines.iter().rposition(|line| line.starts_with("ERROR: "))?;
    let said = lines[at..].join("\n");
    let said = said.trim_start_matches("ERROR: ").trim_start_matches("failed to build: ");
    Some(said.trim_start_matches("failed to solve: ").trim_end().to_owned())
}

impl Attempt {
    /// The error record and the evidence of this attempt, as a tree below `folder`. `code` is what the client exited with.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn failed(&self, log: &Log, code: i32, folder: &Path) -> Result<Exported> {
        let record = self.record(log, code, &self.name(SystemTime::now()));
        write(&record, log, folder)
            .map_err(|fault| Error::Internal(format!("a report below {}: {fault}", folder.display())))?;
        Ok(Exported::read(folder)?)
    }

    fn record(&self, log: &Log, code: i32, build_id: &str) -> ErrorRecord {
        let said = last_words(log);
        let reason = said.clone().unwrap_or_else(|| format!("docker buildx exited with {code}"));
        let last: Vec<&str> =
            log.lines().rev().filter(|line| !line.is_empty()).take(LONGEST_EXCERPT).collect();
        ErrorRecord {
            schema_version: SCHEMA_VERSION,
            build_id: build_id.to_owned(),
            manifest_id: Some(self.manifest.clone()),
            platform: self.platform.clone(),
            kind: cause(&said.unwrap_or_else(|| log.text())),
            reason,
            fragment: None,
            version: None,
            step: None,
            location: None,
            exit_code: None,
            log_excerpt: last.into_iter().rev().map(str::to_owned).collect(),
        }
    }

    /// A name as the frontend gives builds. It has nothing to be named after but when and by whom it was tried.
    fn name(&self, now: SystemTime) -> String {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let digest = Sha256::digest(format!("{since} {}", std::process::id()));
        let hex: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let platform = self.platform.iter().map(|platform| platform.replace('/', "-"));
        let words: Vec<String> = std::iter::once(self.id.clone()).chain(platform).chain([hex]).collect();
        words.join("-")
    }
}

fn write(record: &ErrorRecord, log: &Log, folder: &Path) -> io::Result<()> {
    let build = &record.build_id;
    let files = [
        (error_path(build), serde_json::to_vec_pretty(record)?),
        (evidence_path(build), format!("# Build ID: {build}\n{}", log.text()).into_bytes()),
    ];
    for (path, bytes) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt() -> Attempt {
        Attempt { id: "app".into(), manifest: "app".into(), platform: Some("linux/amd64".into()) }
    }

    #[test]
    fn causes_are_told_apart() {
        let table = [
            ("process \"/bin/sh -c false\" did not complete successfully: exit code: 1", ErrorKind::Step),
            ("docker.io/library/debian:13x: not found", ErrorKind::Input),
            (
                "docker.io/library/nosuch:1: pull access denied, repository does not exist or may require authorization",
                ErrorKind::Input,
            ),
            (
                "failed to resolve source metadata for x/y:1: no match for platform in manifest: not found",
                ErrorKind::Input,
            ),
            ("manifests/app.json:3:5: unknown member `bas`", ErrorKind::Input),
            (
                "failed to do request: Head \"https://registry-1.docker.io/v2/\": dial tcp 1.2.3.4:443: i/o timeout",
                ErrorKind::Infrastructure,
            ),
            ("dial tcp: lookup nosuch.invalid on 127.0.0.53:53: no such host", ErrorKind::Infrastructure),
            ("write /var/lib/docker/x: no space left on device", ErrorKind::Infrastructure),
            ("Cannot connect to the Docker daemon at unix:///s. Is it running?", ErrorKind::Infrastructure),
            ("error reading from server: EOF", ErrorKind::Infrastructure),
            ("unexpected status from GET request: 503 Service Unavailable", ErrorKind::Infrastructure),
            ("something that nobody has seen before", ErrorKind::Infrastructure),
        ];
        for (words, kind) in table {
            assert_eq!(cause(words), kind, "{words}");
        }
    }

    #[test]
    fn a_failed_attempt_leaves_its_words_and_its_log() {
        let dir = tempfile::tempdir().unwrap();
        let lines: Vec<String> = (1..=50).map(|number| format!("#1 line {number}")).collect();
        let text = format!(
            "{}\n------\nERROR: failed to build: failed to solve: debian:13x: not found\nsecond line\n",
            lines.join("\n")
        );
        let tree = attempt().failed(&Log::of(&text), 1, dir.path()).unwrap();
        let (build, error) = tree.errors.iter().next().unwrap();
        assert!(
            build.starts_with("app-linux-amd64-") && build.len() == "app-linux-amd64-".len() + 12,
            "{build}"
        );
        assert_eq!(
            (error.kind, error.reason.as_str()),
            (ErrorKind::Input, "debian:13x: not found\nsecond line")
        );
        assert_eq!(error.log_excerpt.len(), 40);
        assert_eq!(error.log_excerpt.last().unwrap(), "second line");
        let evidence = fs::read_to_string(dir.path().join(evidence_path(build))).unwrap();
        assert!(evidence.starts_with(&format!("# Build ID: {build}\n#1 line 1\n")), "{evidence}");
        assert!(tree.records.is_empty());
    }

    #[test]
    fn a_client_that_said_nothing_is_known_by_its_exit_code() {
        let record = attempt().record(&Log::default(), 137, "b");
        assert_eq!(
            (record.kind, record.reason.as_str()),
            (ErrorKind::Infrastructure, "docker buildx exited with 137")
        );
        let log = Log::of("Cannot connect to the Docker daemon at unix:///s");
        assert_eq!(attempt().record(&log, 1, "b").kind, ErrorKind::Infrastructure);
    }
}
