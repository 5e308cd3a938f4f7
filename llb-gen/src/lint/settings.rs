//! What is done about what rules find: some are skipped, some end the build.

use std::collections::BTreeSet;

use super::rules::{RULES, Rule, UNKNOWN_RULE};
use crate::diagnostic::{Diagnostic, Severity, nearest};
use crate::model::{Checks, Fail, Product};
use crate::ordered::ordered;
use crate::text::{Place, SourceFile, Span};

/// The word for every rule.
const ALL: &str = "all";

/// What a client asks for with one build: `BUILDKIT_DOCKERFILE_CHECK`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Rules to skip.
    pub skip: Vec<String>,
    /// Rules that are only looked at where they are asked for. There are none: all rules are looked at.
    pub experimental: Vec<String>,
    /// Whether what is found ends the build; as the manifest says where nothing is said.
    pub error: Option<bool>,
}

impl Asked {
    /// Reads `skip=NAME,NAME;error=true;experimental=NAME`, in any order. `flag` reads the client's yes and no.
    ///
    /// # Errors
    /// What is wrong, as a lower-case fragment.
    pub fn read(text: &str, flag: impl Fn(&str) -> Result<bool, String>) -> Result<Self, String> {
        let mut asked = Self::default();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let names = || value.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
            match key.trim() {
                "skip" => asked.skip.extend(names()),
                "experimental" => asked.experimental.extend(names()),
                "error" => asked.error = Some(flag(value.trim())?),
                other => {
                    return Err(format!(
                        "`{other}` is not one of `skip`, `error` and `experimental`, as in `skip=RULE,RULE;error=true`"
                    ));
                }
            }
        }
        Ok(asked)
    }
}

/// Names of rules, or all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Names {
    All,
    #[default]
    None,
    Some(BTreeSet<String>),
}

impl Names {
    fn of<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let names: BTreeSet<String> = ordered(names.into_iter().map(str::to_owned));
        match names.contains(ALL) {
            true => Self::All,
            false if names.is_empty() => Self::None,
            false => Self::Some(names),
        }
    }

    fn hold(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Some(names) => names.contains(name),
        }
    }
}

/// What is done about the findings in one product, or in the products of a plan.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    skip: Names,
    /// What a fragment or a template skips for itself, by its folder or file.
    own: Vec<(String, Names)>,
    fail: Names,
    /// Names that no rule has.
    unknown: Vec<Diagnostic>,
}

