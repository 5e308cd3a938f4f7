//! Names of licences as packages write them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::Licence;

/// One licence by its name, with an exception where it has one.
pub(super) fn licence(name: &str) -> Licence {
    let known = |expression: String| Licence { expression: Some(expression), ..Licence::default() };
    if let Some(id) = find(name) {
        return match id.strip_prefix("LicenseRef-") {
            Some(own) => Licence::reference(own, None),
            None => known(id),
        };
    }
    let lower = name.to_ascii_lowercase();
    if let Some(at) = lower.find(" with ")
        && let (Some(base), Some(exception)) = (name.get(..at), name.get(at + 6..))
        && let (Some(base), Some(exception)) = (find(base), exception_of(exception))
    {
        return known(format!("{base} WITH {exception}"));
    }
    Licence::reference(name, None)
}

/// The SPDX identifier that a name means.
pub(super) fn find(name: &str) -> Option<String> {
    let name = name.trim();
    if name.starts_with("LicenseRef-") {
        return spdx::Expression::parse(name).is_ok().then(|| name.to_owned());
    }
    if let Some(id) = gnu(name) {
        return Some(id);
    }
    if let Some(id) = listed(name) {
        return Some(id.to_owned());
    }
    if let Some(id) = name.strip_suffix('+').and_then(listed) {
        return Some(format!("{id}+"));
    }
    let plain = plain(name);
    if let Ok(at) = ALIASES.binary_search_by(|(alias, _)| (*alias).cmp(plain.as_str())) {
        return ALIASES.get(at).map(|(_, id)| (*id).to_owned());
    }
    listed(&plain.replace(' ', "-")).or_else(|| titled(&plain)).map(ToOwned::to_owned)
}

/// An identifier of SPDX's list, whatever its case. Deprecated ones are handled before, and not taken here.
fn listed(name: &str) -> Option<&'static str> {
    static LISTED: LazyLock<BTreeMap<String, &'static str>> = LazyLock::new(|| {
        let names = spdx::identifiers::LICENSES.iter().filter_map(|licence| spdx::license_id(licence.name));
        let names = names.filter(|id| !id.is_deprecated());
        names.map(|id| (id.name.to_ascii_lowercase(), id.name)).collect()
    });
    LISTED.get(&name.to_ascii_lowercase()).copied()
}

/// The licence whose title in SPDX's list this is.
fn titled(name: &str) -> Option<&'static str> {
    let word = name.split(' ').next()?;
    let found = spdx::identifiers::LICENSES.iter().find(|licence| {
        licence.full_name.to_ascii_lowercase().contains(word) && plain(licence.full_name) == name
    })?;
    listed(found.name)
}

/// GNU licences: `GPL-2+`, `LGPLv2.1`, `GPL-2.0-or-later`, `GFDL-NIV-1.3+`, `GNU GPL v3 or later` (joined by the parser).
fn gnu(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    let lower = lower.trim_start_matches("gnu ").trim();
    let (family, rest) = ["agpl", "lgpl", "gfdl", "gpl"]
        .iter()
        .find_map(|family| Some((*family, lower.strip_prefix(family)?)))?;
    let (rest, invariants) = match rest.strip_prefix("-niv") {
        Some(rest) => (rest, "-no-invariants"),
        None => (rest, ""),
    };
    let rest = rest.trim_start_matches(['-', ' ', 'v', '_', '.']);
    let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (version, tail) = rest.split_at(digits);
    let version = version.trim_end_matches('.').trim_end_matches(".0").to_owned();
    let version = if version.contains('.') || version.is_empty() { version } else { format!("{version}.0") };
    if version.is_empty() {
        return None;
    }
    let later = match tail.trim_matches(|c: char| c == ' ' || c == '-') {
        "" | "only" => "only",
        "+" | "or-later" | "or later" => "or-later",
        _ => return None,
    };
    let id = format!("{}-{version}{invariants}-{later}", family.to_ascii_uppercase());
    spdx::license_id(&id).map(|id| id.name.to_owned())
}

/// Lower case, words of letters, digits and dots, without those that say nothing.
fn plain(name: &str) -> String {
    const EMPTY: [&str; 8] = ["the", "license", "licence", "licensed", "under", "version", "software", "v"];
    let lower = name.to_ascii_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
    let words = words.filter(|word| !word.is_empty() && !EMPTY.contains(word));
    let words = words.map(|word| match word.strip_prefix('v') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            rest.trim_start_matches('.')
        }
        _ => word,
    });
    words.map(|word| word.strip_suffix(".0").unwrap_or(word)).collect::<Vec<_>>().join(" ")
}

