//! A container as an engine makes one, as far as the wrapper can tell: an overlay root in name spaces of its own, with
//! the wrapper as first process, stubs for the mount points, and the mounts of the frontend.
//!
//! The program under test is the one that cargo built, or the one that FACTORY_HELPER names.
#![allow(clippy::unwrap_used, reason = "a test ends with the first surprise")]
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The time that the lower root's files have.
pub(crate) const OLD: i64 = 1_000_000_000;
/// The epoch that the tests use.
pub(crate) const EPOCH: i64 = 1_500_000_000;

/// Mounts what an engine mounts, then becomes the wrapper. The host's /usr gives the image its programs.
const SETUP: &str = r#"set -e
cd "$SANDBOX"
rmdir upper work/work work 2>/dev/null || true
mkdir -p upper work
mount -t overlay overlay -o "lowerdir=lower,upperdir=upper,workdir=work" merged
cd merged
if [ -n "$WITH_PROGRAMS" ]; then
  mkdir -p usr && mount --bind /usr usr
fi
mkdir -p proc dev .factory && mount -t proc proc proc
touch .factory/run && mount --bind "$HELPER" .factory/run
mount -t tmpfs tmpfs dev && mkdir dev/shm && mount -t tmpfs tmpfs dev/shm
touch dev/null && mount --bind /dev/null dev/null
for device in $DEVICES; do touch "dev/$device"; done
mkdir -p .factory/out && mount --bind ../evidence .factory/out
mkdir -p .factory/lower && mount --bind "../${LOWER:-lower}" .factory/lower
if [ -e ../ca.crt ]; then touch .factory/ca.crt && mount --bind ../ca.crt .factory/ca.crt; fi
for dir in $ENGINE_DIRS; do mkdir -p "./$dir"; done
for target in $CACHE_MOUNTS; do mkdir -p "./$target" && mount --bind ../cache "./$target"; done
[ -z "$READONLY" ] || mount -o remount,ro,bind . 2>/dev/null || mount -o remount,ro .
exec chroot . /.factory/run "$@"
"#;

