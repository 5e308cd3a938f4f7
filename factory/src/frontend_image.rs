//! Our own images in an engine, the frontend's and the scanner's: built from the workspace's own programs, and only when
//! they changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use crate::engine::{EngineHandle, hex};
use crate::exit::{Error, Result};
use crate::process::{capture, find_program, run_logged};
use crate::progress::Progress;
use crate::site_ca;

/// The image that manifests of a checkout name as their `syntax`.
pub const DEV_IMAGE: &str = "localhost/factory/frontend:dev";

/// An image of ours: a target of `Dockerfile.frontend` and the programs in it.
#[derive(Debug)]
pub struct OwnImage {
    /// Its name in the engine.
    pub reference: &'static str,
    /// What it is called when something is said of it.
    what: &'static str,
    /// The target of the Dockerfile.
    target: &'static str,
    /// The label that holds the digest of what the image was made from.
    label: &'static str,
    programs: &'static [Program],
}

/// A program: a package of the workspace, named like its binary.
#[derive(Debug, Clone, Copy)]
struct Program {
    package: &'static str,
    profile: &'static str,
    /// It may be linked with musl. The helper has no C library at all, whatever its target is called.
    musl: bool,
}

/// The frontend.
pub const FRONTEND: OwnImage = OwnImage {
    reference: DEV_IMAGE,
    what: "frontend",
    target: "frontend",
    label: "factory.frontend.programs",
    programs: &[
        Program { package: "frontend", profile: "image", musl: true },
        Program { package: "helper", profile: "image", musl: false },
    ],
};

/// The SBOM generator: `--sbom=generator=localhost/factory/sbom:dev`.
pub const SCANNER: OwnImage = OwnImage {
    reference: "localhost/factory/sbom:dev",
    what: "SBOM generator",
    target: "sbom",
    label: "factory.sbom.programs",
    programs: &[Program { package: "sbom", profile: "scanner", musl: true }],
};

/// Time stamp of the image and its files: 2025-01-01. With it the same programs give the same image.
const EPOCH: u64 = 1_735_689_600;

/// A platform that the frontend is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// x86-64.
    Amd64,
    /// 64-bit Arm.
    Arm64,
}

impl Platform {
    /// The machine's own.
    #[must_use]
    pub fn host() -> Self {
        if std::env::consts::ARCH == "aarch64" { Self::Arm64 } else { Self::Amd64 }
    }

    /// The platform as OCI writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amd64 => "linux/amd64",
            Self::Arm64 => "linux/arm64",
        }
    }

    fn triple(self, libc: Libc) -> String {
        let architecture = match self {
            Self::Amd64 => "x86_64",
            Self::Arm64 => "aarch64",
        };
        format!("{architecture}-unknown-linux-{}", libc.as_str())
    }
}

/// The C library that a program is linked with, always statically.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Libc {
    /// glibc, which every machine with a C compiler has.
    Gnu,
    /// musl, which comes with Rust and makes the frontend a third smaller. `.cargo/config.toml` says how it is linked.
    Musl,
}

impl Libc {
    fn as_str(self) -> &'static str {
        match self {
            Self::Gnu => "gnu",
            Self::Musl => "musl",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gnu => "glibc",
            Self::Musl => "musl",
        }
    }

    /// musl where this machine's Rust has it for `platform`, or where rustup brings it soon.
    fn of_frontend(workspace: &Path, platform: Platform) -> Self {
        const SOON: Duration = Duration::from_secs(60);
        let target = platform.triple(Self::Musl);
        let rustup = |arguments: &[&str]| {
            find_program("rustup")?;
            let mut command = Command::new("rustup");
            command.arg("target").args(arguments).current_dir(workspace);
            capture(command, SOON).ok().filter(|out| out.ok)
        };
        let installed = rustup(&["list", "--installed"])
            .is_some_and(|out| out.stdout.lines().any(|line| line.trim() == target));
        if installed || rustup(&["add", &target]).is_some() { Self::Musl } else { Self::Gnu }
    }
}

impl std::str::FromStr for Platform {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "linux/amd64" => Ok(Self::Amd64),
            "linux/arm64" => Ok(Self::Arm64),
            _ => Err(Error::Usage(format!("platform {text:?}: expected linux/amd64 or linux/arm64"))),
        }
    }
}

/// What came of [`ensure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The engine has the image of these very programs already.
    Present,
    /// It was built and loaded.
    Loaded,
}

/// Makes sure that the engine has the frontend's image ([`DEV_IMAGE`]) made of the workspace at `workspace`.
///
/// # Errors
/// As [`OwnImage::ensure`].
pub fn ensure(
    handle: &EngineHandle,
    workspace: &Path,
    platform: Platform,
    progress: &mut dyn Progress,
) -> Result<Outcome> {
    FRONTEND.ensure(handle, workspace, platform, progress)
}

