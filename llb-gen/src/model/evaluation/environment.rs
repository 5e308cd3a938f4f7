//! Environment variables from the base up to the image.

use std::collections::BTreeMap;

use super::arguments::{Arguments, LONGEST_CHAIN, chain_too_long, cycle};
use crate::diagnostic::{Diagnostic, Diagnostics, Sink};
use crate::model::product::Product;
use crate::model::scope::Scope;
use crate::model::step::{Env, EnvEntry};
use crate::ordered::ordered;

/// Variables of one level: the template, a fragment, a stage, or the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// Everything that members of the level may name.
    pub scope: Scope,
    /// What the level itself sets, in the order written.
    pub set: Vec<(String, String)>,
    /// The image's environment from the base up to this level, without repetitions.
    pub env: Vec<(String, String)>,
    /// The level's arguments that have a value: part of its steps' environment, never of the image's.
    pub args: Vec<(String, String)>,
}

/// Every level of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environments {
    /// Below all fragments; the base's own environment for a product without a template.
    pub template: Level,
    /// The fragments from the base upwards, each over everything before it: what the image gets.
    pub fragments: Vec<Level>,
    /// For fragments that are not built on everything before them: over what they are built on, which is what their
    /// steps see.
    pub apart: BTreeMap<usize, Apart>,
    /// The image: the manifest's `env` over everything.
    pub manifest: Level,
}

/// A fragment that is not built on everything before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apart {
    /// The environment of what it is built on.
    pub below: Vec<(String, String)>,
    /// Its own level over that.
    pub level: Level,
}

impl Product {
    /// Evaluates every `env` over the environment of the base.
    ///
    /// # Errors
    /// Unknown variables, variables without a value, and cycles, each at its `${…}`.
    pub fn environments(
        &self,
        arguments: &Arguments,
        base: &[(String, String)],
    ) -> Result<Environments, Diagnostics> {
        let mut sink = Sink::default();
        let none = Env::new();
        let template_env = self.template.as_ref().map_or(&none, |template| &template.env);
        let template = level(arguments.template(), &[], base, template_env, &mut sink);
        let mut fragments: Vec<Level> = Vec::with_capacity(self.fragments.len());
        for (index, fragment) in self.fragments.iter().enumerate() {
            let below = fragments.last().unwrap_or(&template);
            let args = arguments.visible(index);
            let next = level(arguments.fragment(index), args, &below.env, &fragment.env, &mut sink);
            fragments.push(next);
        }
        let apart = self.levels_apart(arguments, &template, &fragments, &mut sink);
        let below = fragments.last().unwrap_or(&template);
        let manifest = level(arguments.manifest(), &[], &below.env, &self.manifest.env, &mut sink);
        sink.finish(Some(Environments { template, fragments, apart, manifest }))
            .map(|(environments, _)| environments)
    }
}

impl Product {
    /// The levels of fragments that do not see everything before them. A fragment that is built on one that sees all that
    /// it does is over that one's level; any other begins at the template and goes through what it is built on.
    fn levels_apart(
        &self,
        arguments: &Arguments,
        template: &Level,
        fragments: &[Level],
        sink: &mut Sink,
    ) -> BTreeMap<usize, Apart> {
        let mut apart: BTreeMap<usize, Apart> = BTreeMap::new();
        for index in (0..self.fragments.len()).filter(|index| !self.composition.is_link(*index)) {
            let below = self.composition.below(index);
            let below = match below.split_last() {
                Some((last, rest)) if self.composition.below(*last) == rest => {
                    apart.get(last).map_or(&fragments[*last], |one| &one.level).env.clone()
                }
                _ => below
                    .iter()
                    .fold(template.env.clone(), |env, &one| self.level_over(one, arguments, &env, sink).env),
            };
            let level = self.level_over(index, arguments, &below, sink);
            apart.insert(index, Apart { below, level });
        }
        apart
    }

    fn level_over(
        &self,
        index: usize,
        arguments: &Arguments,
        below: &[(String, String)],
        sink: &mut Sink,
    ) -> Level {
        let (scope, args) = (arguments.fragment(index), arguments.visible(index));
        level(scope, args, below, &self.fragments[index].env, sink)
    }
}

impl Environments {
    /// What the steps of a fragment see.
    #[must_use]
    pub fn of_steps(&self, index: usize) -> &Level {
        self.apart.get(&index).map_or(&self.fragments[index], |apart| &apart.level)
    }
}

