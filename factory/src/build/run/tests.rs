//! Builds by a client that does what a test tells it to: what a real engine does only on a bad day.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use llb_gen::record::{ErrorKind, ErrorRecord, Record, Verdict};

use super::*;
use crate::engine::{EngineName, Origin};
use crate::exit::Exit;
use crate::reports::tests::{error, export, record};
use crate::reports::{Reports, folder};

/// A client whose builds and reports end as told: `build` and `report` are shell commands; in the second `$dest` is where the
/// report goes, and `$root` is `dir`.
pub(crate) fn fake_docker(dir: &Path, build: &str, report: &str) -> EngineHandle {
    let script = format!(
        "#!/bin/sh\nroot={root}\necho \"$*\" >> $root/calls\ncase \"$*\" in\n\
         version*) echo linux/amd64 ;;\n\
         *--target=report*) dest=${{*##*dest=}}; dest=${{dest%% *}}; {report} ;;\n\
         'buildx build'*) {build} ;;\n*) exit 1 ;;\nesac\n",
        root = dir.display()
    );
    let docker = dir.join("docker");
    fs::write(&docker, script).unwrap();
    fs::set_permissions(&docker, fs::Permissions::from_mode(0o755)).unwrap();
    EngineHandle {
        origin: Origin::Managed(EngineName::default()),
        docker,
        env: BTreeMap::new(),
        registry: None,
    }
}

/// A project with one product, and a client for it.
struct Bench {
    dir: TempDir,
    handle: EngineHandle,
}

impl Bench {
    fn new(build: &str, report: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("manifests")).unwrap();
        let manifest =
            r#"{"id": "app", "base": "scratch", "fragments": [{"name": "core", "version": "0.1.0"}]}"#;
        fs::write(dir.path().join("manifests/app.json"), manifest).unwrap();
        let handle = fake_docker(dir.path(), build, report);
        Self { dir, handle }
    }

    /// What `$root/tree` holds.
    fn report(self, records: &[Record], errors: &[ErrorRecord]) -> Self {
        export(&self.dir.path().join("tree"), records, errors);
        self
    }

    fn build(&self, request: &BuildRequest) -> Built {
        let product = Product::find("app", self.dir.path()).unwrap();
        run_with(&self.handle, &product, request).unwrap()
    }

    fn exit(&self) -> (Exit, Reports) {
        let built = self.build(&BuildRequest::default());
        let exit = built.failure.map_or(Exit::Ok, |error| error.exit());
        (exit, Reports::open(&folder(self.dir.path())).unwrap())
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.dir.path().join("calls")).unwrap()
    }
}

const COPY: &str = "mkdir -p $dest; cp -r $root/tree/. $dest";

fn passing() -> Bench {
    Bench::new("exit 0", COPY).report(&[record("app-1", Verdict::Pass)], &[])
}

#[test]
fn steps_and_tests_run_first_and_the_image_is_made_from_the_cache() {
    let bench = passing();
    let options = ["--no-cache", "--push", "--build-arg=A=b", "--progress=plain"].map(str::to_owned).to_vec();
    let request = BuildRequest { options, platforms: vec!["linux/amd64".into()], ..BuildRequest::default() };
    let built = bench.build(&request);
    assert!(built.failure.is_none() && built.summary.is_some());
    let calls = bench.calls();
    let builds: Vec<&str> = calls.lines().filter(|line| line.starts_with("buildx build")).collect();
    let [report, image] = builds[..] else { panic!("{calls}") };
    let before = "buildx build --file manifests/app.json --platform linux/amd64 --no-cache --build-arg=A=b \
                  --progress=plain --target=report --output=type=local,dest=";
    assert!(report.starts_with(before), "{report}");
    assert!(report.ends_with("metadata.json ."), "{report}");
    assert!(image.contains("--tag app:dev --platform linux/amd64 --metadata-file "), "{image}");
    assert!(image.ends_with(" --push --build-arg=A=b --progress=plain ."), "{image}");
    let reports = Reports::open(&folder(bench.dir.path())).unwrap();
    assert_eq!(reports.records().count(), 1);
}

