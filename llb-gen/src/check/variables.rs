//! `${…}`: variables that need each other, and names that nothing can give a value.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Sink};
use crate::model::scope::unknown_variable;
use crate::model::step::Env;
use crate::model::{Arg, PLATFORM_VARIABLES};
use crate::ordered::ordered;
use crate::parse::node::FoundUse;
use crate::text::{Place, Span};

/// Who needs whom, and where.
pub(super) struct Circle<'a> {
    edges: BTreeMap<&'a str, Vec<(String, Place)>>,
}

impl<'a> Circle<'a> {
    /// The arguments of one document.
    pub(super) fn of_args(args: &'a [Arg]) -> Self {
        let uses = |arg: &Arg| arg.default.iter().flat_map(|value| value.uses()).map(owned).collect();
        Self { edges: ordered(args.iter().map(|arg| (arg.name.as_str(), uses(arg)))) }
    }

    /// The variables of one `env`. One that names itself means what is below.
    pub(super) fn of_env(env: &'a Env) -> Self {
        let edges = env.iter().map(|entry| {
            let name = entry.name.as_str();
            (name, entry.value.uses().filter(|used| used.name != name).map(owned).collect())
        });
        Self { edges: ordered(edges) }
    }
}

fn owned(used: crate::model::Use<'_>) -> (String, Place) {
    (used.name.to_owned(), used.place.clone())
}

/// Reports every circle once.
pub(super) fn circles(circle: &Circle<'_>, sink: &mut Sink) {
    for (path, place) in find_circles(&circle.edges) {
        let message = format!("variables need each other: {}", path.join(" → "));
        let fault = Diagnostic::error("variable-cycle", &place, message);
        sink.push(fault.help("give one of them a value of its own"));
    }
}

/// Every circle among `edges`, as the names along it (the first again at the end) and the place that closes it.
/// Depth-first with a stack of its own, so a long chain cannot exhaust the thread's.
pub(super) fn find_circles(edges: &BTreeMap<&str, Vec<(String, Place)>>) -> Vec<(Vec<String>, Place)> {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut found = Vec::new();
    for start in edges.keys().copied() {
        let mut path: Vec<(&str, usize)> = vec![(start, 0)];
        while let Some((name, next)) = path.last_mut() {
            let (name, index) = (*name, *next);
            *next += 1;
            let edge = edges.get(name).filter(|_| !done.contains(name)).and_then(|list| list.get(index));
            let Some((target, place)) = edge else {
                done.insert(name);
                path.pop();
                continue;
            };
            if let Some(from) = path.iter().position(|(step, _)| step == target) {
                let mut round: Vec<String> =
                    path[from..].iter().map(|(step, _)| (*step).to_owned()).collect();
                round.push(target.clone());
                found.push((round, place.clone()));
            } else if let Some((known, _)) = edges.get_key_value(target.as_str()) {
                path.push((known, 0));
            }
        }
    }
    found
}

/// A part of a document in which fewer or more names are known than elsewhere.
pub(super) struct Region {
    /// The part.
    pub(super) span: Span,
    /// What else is known there.
    pub(super) names: BTreeSet<String>,
    /// Whether the environment is unknown there: an argument's default, or an image that is looked up before any
    /// environment is known.
    pub(super) arguments_only: bool,
    /// Whether anything may be known there: a stage on an image of its own.
    pub(super) anything: bool,
}

/// What `${NAME}` may mean in a document.
pub(super) struct Names<'a> {
    /// The document's own arguments.
    pub(super) args: BTreeSet<&'a str>,
    /// Environment variables that are set by the document or below it.
    pub(super) env: BTreeSet<&'a str>,
    /// Whether a base image may set more.
    pub(super) base_may_set_more: bool,
    /// Parts with rules of their own.
    pub(super) regions: Vec<Region>,
}

impl Names<'_> {
    /// Reports each of `uses` that can never have a value. Parts of a document lie inside each other or apart, so one
    /// walk over both, in the order of the file, knows at each use which parts are around it.
    pub(super) fn check(&self, uses: &[FoundUse], sink: &mut Sink) {
        let mut regions: Vec<&Region> = self.regions.iter().collect();
        regions.sort_by_key(|region| (region.span.start(), std::cmp::Reverse(region.span.end())));
        let mut uses: Vec<&FoundUse> = uses.iter().filter(|used| used.required).collect();
        uses.sort_by_key(|used| used.place.span());
        let mut next = regions.into_iter().peekable();
        let mut around: Vec<&Region> = Vec::new();
        for used in uses {
            let at = used.place.span();
            while let Some(region) = next.next_if(|region| region.span.start() <= at.start()) {
                around.retain(|outer| outer.span.end() > region.span.start());
                around.push(region);
            }
            around.retain(|region| region.span.end() > at.start());
            self.check_use(used, &around, sink);
        }
    }

    fn check_use(&self, used: &FoundUse, around: &[&Region], sink: &mut Sink) {
        let arguments_only = around.iter().any(|region| region.arguments_only);
        let open = (self.base_may_set_more || around.iter().any(|region| region.anything)) && !arguments_only;
        let local = around.iter().any(|region| region.names.contains(&used.name));
        if !open && !local && !self.knows(&used.name, arguments_only) {
            sink.push(self.unknown(used, arguments_only));
        }
    }

    fn knows(&self, name: &str, arguments_only: bool) -> bool {
        let variable = self.args.contains(name) || PLATFORM_VARIABLES.contains(&name);
        variable || (!arguments_only && (self.env.contains(name) || name == "PATH"))
    }

    fn unknown(&self, used: &FoundUse, arguments_only: bool) -> Diagnostic {
        if arguments_only && self.env.contains(used.name.as_str()) {
            let message =
                format!("`{}` is an environment variable, and only arguments are known here", used.name);
            return Diagnostic::error("unknown-variable", &used.place, message)
                .help("declare an argument in `args`; the environment can be set from it");
        }
        let env = self.env.iter().copied().filter(|_| !arguments_only);
        let known: BTreeSet<&str> = ordered(self.args.iter().copied().chain(PLATFORM_VARIABLES).chain(env));
        unknown_variable(&used.name, known.iter().copied()).at(&used.place)
    }
}