impl Level {
    /// The level of `env` over the environment `below`, with the arguments of `scope`, of which steps see `args`.
    ///
    /// # Errors
    /// As [`Product::environments`].
    pub fn over(
        scope: &Scope,
        args: &[(String, String)],
        below: &[(String, String)],
        env: &Env,
    ) -> Result<Self, Diagnostics> {
        let mut sink = Sink::default();
        let level = level(scope, args, below, env, &mut sink);
        sink.finish(Some(level)).map(|(level, _)| level)
    }

    /// The environment of a process of this level: its arguments, over them the image's environment so far, over that
    /// the step's own `env`. No name appears twice.
    ///
    /// # Errors
    /// As [`Product::environments`], the first fault.
    pub fn process_env(&self, own: &Env) -> Result<Vec<(String, String)>, Diagnostics> {
        let mut all = self.args.clone();
        // An argument hides a variable of the same name from below, not one that the level sets itself.
        let hidden = |name: &str| has(&self.args, name) && !has(&self.set, name);
        merge(&mut all, self.env.iter().filter(|(name, _)| !hidden(name)));
        if own.is_empty() {
            return Ok(all);
        }
        let step = Self::over(&self.scope, &[], &[], own)?;
        merge(&mut all, step.set.iter());
        Ok(all)
    }
}

fn has(env: &[(String, String)], name: &str) -> bool {
    env.iter().any(|(key, _)| key == name)
}

/// Sets each of `over` in `env`: in its old place where the name is there, else at the end.
fn merge<'v>(env: &mut Vec<(String, String)>, over: impl Iterator<Item = &'v (String, String)>) {
    for (name, value) in over {
        match env.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => value.clone_into(old),
            None => env.push((name.clone(), value.clone())),
        }
    }
}

fn level(
    args_scope: &Scope,
    args: &[(String, String)],
    below: &[(String, String)],
    env: &Env,
    sink: &mut Sink,
) -> Level {
    let mut scope = args_scope.clone();
    for (name, value) in below {
        if !scope.knows(name) {
            scope.set(name.clone(), Some(value.clone()));
        }
    }
    let entries = ordered(env.iter().map(|entry| (entry.name.as_str(), entry)));
    let mut siblings = Siblings { entries, outer: &scope, values: BTreeMap::new(), path: Vec::new(), sink };
    for entry in env {
        siblings.resolve(entry);
    }
    let values = siblings.values;
    let mut set = Vec::with_capacity(env.len());
    for entry in env {
        if let Some(value) = values.get(entry.name.as_str()).cloned().flatten() {
            set.push((entry.name.as_str().to_owned(), value));
        }
    }
    let mut all = below.to_vec();
    merge(&mut all, set.iter());
    for (name, value) in &set {
        scope.set(name.clone(), Some(value.clone()));
    }
    Level { scope, set, env: all, args: args.to_vec() }
}

/// Variables of one `env` object, which may name each other in any order.
struct Siblings<'a, 's> {
    entries: BTreeMap<&'a str, &'a EnvEntry>,
    outer: &'s Scope,
    values: BTreeMap<&'a str, Option<String>>,
    path: Vec<&'a str>,
    sink: &'s mut Sink,
}

impl<'a> Siblings<'a, '_> {
    fn resolve(&mut self, entry: &'a EnvEntry) {
        let name = entry.name.as_str();
        if self.values.contains_key(name) {
            return;
        }
        self.path.push(name);
        let result = self.evaluate(entry, name);
        let value = self.sink.ok(result);
        self.path.pop();
        self.values.insert(name, value.flatten());
    }

    /// The value; nothing when it depends on one that has failed already.
    fn evaluate(&mut self, entry: &'a EnvEntry, name: &'a str) -> Result<Option<String>, Diagnostic> {
        if self.path.len() > LONGEST_CHAIN {
            return Err(chain_too_long(name, entry.value.place()));
        }
        let mut scope: Option<Scope> = None;
        for used in entry.value.uses() {
            if used.name == name {
                continue;
            }
            let Some(sibling) = self.entries.get(used.name).copied() else { continue };
            if self.path.contains(&used.name) {
                return Err(cycle(&self.path, used.name, used.place));
            }
            self.resolve(sibling);
            let Some(value) = self.values.get(used.name).cloned().flatten() else { return Ok(None) };
            scope.get_or_insert_with(|| self.outer.clone()).set(used.name.to_owned(), Some(value));
        }
        entry.value.get(scope.as_ref().unwrap_or(self.outer)).map(Some)
    }
}
