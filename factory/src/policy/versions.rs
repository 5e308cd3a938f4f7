//! The order of versions, which is another one for every kind of package.

use std::cmp::Ordering;

use llb_gen::model::Relation;
use llb_gen::model::test::VersionRange;

/// Whose order it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Semantic versions: npm, cargo, golang, fragments. A `v` before them is no part of them.
    Semantic,
    /// PEP 440: PyPI.
    Python,
    /// Debian's, which also fits those of rpm and apk, drivers, and what else has numbers with dots.
    Debian,
}

impl Order {
    /// The order of a kind of package, by the type of its package URL.
    pub(crate) fn of(kind: &str) -> Self {
        match kind {
            "npm" | "cargo" | "golang" | "hex" | "pub" | "swift" => Self::Semantic,
            "pypi" => Self::Python,
            _ => Self::Debian,
        }
    }

    /// Whether `version` is in `range`; nothing where that cannot be said, because one of the versions is none of the kind.
    pub(crate) fn has(self, version: &str, range: &VersionRange) -> Option<bool> {
        let mut all = true;
        for bound in range.bounds() {
            all &= allows(bound.relation, self.compare(version, &bound.version)?);
        }
        Some(all)
    }

    fn compare(self, left: &str, right: &str) -> Option<Ordering> {
        match self {
            Self::Debian => Some(debian(left, right)),
            Self::Semantic => {
                let plain = |text: &str| semver::Version::parse(text.strip_prefix('v').unwrap_or(text)).ok();
                match (plain(left), plain(right)) {
                    (Some(left), Some(right)) => Some(left.cmp_precedence(&right)),
                    // A bound may be short: `<2`.
                    (Some(left), None) => short(right).map(|right| left.cmp_precedence(&right)),
                    _ => None,
                }
            }
            Self::Python => Some(Pep440::parse(left)?.cmp(&Pep440::parse(right)?)),
        }
    }
}

fn allows(relation: Relation, ordering: Ordering) -> bool {
    match relation {
        Relation::AtLeast => ordering.is_ge(),
        Relation::AtMost => ordering.is_le(),
        Relation::Not => ordering.is_ne(),
        Relation::Above => ordering.is_gt(),
        Relation::Below => ordering.is_lt(),
        Relation::Exactly => ordering.is_eq(),
    }
}

/// `2` and `2.1` as semantic versions.
fn short(text: &str) -> Option<semver::Version> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let numbers = text.split('.').count();
    let zeros = 3_usize
        .checked_sub(numbers)
        .filter(|_| text.bytes().all(|byte| byte == b'.' || byte.is_ascii_digit()))?;
    semver::Version::parse(&format!("{text}{}", ".0".repeat(zeros))).ok()
}

/// Debian's order (Debian policy, 5.6.12): epoch, upstream version, revision.
fn debian(left: &str, right: &str) -> Ordering {
    let epoch = |text: &str| -> (u64, String) {
        match text.split_once(':') {
            Some((epoch, rest)) if !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit()) => {
                (epoch.parse().unwrap_or(u64::MAX), rest.to_owned())
            }
            _ => (0, text.to_owned()),
        }
    };
    let revision = |text: String| match text.rsplit_once('-') {
        Some((upstream, revision)) => (upstream.to_owned(), revision.to_owned()),
        None => (text, String::new()),
    };
    let ((left_epoch, left), (right_epoch, right)) = (epoch(left), epoch(right));
    let ((left, left_revision), (right, right_revision)) = (revision(left), revision(right));
    left_epoch
        .cmp(&right_epoch)
        .then_with(|| debian_part(&left, &right))
        .then_with(|| debian_part(&left_revision, &right_revision))
}

/// Parts without digits and parts of digits by turns; `~` comes before everything, the end included, letters before other signs.
fn debian_part(left: &str, right: &str) -> Ordering {
    let weight = |byte: Option<u8>| match byte {
        None => 0,
        Some(b'~') => -1,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(byte),
        Some(byte) => i32::from(byte) + 256,
    };
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    while !left.is_empty() || !right.is_empty() {
        loop {
            let letter = |rest: &[u8]| rest.first().copied().filter(|byte| !byte.is_ascii_digit());
            let (a, b) = (letter(left), letter(right));
            if a.is_none() && b.is_none() {
                break;
            }
            match weight(a).cmp(&weight(b)) {
                Ordering::Equal => (left, right) = (&left[1..], &right[1..]),
                other => return other,
            }
        }
        let (a, b) = (number(&mut left), number(&mut right));
        let ordering = a.len().cmp(&b.len()).then_with(|| a.cmp(b));
        if ordering.is_ne() {
            return ordering;
        }
    }
    Ordering::Equal
}

/// The digits at the beginning, without zeros before them.
fn number<'t>(rest: &mut &'t [u8]) -> &'t [u8] {
    let end = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, after) = rest.split_at(end);
    *rest = after;
    let zeros = digits.iter().position(|byte| *byte != b'0').unwrap_or(digits.len());
    &digits[zeros..]
}

/// A version by PEP 440, in the order of its members. The local part (`+cu121`) counts last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Pep440 {
    epoch: u64,
    release: Vec<u64>,
    /// Before the release (a development release alone, then a, b, rc), the release itself.
    pre: (u8, u64),
    post: Option<u64>,
    dev: (u8, u64),
    local: Vec<(u8, u64, String)>,
}