#[test]
fn what_the_gate_has_refused_is_known_by_the_verdicts() {
    let said = "echo 'ERROR: failed to build: failed to solve: app: 1 of 1 tests failed' >&2; exit 1";
    let test = [error("app-1", ErrorKind::Test)];
    let (exit, reports) = Bench::new(said, COPY).report(&[record("app-1", Verdict::Fail)], &test).exit();
    assert_eq!(exit, Exit::TestsFailed);
    assert_eq!(reports.error("app-1").unwrap().kind, ErrorKind::Test);
    let (exit, _) = Bench::new("exit 0", COPY).report(&[record("app-1", Verdict::Fail)], &test).exit();
    assert_eq!(exit, Exit::Ok, "whether a test is in the way is the gate's to say");
}

#[test]
fn a_step_that_failed_is_not_run_again() {
    let step = [error("app-1", ErrorKind::Step)];
    let bench = Bench::new("exit 0", COPY).report(&[record("app-1", Verdict::Fail)], &step);
    let built = bench.build(&BuildRequest::default());
    assert_eq!(built.failure.unwrap().exit(), Exit::BuildFailed);
    assert_eq!(bench.calls().matches("buildx build").count(), 1);
    assert_eq!(built.report.unwrap().errors[0].kind, ErrorKind::Step);
}

#[test]
fn an_image_that_cannot_be_pushed_leaves_an_error_beside_its_record() {
    let said = "echo 'ERROR: failed to push: dial tcp 1.2.3.4:443: i/o timeout' >&2; exit 1";
    let bench = Bench::new(said, COPY).report(&[record("app-1", Verdict::Pass)], &[]);
    let built = bench.build(&BuildRequest::default());
    assert_eq!(built.failure.unwrap().exit(), Exit::BuildFailed);
    let report = built.report.unwrap();
    assert_eq!((report.records.len(), report.errors.len()), (1, 1));
    assert_eq!(report.errors[0].kind, ErrorKind::Infrastructure);
    let reports = Reports::open(&folder(bench.dir.path())).unwrap();
    assert!(reports.error(&report.errors[0].build_id).is_some());
    assert_eq!(reports.records().count(), 1);
}

#[test]
fn a_build_that_dies_before_the_frontend_leaves_an_error_and_the_clients_log() {
    let gone = "echo '#1 [internal] load metadata' >&2; echo 'ERROR: failed to build: failed to solve: debian:13x: not found' >&2; exit 1";
    let bench = Bench::new("exit 0", gone);
    let (exit, reports) = bench.exit();
    assert_eq!((exit, reports.records().count()), (Exit::BuildFailed, 0));
    let names: Vec<_> = fs::read_dir(folder(bench.dir.path()).join("errors")).unwrap().flatten().collect();
    assert_eq!(names.len(), 1);
    let name = names[0].file_name().into_string().unwrap();
    let build = name.strip_prefix("error-").unwrap().strip_suffix(".json").unwrap();
    let error = reports.error(build).unwrap();
    assert_eq!((error.kind, error.reason.as_str()), (ErrorKind::Input, "debian:13x: not found"));
    assert_eq!(error.platform.as_deref(), Some("linux/amd64"));
    let log = fs::read_to_string(reports.evidence(build).unwrap()).unwrap();
    assert!(log.starts_with(&format!("# Build ID: {build}\n#1 [internal] load metadata\n")), "{log}");
}

#[test]
fn only_whole_products_have_reports_and_only_where_they_are_wanted() {
    let with = |options: &[&str], no_report: bool| {
        let bench = passing();
        let options = options.iter().map(|one| (*one).to_owned()).collect();
        bench.build(&BuildRequest { options, no_report, ..BuildRequest::default() });
        bench.calls().contains("--target=report")
    };
    assert!(with(&["--no-cache"], false));
    for options in [&["--target=stage/core/make"][..], &["--call", "check"], &["--check"]] {
        assert!(!with(options, false), "{options:?}");
    }
    assert!(!with(&[], true));
}

#[test]
fn a_build_without_room_for_its_report_ends_as_it_would_with_it() {
    let gone = "echo 'ERROR: failed to build: write /var/lib/x: no space left on device' >&2; exit 1";
    for (build, report, exit) in
        [("exit 0", gone, Exit::BuildFailed), ("exit 0", COPY, Exit::Ok), ("exit 1", COPY, Exit::BuildFailed)]
    {
        let bench = Bench::new(build, report).report(&[record("app-1", Verdict::Pass)], &[]);
        fs::write(folder(bench.dir.path()), "a file is where the folder should be").unwrap();
        let built = bench.build(&BuildRequest::default());
        assert_eq!(built.failure.map_or(Exit::Ok, |error| error.exit()), exit);
        assert!(built.notes[0].starts_with("the report is not kept: "), "{:?}", built.notes);
    }
}
