//! Persons and organisations as maintainers write them: `Name <mail>`.

use crate::limits;
use crate::model::Party;

impl Party {
    /// An organisation of this name.
    #[must_use]
    pub fn organisation(name: &str) -> Self {
        Self { person: false, name: name.to_owned(), mail: None }
    }

    /// Who is meant by `Name <mail>`, a name or an address alone. A team or a list is an organisation.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let line = text.lines().next().unwrap_or_default().trim();
        let line = line.get(..limits::WORD.min(line.len())).unwrap_or_default();
        let (name, mail) = match line.split_once('<') {
            Some((name, rest)) => (name, rest.split('>').next().unwrap_or_default()),
            None if line.contains('@') && !line.contains(' ') => ("", line),
            None => (line, ""),
        };
        let mail = mail.trim();
        let name = name.trim().trim_matches('"').trim();
        let name = if name.is_empty() { mail.split('@').next().unwrap_or_default() } else { name };
        // Parentheses mark the mail address in SPDX.
        let name: String = name.chars().filter(|c| !matches!(c, '(' | ')') && !c.is_control()).collect();
        let mail = (mail.contains('@') && !mail.contains([' ', '(', ')'])).then(|| mail.to_owned());
        if name.is_empty() || name.eq_ignore_ascii_case("unknown") {
            return None;
        }
        let lower = name.to_ascii_lowercase();
        let many = [
            "team",
            "maintainers",
            "developers",
            "project",
            "group",
            "foundation",
            "inc",
            "inc.",
            "ltd",
            "corporation",
            "community",
            "authors",
            "contributors",
            "authority",
            "gmbh",
            "nvidia",
            "llc",
            "packagers",
            "debian",
            "list",
        ];
        let many = lower.split([' ', ',']).any(|word| many.contains(&word));
        let list = mail.as_deref().is_some_and(|mail| {
            mail.contains("@lists.") || mail.contains("@tracker.") || mail.contains("@alioth-lists")
        });
        Some(Self { person: !many && !list, name, mail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persons_and_teams() {
        for (text, person, name, mail) in [
            ("Aurelien Jarno <aurel32@debian.org>", true, "Aurelien Jarno", Some("aurel32@debian.org")),
            (
                "GNU Libc Maintainers <debian-glibc@lists.debian.org>",
                false,
                "GNU Libc Maintainers",
                Some("debian-glibc@lists.debian.org"),
            ),
            ("\"A (B)\" <a@b>", true, "A B", Some("a@b")),
            ("me@example.org", true, "me", Some("me@example.org")),
            ("NVIDIA Corporation", false, "NVIDIA Corporation", None),
            ("x <not an address>", true, "x", None),
        ] {
            let found = Party::parse(text).unwrap();
            assert_eq!(
                (found.person, found.name.as_str(), found.mail.as_deref()),
                (person, name, mail),
                "{text}"
            );
        }
        assert_eq!(Party::parse(" "), None);
    }
}