impl Pep440 {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let text = text.strip_prefix('v').unwrap_or(&text);
        let (public, local) = text.split_once('+').unwrap_or((text, ""));
        let (epoch, rest) = public.split_once('!').unwrap_or(("0", public));
        let mut words = Words { rest };
        let mut release = vec![words.number()?];
        while words.skip_dot_before_digit() {
            release.push(words.number()?);
        }
        while release.len() > 1 && release.last() == Some(&0) {
            release.pop();
        }
        let (mut pre, mut post, mut dev) = (None, None, None);
        while !words.rest.is_empty() {
            let word = words.word();
            let number = words.number_or_zero();
            let stage = match word {
                "a" | "alpha" => Some(0),
                "b" | "beta" => Some(1),
                "rc" | "c" | "pre" | "preview" => Some(2),
                _ => None,
            };
            match (stage, word) {
                (Some(stage), _) if pre.is_none() && post.is_none() && dev.is_none() => {
                    pre = Some((stage + 1, number));
                }
                (None, "post" | "rev" | "r" | "") if post.is_none() && dev.is_none() => post = Some(number),
                (None, "dev") if dev.is_none() => dev = Some(number),
                _ => return None,
            }
        }
        let pre = match (pre, post, dev) {
            (Some(pre), _, _) => pre,
            (None, None, Some(_)) => (0, 0),
            _ => (9, 0),
        };
        let dev = dev.map_or((1, 0), |number| (0, number));
        let local = local.split(['.', '-', '_']).filter(|part| !part.is_empty());
        let local = local
            .map(|part| part.parse().map_or((0, 0, part.to_owned()), |number| (1, number, String::new())));
        Some(Self { epoch: epoch.parse().ok()?, release, pre, post, dev, local: local.collect() })
    }
}

struct Words<'t> {
    rest: &'t str,
}

impl<'t> Words<'t> {
    fn digits(&mut self) -> &'t str {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        digits
    }

    fn number(&mut self) -> Option<u64> {
        self.digits().parse().ok()
    }

    /// A number that may be missing, with a sign before it.
    fn number_or_zero(&mut self) -> u64 {
        let after = self.rest.strip_prefix(['.', '-', '_']).unwrap_or(self.rest);
        if after.starts_with(|c: char| c.is_ascii_digit()) {
            self.rest = after;
        }
        self.digits().parse().unwrap_or(0)
    }

    fn skip_dot_before_digit(&mut self) -> bool {
        match self.rest.strip_prefix('.').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// The letters that come next, after the sign before them; `-1` has none, and is a post-release. A letter that is none of
    /// these ends everything.
    fn word(&mut self) -> &'t str {
        let rest = self.rest.strip_prefix(['.', '-', '_']).unwrap_or(self.rest);
        let end = rest.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let bare = self.rest.starts_with('-') && rest.starts_with(|c: char| c.is_ascii_digit());
        if word.is_empty() && !bare {
            self.rest = "";
            return "?";
        }
        self.rest = after;
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ascending(order: Order, versions: &[&str]) {
        for (at, left) in versions.iter().enumerate() {
            for (other, right) in versions.iter().enumerate() {
                assert_eq!(order.compare(left, right), Some(at.cmp(&other)), "{left} {right}");
            }
        }
    }

    #[test]
    fn debian_s_order() {
        ascending(
            Order::Debian,
            &[
                "1.0~~",
                "1.0~rc1",
                "1.0",
                "1.0-1~deb12u1",
                "1.0-1",
                "1.0-1+b1",
                "1.0a",
                "1.0+b1",
                "1.2",
                "1.10",
                "1:0.1",
            ],
        );
        assert_eq!(debian("1.01", "1.1"), Ordering::Equal);
        assert_eq!(debian("99999999999999999999999.1", "99999999999999999999999.2"), Ordering::Less);
    }

    #[test]
    fn python_s_order() {
        ascending(
            Order::Python,
            &[
                "1.0.dev1",
                "1.0a1.dev1",
                "1.0a1",
                "1.0b2",
                "1.0rc1",
                "1.0",
                "1.0+cu118",
                "1.0+cu121",
                "1.0.post1",
                "1.1",
                "1.10",
                "1!0.1",
            ],
        );
        for (left, right) in
            [("1.0", "1.0.0"), ("v1.0-ALPHA.1", "1.0a1"), ("1.0-1", "1.0.post1"), ("1.0c2", "1.0rc2")]
        {
            assert_eq!(Order::Python.compare(left, right), Some(Ordering::Equal), "{left} {right}");
        }
        for wrong in ["", "x", "1.0x", "1.0é", "1..0", "1.0.dev1.a1", "1.0-"] {
            assert_eq!(Order::Python.compare(wrong, "1.0"), None, "{wrong}");
        }
    }

    #[test]
    fn semantic_order() {
        ascending(Order::Semantic, &["0.9.0", "0.10.0-rc.1", "0.10.0", "v1.0.0", "2.0.0"]);
        let range = |text: &str| text.parse::<VersionRange>().unwrap();
        assert_eq!(Order::Semantic.has("1.9.3", &range(">=1,<2")), Some(true));
        assert_eq!(
            Order::Semantic.has("2.0.0-rc.1", &range("<2")),
            Some(true),
            "a candidate comes before its release"
        );
        assert_eq!(Order::Semantic.has("(devel)", &range("<2")), None);
        assert_eq!(Order::Debian.has("anything", &range("*")), Some(true));
    }
}
