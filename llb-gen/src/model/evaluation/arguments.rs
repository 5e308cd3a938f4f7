//! Arguments: what is declared, what is set, and which one holds.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Diagnostics, Sink, Warnings, listed, nearest};
use crate::model::arg::{Arg, ArgKind, PLATFORM_VARIABLES};
use crate::model::name::ArgName;
use crate::model::platform::Platform;
use crate::model::product::Product;
use crate::model::scope::Scope;
use crate::model::value::Value;
use crate::ordered::ordered;
use crate::text::Place;

/// The arguments of a product on one platform. Each scope holds the arguments that its document declares and the
/// platform variables, which is all that conditions and image references may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    manifest: Scope,
    template: Scope,
    fragments: Vec<Scope>,
    /// For every fragment the arguments that its steps see in their environment.
    visible: Vec<Vec<(String, String)>>,
}

impl Arguments {
    /// What the manifest's own members may name.
    #[must_use]
    pub fn manifest(&self) -> &Scope {
        &self.manifest
    }

    /// What the template's members may name.
    #[must_use]
    pub fn template(&self) -> &Scope {
        &self.template
    }

    /// What the members of the fragment with this index may name; the manifest's scope for an index out of range.
    #[must_use]
    pub fn fragment(&self, index: usize) -> &Scope {
        self.fragments.get(index).unwrap_or(&self.manifest)
    }

    /// The arguments of the fragment with this index that have a value, for the environment of its steps.
    #[must_use]
    pub fn visible(&self, index: usize) -> &[(String, String)] {
        self.visible.get(index).map_or(&[], Vec::as_slice)
    }
}

impl Product {
    /// Decides every argument for a build for `target` on a worker of platform `build`, with the build arguments
    /// `given`. The strongest source wins: `given`, the manifest, the template, the fragment's own default.
    ///
    /// # Errors
    /// Values that the declarations do not allow, unknown variables, and cycles among arguments.
    pub fn arguments(
        &self,
        target: &Platform,
        build: &Platform,
        given: &BTreeMap<String, String>,
    ) -> Result<(Arguments, Warnings), Diagnostics> {
        let mut sink = Sink::default();
        let mut scope = Scope::new(target.clone(), self.manifest.accelerator);
        platform_variables(&mut scope, target, build);
        let solver = Solver { given, platform: &scope };
        let manifest = solver.document(&mut sink, &[&self.manifest.args]);
        let template_args = self.template.as_ref().map_or(&[][..], |template| &template.args);
        let template = solver.document(&mut sink, &[&self.manifest.args, template_args]);
        let mut fragments = Vec::with_capacity(self.fragments.len());
        for fragment in &self.fragments {
            fragments.push(solver.document(&mut sink, &[&self.manifest.args, template_args, &fragment.args]));
        }
        // A template or fragment sees only what it declares itself.
        let template = only(&scope, &template, template_args);
        let fragments: Vec<Scope> = fragments
            .iter()
            .zip(&self.fragments)
            .map(|(all, fragment)| only(&scope, all, &fragment.args))
            .collect();
        let visible =
            fragments.iter().zip(&self.fragments).map(|(scope, fragment)| visible(scope, &fragment.args));
        let visible = visible.collect();
        self.warn_of_unknown(given, &mut sink);
        sink.finish(Some(Arguments { manifest, template, fragments, visible }))
    }

    /// Every argument that the manifest, the template or a fragment declares.
    #[must_use]
    pub fn declared_arguments(&self) -> BTreeSet<&str> {
        let template = self.template.iter().flat_map(|template| &template.args);
        let fragments = self.fragments.iter().flat_map(|fragment| &fragment.args);
        ordered(self.manifest.args.iter().chain(template).chain(fragments).map(|arg| arg.name.as_str()))
    }