impl Settings {
    /// What `products` (which have one manifest) and the client say.
    #[must_use]
    pub fn of<'p>(products: impl IntoIterator<Item = &'p Product>, asked: &Asked) -> Self {
        let mut settings = Self::default();
        let mut first = true;
        for product in products {
            if std::mem::take(&mut first) {
                settings.manifest(product, asked);
            }
            if let Some(template) = &product.template {
                settings.own(template.file.path(), &template.check);
            }
            for fragment in &product.fragments {
                settings.own(&format!("{}/", fragment.folder()), &fragment.check);
            }
        }
        settings.unknown = crate::diagnostic::sorted(std::mem::take(&mut settings.unknown));
        settings
    }

    /// What the client says where no product is known.
    #[must_use]
    pub fn asked(manifest: &SourceFile, asked: &Asked) -> Self {
        let mut settings = Self::default();
        settings.client(&Place::new(manifest, Span::new(0, 1)), asked);
        settings.skip = Names::of(asked.skip.iter().map(String::as_str));
        settings.fail = if asked.error == Some(true) { Names::All } else { Names::None };
        settings
    }

    fn manifest(&mut self, product: &Product, asked: &Asked) {
        let checks = &product.manifest.check;
        let place = Place::new(&product.manifest.file, Span::new(0, 1));
        self.client(&place, asked);
        self.names(checks);
        let own = checks.skip.iter().map(|skip| skip.rule.as_str());
        self.skip = Names::of(own.chain(asked.skip.iter().map(String::as_str)));
        self.fail = match (asked.error, &checks.error) {
            (Some(true), _) | (None, Fail::Everything) => Names::All,
            (Some(false), _) | (None, Fail::Nothing) => Names::None,
            (None, Fail::Of(rules)) => Names::of(rules.iter().map(|rule| rule.as_str())),
        };
        if let Fail::Of(rules) = &checks.error {
            rules.iter().for_each(|rule| self.known(rule.as_str(), rule.place(), "check.error"));
        }
    }

    fn client(&mut self, place: &Place, asked: &Asked) {
        for name in asked.skip.iter().chain(&asked.experimental) {
            self.known(name, place, "BUILDKIT_DOCKERFILE_CHECK");
        }
    }

    fn own(&mut self, path: &str, checks: &Checks) {
        if checks.skip.is_empty() || self.own.iter().any(|(known, _)| known == path) {
            return;
        }
        self.names(checks);
        self.own.push((path.to_owned(), Names::of(checks.skip.iter().map(|skip| skip.rule.as_str()))));
    }

    fn names(&mut self, checks: &Checks) {
        checks.skip.iter().for_each(|skip| self.known(skip.rule.as_str(), skip.rule.place(), "check.skip"));
    }

    fn known(&mut self, name: &str, place: &Place, of: &str) {
        if name == ALL || Rule::named(name).is_some() {
            return;
        }
        let near = nearest(name, RULES.iter().map(|rule| rule.name));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                "the rules are listed in docs/rules/README.md; what ends a build anyway is no rule".to_owned()
            }
        };
        let shown = crate::model::text_value::quoted(name);
        self.unknown.push(UNKNOWN_RULE.at(place, format!("{shown} in `{of}` is not a rule")).help(help));
    }

    /// Whether anything that is found may end the build, so that all of it must be looked for.
    #[must_use]
    pub fn may_fail(&self) -> bool {
        self.fail != Names::None
    }

    /// What is left of `found` with what is wrong with the settings themselves, sorted, each once.
    #[must_use]
    pub fn judge(&self, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let mut left: Vec<Diagnostic> = found.into_iter().filter(|one| !self.skips(one)).collect();
        left.extend(self.unknown.iter().filter(|one| !self.skips(one)).cloned());
        crate::diagnostic::sorted(left)
    }

    /// What a build says of `found`; notes are for those who ask.
    ///
    /// # Errors
    /// Those findings that end the build.
    pub fn for_build(&self, found: Vec<Diagnostic>) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        let left = self.judge(found);
        let fatal: Vec<Diagnostic> = left
            .iter()
            .filter(|one| self.fail.hold(one.rule()))
            .cloned()
            .map(Diagnostic::escalated)
            .collect();
        match fatal.is_empty() {
            true => Ok(left.into_iter().filter(|one| one.severity() == Severity::Warning).collect()),
            false => Err(fatal),
        }
    }

    fn skips(&self, one: &Diagnostic) -> bool {
        if one.severity() == Severity::Error {
            return false;
        }
        let path = one.place().file().path();
        let own = self
            .own
            .iter()
            .filter(|(own, _)| path == own || (own.ends_with('/') && path.starts_with(own.as_str())));
        self.skip.hold(one.rule()) || own.into_iter().any(|(_, names)| names.hold(one.rule()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Asked, String> {
        Asked::read(text, |text| text.parse().map_err(|_| format!("`{text}` is neither true nor false")))
    }

    #[test]
    fn the_words_of_stock_clients_are_read() {
        let asked = read("skip=sudo, latest-tag ;error=true;experimental=all").unwrap();
        assert_eq!(asked.skip, ["sudo", "latest-tag"]);
        assert_eq!((asked.experimental, asked.error), (vec!["all".to_owned()], Some(true)));
        assert_eq!(read("").unwrap(), Asked::default());
        assert!(read("error=maybe").unwrap_err().contains("neither"));
        assert!(read("skpi=sudo").unwrap_err().starts_with("`skpi` is not one of"));
    }

    #[test]
    fn a_client_can_skip_fail_and_misspell() {
        let file = SourceFile::new("m.json", b"{}".as_slice());
        let place = Place::new(&file, Span::new(0, 1));
        let found = || {
            vec![
                Diagnostic::warning("sudo", &place, "a"),
                Diagnostic::note("unpinned-apt", &place, "b"),
                Diagnostic::error("bad", &place, "c"),
            ]
        };
        let rules = |all: &[Diagnostic]| all.iter().map(Diagnostic::rule).collect::<Vec<_>>();
        let of = |text: &str| Settings::asked(&file, &read(text).unwrap());
        assert_eq!(rules(&of("").for_build(found()).unwrap()), ["sudo"], "notes are for those who ask");
        assert_eq!(rules(&of("skip=all").judge(found())), ["bad"], "a fault cannot be skipped");
        let fatal = of("error=true;skip=sudo").for_build(found()).unwrap_err();
        assert_eq!(rules(&fatal), ["bad", "unpinned-apt"], "what a check says ends the build");
        assert!(fatal.iter().all(|one| one.severity() == Severity::Error));
        let unknown = of("skip=sduo").judge(Vec::new());
        assert_eq!(
            unknown[0].to_string(),
            "m.json:1:1: `sduo` in `BUILDKIT_DOCKERFILE_CHECK` is not a rule (did you mean `sudo`?)"
        );
    }
}
