//! Which files are shared, and how each is merged.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::format::{Format, Rivals, quoted};
use super::order::sorted;
use super::threeway::{Item, Order};
use super::{accounts, alternatives, certificates, lines, loader_cache, overrides, stanzas};

/// How a shared file is merged.
pub(super) enum Treatment {
    /// Item by item.
    Items(&'static Format),
    /// As a whole: two different changes cannot both be there.
    Whole,
    /// Backups, locks, caches, logs: whatever the last side wrote.
    Latest,
}

use Treatment::{Items, Latest, Whole};

/// Where dpkg keeps which packages there are.
pub(super) const STATUS: &[u8] = b"/var/lib/dpkg/status";
/// Where apt keeps which packages were only installed for others.
pub(super) const EXTENDED_STATES: &[u8] = b"/var/lib/apt/extended_states";
/// Where `update-alternatives` keeps a file for each name.
pub(super) const ALTERNATIVES: &[u8] = b"/var/lib/dpkg/alternatives/";
/// Where it keeps the links.
pub(super) const LINKS: &[u8] = b"/etc/alternatives/";

/// dpkg's own files are sorted by package.
pub(super) const PACKAGES: Format = Format {
    show: |stanza| {
        stanzas::field(stanza, "Version").map(|version| format!("version {}", version.escape_ascii()))
    },
    ..Format::new("package", stanzas::parse_packages, stanzas::render_sorted)
};
/// apt's file keeps its order.
pub(super) const MARKS: Format =
    Format { show: quoted_stanza, ..Format::new("package", stanzas::parse_packages, stanzas::render) };
const LINES: Format = Format::new("line", lines::parse, lines::render);
const PATHS: Format = Format { show: quoted, ..Format::new("path", lines::parse_by_path, lines::render) };
const DIVERSIONS: Format =
    Format { show: quoted, ..Format::new("diversion of", overrides::parse_diversions, overrides::render) };
const OVERRIDES: Format =
    Format { show: quoted, ..Format::new("override of", lines::parse_by_path, overrides::render) };
const QUESTIONS: Format = Format {
    combine: stanzas::combine_owners,
    ..Format::new("debconf question", stanzas::parse_questions, stanzas::render_sorted)
};
const USERS: Format = Format {
    show: quoted,
    rivals: accounts::same_uid,
    ..Format::new("user", accounts::parse, accounts::render)
};
const GROUPS: Format = Format {
    show: quoted,
    combine: accounts::combine_members,
    rivals: accounts::same_gid,
    ..Format::new("group", accounts::parse, accounts::render)
};
/// Values are secret.
const SHADOW: Format = Format::new("user", accounts::parse, accounts::render);
const GSHADOW: Format = Format {
    combine: accounts::combine_shadow_members,
    ..Format::new("group", accounts::parse, accounts::render)
};
const RANGES: Format = Format {
    show: quoted,
    rivals: accounts::same_range,
    ..Format::new("subordinate numbers of", accounts::parse, accounts::render)
};
/// A group of alternatives.
pub(super) const CHOICES: Format =
    Format { show: quoted, ..Format::new("alternative", alternatives::parse, alternatives::render) };
const LIBRARIES: Format = Format {
    order: Order::InPlace,
    rivals: same_library,
    ..Format::new("library", loader_cache::parse, loader_cache::render)
};
const CERTIFICATES: Format =
    Format { order: Order::InPlace, ..Format::new("certificate", certificates::parse, certificates::render) };

/// Paths and how they are merged; the first that fits counts. `*` stands for part of a name, `**` for all that follows.
static TABLE: &[(&str, Treatment)] = &[
    ("/var/lib/dpkg/status", Items(&PACKAGES)),
    ("/var/lib/dpkg/available", Items(&PACKAGES)),
    ("/var/lib/apt/extended_states", Items(&MARKS)),
    ("/var/lib/dpkg/diversions", Items(&DIVERSIONS)),
    ("/var/lib/dpkg/statoverride", Items(&OVERRIDES)),
    ("/var/lib/dpkg/alternatives/*", Items(&CHOICES)),
    ("/etc/alternatives/*", Whole),
    ("/var/lib/dpkg/triggers/Lock", Latest),
    ("/var/lib/dpkg/triggers/*", Items(&LINES)),
    ("/var/lib/dpkg/lock*", Latest),
    ("/var/lib/dpkg/*-old", Latest),
    ("/var/cache/debconf/*-old", Latest),
    ("/var/cache/debconf/config.dat", Items(&QUESTIONS)),
    ("/var/cache/debconf/templates.dat", Items(&QUESTIONS)),
    ("/var/cache/debconf/passwords.dat", Items(&QUESTIONS)),
    ("/etc/passwd", Items(&USERS)),
    ("/etc/group", Items(&GROUPS)),
    ("/etc/shadow", Items(&SHADOW)),
    ("/etc/gshadow", Items(&GSHADOW)),
    ("/etc/subuid", Items(&RANGES)),
    ("/etc/subgid", Items(&RANGES)),
    ("/etc/passwd-", Latest),
    ("/etc/group-", Latest),
    ("/etc/shadow-", Latest),
    ("/etc/gshadow-", Latest),
    ("/etc/subuid-", Latest),
    ("/etc/subgid-", Latest),
    ("/etc/shells", Items(&LINES)),
    ("/etc/ld.so.cache", Items(&LIBRARIES)),
    ("/etc/ssl/certs/ca-certificates.crt", Items(&CERTIFICATES)),
    ("/var/lib/ucf/hashfile", Items(&PATHS)),
    ("/var/lib/ucf/registry", Items(&PATHS)),
    ("/var/lib/ucf/hashfile.*", Latest),
    ("/var/lib/ucf/registry.*", Latest),
    ("/var/cache/ldconfig/aux-cache", Latest),
    ("/var/cache/apt/*.bin", Latest),
    ("/var/cache/man/**", Latest),
    ("/var/lib/apt/lists/**", Latest),
    ("/var/backups/**", Latest),
    ("/var/log/**", Latest),
];

/// How a path is merged; None: it is no shared file.
pub(super) fn treatment(path: &[u8]) -> Option<&'static Treatment> {
    TABLE.iter().find(|(pattern, _)| fits(pattern.as_bytes(), path)).map(|(_, treatment)| treatment)
}

