//! `factory plan …`.

use llb_gen::matrix::{Listing, Summary};
use llb_gen::model;
use serde::Serialize;

use super::answer;
use super::args::{Plan, PlanFormat};
use super::build::seen_from;
use super::buildx::in_one_word_each;
use crate::build::shell_line;
use crate::engine::Engine;
use crate::exit::{Error, Result};
use crate::frontend_image::Platform;
use crate::plans::{self, Outcome, PlanFile};
use crate::progress::for_terminal;
use crate::{reports, site_ca};

pub(crate) fn run(arguments: Plan) -> Result<()> {
    let here = std::env::current_dir().map_err(|e| Error::Usage(format!("the current folder: {e}")))?;
    let plan = PlanFile::find(&arguments.plan, &here)?;
    if arguments.dry_run {
        answer(&listed(&plan.listing(&native()?), arguments.format)?);
        return Ok(());
    }
    let format = arguments.format;
    if format == PlanFormat::Github {
        let why = "--format github is a matrix of what is still to be built: it goes with --dry-run";
        return Err(Error::Usage(why.to_owned()));
    }
    let (spec, print) = (arguments.buildx.spec(), arguments.buildx.print);
    let options = options(arguments);
    if print {
        let env = Engine::find(&spec)?.map(|handle| handle.env).unwrap_or_default();
        answer(&shell_line(&plan.root.to_string_lossy(), &env, &plans::words(&plan, &options)));
        return Ok(());
    }
    let mut progress = for_terminal();
    let outcome = plans::run(&plan, &options, &spec, progress.as_mut())?;
    drop(progress);
    let folder = seen_from(&reports::folder(&plan.root), &here);
    match outcome {
        Outcome::Tried(summary) => {
            answer(&summarised(&summary, format)?);
            as_expected(&summary)
        }
        Outcome::Failed { report, code } => {
            eprint!("{}", report.text(&folder));
            Err(Error::BuildFailed(format!("docker buildx exited with {code}")))
        }
    }
}

/// The machine's platform: what an engine beside us builds where nobody says which.
fn native() -> Result<model::Platform> {
    let host = Platform::host().as_str();
    host.parse().map_err(|fault| Error::Internal(format!("the machine's platform {host}: {fault}")))
}

fn listed(listing: &Listing, format: PlanFormat) -> Result<String> {
    match format {
        PlanFormat::Text => Ok(listing.text()),
        PlanFormat::Json => json(listing),
        // In one line: a workflow passes it on as the value of an output.
        PlanFormat::Github => Ok(format!("{}\n", listing.github())),
    }
}

fn summarised(summary: &Summary, format: PlanFormat) -> Result<String> {
    match format {
        PlanFormat::Text | PlanFormat::Github => Ok(summary.text()),
        PlanFormat::Json => json(summary),
    }
}

fn json(value: &impl Serialize) -> Result<String> {
    let json = serde_json::to_string_pretty(value);
    json.map(|json| json + "\n").map_err(|fault| Error::Internal(format!("the answer as JSON: {fault}")))
}

fn as_expected(summary: &Summary) -> Result<()> {
    if summary.as_expected {
        return Ok(());
    }
    let rows: Vec<String> = summary
        .unexpected()
        .map(|row| {
            let (actual, expected) = (row.actual.as_str(), row.expected.as_str());
            format!("\n    {} on {}: {actual}, expected {expected}", row.slug, row.platform)
        })
        .collect();
    Err(Error::TestsFailed(format!(
        "the plan {} came out other than expected:{}",
        summary.plan_id,
        rows.concat()
    )))
}

/// The words for buildx.
fn options(arguments: Plan) -> Vec<String> {
    let buildx = arguments.buildx;
    let bundle =
        buildx.site_ca().map(|file| format!("--secret=id={},src={}", site_ca::SECRET_ID, file.display()));
    let frontend = buildx.frontend.iter().map(|image| format!("--build-arg=BUILDKIT_SYNTAX={image}"));
    let mut words: Vec<String> = bundle.into_iter().chain(frontend).collect();
    words.extend(buildx.words());
    words.extend(in_one_word_each(&[("--no-cache-filter", &arguments.no_cache_filter)]));
    words.extend(arguments.no_cache.then(|| "--no-cache".to_owned()));
    words.extend(buildx.rest);
    words
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::{Action, Arguments};
    use crate::exit::Exit;

    fn parse(words: &[&str]) -> Plan {
        let words = ["factory", "plan", "p"].iter().chain(words);
        match Arguments::try_parse_from(words).unwrap().action {
            Action::Plan(plan) => *plan,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_reach_buildx_in_one_word_each() {
        let plan = parse(&[
            "--frontend",
            "f:2",
            "--build-arg",
            "A=b",
            "--secret",
            "id=factory_ca,src=x",
            "--no-cache",
            "--progress",
            "plain",
            "--",
            "--allow",
            "device",
        ]);
        assert_eq!(
            options(plan),
            [
                "--build-arg=BUILDKIT_SYNTAX=f:2",
                "--build-arg=A=b",
                "--secret=id=factory_ca,src=x",
                "--progress=plain",
                "--no-cache",
                "--allow",
                "device",
            ]
        );
    }

    #[test]
    fn a_plan_ends_by_what_was_expected() {
        let summary = |unexpected: usize| {
            let row = serde_json::json!({"slug": "core-0.1.0", "combination": {"core": "0.1.0"}, "platform": "linux/amd64",
                "expected": "pass", "actual": "fail", "as_expected": unexpected == 0, "build_id": "b", "wall_ms": 1,
                "tests_passed": 0, "tests": 1});
            let counts = serde_json::json!({"total": 1, "pass": 0, "fail": 1, "error": 0, "skipped": 0, "unexpected": unexpected});
            let summary: Summary = serde_json::from_value(serde_json::json!({"schema_version": 1, "plan_id": "p",
                "manifest_id": "app", "strategy": "all", "as_expected": unexpected == 0, "counts": counts, "rows": [row]}))
            .unwrap();
            as_expected(&summary)
        };
        assert!(summary(0).is_ok());
        let fault = summary(1).unwrap_err();
        assert_eq!(fault.exit(), Exit::TestsFailed);
        assert!(
            fault.to_string().ends_with("\n    core-0.1.0 on linux/amd64: fail, expected pass"),
            "{fault}"
        );
    }
}
