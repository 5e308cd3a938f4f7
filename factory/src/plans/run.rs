//! Building a plan: every combination in one solve, whose report is merged into the project's.

use std::path::Path;
use std::time::SystemTime;

use llb_gen::matrix::Summary;

use super::file::PlanFile;
use crate::build::{Attempt, Destination, Exporting, Report, Shown, export_words, exported, written};
use crate::engine::{Engine, EngineHandle, EngineSpec};
use crate::exit::{Error, Result};
use crate::frontend_image::{self, DEV_IMAGE, Platform};
use crate::progress::Progress;
use crate::reports;

/// What a plan came to.
#[derive(Debug)]
pub enum Outcome {
    /// Every combination was tried.
    Tried(Box<Summary>),
    /// The build ended before that; the report says why.
    Failed {
        /// What was left of it.
        report: Report,
        /// What docker buildx exited with.
        code: i32,
    },
}

/// Builds a plan: brings the engine up, makes sure of the frontend image, runs buildx with its progress on the user's terminal,
/// and merges the records of all combinations into the reports of the project. `options` are further words for buildx.
///
/// # Errors
/// As the exit codes say: no engine, no frontend image, a report that cannot be merged, or it was interrupted. That the build
/// failed is an [`Outcome`].
pub fn run(
    plan: &PlanFile,
    options: &[String],
    spec: &EngineSpec,
    progress: &mut dyn Progress,
) -> Result<Outcome> {
    let handle = Engine::ensure(spec, progress)?;
    let replaced = options.iter().any(|word| word.contains("BUILDKIT_SYNTAX="));
    if !replaced && plan.syntax.as_deref() == Some(DEV_IMAGE) {
        frontend_image::ensure(&handle, &plan.root, Platform::host(), progress)?;
    }
    run_with(&handle, plan, options)
}

/// The build itself, with an engine and a frontend image that are there.
fn run_with(handle: &EngineHandle, plan: &PlanFile, options: &[String]) -> Result<Outcome> {
    let id = plan.plan.id.to_string();
    let into = Destination {
        folder: reports::folder(&plan.root),
        attempt: Attempt { id: id.clone(), manifest: plan.plan.manifest.to_string(), platform: None },
        plan: Some(id),
        began: written(SystemTime::now()),
    };
    let words = |folder: &Path, metadata: &Path| {
        Ok(words(plan, &[export_words(folder, metadata), options.to_vec()].concat()))
    };
    let export = |shown: Shown| exported(handle, &plan.root, words, shown);
    let exporting = match export(Shown::User)? {
        // The client had the terminal for itself: it is asked once more what is wrong.
        Exporting::Failed { log: None, .. } => export(Shown::Nobody)?,
        other => other,
    };
    match exporting {
        Exporting::Tree(tree) => {
            into.merge(&tree.exported)?;
            summary(tree.exported.summary.as_ref()).map(|summary| Outcome::Tried(Box::new(summary)))
        }
        Exporting::Failed { log, code } => {
            Ok(Outcome::Failed { report: into.failed(log.as_ref(), code)?, code })
        }
    }
}

/// The words after `docker`, to be run in the project's root, with further options for buildx.
#[must_use]
pub fn words(plan: &PlanFile, options: &[String]) -> Vec<String> {
    let mut words: Vec<String> = vec!["buildx".into(), "build".into(), "--file".into()];
    words.push(plan.path.to_string_lossy().into_owned());
    words.extend(options.iter().cloned());
    words.push(".".to_owned());
    words
}

fn summary(exported: Option<&reports::Summary>) -> Result<Summary> {
    let missing = || Error::Internal("the plan's report has no summary.json".to_owned());
    serde_json::from_slice(&exported.ok_or_else(missing)?.json)
        .map_err(|fault| Error::Internal(format!("summary.json of the plan's report: {fault}")))
}

#[cfg(test)]
mod tests {
    use llb_gen::record::{CombinationEntry, ErrorKind, Verdict};

    use super::*;
    use crate::build::fake_docker;
    use crate::plans::tests::{PLAN, project};
    use crate::reports::Reports;
    use crate::reports::tests::{export, record};

    fn built(report: &str) -> (tempfile::TempDir, Result<Outcome>) {
        let dir = project(PLAN);
        let mut one = record("app-core-0.1.0_light-0.2.0-linux-amd64-1", Verdict::Fail);
        one.combination = Some(CombinationEntry { plan: "p".into(), slug: "core-0.1.0_light-0.2.0".into() });
        export(&dir.path().join("tree"), &[one], &[]);
        let summary = r#"{"schema_version": 1, "plan_id": "p", "manifest_id": "app", "strategy": "all", "as_expected": true,
            "counts": {"total": 0, "pass": 0, "fail": 0, "error": 0, "skipped": 0, "unexpected": 0}, "rows": []}"#;
        std::fs::write(dir.path().join("tree/summary.json"), summary).unwrap();
        let handle = fake_docker(dir.path(), "exit 1", report);
        let plan = PlanFile::find("p", dir.path()).unwrap();
        let outcome = run_with(&handle, &plan, &["--no-cache".to_owned()]);
        (dir, outcome)
    }

    #[test]
    fn a_plan_leaves_its_records_and_its_summary() {
        let (dir, outcome) = built("mkdir -p $dest; cp -r $root/tree/. $dest");
        assert!(matches!(outcome.unwrap(), Outcome::Tried(summary) if summary.as_expected));
        let reports = Reports::open(&reports::folder(dir.path())).unwrap();
        let amd64 = "linux/amd64".parse().unwrap();
        let row = reports.newest_of_plan("p", "core-0.1.0_light-0.2.0", &amd64).unwrap();
        assert_eq!(row.result.status, Verdict::Fail);
        assert!(dir.path().join(".factory/plans/p/summary.json").is_file());
        let calls = std::fs::read_to_string(dir.path().join("calls")).unwrap();
        let before = "buildx build --file manifests/plans/p.json --target=report --output=type=local,dest=";
        assert!(calls.starts_with(before) && calls.ends_with("metadata.json --no-cache .\n"), "{calls}");
    }

    #[test]
    fn a_plan_that_dies_leaves_an_error() {
        let (dir, outcome) = built("echo 'ERROR: failed to build: no space left on device' >&2; exit 1");
        let Outcome::Failed { report, code: 1 } = outcome.unwrap() else { panic!("it ended well") };
        assert_eq!(report.errors[0].kind, ErrorKind::Infrastructure);
        let reports = Reports::open(&reports::folder(dir.path())).unwrap();
        let error = reports.error(&report.errors[0].build_id).unwrap();
        assert_eq!(
            (error.reason.as_str(), error.manifest_id.as_deref()),
            ("no space left on device", Some("app"))
        );
        assert!(error.build_id.starts_with("p-"));
    }

    #[test]
    fn a_report_without_a_summary_is_none() {
        let (_dir, outcome) = built("mkdir -p $dest; rm $root/tree/summary.json; cp -r $root/tree/. $dest");
        let fault = outcome.unwrap_err().to_string();
        assert!(fault.contains("has no summary.json"), "{fault}");
    }
}