fn fits(pattern: &[u8], path: &[u8]) -> bool {
    let Some(star) = pattern.iter().position(|&byte| byte == b'*') else { return pattern == path };
    let (start, end) = (&pattern[..star], &pattern[star + 1..]);
    let Some(rest) = path.strip_prefix(start) else { return false };
    let is_name = !rest.is_empty() || !start.ends_with(b"/");
    is_name && (end == b"*" || rest.ends_with(end) && !rest.contains(&b'/'))
}

/// A stanza on one line.
fn quoted_stanza(stanza: &[u8]) -> Option<String> {
    Some(format!("\"{}\"", stanza.trim_ascii().escape_ascii()).replace("\\n", ", "))
}

/// Libraries of one name in two places.
fn same_library(items: &[Item]) -> Vec<Rivals> {
    let name = |at: usize| loader_cache::name_and_path(&items[at]).0;
    let order: Vec<usize> = (0..items.len()).collect();
    let order = sorted(&order, |a, b| name(*a).cmp(name(*b)));
    let mut rivals = Vec::new();
    for (number, &left) in order.iter().enumerate() {
        // Few libraries have one name; the limit is for files that are made up.
        let same = order[number + 1..].iter().take(64).take_while(|&&right| name(right) == name(left));
        let same = same.filter(|&&right| loader_cache::rivals(&items[left], &items[right]));
        rivals.extend(same.map(|&right| {
            let [one, other] =
                [left, right].map(|at| loader_cache::name_and_path(&items[at]).1.escape_ascii());
            let what = format!(
                "library {} is {one} and {other}: which comes first is not known",
                name(left).escape_ascii()
            );
            Rivals { at: [left, right], what, help: "let one fragment build on the other" }
        }));
    }
    rivals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_names_and_trees() {
        for (path, expected) in [
            ("/var/lib/dpkg/status", "items"),
            ("/var/lib/dpkg/status-old", "latest"),
            ("/var/lib/dpkg/lock", "latest"),
            ("/var/lib/dpkg/locks/x", "none"),
            ("/var/lib/dpkg/x/status-old", "none"),
            ("/var/lib/dpkg/info/a.list", "none"),
            ("/var/lib/dpkg/alternatives/vi", "items"),
            ("/var/lib/dpkg/alternatives/", "none"),
            ("/etc/alternatives/vi", "whole"),
            ("/etc/alternatives/a/b", "none"),
            ("/var/lib/dpkg/triggers/Lock", "latest"),
            ("/var/lib/dpkg/triggers/File", "items"),
            ("/var/lib/dpkg/lock-frontend", "latest"),
            ("/var/log/apt/history.log", "latest"),
            ("/var/log", "none"),
            ("/var/cache/man/de/index.db", "latest"),
            ("/var/lib/ucf/hashfile.3", "latest"),
            ("/etc/passwd", "items"),
            ("/etc/passwd-", "latest"),
            ("/etc/passwd.x", "none"),
            ("etc/passwd", "none"),
            ("", "none"),
        ] {
            let found = match treatment(path.as_bytes()) {
                Some(Items(_)) => "items",
                Some(Whole) => "whole",
                Some(Latest) => "latest",
                None => "none",
            };
            assert_eq!(found, expected, "{path}");
        }
    }
}