    fn warn_of_unknown(&self, given: &BTreeMap<String, String>, sink: &mut Sink) {
        let declared = self.declared_arguments();
        let place = self.manifest.id.place();
        for name in given.keys().filter(|name| says_platform(name)) {
            let message =
                format!("build argument `{name}` cannot be given: it says what is built, and where");
            let help = "it has no effect; `--platform` and `--target` choose";
            sink.push(Diagnostic::warning("unknown-build-argument", place, message).help(help));
        }
        for name in given.keys().filter(|name| !declared.contains(name.as_str()) && !is_predefined(name)) {
            let near = nearest(name, declared.iter().copied());
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("declared are {}", listed(declared.iter().copied())),
            };
            let message = format!("build argument `{name}` is declared nowhere in this product");
            sink.push(Diagnostic::warning("unknown-build-argument", place, message).help(help));
        }
    }
}

/// Build arguments that mean something to BuildKit or the frontend without a declaration.
fn is_predefined(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let proxies = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];
    // Of what BuildKit or the frontend might act on, the frontend knows all there is.
    upper.starts_with("BUILDKIT_")
        || name.starts_with("FACTORY_")
        || name == "SOURCE_DATE_EPOCH"
        || proxies.contains(&upper.as_str())
        || says_platform(name)
}

/// Whether a Dockerfile's frontend offers an argument of this name by itself.
fn says_platform(name: &str) -> bool {
    PLATFORM_VARIABLES.contains(&name) || ["TARGETOSVERSION", "BUILDOSVERSION", "TARGETSTAGE"].contains(&name)
}

fn platform_variables(scope: &mut Scope, target: &Platform, build: &Platform) {
    for (prefix, platform) in [("TARGET", target), ("BUILD", build)] {
        let parts = [
            ("PLATFORM", platform.to_string()),
            ("OS", platform.os().to_owned()),
            ("ARCH", platform.arch().to_owned()),
            ("VARIANT", platform.variant().unwrap_or_default().to_owned()),
        ];
        for (part, value) in parts {
            scope.set(format!("{prefix}{part}"), Some(value));
        }
    }
}

/// The platform variables and, of `all`, what `args` declare.
fn only(platform: &Scope, all: &Scope, args: &[Arg]) -> Scope {
    let mut scope = platform.clone();
    for arg in args.iter().filter(|arg| arg.kind != ArgKind::Platform) {
        let name = arg.name.as_str();
        scope.set(name.to_owned(), all.value(name).map(str::to_owned));
    }
    scope
}

fn visible(scope: &Scope, args: &[Arg]) -> Vec<(String, String)> {
    let value = |arg: &Arg| {
        scope.value(arg.name.as_str()).map(|value| (arg.name.as_str().to_owned(), value.to_owned()))
    };
    args.iter().filter_map(value).collect()
}

/// Resolves the arguments of one document.
struct Solver<'a> {
    given: &'a BTreeMap<String, String>,
    platform: &'a Scope,
}

/// The strongest value of one argument and every declaration that it must satisfy.
struct Candidate<'a> {
    value: Option<&'a Value<String>>,
    given: Option<&'a str>,
    declarations: Vec<&'a Arg>,
}

