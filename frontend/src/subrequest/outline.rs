//! `frontend.outline`: what a target takes from outside.

use std::collections::BTreeMap;

use llb_gen::model::step::{Action, Run, Step};
use llb_gen::model::{Arg, Arguments, Product, Scope};
use llb_gen::target::Target;
use llb_gen::text::Place;
use serde::Serialize;

use super::Answer;
use super::sources::{LocationJson, Sources};
use super::table::table;
use crate::excerpt::base64;

#[derive(Serialize)]
struct OutlineJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    args: Vec<ArgJson>,
    secrets: Vec<NeedJson>,
    ssh: Vec<NeedJson>,
    cache: Vec<CacheJson>,
    sources: Vec<String>,
}

#[derive(Serialize)]
struct ArgJson {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    location: LocationJson,
}

/// A secret or an ssh agent.
#[derive(Debug, PartialEq, Serialize)]
struct NeedJson {
    name: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    required: bool,
    location: LocationJson,
}

#[derive(Serialize)]
struct CacheJson {
    #[serde(rename = "ID")]
    id: String,
    location: LocationJson,
}

/// The outline of the target, `name` on the command line. Values are those of the build that was asked for; only steps
/// that run on its platform count.
pub fn outline(product: &Product, arguments: &Arguments, target: &Target, name: Option<&str>) -> Answer {
    let mut outline = Outline::new(product);
    outline.arguments(product, arguments, target);
    for index in target.fragments(product) {
        let scope = arguments.fragment(index);
        for run in steps_of(product, index, target).filter_map(|step| running(step, scope)) {
            outline.run(run, scope);
        }
    }
    outline.answer(product, name)
}

/// The steps that the target runs of a fragment: those of the stage that is asked for alone, or the fragment's with those of
/// all its stages, which may feed it.
fn steps_of<'p>(product: &'p Product, index: usize, target: &Target) -> impl Iterator<Item = &'p Step> {
    let fragment = &product.fragments[index];
    let wanted = match target {
        Target::Stage { fragment, stage } => Some((*fragment == index).then(|| stage.clone())),
        Target::Product | Target::Report | Target::Prewarm | Target::Fragment(_) => None,
    };
    let own = wanted.is_none().then_some(&fragment.steps);
    let stages = fragment.stages.iter().filter(move |stage| match &wanted {
        None => true,
        Some(name) => name.as_ref() == Some(stage.name.value()),
    });
    own.into_iter().flatten().chain(stages.flat_map(|stage| &stage.steps))
}

fn running<'p>(step: &'p Step, scope: &Scope) -> Option<&'p Run> {
    match &step.action {
        Action::Run(run) if step.when.holds(scope) => Some(run),
        _ => None,
    }
}

/// The outline under construction: needs by name, each once, required where any step requires it.
struct Outline {
    sources: Sources,
    args: BTreeMap<String, ArgJson>,
    secrets: BTreeMap<String, NeedJson>,
    ssh: BTreeMap<String, NeedJson>,
    cache: BTreeMap<String, CacheJson>,
}

impl Outline {
    fn new(product: &Product) -> Self {
        Self {
            sources: Sources::starting_with(&product.manifest.file),
            args: BTreeMap::new(),
            secrets: BTreeMap::new(),
            ssh: BTreeMap::new(),
            cache: BTreeMap::new(),
        }
    }

    /// Arguments of the manifest first, so that an argument is shown where it was set.
    fn arguments(&mut self, product: &Product, arguments: &Arguments, target: &Target) {
        for arg in &product.manifest.args {
            self.arg(arg, arguments.manifest());
        }
        for arg in product.template.iter().flat_map(|template| &template.args) {
            self.arg(arg, arguments.template());
        }
        for index in target.fragments(product) {
            if *target == Target::Product || steps_of(product, index, target).next().is_some() {
                product.fragments[index].args.iter().for_each(|arg| self.arg(arg, arguments.fragment(index)));
            }
        }
    }

