//! Tests as written: which action it is, and what stands beside it.

mod assertion;
mod files;
mod http;
mod needs;
mod packages;

use jsonc_parser::ast::Value as Json;

pub(crate) use assertion::{RawMatch, RawMatches, RawPointed, pointed};
pub(crate) use files::RawFileTest;
pub(crate) use http::{RawExchange, RawExpectation, RawHttp, RawReady, RawRequest, Status};
pub(crate) use needs::{RawNeededFile, RawNeeds, RawService};
pub(crate) use packages::RawPackages;

use super::RawEnv;
use super::action::one_action;
use super::when::RawWhen;
use crate::model::step::{CdiName, Command, Network};
use crate::model::{ByteSize, Duration, ImagePath, List, Owner, PerPlatform, TestName, Value};
use crate::parse::decode::{Decode, OneOrMany};
use crate::parse::node::{Context, Node};
use crate::parse::object::object;
use crate::text::{Located, Place};

/// The actions, in the order in which people read about them.
const ACTIONS: [&str; 5] = ["run", "http", "files", "packages", "gpu"];

/// One test.
#[derive(Debug, Clone)]
pub(crate) struct RawTest {
    pub(crate) name: Located<TestName>,
    pub(crate) description: Option<String>,
    pub(crate) when: Option<RawWhen>,
    pub(crate) action: RawTestAction,
    pub(crate) timeout: Option<Value<Duration>>,
    pub(crate) memory: Option<Value<ByteSize>>,
    pub(crate) network: Option<PerPlatform<Network>>,
    pub(crate) user: Option<Value<Owner>>,
    pub(crate) workdir: Option<Value<ImagePath>>,
    pub(crate) env: Option<RawEnv>,
    pub(crate) needs: Option<RawNeeds>,
    pub(crate) isolated: Option<bool>,
    pub(crate) place: Place,
}

/// Defines the kinds of tests: each an object with its action, what only that action has beside it, and what all have.
macro_rules! tests {
    ($(
        $(#[doc = $doc:literal])*
        $variant:ident $json:literal $test:ident($action:ty) {
            $($(#[doc = $own_doc:literal])* $own_json:literal $own:ident: $own_type:ty,)*
        }
    )+) => {
        /// Exactly one action, with what only it has beside it.
        #[derive(Debug, Clone)]
        pub(crate) enum RawTestAction {
            $($variant(Box<$action>, $($own_type),*),)+
        }

        $(object! {
            $(#[doc = $doc])*
            $test {
                /// The name, by which people and reports speak of the test. Unique in its document.
                "name" name: Located<TestName>,
                /// What it is for.
                "description" description: Option<String>,
                /// When the test runs.
                "when" when: Option<RawWhen>,
                $(#[doc = $doc])*
                $json action: $action,
                $($(#[doc = $own_doc])* $own_json $own: $own_type,)*
                /// How long it may take; `60s` by default. What is still running then is ended.
                "timeout" timeout: Option<Value<Duration>>,
                /// How much memory its processes may use together, such as `512m`; any amount by default.
                "memory" memory: Option<Value<ByteSize>>,
                /// The network; `none` (nothing but loopback) by default.
                "network" network: Option<PerPlatform<Network>>,
                /// The user (and group) that runs it; the image's own by default.
                "user" user: Option<Value<Owner>>,
                /// The folder in which it runs; the image's own by default.
                "workdir" workdir: Option<Value<ImagePath>>,
                /// Environment of this test alone, over the image's.
                "env" env: Option<RawEnv>,
                /// What it needs beside the image: files, packages and services that are there for the test alone.
                "needs" needs: Option<RawNeeds>,
                /// Whether it runs on a root that no other test has touched, instead of sharing one with its neighbours.
                "isolated" isolated: Option<bool>,
            }
        })+

        impl RawTest {
            fn read(action: &str, node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
                match action {
                    $($json => $test::decode(node, cx).map(|raw| Self {
                        name: raw.name,
                        description: raw.description,
                        when: raw.when,
                        action: RawTestAction::$variant(Box::new(raw.action), $(raw.$own),*),
                        timeout: raw.timeout,
                        memory: raw.memory,
                        network: raw.network,
                        user: raw.user,
                        workdir: raw.workdir,
                        env: raw.env,
                        needs: raw.needs,
                        isolated: raw.isolated,
                        place: raw.place,
                    }),)+
                    _ => None,
                }
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for RawTest {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                "Test".into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "description": "One test: an object with a name and exactly one action.",
                    "anyOf": [$(generator.subschema_for::<$test>()),+]
                })
            }
        }
    };
}

tests! {
    /// Runs a command: a text for the shell, a list of lines (one script that stops at the first failure),
    /// `{"script": "file.sh", "args": […]}` (in a fragment) or `{"exec": […]}`.
    Run "run" RawRunTest(PerPlatform<Command>) {
        /// What it must do; exit with 0 by default.
        "expect" expect: Option<RawOutcome>,
    }
    /// Starts a server, waits until it is ready, and asks it.
    Http "http" RawHttpTest(RawHttp) {}
    /// Looks at files and folders.
    Files "files" RawFilesTest(Located<Vec<RawFileTest>>) {}
    /// Looks at installed packages.
    Packages "packages" RawPackagesTest(RawPackages) {}
    /// Is about a graphics processor: a command with `devices`, or a look (`driverless`) whether the image is ready for one.
    Gpu "gpu" RawGpuTest(RawGpu) {}
}

impl Decode for RawTest {
    const FORM: &'static str = "an object with `name` and one action";
    const OBJECT: bool = true;

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        let Json::Object(object) = node else { return cx.wrong_type(node, Self::FORM) };
        let action = one_action(object, "test", &ACTIONS, cx)?;
        Self::read(action, node, cx)
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<Self>()
    }
}

object! {
    /// What a command must do.
    RawOutcome {
        /// The exit code, or a list of which it must be one; 0 by default.
        "exit_code" exit_code: Option<Located<OneOrMany<u8>>>,
        /// What its standard output must be: one match or a list, of which all must hold.
        "stdout" stdout: RawMatches,
        /// What its standard error must be: one match or a list, of which all must hold.
        "stderr" stderr: RawMatches,
    }
}

object! {
    /// A test of a graphics processor.
    RawGpu {
        /// Devices by CDI name. Without them the test is skipped.
        "devices" devices: List<CdiName>,
        /// What to run with the devices, as in a `run` test.
        "run" run: Option<PerPlatform<Command>>,
        /// What the command must do; exit with 0 by default.
        "expect" expect: Option<RawOutcome>,
        /// Instead of `devices` and `run`: look, on any machine, whether the CUDA libraries that programs ask for are there,
        /// no driver is baked in, and Python wheels fit the CUDA release.
        "driverless" driverless: Option<Located<bool>>,
    }
}
