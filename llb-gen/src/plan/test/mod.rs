//! Tests of a product on one platform: which run, in which order, and what the helper is told of each.

mod needs;
mod server;
pub(crate) mod spec;

use super::Draft;
use super::run::{network, script_text};
use super::step::{Files, PlannedCopy};
use crate::diagnostic::{Diagnostic, Diagnostics, Sink};
use crate::image::ImageConfig;
use crate::llb::{Network, Timestamp};
use crate::model::step::Command;
use crate::model::test::{FileTest, GpuTest, PackagesTest, RunTest, Test, TestAction};
use crate::model::{FileMode, Given, Level, Scope};
use crate::request::{DEFAULT_EPOCH, Request};
use crate::target::Target;
use crate::text::Place;
pub(crate) use needs::{NeedsSpec, PlannedNeeds};
use spec::{ActionSpec, FileSpec, GpuSpec, MatchSpec, PackagesSpec, RunSpec, TestSpec};

/// Where scripts of fragments are mounted for tests.
pub(crate) const SCRIPTS: &str = "/.factory/scripts";

/// How long a test may take that does not say, in milliseconds.
const TIMEOUT: u64 = 60_000;

/// Whose test it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TestOwner {
    /// A fragment's.
    Fragment {
        /// Its name.
        name: String,
        /// Its version.
        version: String,
    },
    /// The template's.
    Template,
    /// The manifest's.
    Manifest,
}

impl TestOwner {
    /// The fragment's name, `template` or `manifest`: what names of tests begin with.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Fragment { name, .. } => name,
            Self::Template => "template",
            Self::Manifest => "manifest",
        }
    }
}

/// What people and records know of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestIdentity {
    /// `core/python`, `template/size`, `manifest/completes`.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Whose it is.
    pub owner: TestOwner,
    /// Where it is written.
    pub place: Place,
}

/// A test that cannot run here. It has not passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedTest {
    /// The test.
    pub test: TestIdentity,
    /// Why: a lower-case fragment.
    pub reason: String,
}

/// A test with nothing left to decide.
#[derive(Clone, Debug)]
pub(crate) struct PlannedTest {
    pub(crate) identity: TestIdentity,
    /// Nothing for the daemon's default.
    pub(crate) network: Option<Network>,
    pub(crate) isolated: bool,
    pub(crate) devices: Vec<String>,
    /// The file of the fragment that it runs, as a copy into the folder that becomes [`SCRIPTS`].
    pub(crate) script: Option<PlannedCopy>,
    /// What is made of the root for it.
    pub(crate) needs: PlannedNeeds,
    pub(crate) spec: TestSpec,
}

/// The tests of a plan.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlannedTests {
    pub(crate) running: Vec<PlannedTest>,
    pub(crate) skipped: Vec<SkippedTest>,
}

/// The tests of `target`: those of its fragments in slot order, then the template's and the manifest's.
pub(super) fn plan(
    draft: &Draft<'_>,
    image: &ImageConfig,
    shell: &[String],
    sink: &mut Sink,
) -> PlannedTests {
    let planner = Planner { request: draft.request, image, shell };
    let mut planned = PlannedTests::default();
    let product = draft.product;
    let whole = draft.target == Target::Product;
    for (index, fragment) in product.fragments.iter().enumerate() {
        if whole || draft.target == Target::Fragment(index) {
            let owner = TestOwner::Fragment {
                name: fragment.name.to_string(),
                version: fragment.version.to_string(),
            };
            let args = draft.arguments.fragment(index);
            let document = Document { owner, folder: Some(fragment.folder()), args };
            planner.document(&document, &fragment.tests, &mut planned, sink);
        }
    }
    if let Some(template) = product.template.as_ref().filter(|_| whole) {
        let args = draft.arguments.template();
        let document = Document { owner: TestOwner::Template, folder: None, args };
        planner.document(&document, &template.tests, &mut planned, sink);
    }
    if whole {
        let args = draft.arguments.manifest();
        let document = Document { owner: TestOwner::Manifest, folder: None, args };
        planner.document(&document, &product.manifest.tests, &mut planned, sink);
    }
    planned
}

/// A document with tests.
struct Document<'a> {
    owner: TestOwner,
    /// A fragment's own, in the catalogue.
    folder: Option<String>,
    /// What its arguments are worth.
    args: &'a Scope,
}