impl OwnImage {
    /// Makes sure that the engine has this image made of the workspace at `workspace`.
    ///
    /// Programs come from cargo on this machine; where there is no cargo they are compiled in the engine, which needs a
    /// registry with a Rust image.
    ///
    /// # Errors
    /// The programs do not compile, or the image cannot be built.
    pub fn ensure(
        &self,
        handle: &EngineHandle,
        workspace: &Path,
        platform: Platform,
        progress: &mut dyn Progress,
    ) -> Result<Outcome> {
        if !handle.keeps_images() {
            return Err(Error::FrontendImage(format!(
                "this engine keeps no images, so it cannot be given {}: push the {} to a registry and name it there",
                self.reference, self.what
            )));
        }
        if find_program("cargo").is_none() {
            return self.compile_there(handle, workspace, platform, progress);
        }
        let folder = self.compile(workspace, platform, progress)?;
        let digest = self.programs_digest(&folder, &workspace.join("Dockerfile.frontend"), platform)?;
        if self.label(handle)?.as_deref() == Some(digest.as_str()) {
            return Ok(Outcome::Present);
        }
        progress.begin(&format!("build the image {}", self.reference));
        let mut command = self.build(handle, workspace, platform);
        command.args(["--build-arg", "BINARIES=host", "--build-arg", &format!("PROGRAMS_DIGEST={digest}")]);
        command.arg("--build-context").arg(format!("binaries={}", folder.display())).arg(&folder);
        self.run(command, progress)?;
        progress.done("loaded");
        Ok(Outcome::Loaded)
    }

    /// The build without what says where the programs come from.
    fn build(&self, handle: &EngineHandle, workspace: &Path, platform: Platform) -> Command {
        let mut command = handle.buildx();
        command.args(["build", "--progress=plain", "--provenance=false", "--platform", platform.as_str()]);
        command.args(["--target", self.target, "--file"]).arg(workspace.join("Dockerfile.frontend"));
        // No `rewrite-timestamp`: it excludes unpacking, which a store of images wants. The files have their time already.
        let output = format!("type=docker,name={}", self.reference);
        command.args(["--output", &output, "--build-arg", &format!("SOURCE_DATE_EPOCH={EPOCH}")]);
        command.args(["--build-arg", concat!("VERSION=", env!("CARGO_PKG_VERSION"))]);
        command
    }

    fn compile_there(
        &self,
        handle: &EngineHandle,
        workspace: &Path,
        platform: Platform,
        progress: &mut dyn Progress,
    ) -> Result<Outcome> {
        progress
            .begin(&format!("build the {} image from source (there is no cargo on this machine)", self.what));
        let mut command = self.build(handle, workspace, platform);
        if let Some(bundle) = site_ca::named_by_environment() {
            command.arg("--secret").arg(format!("id={},src={}", site_ca::SECRET_ID, bundle.display()));
        }
        command.arg(workspace);
        self.run(command, progress)?;
        progress.done("loaded");
        Ok(Outcome::Loaded)
    }

    fn run(&self, command: Command, progress: &mut dyn Progress) -> Result<()> {
        run(command, &format!("the build of the {} image", self.what), progress)
    }

    /// Compiles the programs and returns the folder that has them and nothing else.
    fn compile(&self, workspace: &Path, platform: Platform, progress: &mut dyn Progress) -> Result<PathBuf> {
        let musl = Libc::of_frontend(workspace, platform);
        progress.begin(&format!(
            "compile the {} for {} with {} (the first time takes a minute)",
            self.what,
            platform.as_str(),
            musl.name()
        ));
        let target = target_folder(workspace)?;
        let mut compiled = Vec::new();
        for program in self.programs {
            let libc = if program.musl { musl } else { Libc::Gnu };
            let command = cargo_build(workspace, platform, libc, *program);
            run(command, &format!("cargo build of the {}", program.package), progress)?;
            compiled.push(target.join(platform.triple(libc)).join(program.profile).join(program.package));
        }
        progress.done("compiled");
        self.stage(&compiled, &target.join(format!("{}-image", self.target)).join(platform.as_str()))
    }

