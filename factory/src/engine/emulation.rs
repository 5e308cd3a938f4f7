//! Programs of other architectures on this machine: QEMU's user-mode emulator, known to the kernel (`binfmt_misc`).
//!
//! The kernel opens the emulator when it is told of it (flag `F`), so it need not be in any container. What is told is
//! told for the whole machine: a handler of ours goes again with the last engine of ours.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::time::{Duration, Instant};

use super::handle::{EngineHandle, Origin};
use super::package_file;
use super::places::Places;
use super::spec::Suite;
use crate::exit::{Error, Result};
use crate::process::{capture, find_program, is_root};
use crate::progress::Progress;

/// What talks to the kernel.
const SCRIPT: &str = include_str!("emulate.sh");

/// How long the kernel, or an engine that is asked for its platforms, may take.
const LIMIT: Duration = Duration::from_secs(60);

/// How long an engine may take to notice that it can run more than before. A daemon asks anew after 20 s.
const NOTICED: Duration = Duration::from_secs(45);

/// An architecture whose programs can be emulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Architecture {
    /// 64-bit Arm.
    Arm64,
    /// 32-bit Arm.
    Arm,
    /// 64-bit RISC-V.
    Riscv64,
    /// 64-bit IBM Z.
    S390x,
    /// 64-bit Power, little-endian.
    Ppc64le,
}

/// How an architecture is called, and how its programs begin.
struct Traits {
    oci: &'static str,
    qemu: &'static str,
    /// ELF class: 1 of 32 bits, 2 of 64.
    class: u8,
    big_endian: bool,
    /// ELF machine number.
    machine: u16,
}

impl Architecture {
    const ALL: [Self; 5] = [Self::Arm64, Self::Arm, Self::Riscv64, Self::S390x, Self::Ppc64le];

    /// Its name in platforms (`linux/<name>`).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.traits().oci
    }

    fn traits(self) -> Traits {
        let (oci, qemu, class, big_endian, machine) = match self {
            Self::Arm64 => ("arm64", "aarch64", 2, false, 183),
            Self::Arm => ("arm", "arm", 1, false, 40),
            Self::Riscv64 => ("riscv64", "riscv64", 2, false, 243),
            Self::S390x => ("s390x", "s390x", 2, true, 22),
            Self::Ppc64le => ("ppc64le", "ppc64le", 2, false, 21),
        };
        Traits { oci, qemu, class, big_endian, machine }
    }

    /// The first 20 bytes of its programs, and which bits of them count: not the system's byte, and of the type neither
    /// whether addresses are fixed.
    fn magic(self) -> ([u8; 20], [u8; 20]) {
        let Traits { class, big_endian, machine, .. } = self.traits();
        let (mut magic, mut mask) = ([0; 20], [0xff; 20]);
        magic[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, if big_endian { 2 } else { 1 }, 1]);
        mask[7] = 0;
        let bytes = |number: u16| if big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
        magic[16..18].copy_from_slice(&bytes(2));
        magic[18..].copy_from_slice(&bytes(machine));
        mask[16..18].copy_from_slice(&bytes(0xfffe));
        (magic, mask)
    }

    /// The name of a handler of ours.
    fn handler(self) -> String {
        format!("factory-{}", self.traits().qemu)
    }

    /// What the kernel is told: `P` keeps the name that a program is started by, `O` hands it over opened, `F` opens
    /// the emulator now.
    fn rule(self, emulator: &Path) -> String {
        let (magic, mask) = self.magic();
        let escaped = |bytes: [u8; 20]| bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
        format!(":{}:M::{}:{}:{}:POF", self.handler(), escaped(magic), escaped(mask), emulator.display())
    }

    /// Whether a handler in this list runs its programs wherever they are.
    fn is_handled(self, list: &str) -> bool {
        let hex: String = self.magic().0.iter().map(|byte| format!("{byte:02x}")).collect();
        list.split("name ").any(|handler| {
            let has = |line: &str| handler.lines().any(|one| one == line);
            let opened = handler.lines().any(|one| one.starts_with("flags:") && one.contains('F'));
            has("enabled") && opened && has(&format!("magic {hex}"))
        })
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Architecture {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let name = text.strip_prefix("linux/").unwrap_or(text);
        Self::ALL.into_iter().find(|one| one.as_str() == name).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|one| one.as_str()).collect();
            Error::Usage(format!("architecture {text:?}: expected one of {}", names.join(", ")))
        })
    }
}

/// Makes sure that the engine runs programs of `architecture`.
///
/// # Errors
/// The engine does not, and there is no root right, no emulator to be had, no such thing in the kernel; or the engine is
/// on another machine.
pub(crate) fn ensure(
    places: &Places,
    handle: &EngineHandle,
    architecture: Architecture,
    progress: &mut dyn Progress,
) -> Result<()> {
    // An engine of ours is on this machine: what the kernel runs, it runs.
    let is_ours = matches!(handle.origin, Origin::Managed(_));
    if !is_ours && lists_platform(handle, architecture)? {
        return Ok(());
    }
    if !is_root() {
        return Err(Error::NeedsRoot(format!("emulating {architecture}")));
    }
    if is_native(architecture) || architecture.is_handled(&kernel("list", &[])?) {
        progress.note(&format!("this machine runs programs of {architecture} already"));
    } else {
        progress.begin(&format!("set up emulation of {architecture}"));
        let emulator = emulator(places, architecture, progress)?;
        let (name, rule) = (architecture.handler(), architecture.rule(&emulator));
        kernel("add", &[("NAME", &name), ("RULE", &rule)])?;
        progress.done(&format!("{} ({name})", emulator.display()));
    }
    if is_ours { Ok(()) } else { wait_until_listed(handle, architecture) }
}