/// What [`plain`] makes of names, sorted, and what they mean. `BSD` alone is not here: nobody can say which one.
const ALIASES: &[(&str, &str)] = &[
    ("0bsd", "0BSD"),
    ("2 clause bsd", "BSD-2-Clause"),
    ("3 clause bsd", "BSD-3-Clause"),
    ("academic free 2.1", "AFL-2.1"),
    ("apache 2", "Apache-2.0"),
    ("apache2", "Apache-2.0"),
    ("artistic", "Artistic-1.0-Perl"),
    ("artistic 1", "Artistic-1.0-Perl"),
    ("artistic 2", "Artistic-2.0"),
    ("asl 2", "Apache-2.0"),
    ("boost 1", "BSL-1.0"),
    ("bsd 2", "BSD-2-Clause"),
    ("bsd 2 clause", "BSD-2-Clause"),
    ("bsd 3", "BSD-3-Clause"),
    ("bsd 3 clause", "BSD-3-Clause"),
    ("bsd 3 clause new or revised", "BSD-3-Clause"),
    ("bsd 4 clause uc", "BSD-4-Clause-UC"),
    ("bsd2", "BSD-2-Clause"),
    ("bsd3", "BSD-3-Clause"),
    ("cc by sa 3", "CC-BY-SA-3.0"),
    ("cc by sa 4", "CC-BY-SA-4.0"),
    ("cc0", "CC0-1.0"),
    ("cc0 1", "CC0-1.0"),
    ("cc0 1 universal", "CC0-1.0"),
    ("eclipse public 2", "EPL-2.0"),
    ("epl 2", "EPL-2.0"),
    ("expat", "MIT"),
    ("expat mit", "MIT"),
    ("gnu affero general public 3", "AGPL-3.0-only"),
    ("gnu general public 2", "GPL-2.0-only"),
    ("gnu general public 2 gplv2", "GPL-2.0-only"),
    ("gnu general public 3", "GPL-3.0-only"),
    ("gnu general public 3 gplv3", "GPL-3.0-only"),
    ("gnu general public 3 or later gplv3", "GPL-3.0-or-later"),
    ("gnu general public or later gplv2", "GPL-2.0-or-later"),
    ("gnu general public or later gplv3", "GPL-3.0-or-later"),
    ("gnu lesser general public 2.1", "LGPL-2.1-only"),
    ("gnu lesser general public 3", "LGPL-3.0-only"),
    ("gnu lesser general public 3 lgplv3", "LGPL-3.0-only"),
    ("historical permission notice and disclaimer hpnd", "HPND"),
    ("isc iscl", "ISC"),
    ("mit 0", "MIT-0"),
    ("mit expat", "MIT"),
    ("mit mit", "MIT"),
    ("modified bsd", "BSD-3-Clause"),
    ("mozilla public 1.1", "MPL-1.1"),
    ("mozilla public 2", "MPL-2.0"),
    ("mozilla public 2 mpl 2", "MPL-2.0"),
    ("mpl 1.1", "MPL-1.1"),
    ("mpl 2", "MPL-2.0"),
    ("mpl2", "MPL-2.0"),
    ("new bsd", "BSD-3-Clause"),
    ("psf", "PSF-2.0"),
    ("psf 2", "PSF-2.0"),
    ("psfl", "PSF-2.0"),
    ("public domain", "LicenseRef-public-domain"),
    ("python foundation", "PSF-2.0"),
    ("simplified bsd", "BSD-2-Clause"),
    ("universal permissive upl", "UPL-1.0"),
    ("unlicense unlicense", "Unlicense"),
    ("zlib libpng", "Zlib"),
    ("zope public", "ZPL-2.1"),
    ("zpl 2.1", "ZPL-2.1"),
];

/// The exceptions that distributions write in words of their own.
fn exception_of(words: &str) -> Option<String> {
    let words = words.trim();
    let direct = spdx::identifiers::EXCEPTIONS.iter().find(|known| known.name.eq_ignore_ascii_case(words));
    if let Some(found) = direct {
        return Some(found.name.to_owned());
    }
    let lower = words.to_ascii_lowercase();
    let all = |parts: &[&str]| parts.iter().all(|part| lower.contains(part));
    let id = match () {
        () if all(&["gcc", "3.1"]) || all(&["gcc runtime"]) || lower == "gcc exception" => {
            "GCC-exception-3.1"
        }
        () if all(&["autoconf", "3"]) => "Autoconf-exception-3.0",
        () if all(&["autoconf"]) => "Autoconf-exception-generic",
        () if all(&["bison"]) => "Bison-exception-2.2",
        () if all(&["classpath"]) => "Classpath-exception-2.0",
        () if all(&["libtool"]) => "Libtool-exception",
        () if all(&["linux", "syscall"]) => "Linux-syscall-note",
        () if all(&["llvm"]) => "LLVM-exception",
        () if all(&["font"]) => "Font-exception-2.0",
        () => return None,
    };
    spdx::exception_id(id).map(|id| id.name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_sorted_plain_and_listed() {
        assert!(ALIASES.is_sorted(), "binary search needs them sorted");
        for (alias, id) in ALIASES {
            assert_eq!(find(alias).as_deref(), Some(*id), "{alias}");
            assert!(spdx::Expression::parse(id).is_ok(), "{id}");
        }
    }
}