/// The root of one test.
pub(crate) struct Sandbox {
    dir: tempfile::TempDir,
    settings: Vec<(&'static str, String)>,
    with_programs: bool,
}

/// What a step left.
pub(crate) struct Step {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    evidence: PathBuf,
}

/// The program under test.
pub(crate) fn helper() -> PathBuf {
    std::env::var_os("FACTORY_HELPER").map_or_else(|| env!("CARGO_BIN_EXE_helper").into(), PathBuf::from)
}

/// Says that a test did not run, past the test harness, which hides what a passing test prints.
pub(crate) fn skipped(reason: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {reason}");
}

/// A sandbox, or None where the machine does not let us make one; then the reason is printed.
pub(crate) fn sandbox() -> Option<Sandbox> {
    let base = [env!("CARGO_TARGET_TMPDIR"), "/dev/shm"].into_iter().find(|base| can_mount_overlay(base));
    let Some(base) = base else {
        skipped("needs root, name spaces and overlay mounts (unshare --mount --pid)");
        return None;
    };
    let dir = tempfile::tempdir_in(base).unwrap();
    for name in ["lower/etc", "lower/tmp", "lower/root", "upper", "work", "merged", "evidence", "cache"] {
        fs::create_dir_all(dir.path().join(name)).unwrap();
    }
    for name in ["bin", "lib", "lib64", "sbin"] {
        std::os::unix::fs::symlink(format!("usr/{name}"), dir.path().join("lower").join(name)).unwrap();
    }
    Some(Sandbox { dir, settings: Vec::new(), with_programs: true })
}

/// A sandbox without any program but the helper, which has to be one without a C library for that.
pub(crate) fn bare_sandbox() -> Option<Sandbox> {
    let is_static = !fs::read(helper()).unwrap().windows(10).any(|window| window == b"/ld-linux-");
    if !is_static {
        skipped("needs a static helper (set FACTORY_HELPER to one)");
        return None;
    }
    Some(Sandbox { with_programs: false, ..sandbox()? })
}

fn can_mount_overlay(base: &str) -> bool {
    let Ok(dir) = tempfile::tempdir_in(base) else { return false };
    let script = "cd \"$0\" && mkdir l u w m && mount -t overlay o -o lowerdir=l,upperdir=u,workdir=w m";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "sh", "-c", script]).arg(dir.path()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

impl Sandbox {
    /// Runs a shell script in the lower root, as the steps before would have.
    pub(crate) fn prepare(&self, script: &str) -> &Self {
        let script = format!("set -e\n{script}");
        let status = Command::new("sh").args(["-c", &script]).current_dir(self.lower()).status().unwrap();
        assert!(status.success(), "{script}");
        self
    }

    /// Adds a certificate bundle.
    pub(crate) fn with_ca(&self) -> &Self {
        fs::write(self.dir.path().join("ca.crt"), "certificates\n").unwrap();
        self
    }

    /// Sets a variable of the set-up or of the step.
    pub(crate) fn set(&mut self, name: &'static str, value: &str) -> &mut Self {
        self.settings.push((name, value.to_owned()));
        self
    }

    pub(crate) fn lower(&self) -> PathBuf {
        self.dir.path().join("lower")
    }

    /// From here on the lower root that the helper sees is a copy, as with an engine that shares no files between snapshots.
    pub(crate) fn copy_lower(&mut self) -> &mut Self {
        self.age();
        let status = Command::new("cp").args(["-a", "lower", "copy"]).current_dir(self.dir.path()).status();
        assert!(status.unwrap().success());
        self.set("LOWER", "copy")
    }

    /// What the step wrote, as the engine would find it.
    pub(crate) fn upper(&self, path: &str) -> PathBuf {
        self.dir.path().join("upper").join(path)
    }

    /// A file of the cache mount.
    pub(crate) fn cache(&self, path: &str) -> PathBuf {
        self.dir.path().join("cache").join(path)
    }

    /// The time of modification of what the step wrote.
    pub(crate) fn mtime(&self, path: &str) -> i64 {
        fs::symlink_metadata(self.upper(path)).unwrap_or_else(|err| panic!("{path}: {err}")).mtime()
    }

    /// Runs a shell script in the root and leaves times as they are, as file operations do.
    pub(crate) fn change(&self, script: &str) -> &Self {
        self.sh(r#"{"changes":false}"#, script).ok();
        self
    }

    /// Runs another mode of the helper, which has its configuration in a variable.
    pub(crate) fn mode(&mut self, mode: &str, variable: &'static str, config: &str) -> Step {
        self.set("FACTORY_MODE", mode).set(variable, config);
        self.run("", &[])
    }

    /// Runs a shell script under the wrapper.
    pub(crate) fn sh(&self, config: &str, script: &str) -> Step {
        self.run(config, &["/bin/sh", "-ec", script])
    }

    /// Runs a command under the wrapper.
    pub(crate) fn run(&self, config: &str, argv: &[&str]) -> Step {
        self.age();
        let output = self.command(config, argv).output().unwrap();
        self.step(&output)
    }

    /// The command that runs the wrapper.
    pub(crate) fn command(&self, config: &str, argv: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", SETUP, "setup"]).args(argv);
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
        command.env("SANDBOX", self.dir.path()).env("HELPER", helper()).env("FACTORY_STEP", config);
        command.env("WITH_PROGRAMS", if self.with_programs { "1" } else { "" });
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// What a finished run left.
    pub(crate) fn step(&self, output: &Output) -> Step {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Step {
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            evidence: self.dir.path().join("evidence"),
        }
    }

    /// Lower files are old, as those of a base image are.
    fn age(&self) {
        let script = format!("find . -exec touch -h -d @{OLD} {{}} +");
        self.prepare(&script);
    }
}

impl Step {
    /// Asserts success, showing what was said otherwise.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    pub(crate) fn evidence(&self, name: &str) -> PathBuf {
        self.evidence.join(name)
    }

    pub(crate) fn log(&self) -> Vec<u8> {
        fs::read(self.evidence("output.log")).unwrap()
    }

    pub(crate) fn report(&self) -> Value {
        json(&self.evidence("step.json"))
    }

    pub(crate) fn changes(&self) -> Value {
        json(&self.evidence("changes.json"))
    }

    /// The changed paths.
    pub(crate) fn changed(&self) -> Vec<String> {
        strings(&self.changes()["entries"], |entry| &entry["path"])
    }

    /// The unchanged directories above what was changed, in a settled fragment's manifest.
    pub(crate) fn parents(&self) -> Vec<String> {
        strings(&self.changes()["parents"], |entry| &entry["path"])
    }

    pub(crate) fn deleted(&self) -> Vec<String> {
        strings(&self.changes()["deleted"], |entry| entry)
    }

    /// The manifest's entry of a path.
    pub(crate) fn entry(&self, path: &str) -> Value {
        let changes = self.changes();
        let entries = changes["entries"].as_array().unwrap();
        entries
            .iter()
            .find(|entry| entry["path"] == path)
            .unwrap_or_else(|| panic!("{path}: {changes}"))
            .clone()
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap_or_else(|err| panic!("{}: {err}", path.display()))).unwrap()
}

fn strings(array: &Value, member: impl Fn(&Value) -> &Value) -> Vec<String> {
    array.as_array().unwrap().iter().map(|entry| member(entry).as_str().unwrap().to_owned()).collect()
}