fn is_native(architecture: Architecture) -> bool {
    std::env::consts::ARCH == architecture.traits().qemu
}

/// A daemon looks at what it can run every now and then only.
fn wait_until_listed(handle: &EngineHandle, architecture: Architecture) -> Result<()> {
    let deadline = Instant::now() + NOTICED;
    while Instant::now() < deadline {
        if lists_platform(handle, architecture)? {
            return Ok(());
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    Err(Error::engine(format!(
        "this machine emulates {architecture} now, but the engine does not list linux/{architecture}: is it on another \
         machine? Then set emulation up there, with Debian's qemu-user-static"
    )))
}

/// Takes back what [`ensure`] told the kernel. That there is nothing to take back is fine.
pub(crate) fn release() {
    for architecture in Architecture::ALL {
        // Without rights, or without such a thing in the kernel, there is nothing of ours either.
        let _ = kernel("remove", &[("NAME", &architecture.handler())]);
    }
}

/// Whether the engine says that it builds for this architecture.
fn lists_platform(handle: &EngineHandle, architecture: Architecture) -> Result<bool> {
    let mut command = handle.buildx();
    command.arg("inspect");
    let out = capture(command, LIMIT)?;
    if !out.ok {
        return Err(Error::engine(format!("docker buildx inspect: {}", out.stderr.trim())));
    }
    Ok(lists(&out.stdout, architecture))
}

fn lists(inspected: &str, architecture: Architecture) -> bool {
    let platforms = inspected.lines().filter_map(|line| line.trim().strip_prefix("Platforms:"));
    let mut platforms =
        platforms.flat_map(|line| line.split(',')).map(|one| one.trim().trim_end_matches('*'));
    let wanted = format!("linux/{architecture}");
    platforms.any(|one| one == wanted || one.strip_prefix(&wanted).is_some_and(|rest| rest.starts_with('/')))
}

/// The emulator's program, which needs no library: the machine's own, else the one of a Debian package.
fn emulator(places: &Places, architecture: Architecture, progress: &mut dyn Progress) -> Result<PathBuf> {
    let name = format!("qemu-{}", architecture.traits().qemu);
    if let Some(program) = find_program(&format!("{name}-static")) {
        return Ok(program);
    }
    let cached = places.state.join("emulators").join(&name);
    if cached.is_file() {
        return Ok(cached);
    }
    let roots = [Suite::Forky, Suite::Trixie].map(|suite| places.root(suite));
    let Some(root) = roots.iter().find(|root| root.is_dir()) else {
        let what = format!("there is no {name}-static on this machine; Debian has it in qemu-user-static");
        return Err(Error::engine(what));
    };
    package_file::fetch(root, "qemu-user", &format!("usr/bin/{name}"), &cached, progress)?;
    Ok(cached)
}

/// Runs the script and gives what it printed.
fn kernel(action: &str, values: &[(&str, &str)]) -> Result<String> {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "slave", "sh", "-c", SCRIPT, "emulate"]);
    command.env("ACTION", action).envs(values.iter().copied());
    let out = capture(command, LIMIT)?;
    if out.ok { Ok(out.stdout) } else { Err(Error::engine(format!("emulation: {}", out.stderr.trim()))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_told_how_programs_begin() {
        let rule = Architecture::Arm64.rule(Path::new("/q/qemu-aarch64"));
        let expected = concat!(
            r":factory-aarch64:M::\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00",
            r":\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff",
            ":/q/qemu-aarch64:POF"
        );
        assert_eq!(rule, expected);
        let (magic, mask) = Architecture::S390x.magic();
        assert_eq!((&magic[16..], &mask[16..]), (&[0, 2, 0, 22][..], &[0xff, 0xfe, 0xff, 0xff][..]));
    }

    #[test]
    fn a_handler_counts_when_it_is_on_and_opened() {
        let list = |state: &str, flags: &str| {
            format!(
                "name qemu-aarch64\n{state}\ninterpreter /usr/bin/q\nflags: {flags}\noffset 0\n\
                 magic 7f454c460201010000000000000000000200b700\nmask ff\n"
            )
        };
        assert!(Architecture::Arm64.is_handled(&list("enabled", "POF")));
        assert!(
            !Architecture::Arm64.is_handled(&list("enabled", "P")),
            "it would have to be in the container"
        );
        assert!(!Architecture::Arm64.is_handled(&list("disabled", "POF")));
        assert!(!Architecture::Arm.is_handled(&list("enabled", "POF")));
    }

    #[test]
    fn platforms_are_read_with_their_variants() {
        let text =
            "Name: default\nPlatforms:        linux/amd64*, linux/amd64/v2, linux/arm64, linux/arm/v7\n";
        let listed = |one| lists(text, one);
        assert!(listed(Architecture::Arm64) && listed(Architecture::Arm) && !listed(Architecture::S390x));
        assert!(!lists("Platforms: linux/arm64\n", Architecture::Arm));
    }

    #[test]
    fn names_are_those_of_platforms() {
        assert_eq!("arm64".parse::<Architecture>().unwrap(), Architecture::Arm64);
        assert_eq!("linux/riscv64".parse::<Architecture>().unwrap(), Architecture::Riscv64);
        assert!("aarch65".parse::<Architecture>().is_err());
    }
}
