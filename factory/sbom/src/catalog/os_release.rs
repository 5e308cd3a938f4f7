//! What the operating system says of itself: `etc/os-release`, and Debian's point release.

use super::Cataloger;
use crate::limits;
use crate::model::Inventory;
use crate::root::Root;

/// Reads os-release. It is the first cataloger: package URLs of the others need its words.
#[derive(Debug)]
pub struct OsRelease;

impl Cataloger for OsRelease {
    fn name(&self) -> &'static str {
        "os-release"
    }

    fn databases(&self, root: &Root, out: &mut Inventory) {
        // The first that is there counts, as os-release(5) says.
        for path in [&b"etc/os-release"[..], b"usr/lib/os-release"] {
            let Some(bytes) = out.read(root, self.name(), path, 64 << 10) else { continue };
            fill(&String::from_utf8_lossy(&bytes), out);
            break;
        }
        // Debian writes its point release here alone, and a code name in between releases.
        if out.system.id == "debian"
            && let Some(bytes) = out.read(root, self.name(), b"etc/debian_version", 256)
        {
            let version = String::from_utf8_lossy(&bytes).trim().to_owned();
            if version.starts_with(|c: char| c.is_ascii_digit()) && version.len() < 20 {
                out.system.version = version;
            }
        }
        if out.system.id == "alpine"
            && out.system.version.is_empty()
            && let Some(bytes) = out.read(root, self.name(), b"etc/alpine-release", 256)
        {
            out.system.version = String::from_utf8_lossy(&bytes).trim().to_owned();
        }
    }
}

fn fill(text: &str, out: &mut Inventory) {
    for line in text.lines() {
        let Some((key, value)) = line.trim().split_once('=') else { continue };
        let value = unquoted(value);
        if value.len() > limits::WORD {
            continue;
        }
        let system = &mut out.system;
        match key {
            "ID" => system.id = value.to_ascii_lowercase(),
            "VERSION_ID" => system.version = value,
            "VERSION_CODENAME" => system.codename = value,
            "ID_LIKE" => system.like = value.split_whitespace().map(ToOwned::to_owned).collect(),
            "PRETTY_NAME" => system.pretty = value,
            "CPE_NAME" => system.cpe = value,
            "HOME_URL" => system.homepage = value,
            _ => {}
        }
    }
}

/// A value as the shell reads it: quotes off, backslashes taken.
fn unquoted(value: &str) -> String {
    let value = value.trim();
    let quote = value.chars().next().filter(|c| *c == '"' || *c == '\'');
    let inner = match quote {
        Some(quote) => value.trim_start_matches(quote).trim_end_matches(quote),
        None => value,
    };
    let mut text = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.extend(chars.next()),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_as_the_shell_reads_them() {
        let mut out = Inventory::default();
        fill(
            "# x\nID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME='A \\\"B\\\"'\nID_LIKE=\"a b\"\nnonsense\n",
            &mut out,
        );
        assert_eq!((out.system.id.as_str(), out.system.version.as_str()), ("debian", "12"));
        assert_eq!(out.system.pretty, "A \"B\"");
        assert_eq!(out.system.like, ["a", "b"]);
        assert_eq!(out.system.distro().as_deref(), Some("debian-12"));
    }
}
