//! Tests: what a finished root must be, and what it must do.

mod assertion;
mod files;
mod http;
mod needs;
mod packages;

pub use assertion::{JsonPointer, JsonValue, Match, Pointed, RegularExpression};
pub use files::{FileTest, FileType};
pub use http::{
    Exchange, Expectation, HeaderName, HeaderValue, HttpMethod, HttpTest, PortNumber, Ready, Request,
    RequestBody, RequestPath,
};
pub use needs::{NeededContent, NeededFile, Needs, Service};
pub use packages::{DebianPackage, DistributionName, PackagesTest, VersionRange};

use super::config::CommandLine;
use super::name::TestName;
use super::owner::Owner;
use super::path::ImagePath;
use super::quantity::{ByteSize, Duration};
use super::step::{CdiName, Command, Env, Network};
use super::value::{List, PerPlatform, Value};
use super::when::When;
use crate::text::{Located, Place};

/// One test of a fragment, a template or a manifest. It runs on the finished root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// Its name, unique in its document.
    pub name: Located<TestName>,
    /// For people.
    pub description: Option<String>,
    /// When it runs.
    pub when: When,
    /// What it does.
    pub action: TestAction,
    /// How long it may take; a minute by default.
    pub timeout: Option<Value<Duration>>,
    /// How much memory its processes may use together; any amount by default.
    pub memory: Option<Value<ByteSize>>,
    /// Its network; none but loopback by default.
    pub network: Option<PerPlatform<Network>>,
    /// Who runs it; the image's user by default.
    pub user: Option<Value<Owner>>,
    /// Where it runs; the image's workdir by default.
    pub workdir: Option<Value<ImagePath>>,
    /// Its environment, over the image's.
    pub env: Env,
    /// What it needs beside the image.
    pub needs: Option<Needs>,
    /// Whether it wants a root of its own, which no test before it has touched.
    pub isolated: bool,
    /// The test's object.
    pub place: Place,
}

impl Test {
    /// The command that it runs, where it is one that runs a command.
    #[must_use]
    pub fn command(&self) -> Option<&PerPlatform<Command>> {
        match &self.action {
            TestAction::Run(run) => Some(&run.command),
            TestAction::Gpu(gpu) => match gpu.as_ref() {
                GpuTest::Devices { run, .. } => Some(&run.command),
                GpuTest::Driverless => None,
            },
            TestAction::Http(_) | TestAction::Files(_) | TestAction::Packages(_) => None,
        }
    }
}

/// What a test does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestAction {
    /// Runs a command and looks at what it says.
    Run(Box<RunTest>),
    /// Starts a server and asks it.
    Http(Box<HttpTest>),
    /// Looks at files; never empty.
    Files(Vec<FileTest>),
    /// Looks at installed packages.
    Packages(Box<PackagesTest>),
    /// Is about a graphics processor, or about being ready for one.
    Gpu(Box<GpuTest>),
}

impl TestAction {
    /// The member's name: `run`, `http`, …
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Run(_) => "run",
            Self::Http(_) => "http",
            Self::Files(_) => "files",
            Self::Packages(_) => "packages",
            Self::Gpu(_) => "gpu",
        }
    }
}

/// A command, and what it must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunTest {
    /// The command.
    pub command: PerPlatform<Command>,
    /// What is expected of it.
    pub expect: Outcome,
}

/// What is expected of a command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Exit codes, one of which it must have; 0 alone where empty.
    pub exit_codes: Vec<u8>,
    /// What its standard output must be.
    pub stdout: Matches,
    /// What its standard error must be.
    pub stderr: Matches,
}

/// Several matches, all of which must hold; they may vary.
pub type Matches = Option<PerPlatform<Vec<Match>>>;

/// What a test of a graphics processor does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GpuTest {
    /// A command with devices.
    Devices {
        /// The devices by CDI name; never empty.
        devices: List<CdiName>,
        /// The command.
        run: RunTest,
    },
    /// Looks, without a device, whether what needs one is there and fits together.
    Driverless,
}

/// The command that a server test starts, in either of the image config's forms.
pub type ServerCommand = Option<PerPlatform<CommandLine>>;