    fn arg(&mut self, arg: &Arg, scope: &Scope) {
        let name = arg.name.as_str().to_owned();
        let location = self.sources.location(&arg.place);
        let entry = self.args.entry(name.clone()).or_insert(ArgJson {
            name,
            description: None,
            value: None,
            location,
        });
        entry.value = entry.value.take().or_else(|| scope.value(&entry.name).map(str::to_owned));
        entry.description = entry.description.take().or_else(|| arg.description.clone());
    }

    fn run(&mut self, run: &Run, scope: &Scope) {
        for secret in &run.secrets {
            if let Ok(id) = secret.id.get(scope) {
                let required = secret.required.get(scope).is_ok_and(|required| *required);
                need(&mut self.secrets, &mut self.sources, id.to_string(), required, &secret.place);
            }
        }
        for ssh in &run.ssh {
            let id = ssh.id.as_ref().and_then(|id| id.get(scope).ok()).map(|id| id.to_string());
            let required = ssh.required.get(scope).is_ok_and(|required| *required);
            let name = id.unwrap_or_else(|| "default".to_owned());
            need(&mut self.ssh, &mut self.sources, name, required, &ssh.place);
        }
        for cache in &run.cache {
            let id = cache.id.as_ref().and_then(|id| id.get(scope).ok()).map(|id| id.to_string());
            if let Some(id) = id.or_else(|| cache.path.get(scope).ok().map(|path| path.as_str().to_owned())) {
                let location = self.sources.location(&cache.place);
                self.cache.entry(id.clone()).or_insert(CacheJson { id, location });
            }
        }
    }

    fn answer(self, product: &Product, target: Option<&str>) -> Answer {
        let json = OutlineJson {
            name: target.map(str::to_owned),
            description: product.manifest.description.clone().filter(|_| target.is_none()),
            args: self.args.into_values().collect(),
            secrets: self.secrets.into_values().collect(),
            ssh: self.ssh.into_values().collect(),
            cache: self.cache.into_values().collect(),
            sources: self.sources.files().iter().map(|file| base64(file.bytes())).collect(),
        };
        let text = text(&json);
        Answer::new(&json, text)
    }
}

fn need(
    needs: &mut BTreeMap<String, NeedJson>,
    sources: &mut Sources,
    name: String,
    required: bool,
    place: &Place,
) {
    let location = sources.location(place);
    let entry = needs.entry(name.clone()).or_insert(NeedJson { name, required, location });
    entry.required |= required;
}

fn text(outline: &OutlineJson) -> String {
    let mut parts = Vec::new();
    let heading = [("TARGET:", &outline.name), ("DESCRIPTION:", &outline.description)];
    let heading: Vec<[String; 2]> = heading
        .into_iter()
        .filter_map(|(label, value)| value.clone().map(|value| [label.to_owned(), value]))
        .collect();
    parts.push(table(&heading));
    let args = outline.args.iter().map(|arg| {
        [arg.name.clone(), arg.value.clone().unwrap_or_default(), arg.description.clone().unwrap_or_default()]
    });
    parts.push(section(["BUILD ARG", "VALUE", "DESCRIPTION"], args));
    parts.push(section(["SECRET", "REQUIRED"], outline.secrets.iter().map(need_row)));
    parts.push(section(["SSH", "REQUIRED"], outline.ssh.iter().map(need_row)));
    parts.push(section(["CACHE"], outline.cache.iter().map(|cache| [cache.id.clone()])));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

fn need_row(need: &NeedJson) -> [String; 2] {
    [need.name.clone(), if need.required { "true".to_owned() } else { String::new() }]
}

/// A table with its header; nothing at all where there are no rows.
fn section<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let all: Vec<[String; N]> = std::iter::once(header.map(str::to_owned)).chain(rows).collect();
    if all.len() > 1 { table(&all) } else { String::new() }
}
