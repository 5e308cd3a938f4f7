//! What is to be tested: the JSON object in the variable `FACTORY_TESTS`, or in a file if it is too long for one.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

use super::files::FileCheck;
use super::gpu::Gpu;
use super::matches::Matches;
use super::packages::Packages;
use super::services::Service;
use crate::capture::KEPT;
use crate::config::AbsolutePath;
use crate::environment::Environment;
use crate::fault::Fault;
use crate::sys::file;

/// The variable that carries the tests.
const VARIABLE: &str = "FACTORY_TESTS";
/// Where they are if they are too long for a variable.
const FILE: &[u8] = b"/.factory/tests.json";
/// The version of the format.
const VERSION: u32 = 1;

/// In the variable, instead of the tests: they are in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InFile {
    file: bool,
}

/// The tests of one exec, in order.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Suite {
    version: u32,
    /// Who runs a test that does not say so: `user[:group]`.
    user: Option<String>,
    /// Its working directory.
    cwd: Option<AbsolutePath>,
    /// How much of the beginning, and how much of the end, of a stream is kept, in bytes.
    #[serde(default = "kept")]
    pub(super) keep: usize,
    /// The tests.
    pub(super) tests: Vec<Test>,
}

/// One test.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Test {
    /// `core/python`.
    pub(super) name: String,
    /// How long it may take as a whole, in milliseconds.
    #[serde(default = "minute")]
    pub(super) timeout_ms: u64,
    /// How much memory its processes may have together, in bytes.
    pub(super) memory: Option<u64>,
    /// Who it runs as.
    pub(super) user: Option<String>,
    /// Where it runs.
    pub(super) cwd: Option<AbsolutePath>,
    /// More variables of its environment.
    #[serde(default)]
    pub(super) env: BTreeMap<String, String>,
    /// What runs beside it.
    #[serde(default)]
    pub(super) services: Vec<Service>,
    run: Option<Run>,
    http: Option<Http>,
    files: Option<Vec<FileCheck>>,
    packages: Option<Packages>,
    gpu: Option<Gpu>,
}

/// What a test does.
pub(super) enum Action<'a> {
    /// A program is run.
    Run(&'a Run),
    /// A server is asked.
    Http(&'a Http),
    /// Files are looked at.
    Files(&'a [FileCheck]),
    /// Packages are looked at.
    Packages(&'a Packages),
    /// What the image needs of a GPU's driver.
    Gpu(&'a Gpu),
}

/// A program and what is expected of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    /// The program and its arguments.
    pub(super) argv: Vec<String>,
    /// The exit codes that are right.
    #[serde(default = "only_zero")]
    pub(super) exit_codes: Vec<u8>,
    /// What is expected on standard output.
    #[serde(default)]
    pub(super) stdout: Matches,
    /// What is expected on standard error.
    #[serde(default)]
    pub(super) stderr: Matches,
}

/// A server and what is asked of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Http {
    /// The server and its arguments.
    pub(super) argv: Vec<String>,
    /// Where it listens.
    pub(super) port: u16,
    /// How it is known to be ready.
    #[serde(default)]
    pub(super) ready: Ready,
    /// What is asked then, in order.
    #[serde(default)]
    pub(super) exchanges: Vec<ExchangeWish>,
}

/// When a server is ready: as soon as it answers a request with one of the status codes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Ready {
    /// What is asked for.
    pub(super) path: String,
    /// The codes; none: any below 500.
    pub(super) status: Vec<u16>,
    /// How many intervals it may take.
    pub(super) attempts: u32,
    /// An interval, in milliseconds.
    pub(super) interval_ms: u64,
}

/// A request and what is expected of the reply.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExchangeWish {
    #[serde(default = "get")]
    pub(super) method: String,
    #[serde(default = "root")]
    pub(super) path: String,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Option<String>,
    /// The status codes that are right; none: 200.
    #[serde(default)]
    pub(super) status: Vec<u16>,
    #[serde(default)]
    pub(super) expect_headers: BTreeMap<String, Matches>,
    #[serde(default)]
    pub(super) expect_body: Matches,
}

impl Default for Ready {
    fn default() -> Self {
        Self { path: root(), status: Vec::new(), attempts: 30, interval_ms: 1000 }
    }
}

fn kept() -> usize {
    KEPT
}

fn minute() -> u64 {
    60_000
}

fn only_zero() -> Vec<u8> {
    Vec::from([0])
}