    /// Copies the programs, dated, to a folder that holds nothing else.
    fn stage(&self, compiled: &[PathBuf], folder: &Path) -> Result<PathBuf> {
        let problem =
            |e: std::io::Error| Error::FrontendImage(format!("cannot fill {}: {e}", folder.display()));
        fs::create_dir_all(folder).map_err(problem)?;
        for (from, Program { package, .. }) in compiled.iter().zip(self.programs) {
            let temporary = folder.join(format!(".{package}.{}", std::process::id()));
            fs::copy(from, &temporary).map_err(problem)?;
            let file = fs::File::options().append(true).open(&temporary).map_err(problem)?;
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(EPOCH)).map_err(problem)?;
            fs::rename(&temporary, folder.join(package)).map_err(problem)?;
        }
        Ok(folder.to_path_buf())
    }

    /// A digest over everything that decides about the image.
    fn programs_digest(&self, folder: &Path, dockerfile: &Path, platform: Platform) -> Result<String> {
        let mut hash = Sha256::new();
        hash.update(platform.as_str());
        let programs = self.programs.iter().map(|program| folder.join(program.package));
        for file in programs.chain([dockerfile.to_path_buf()]) {
            let bytes = fs::read(&file)
                .map_err(|e| Error::FrontendImage(format!("cannot read {}: {e}", file.display())))?;
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(&bytes);
        }
        Ok(format!("sha256:{}", hex(&hash.finalize())))
    }

    /// The label of the image that the engine has, if it has one.
    fn label(&self, handle: &EngineHandle) -> Result<Option<String>> {
        let mut command = handle.docker();
        let format = format!("{{{{index .Config.Labels {:?}}}}}", self.label);
        command.args(["image", "inspect", "--format", &format, self.reference]).stdin(Stdio::null());
        let out = capture(command, Duration::from_secs(30))?;
        Ok(out.ok.then(|| out.stdout.trim().to_owned()))
    }
}

fn run(command: Command, what: &str, progress: &mut dyn Progress) -> Result<()> {
    run_logged(command, what, progress).map_err(|e| Error::FrontendImage(e.full_message()))
}

/// One package at a time: the helper has no standard library, and cargo would unite the features of both.
///
/// The flags are given for the target alone: procedural macros are dynamic libraries and must not see them. A global
/// `RUSTFLAGS` would take precedence, so it is taken away.
fn cargo_build(workspace: &Path, platform: Platform, libc: Libc, program: Program) -> Command {
    let triple = platform.triple(libc);
    let mut command = Command::new("cargo");
    command.args(["build", "--profile", program.profile, "--target", &triple]);
    command.args(["--package", program.package]).current_dir(workspace);
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        command.env_remove(variable);
    }
    let variable = format!("CARGO_TARGET_{}", triple.to_uppercase().replace('-', "_"));
    if libc == Libc::Musl {
        // The workspace's own configuration says the rest.
        command.env_remove(format!("{variable}_RUSTFLAGS")).env_remove(format!("{variable}_LINKER"));
        return command;
    }
    command.env(format!("{variable}_RUSTFLAGS"), "-C target-feature=+crt-static");
    if platform != Platform::host() {
        command.env(format!("{variable}_LINKER"), triple.replace("-unknown", "") + "-gcc");
    }
    command
}

fn target_folder(workspace: &Path) -> Result<PathBuf> {
    let mut command = Command::new("cargo");
    command.args(["metadata", "--format-version=1", "--no-deps", "--offline"]).current_dir(workspace);
    let out = capture(command, Duration::from_secs(60))?;
    let metadata: Option<serde_json::Value> = serde_json::from_str(&out.stdout).ok();
    let folder = metadata.as_ref().and_then(|m| m.get("target_directory")?.as_str());
    folder.map(PathBuf::from).ok_or_else(|| {
        Error::FrontendImage(format!("cargo metadata does not name a target folder: {}", out.stderr.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_reach_the_target_and_nothing_else() {
        let value = |libc, name: &str| {
            let command = cargo_build(Path::new("/w"), Platform::Amd64, libc, FRONTEND.programs[1]);
            let values =
                command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned)));
            values.into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
        };
        let flags = value(Libc::Gnu, "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS").unwrap();
        assert_eq!(flags, Some("-C target-feature=+crt-static".into()));
        for libc in [Libc::Gnu, Libc::Musl] {
            assert_eq!(
                value(libc, "RUSTFLAGS"),
                Some(None),
                "a global RUSTFLAGS would win over the target's"
            );
        }
        let of_musl = value(Libc::Musl, "CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUSTFLAGS");
        assert_eq!(of_musl, Some(None), "it would win over the workspace's configuration");
    }

    #[test]
    fn the_digest_knows_every_part() {
        let dir = tempfile::tempdir().unwrap();
        let dockerfile = dir.path().join("Dockerfile.frontend");
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        let digest = |platform| FRONTEND.programs_digest(dir.path(), &dockerfile, platform).unwrap();
        for name in ["frontend", "helper", "Dockerfile.frontend"] {
            write(name, "a");
        }
        let first = digest(Platform::Amd64);
        assert_eq!(digest(Platform::Amd64), first);
        assert_ne!(digest(Platform::Arm64), first);
        for name in ["frontend", "helper", "Dockerfile.frontend"] {
            write(name, "b");
            assert_ne!(digest(Platform::Amd64), first, "{name}");
            write(name, "a");
        }
        write("frontend", "aa");
        write("helper", "");
        assert_ne!(digest(Platform::Amd64), first, "bytes moved between the programs");
    }
}
