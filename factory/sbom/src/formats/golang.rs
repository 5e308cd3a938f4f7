//! What Go's linker says of a build: the version of Go, and the modules that the program was made of.
//!
//! It stands in the section `.go.buildinfo` (Mach-O: `__go_buildinfo`, PE: somewhere in the writable data), 32 bytes that
//! begin with [`MAGIC`]. Since Go 1.18 two strings with their lengths follow; before, two pointers to them.

use super::binary::{Binary, Section};
use super::{Broken, Order, ReadAt, text};
use crate::limits;

const MAGIC: &[u8] = b"\xff Go buildinf:";
/// It begins at a multiple of this.
const ALIGN: usize = 16;
/// Bytes of a writable section that are searched for it where no section has its name.
const SEARCHED: usize = 1 << 20;
/// Bytes of the list of modules.
const MODULES: usize = 16 << 20;
/// The list stands between two marks of this length.
const MARK: usize = 16;

/// What a Go program says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GoBuild {
    /// Like `go1.22.3`, sometimes with words behind it.
    pub go: String,
    /// The package of the program: `github.com/user/project/cmd/tool`.
    pub path: String,
    /// The module of the program.
    pub main: Option<GoModule>,
    /// The modules that it was made of.
    pub dependencies: Vec<GoModule>,
    /// `GOARCH=arm64`, `vcs.revision=…`, in the order of the program.
    pub settings: Vec<(String, String)>,
}

/// A module, as it was built: where `go.mod` has replaced it, this is what took its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GoModule {
    /// Like `golang.org/x/text`. A replacement from a folder keeps the name of what it replaces.
    pub path: String,
    /// Like `v0.3.8`; empty for what has none: the program itself, a folder.
    pub version: String,
    /// `h1:…`, of the module's files.
    pub sum: String,
    /// What was replaced: `path@version`, or the folder that took the place.
    pub replaced: Option<Replaced>,
}

/// How a module came to its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaced {
    /// It stands for this module.
    Module(String),
    /// It was taken from this folder.
    Folder(String),
}