fn get() -> String {
    "GET".into()
}

fn root() -> String {
    "/".into()
}

impl Suite {
    /// Takes the tests out of the environment.
    ///
    /// # Errors
    /// No tests, or text that is not their JSON, with line and column.
    pub(super) fn take(env: &mut Environment) -> Result<Self, Fault> {
        let text = env.remove(VARIABLE);
        let text = text.ok_or_else(|| Fault::own(format!("{VARIABLE}: the variable is not set")))?;
        if let Ok(InFile { file: true }) = serde_json::from_slice(&text) {
            let text = file::read(FILE).map_err(|errno| Fault::path("read", FILE, errno))?;
            return Self::parse(&text, "/.factory/tests.json");
        }
        Self::parse(&text, VARIABLE)
    }

    fn parse(text: &[u8], source: &str) -> Result<Self, Fault> {
        let fault = |why: &dyn core::fmt::Display| Fault::own(format!("{source}: {why}"));
        let suite: Self = serde_json::from_slice(text).map_err(|err| fault(&err))?;
        if suite.version != VERSION {
            return Err(fault(&format!("version {} of the format, expected {VERSION}", suite.version)));
        }
        match suite.tests.iter().find_map(|test| Some((&test.name, test.mistake()?))) {
            Some((name, mistake)) => Err(fault(&format!("test {name:?}: {mistake}"))),
            None => Ok(suite),
        }
    }

    /// Whether one of them is about a device.
    pub(super) fn has_device(&self) -> bool {
        self.tests.iter().any(|test| test.gpu.as_ref().is_some_and(Gpu::has_device))
    }

    /// Who runs a test.
    pub(super) fn user<'a>(&'a self, test: &'a Test) -> Option<&'a str> {
        test.user.as_deref().or(self.user.as_deref())
    }

    /// Where a test runs.
    pub(super) fn cwd<'a>(&'a self, test: &'a Test) -> Option<&'a [u8]> {
        test.cwd.as_ref().or(self.cwd.as_ref()).map(AbsolutePath::as_bytes)
    }
}

impl Test {
    /// What it does. None: nothing, or more than one thing.
    pub(super) fn action(&self) -> Option<Action<'_>> {
        let actions = [
            self.run.as_ref().map(Action::Run),
            self.http.as_ref().map(Action::Http),
            self.files.as_deref().map(Action::Files),
            self.packages.as_ref().map(Action::Packages),
            self.gpu.as_ref().map(Action::Gpu),
        ];
        let mut actions = actions.into_iter().flatten();
        actions.next().filter(|_| actions.next().is_none())
    }

    fn mistake(&self) -> Option<String> {
        let mut names = self.env.keys();
        if let Some(name) = names.find(|name| name.is_empty() || name.contains(['=', '\0'])) {
            return Some(format!("{name:?} is not the name of a variable"));
        }
        if let Some(mistake) = self.services.iter().find_map(Service::mistake) {
            return Some(mistake);
        }
        match self.action() {
            None => Some("expected exactly one of run, http, files, packages, gpu".into()),
            Some(Action::Run(run)) => run.mistake(),
            Some(Action::Http(http)) => http.mistake(),
            Some(Action::Files(_)) => None,
            Some(Action::Packages(packages)) => packages.mistake(),
            Some(Action::Gpu(gpu)) => gpu.mistake(),
        }
    }
}

impl Run {
    /// What makes no sense.
    pub(super) fn mistake(&self) -> Option<String> {
        no_command(&self.argv)
    }
}

/// A command that is none.
pub(super) fn no_command(argv: &[String]) -> Option<String> {
    argv.is_empty().then(|| "argv is empty: expected a command and its arguments".into())
}

impl Http {
    fn mistake(&self) -> Option<String> {
        let paths = self.exchanges.iter().map(|exchange| &exchange.path).chain([&self.ready.path]);
        let bad_path =
            |path: &&String| !path.starts_with('/') || path.bytes().any(|byte| byte <= b' ' || byte == 0x7f);
        let headers = || self.exchanges.iter().flat_map(|exchange| &exchange.headers);
        let bad_header =
            |(name, value): &(&String, &String)| !is_token(name) || value.contains(['\r', '\n', '\0']);
        no_command(&self.argv)
            .or_else(|| (self.port == 0).then(|| "0 is no port".into()))
            .or_else(|| {
                paths.into_iter().find(bad_path).map(|path| format!("{path:?} is no path of a request"))
            })
            .or_else(|| {
                let methods = self.exchanges.iter().map(|exchange| &exchange.method);
                methods
                    .into_iter()
                    .find(|method| !is_token(method))
                    .map(|method| format!("{method:?} is no method"))
            })
            .or_else(|| {
                headers()
                    .find(bad_header)
                    .map(|(name, _)| format!("{name:?} is no header, or its value is none"))
            })
    }
}