struct Planner<'a> {
    request: &'a Request,
    image: &'a ImageConfig,
    shell: &'a [String],
}

/// Where a test stands: what it may name, and what it sees.
struct Stand<'a> {
    document: &'a Document<'a>,
    level: Level,
    workdir: String,
}

impl Planner<'_> {
    fn document(&self, document: &Document<'_>, tests: &[Test], planned: &mut PlannedTests, sink: &mut Sink) {
        for test in tests.iter().filter(|test| test.when.holds(document.args)) {
            let Some(test) = super::kept(self.test(document, test), sink) else { continue };
            test.needs.steps.iter().for_each(|step| super::engine::judge(step, self.request, sink));
            match self.foreign(&test.devices) {
                None => planned.running.push(test),
                Some(reason) => planned.skipped.push(SkippedTest { test: test.identity, reason }),
            }
        }
    }

    /// The image's environment.
    fn environment(&self) -> Vec<(String, String)> {
        self.image.environment().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn test(&self, document: &Document<'_>, test: &Test) -> Result<PlannedTest, Diagnostics> {
        let level = Level::over(document.args, &[], &self.environment(), &test.env)?;
        let own_workdir = test.workdir.given(&level.scope)?;
        let own_workdir = own_workdir.map(|path| path.absolute(self.image.workdir()));
        let workdir = own_workdir.clone().unwrap_or_else(|| self.image.workdir().to_owned());
        let stand = Stand { document, level, workdir };
        let scope = &stand.level.scope;
        let name = format!("{}/{}", document.owner.as_str(), test.name.value());
        let (action, script) = self.action(test, &stand)?;
        let needs = test.needs.as_ref();
        let spec = TestSpec {
            name: name.clone(),
            timeout_ms: test.timeout.given(scope)?.map_or(TIMEOUT, milliseconds),
            memory: test.memory.given(scope)?.map(crate::model::ByteSize::bytes),
            user: test.user.given(scope)?.map(|user| user.to_string()),
            cwd: own_workdir,
            env: stand.level.set.iter().cloned().collect(),
            services: needs.map(|needs| self.services(needs, &stand)).transpose()?.unwrap_or_default(),
            action,
        };
        let identity = TestIdentity {
            name,
            description: test.description.clone(),
            owner: document.owner.clone(),
            place: test.place.clone(),
        };
        Ok(PlannedTest {
            identity,
            network: test.network.given(scope)?.map_or(Some(Network::None), network),
            isolated: test.isolated,
            devices: devices(test, scope)?,
            script,
            needs: needs.map(|needs| self.needs(needs, &stand)).transpose()?.unwrap_or_default(),
            spec,
        })
    }

    fn action(
        &self,
        test: &Test,
        stand: &Stand<'_>,
    ) -> Result<(ActionSpec, Option<PlannedCopy>), Diagnostics> {
        Ok(match &test.action {
            TestAction::Run(run) => {
                let (run, script) = self.run(run, stand)?;
                (ActionSpec::Run(run), script)
            }
            TestAction::Http(http) => (ActionSpec::Http(self.server(http, stand)?), None),
            TestAction::Files(files) => {
                let files = files.iter().map(|file| self.file(file, stand)).collect::<Result<_, _>>()?;
                (ActionSpec::Files(files), None)
            }
            TestAction::Packages(packages) => {
                (ActionSpec::Packages(self::packages(packages, &stand.level.scope)?), None)
            }
            TestAction::Gpu(gpu) => match gpu.as_ref() {
                GpuTest::Devices { run, .. } => {
                    let (run, script) = self.run(run, stand)?;
                    let devices = devices(test, &stand.level.scope)?;
                    (ActionSpec::Gpu(GpuSpec::Devices { devices, run }), script)
                }
                GpuTest::Driverless => (ActionSpec::Gpu(GpuSpec::Driverless { driverless: true }), None),
            },
        })
    }

    fn run(&self, run: &RunTest, stand: &Stand<'_>) -> Result<(RunSpec, Option<PlannedCopy>), Diagnostics> {
        let scope = &stand.level.scope;
        let (argv, script) = self.command(run.command.get(scope)?, stand)?;
        let codes = &run.expect.exit_codes;
        let spec = RunSpec {
            argv,
            exit_codes: if codes.is_empty() { vec![0] } else { codes.clone() },
            stdout: MatchSpec::all(&run.expect.stdout, scope)?,
            stderr: MatchSpec::all(&run.expect.stderr, scope)?,
        };
        Ok((spec, script))
    }

    fn command(
        &self,
        command: &Command,
        stand: &Stand<'_>,
    ) -> Result<(Vec<String>, Option<PlannedCopy>), Diagnostics> {
        let scope = &stand.level.scope;
        let words = |words: &[crate::model::Value<String>]| {
            words.iter().map(|word| word.get(scope)).collect::<Result<Vec<_>, Diagnostic>>()
        };
        match command {
            Command::Shell(lines) => {
                Ok((self.shell.iter().cloned().chain([script_text(lines)]).collect(), None))
            }
            Command::Exec(argv) => Ok((words(argv)?, None)),
            Command::Script { script, args } => {
                let script = script.get(scope)?;
                let folder = stand.document.folder.as_deref().unwrap_or_default();
                let inside = format!("/{}/{script}", stand.document.owner.as_str());
                let copy = self.script(format!("/{folder}/{script}"), inside.clone());
                let argv = [format!("{SCRIPTS}{inside}")].into_iter().chain(words(args)?);
                Ok((argv.collect(), Some(copy)))
            }
        }
    }

    /// A script with a mode that lets everybody run it, wherever the fragment was checked out.
    fn script(&self, src: String, dest: String) -> PlannedCopy {
        let epoch = i64::try_from(self.request.epoch.unwrap_or(DEFAULT_EPOCH)).unwrap_or(i64::MAX);
        PlannedCopy {
            from: Files::Catalogue,
            src,
            dest,
            owner: None,
            mode: Some(0o755),
            include: Vec::new(),
            exclude: Vec::new(),
            unpack: false,
            timestamp: Timestamp::Seconds(epoch),
        }
    }

    fn file(&self, file: &FileTest, stand: &Stand<'_>) -> Result<FileSpec, Diagnostics> {
        let scope = &stand.level.scope;
        let bytes = crate::model::ByteSize::bytes;
        Ok(FileSpec {
            path: file.path.get(scope)?.absolute(&stand.workdir),
            exists: file.exists,
            kind: file.kind.map(crate::model::test::FileType::as_str),
            owner: file.owner.given(scope)?.map(|owner| owner.to_string()),
            mode: file.mode.given(scope)?.map(|mode: FileMode| mode.to_string()),
            max_size: file.max_size.given(scope)?.map(bytes),
            min_size: file.min_size.given(scope)?.map(bytes),
            content: MatchSpec::all(&file.content, scope)?,
            target: file.target.given(scope)?,
            no_setuid: file.no_setuid,
            no_world_writable: file.no_world_writable,
            empty: file.empty,
        })
    }

    /// Why devices are of no use, whichever there are; nothing where they may be. With a device comes the machine's own
    /// driver, which an emulated program cannot load.
    fn foreign(&self, devices: &[String]) -> Option<String> {
        let (own, wanted) = (&self.request.build_platform, &self.request.platform);
        let foreign = !devices.is_empty() && own.arch() != wanted.arch();
        foreign.then(|| format!("the machine's driver is one for {own}, and this is {wanted}"))
    }
}

fn packages(packages: &PackagesTest, scope: &Scope) -> Result<PackagesSpec, Diagnostics> {
    let mut spec = PackagesSpec {
        pip_check: packages.pip_check,
        dpkg_verify: packages.dpkg_verify,
        dpkg_audit: packages.dpkg_audit,
        ..PackagesSpec::default()
    };
    for (name, range) in &packages.dpkg {
        spec.dpkg.insert(name.to_string(), range.get(scope)?.to_string());
    }
    for (name, range) in &packages.pip {
        spec.pip.insert(name.to_string(), range.get(scope)?.to_string());
    }
    Ok(spec)
}

fn devices(test: &Test, scope: &Scope) -> Result<Vec<String>, Diagnostic> {
    match &test.action {
        TestAction::Gpu(gpu) => match gpu.as_ref() {
            GpuTest::Devices { devices, .. } => {
                Ok(devices.get(scope)?.iter().map(ToString::to_string).collect())
            }
            GpuTest::Driverless => Ok(Vec::new()),
        },
        _ => Ok(Vec::new()),
    }
}

/// Whole milliseconds, at least one.
pub(super) fn milliseconds(time: crate::model::Duration) -> u64 {
    time.nanoseconds().div_ceil(1_000_000).max(1)
}