impl GoBuild {
    /// A setting of the build.
    #[must_use]
    pub fn setting(&self, key: &str) -> Option<&str> {
        self.settings.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The version of the program: its module's; else what Go makes of a commit, `v0.0.0-20240102030405-0123456789ab`, where
    /// the build knew it. A program of uncommitted changes says `+dirty`.
    #[must_use]
    pub fn version(&self) -> String {
        let stated = self.main.as_ref().map_or("", |main| main.version.as_str());
        if !stated.is_empty() {
            return stated.to_owned();
        }
        let revision = self.setting("vcs.revision").and_then(|revision| revision.get(..12));
        let time = self
            .setting("vcs.time")
            .map(|time| -> String { time.chars().filter(char::is_ascii_digit).collect() });
        match (revision, time) {
            (Some(revision), Some(time)) if time.len() == 14 => {
                let dirty = if self.setting("vcs.modified") == Some("true") { "+dirty" } else { "" };
                format!("v0.0.0-{time}-{revision}{dirty}")
            }
            _ => String::new(),
        }
    }

    /// The version of the standard library, like `1.22.3`; none for an odd toolchain (`devel …`).
    #[must_use]
    pub fn standard_library(&self) -> Option<&str> {
        let version = self.go.strip_prefix("go")?.split_ascii_whitespace().next()?;
        version.starts_with(|c: char| c.is_ascii_digit()).then_some(version)
    }
}

/// What a program says; none where Go's linker did not write it.
///
/// # Errors
/// It is there and makes no sense.
pub fn build(file: &(impl ReadAt + ?Sized), binary: &Binary) -> Result<Option<GoBuild>, Broken> {
    let Some(section) = place(file, binary)? else { return Ok(None) };
    let head = file.range(section, 32)?;
    let (go, modules) = if head[15] & 2 != 0 {
        let (go, next) = inline(file, section + 32, limits::WORD)?;
        (go, inline(file, next, MODULES)?.0)
    } else {
        let order = if head[15] & 1 != 0 { Order::Big } else { Order::Little };
        let wide = match head[14] {
            4 => false,
            8 => true,
            other => return Err(Broken::at(section + 14, format!("pointers of {other} bytes"))),
        };
        let size = if wide { 8 } else { 4 };
        let pointer = |at| order.word(&head, at, wide).unwrap_or_default();
        let follow = |address, limit| pointed(file, binary, order, wide, address, limit);
        (follow(pointer(16), limits::WORD)?, follow(pointer(16 + size), MODULES)?)
    };
    let mut build = modules_of(unmarked(&modules));
    build.go = text(&go, limits::WORD);
    Ok(Some(build))
}

/// Where it is in the file.
fn place(file: &(impl ReadAt + ?Sized), binary: &Binary) -> Result<Option<u64>, Broken> {
    let named = [".go.buildinfo", "__go_buildinfo"].into_iter().find_map(|name| binary.section(name));
    if let Some(section) = named {
        return search(file, section);
    }
    // Named sections and none of this name: not by Go, but for PE, which has no room for the name.
    let searched =
        |section: &&Section| section.writable && (section.name.is_empty() || section.name == ".data");
    for section in binary.sections.iter().filter(searched).take(4) {
        if let Some(found) = search(file, section)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn search(file: &(impl ReadAt + ?Sized), section: &Section) -> Result<Option<u64>, Broken> {
    let size = usize::try_from(section.size).unwrap_or(SEARCHED).min(SEARCHED);
    let bytes = file.up_to(section.offset, size)?;
    let found = bytes.chunks(ALIGN).position(|chunk| chunk.starts_with(MAGIC));
    Ok(found.map(|index| section.offset + (index * ALIGN) as u64))
}

/// A string with its length before it, and where the next thing begins.
fn inline(file: &(impl ReadAt + ?Sized), at: u64, limit: usize) -> Result<(Vec<u8>, u64), Broken> {
    let head = file.up_to(at, 10)?;
    let (mut length, mut used) = (0_u64, 0);
    loop {
        let byte = *head.get(used).ok_or_else(|| Broken::at(at, "a length is cut off"))?;
        length |= u64::from(byte & 0x7f) << (7 * used).min(63);
        used += 1;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let length = bounded(at, length, limit)?;
    let start = at + used as u64;
    Ok((file.range(start, length)?, start + length as u64))
}

fn bounded(at: u64, length: u64, limit: usize) -> Result<usize, Broken> {
    let fits = usize::try_from(length).ok().filter(|length| *length <= limit);
    fits.ok_or_else(|| Broken::at(at, format!("a string of {length} bytes; at most {limit} are read")))
}

/// The string behind a pointer to a pointer and a length.
fn pointed(
    file: &(impl ReadAt + ?Sized),
    binary: &Binary,
    order: Order,
    wide: bool,
    address: u64,
    limit: usize,
) -> Result<Vec<u8>, Broken> {
    if address == 0 {
        return Ok(Vec::new());
    }
    let size = if wide { 8 } else { 4 };
    let head = binary.memory(file, address, 2 * size)?;
    let field = |at| order.word(&head, at, wide).unwrap_or_default();
    let length = bounded(address, field(size), limit)?;
    if length == 0 { Ok(Vec::new()) } else { binary.memory(file, field(0), length) }
}

/// Without the marks that surround the list so that other tools find it.
fn unmarked(modules: &[u8]) -> &[u8] {
    let marked = modules.len() > 2 * MARK && modules[modules.len() - MARK - 1] == b'\n';
    if marked { &modules[MARK..modules.len() - MARK] } else { &[] }
}

/// Reads the list: a line each, with tabs.
#[must_use]
pub fn modules_of(list: &[u8]) -> GoBuild {
    let mut build = GoBuild::default();
    // The module that a following `=>` replaces: the main one, or the last dependency.
    let mut last_is_main = false;
    for line in list.split(|b| *b == b'\n').take(limits::PACKAGES) {
        let mut fields = line.split(|b| *b == b'\t').map(|field| text(field, limits::WORD));
        let kind = fields.next().unwrap_or_default();
        let mut field = || fields.next().unwrap_or_default();
        match kind.as_str() {
            "path" => build.path = field(),
            "mod" | "dep" => {
                let module =
                    GoModule { path: field(), version: stated(field()), sum: field(), replaced: None };
                last_is_main = kind == "mod";
                if last_is_main {
                    build.main = Some(module);
                } else if !module.path.is_empty() {
                    build.dependencies.push(module);
                }
            }
            "=>" => {
                let module = if last_is_main { build.main.as_mut() } else { build.dependencies.last_mut() };
                if let Some(module) = module {
                    replace(module, field(), stated(field()), field());
                }
            }
            "build" => {
                if let Some((key, value)) = field().split_once('=') {
                    build.settings.push((unquoted(key), unquoted(value)));
                }
            }
            _ => {}
        }
    }
    build
}

fn stated(version: String) -> String {
    if version == "(devel)" { String::new() } else { version }
}

fn replace(module: &mut GoModule, path: String, version: String, sum: String) {
    let folder = version.is_empty() || path.starts_with(['.', '/']);
    if folder {
        module.version = String::new();
        module.sum = String::new();
        module.replaced = Some(Replaced::Folder(path));
    } else {
        let old = std::mem::replace(&mut module.path, path);
        module.replaced = Some(Replaced::Module(format!("{old}@{}", module.version)));
        (module.version, module.sum) = (version, sum);
    }
}

/// Without Go's quotes, where it has some.
fn unquoted(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inner.map_or_else(|| text.to_owned(), |inner| inner.replace("\\\"", "\"").replace("\\\\", "\\"))
}

#[cfg(test)]
mod tests {
    use super::super::{binary, fixture};
    use super::*;

    fn read(bytes: &[u8]) -> Result<Option<GoBuild>, Broken> {
        build(bytes, &binary::read(bytes).unwrap())
    }

    #[test]
    fn programs_of_three_systems() {
        for (name, system) in
            [("go/demo.elf", "linux"), ("go/demo.exe.gz", "windows"), ("go/demo.macho.gz", "darwin")]
        {
            let build = read(&fixture(name)).unwrap().unwrap_or_else(|| panic!("{name} is Go's"));
            assert_eq!(
                (build.path.as_str(), build.setting("GOOS")),
                ("example.org/demo", Some(system)),
                "{name}"
            );
            assert_eq!(build.standard_library(), Some("1.19.8"));
            let main = build.main.as_ref().unwrap();
            assert_eq!((main.path.as_str(), main.version.as_str()), ("example.org/demo", ""));
            let modules: Vec<_> =
                build.dependencies.iter().map(|m| (m.path.as_str(), m.version.as_str())).collect();
            assert_eq!(modules, [("example.org/fork", "v1.2.4"), ("example.org/folder", "")]);
            let replaced =
                [Replaced::Module("example.org/dep@v1.2.3".into()), Replaced::Folder("./folder".into())];
            for (module, replaced) in build.dependencies.iter().zip(replaced) {
                assert_eq!(module.replaced, Some(replaced));
            }
            assert_eq!(build.setting("-ldflags"), None, "-trimpath leaves them out");
        }
    }

    /// The form before Go 1.18, in a program without a table of sections: one writable segment at address 0x1000.
    fn old(order: Order, wide: bool, modules: &str) -> Vec<u8> {
        let size = if wide { 8 } else { 4 };
        let number = |value: u64, size: usize| {
            let mut bytes = value.to_le_bytes()[..size].to_vec();
            if order == Order::Big {
                bytes.reverse();
            }
            bytes
        };
        let join = |fields: &[(u64, usize)]| {
            fields.iter().flat_map(|(v, size)| number(*v, *size)).collect::<Vec<u8>>()
        };
        let marked = [&[1; MARK][..], modules.as_bytes(), &[2; MARK]].concat();
        let word = size as u64;
        let (heads, text) = (0x1020, 0x1020 + 4 * word);
        let mut data = MAGIC.to_vec();
        data.extend([size as u8, u8::from(order == Order::Big)]);
        data.extend(join(&[(heads, size), (heads + 2 * word, size)]));
        data.resize(32, 0);
        data.extend(join(&[(text, size), (8, size), (text + 8, size), (marked.len() as u64, size)]));
        data.extend(b"go1.16.5");
        data.extend(&marked);

        let (head, segment) = if wide { (64, 56) } else { (52, 32) };
        let start = (head + segment) as u64;
        let length = data.len() as u64;
        let mut file = vec![0x7f, b'E', b'L', b'F', 1 + u8::from(wide), 1 + u8::from(order == Order::Big), 1];
        file.resize(16, 0);
        file.extend(join(&[(2, 2), (62, 2), (1, 4), (0, size), (head as u64, size), (0, size), (0, 4)]));
        file.extend(join(&[(head as u64, 2), (segment as u64, 2), (1, 2), (0, 2), (0, 2), (0, 2)]));
        let (kind, writable) = ((1, 4), (6, 4));
        let places = [(start, size), (0x1000, size), (0x1000, size), (length, size), (length, size)];
        file.extend(join(&[kind]));
        file.extend(if wide { join(&[writable]) } else { Vec::new() });
        file.extend(join(&places));
        file.extend(if wide { Vec::new() } else { join(&[writable]) });
        file.extend(join(&[(16, size)]));
        assert_eq!(file.len() as u64, start);
        file.extend(data);
        file
    }

    #[test]
    fn the_old_form_points() {
        let modules = "path\tx/cmd\nmod\tx\tv1.0.0\th1:a=\ndep\ty\tv2.0.0\th1:b=\n";
        for order in [Order::Little, Order::Big] {
            for wide in [true, false] {
                let build = read(&old(order, wide, modules)).unwrap().unwrap();
                assert_eq!((build.go.as_str(), build.path.as_str()), ("go1.16.5", "x/cmd"));
                assert_eq!((build.version().as_str(), build.dependencies[0].path.as_str()), ("v1.0.0", "y"));
            }
        }
        let mut astray = old(Order::Little, true, modules);
        let at = astray.windows(MAGIC.len()).position(|w| w == MAGIC).unwrap();
        astray[at + 17] = 0x99;
        let said = read(&astray).unwrap_err().to_string();
        assert_eq!(said, "16 bytes at address 0x9920 are in no section");
    }

    #[test]
    fn versions_of_programs_without_one() {
        let build = modules_of(
            b"path\tx\nmod\tx\t(devel)\t\nbuild\tvcs.revision=0123456789abcdef0123\nbuild\tvcs.time=2024-01-02T03:04:05Z\n\
build\tvcs.modified=true\nbuild\t\"-ldflags\"=\"-X \\\"a b\\\"\"\n",
        );
        assert_eq!(build.version(), "v0.0.0-20240102030405-0123456789ab+dirty");
        assert_eq!(build.setting("-ldflags"), Some("-X \"a b\""));
        assert_eq!(modules_of(b"mod\tx\t(devel)\n").version(), "");
        assert_eq!(modules_of(b"mod\tx\tv1.0.0\n").version(), "v1.0.0");
        assert_eq!(modules_of(b"=>\tx\tv1.0.0\n"), GoBuild::default());
    }

    #[test]
    fn toolchains() {
        let of = |go: &str| {
            GoBuild { go: go.into(), ..GoBuild::default() }.standard_library().map(ToOwned::to_owned)
        };
        assert_eq!(of("go1.22.3 X:boringcrypto"), Some("1.22.3".into()));
        assert_eq!(of("devel go1.23-abc"), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn lengths_that_lie_are_said() {
        let mut file = fixture("go/demo.elf");
        let at = file.windows(MAGIC.len()).position(|w| w == MAGIC).unwrap();
        file[at + 32..at + 41].fill(0xff);
        let said = read(&file).unwrap_err().to_string();
        assert!(said.ends_with("a length is cut off"), "{said}");
        file[at + 32..at + 41].copy_from_slice(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0]);
        let said = read(&file).unwrap_err().to_string();
        assert!(said.ends_with("a string of 4294967295 bytes; at most 4096 are read"), "{said}");
        assert_eq!(read(&fixture("rust/demo.o")), Ok(None));
    }
}