/// A token of HTTP (RFC 9110, section 5.6.2).
fn is_token(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Suite, Fault> {
        Suite::parse(text.as_bytes(), VARIABLE)
    }

    #[test]
    fn absent_members_have_the_documented_defaults() {
        let suite = parse(
            r#"{"version":1,"user":"app","tests":[{"name":"a","run":{"argv":["x"]}},
            {"name":"b","user":"0","cwd":"/w","http":{"argv":["x"],"port":80,"exchanges":[{}]}}]}"#,
        )
        .unwrap();
        let (run, http) = (&suite.tests[0], &suite.tests[1]);
        assert_eq!((suite.keep, run.timeout_ms, suite.user(run)), (1024 * 1024, 60_000, Some("app")));
        assert_eq!((suite.user(http), suite.cwd(http), suite.cwd(run)), (Some("0"), Some(&b"/w"[..]), None));
        let Some(Action::Run(run)) = run.action() else { panic!() };
        assert_eq!(run.exit_codes, [0]);
        let Some(Action::Http(http)) = http.action() else { panic!() };
        assert_eq!((http.ready.path.as_str(), http.ready.attempts, http.ready.interval_ms), ("/", 30, 1000));
        assert_eq!((http.exchanges[0].method.as_str(), http.exchanges[0].path.as_str()), ("GET", "/"));
    }

    #[test]
    fn faults_name_what_is_wrong() {
        let test = |members: &str| format!(r#"{{"version":1,"tests":[{{"name":"t",{members}}}]}}"#);
        for (text, phrase) in [
            ("[]".into(), "FACTORY_TESTS: "),
            (r#"{"version":2,"tests":[]}"#.into(), "version 2 of the format, expected 1"),
            (
                test(r#""timeout_ms":1"#),
                "test \"t\": expected exactly one of run, http, files, packages, gpu",
            ),
            (test(r#""run":{"argv":["a"]},"files":[]"#), "expected exactly one of"),
            (test(r#""runs":{}"#), "unknown field `runs`, expected one of `name`, `timeout_ms`"),
            (test(r#""run":{"argv":[]}"#), "argv is empty"),
            (test(r#""run":{"argv":["a"],"stdout":{"matches":"("}}"#), "a group is not closed"),
            (test(r#""env":{"A=":""},"run":{"argv":["a"]}"#), "\"A=\" is not the name of a variable"),
            (test(r#""http":{"argv":["a"],"port":0}"#), "0 is no port"),
            (
                test(r#""services":[{"name":"db","argv":["a"],"port":0}],"files":[]"#),
                "service \"db\": 0 is no port",
            ),
            (
                test(r#""services":[{"name":"../x","argv":["a"],"port":1}],"files":[]"#),
                "is no name of a service",
            ),
            (test(r#""services":[{"name":"db","argv":[],"port":1}],"files":[]"#), "argv is empty"),
            (test(r#""http":{"argv":["a"],"port":1,"ready":{"path":"x"}}"#), "\"x\" is no path of a request"),
            (test(r#""http":{"argv":["a"],"port":1,"exchanges":[{"path":"/a b"}]}"#), "\"/a b\" is no path"),
            (
                test(r#""http":{"argv":["a"],"port":1,"exchanges":[{"method":"G T"}]}"#),
                "\"G T\" is no method",
            ),
            (
                test(r#""http":{"argv":["a"],"port":1,"exchanges":[{"headers":{"A":"x\r\nB: y"}}]}"#),
                "\"A\" is no header, or its value is none",
            ),
            (test(r#""files":[{"path":"/a","mode":"rwx"}]"#), "\"rwx\" is no mode"),
            (test(r#""packages":{"dpkg":{"curl":"~8"}}"#), "curl: \"~8\" is no range"),
            (test(r#""gpu":{}"#), "expected either driverless or devices and run"),
        ] {
            let message = format!("{}", parse(&text).unwrap_err());
            assert!(message.contains(phrase), "{text}: {message}");
        }
    }
}