impl<'a> Solver<'a> {
    /// The scope of a document: `layers` are declarations from the strongest source to the document's own.
    fn document(&self, sink: &mut Sink, layers: &[&'a [Arg]]) -> Scope {
        let candidates = self.candidates(layers);
        let mut resolution = Resolution {
            candidates: &candidates,
            scope: self.platform.clone(),
            path: Vec::new(),
            failed: BTreeSet::new(),
            sink,
        };
        for name in candidates.keys() {
            resolution.resolve(name);
        }
        let (scope, sink) = (resolution.scope, resolution.sink);
        for (name, candidate) in &candidates {
            if let Some(value) = scope.value(name) {
                check(name, value, candidate, sink);
            }
        }
        scope
    }

    fn candidates(&self, layers: &[&'a [Arg]]) -> BTreeMap<&'a str, Candidate<'a>> {
        let mut found: BTreeMap<&str, Candidate<'a>> = BTreeMap::new();
        for arg in layers.iter().copied().flatten().filter(|arg| arg.kind != ArgKind::Platform) {
            let name = arg.name.as_str();
            let given = self.given.get(name).map(String::as_str);
            let entry =
                found.entry(name).or_insert(Candidate { value: None, given, declarations: Vec::new() });
            entry.value = entry.value.or(arg.default.as_ref());
            entry.declarations.push(arg);
        }
        found
    }
}

/// Checks the value of one argument against all its declarations.
fn check(name: &str, value: &str, candidate: &Candidate<'_>, sink: &mut Sink) {
    for declaration in &candidate.declarations {
        let Err(expected) = declaration.kind.check(value) else { continue };
        let place: &Place = match (candidate.given, candidate.value) {
            (None, Some(written)) => written.place(),
            _ => declaration.name.place(),
        };
        let source = if candidate.given.is_some() { "build argument" } else { "argument" };
        let shown = crate::model::text_value::quoted(value);
        let fault =
            Diagnostic::error("argument-value", place, format!("{source} `{name}` cannot be {shown}"));
        let fault = fault.expecting(expected);
        sink.push(match place == declaration.name.place() {
            true => fault,
            false => fault.label(declaration.name.place(), "declared here"),
        });
    }
}

/// Expands arguments that name each other, each once, finding cycles on the way.
struct Resolution<'c, 'a> {
    candidates: &'c BTreeMap<&'a str, Candidate<'a>>,
    scope: Scope,
    path: Vec<&'a str>,
    /// Arguments with a fault already reported; what needs them keeps quiet.
    failed: BTreeSet<&'a str>,
    sink: &'c mut Sink,
}

impl<'a> Resolution<'_, 'a> {
    fn resolve(&mut self, name: &'a str) {
        let Some(candidate) = self.candidates.get(name) else { return };
        if self.scope.knows(name) || self.path.contains(&name) {
            return;
        }
        let value = match (candidate.given, candidate.value) {
            (Some(given), _) => Some(given.to_owned()),
            (None, Some(value)) => self.expanded(name, value),
            (None, None) => None,
        };
        self.scope.set(name.to_owned(), value);
    }

    fn expanded(&mut self, name: &'a str, value: &'a Value<String>) -> Option<String> {
        if self.path.len() >= LONGEST_CHAIN {
            self.sink.push(chain_too_long(name, value.place()));
            self.failed.insert(name);
            return None;
        }
        self.path.push(name);
        for used in value.uses() {
            if self.path.contains(&used.name) {
                let fault = cycle(&self.path, used.name, used.place);
                self.sink.push(fault);
                self.path.pop();
                self.failed.insert(name);
                return None;
            }
            self.resolve(used.name);
        }
        self.path.pop();
        let spoiled = value.uses().any(|used| self.failed.contains(used.name));
        let result = if spoiled { None } else { self.sink.ok(value.get(&self.scope)) };
        if result.is_none() {
            self.failed.insert(name);
        }
        result
    }
}

/// How many variables may need one another in a row.
pub(super) const LONGEST_CHAIN: usize = 100;

/// The error about a chain that is longer than that; `name` at `place` is where it was given up.
pub(super) fn chain_too_long(name: &str, place: &Place) -> Diagnostic {
    let message = format!("more than {LONGEST_CHAIN} variables need one another before `{name}`");
    Diagnostic::error("variable-chain", place, message)
}

/// The error about variables that need each other; `path` leads to the use of `name` at `place`.
pub(super) fn cycle(path: &[&str], name: &str, place: &Place) -> Diagnostic {
    let from = path.iter().position(|step| *step == name).unwrap_or(0);
    let mut round: Vec<&str> = path[from..].to_vec();
    round.push(name);
    Diagnostic::error("variable-cycle", place, format!("variables need each other: {}", round.join(" → ")))
        .help("give one of them a value of its own")
}

impl ArgName {
    /// Whether it is one of [`PLATFORM_VARIABLES`].
    #[must_use]
    pub fn is_platform_variable(&self) -> bool {
        PLATFORM_VARIABLES.contains(&self.as_str())
    }
}
