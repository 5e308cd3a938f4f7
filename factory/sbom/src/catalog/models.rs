//! Models: safetensors and GGUF files, and the cache of the hub that they were downloaded from.

use serde_json::Value;

use super::{Cataloger, say};
use crate::formats::Opened;
use crate::formats::models::{self, Model};
use crate::licence::Licence;
use crate::limits;
use crate::model::{Ecosystem, Inventory, Package, Purpose};
use crate::purl;
use crate::root::{Entry, Kind, Place, Root, Wish, join, name, parent};

/// Reads the heads of model files; the weights are not read here.
#[derive(Debug)]
pub struct Models;

const NAME: &str = "models";

impl Cataloger for Models {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wants(&self, place: Place<'_>) -> Wish {
        let model = stem(place.name()).is_some();
        // In the hub's cache the named files are links to ones that are named by digest.
        let cached = || place.kind() == Kind::Symlink && snapshot(place.path()).is_some();
        Wish::yes_if(model && (place.is_file() || cached()))
    }

    fn found(&self, root: &Root, entry: &Entry<'_>, out: &mut Inventory) {
        let place = entry.path();
        let Some(stem) = stem(entry.name()) else { return };
        let part = part(stem);
        // Of a model in many files the first one stands for all.
        if part.is_some_and(|(_, number)| number != 1) {
            return;
        }
        let file = match root.file(place) {
            Ok(file) => file,
            Err(problem) => {
                return out.warn(NAME, place, format!("cannot be read, so this model is missing: {problem}"));
            }
        };
        let gguf = entry.name().ends_with(b".gguf");
        let read = Opened::new(&file)
            .and_then(|file| if gguf { models::gguf(&file) } else { models::safetensors(&file) });
        match read {
            Ok(model) => add(root, out, place, part.map_or(stem, |(stem, _)| stem), &model),
            Err(fault) => say(out, NAME, place, &fault, "this model is missing"),
        }
    }
}

fn stem(name: &[u8]) -> Option<&[u8]> {
    let stem = name.strip_suffix(b".safetensors").or_else(|| name.strip_suffix(b".gguf"))?;
    (!stem.is_empty()).then_some(stem)
}

/// `model` and 1 of `model-00001-of-00003`.
fn part(stem: &[u8]) -> Option<(&[u8], u32)> {
    let (rest, _) = stem.len().checked_sub(9).and_then(|at| {
        let (rest, tail) = stem.split_at(at);
        let count = tail.strip_prefix(b"-of-")?;
        count.iter().all(u8::is_ascii_digit).then_some((rest, count))
    })?;
    let (before, number) = rest.split_at(rest.len().checked_sub(6)?);
    let number = std::str::from_utf8(number.strip_prefix(b"-")?).ok()?.parse().ok()?;
    Some((before, number))
}

/// Organisation, name and revision of `…/models--org--name/snapshots/revision/…`.
fn snapshot(path: &[u8]) -> Option<(String, String, String)> {
    let path = std::str::from_utf8(path).ok()?;
    let mut parts = path.split('/');
    let folder = parts.find_map(|part| part.strip_prefix("models--"))?;
    let revision = parts.next().filter(|part| *part == "snapshots").and(parts.next())?;
    let (organisation, name) = folder.split_once("--").unwrap_or(("", folder));
    Some((organisation.to_owned(), name.to_owned(), revision.to_owned()))
}

fn add(root: &Root, out: &mut Inventory, place: &[u8], stem: &[u8], model: &Model) {
    let folder = parent(place);
    let config = config(root, out, folder);
    let word = |key: &str| model.words.get(key).map_or("", String::as_str);
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let hub = snapshot(place);
    let (name_, version, made) = match &hub {
        Some((organisation, name, revision)) => {
            let whole = if organisation.is_empty() { name.clone() } else { format!("{organisation}/{name}") };
            (whole, revision.clone(), purl::build("huggingface", organisation, name, revision, &[]))
        }
        None => {
            // Half of all models are called "model"; their folder says more.
            let plain =
                matches!(stem, b"model" | b"pytorch_model" | b"diffusion_pytorch_model" | b"adapter_model");
            let folder = text(name(folder));
            let stated = word("general.name");
            let called = match (stated, plain && !folder.is_empty()) {
                ("", true) => folder,
                ("", false) => text(stem),
                (stated, _) => stated.to_owned(),
            };
            let version = word("general.version").to_owned();
            let made = purl::build("generic", "", &called, &version, &[]);
            (called, version, made)
        }
    };
    let purl = match made {
        Ok(purl) => purl,
        Err(why) => return out.warn(NAME, place, format!("this model is left out: {why}")),
    };
    let mut package = Package::new(Ecosystem::Model, NAME, name_, version, purl);
    package.evidence.push(place.to_vec());
    package.scope = folder.to_vec();
    package.purpose = Purpose::Model;
    let licence = [word("general.license"), word("license")].into_iter().find(|licence| !licence.is_empty());
    package.licence = match licence.map(ToOwned::to_owned).or_else(|| card_licence(root, folder)) {
        Some(words) => hub_licence(&words),
        None => Licence::default(),
    };
    package.homepage = Some(word("general.url")).filter(|url| url.starts_with("http")).map(ToOwned::to_owned);
    let member =
        |key: &str| config.as_ref().and_then(|config| config.get(key)).and_then(Value::as_str).unwrap_or("");
    let kind = [word("general.architecture"), member("model_type")].into_iter().find(|kind| !kind.is_empty());
    let mut summary = format!("A model of {} tensors", model.tensors);
    if let Some(parameters) = model.parameters {
        summary = format!("{summary} and {parameters} parameters");
    }
    if let Some(kind) = kind {
        summary = format!("{summary}, architecture {kind}");
    }
    if !model.types.is_empty() {
        summary = format!("{summary}, in {}", model.types.join(", "));
    }
    if part(self::stem(name(place)).unwrap_or_default()).is_some() {
        package.notes.push("one of several files; numbers are of the first".to_owned());
    }
    package.summary = Some(summary);
    let base = member("_name_or_path");
    if base.contains('/') && !base.starts_with(['/', '.']) {
        package.notes.push(format!("its configuration names {base}"));
    }
    out.add(package);
}

/// `config.json` beside the weights. It is not there for every model, and then it is no fault.
fn config(root: &Root, out: &mut Inventory, folder: &[u8]) -> Option<Value> {
    let path = join(folder, b"config.json");
    let bytes = out.read(root, NAME, &path, limits::METADATA)?;
    match serde_json::from_slice(&bytes) {
        Ok(value) => Some(value),
        Err(fault) => {
            out.warn_once(
                NAME,
                &path,
                format!("is no JSON, so the model's architecture may be missing: {fault}"),
            );
            None
        }
    }
}

/// `license:` in the head of `README.md`, between two lines of hyphens.
fn card_licence(root: &Root, folder: &[u8]) -> Option<String> {
    let bytes = root.read(&join(folder, b"README.md"), limits::LICENCE_TEXT).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines();
    if lines.next()?.trim_end() != "---" {
        return None;
    }
    let head = lines.take_while(|line| line.trim_end() != "---").take(200);
    let value = |line: &str| Some(line.strip_prefix("license:")?.trim().trim_matches(['"', '\'']).to_owned());
    head.filter_map(value).find(|value| !value.is_empty() && value != "other")
}

/// The hub writes SPDX's identifiers in small letters; what SPDX does not know keeps its name.
fn hub_licence(words: &str) -> Licence {
    let id = spdx::imprecise_license_id(words).filter(|(_, length)| *length == words.len());
    id.map_or_else(|| Licence::of(words), |(id, _)| Licence::of(id.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_model() {
        assert_eq!(part(b"model-00001-of-00003"), Some((&b"model"[..], 1)));
        assert_eq!(part(b"q4_k-00002-of-00002"), Some((&b"q4_k"[..], 2)));
        for whole in ["model", "of", "model-of-00003", "-of-00003", "model-0000x-of-00003"] {
            assert_eq!(part(whole.as_bytes()), None, "{whole}");
        }
    }

    #[test]
    fn places_in_the_hubs_cache() {
        let found =
            snapshot(b"root/.cache/huggingface/hub/models--org--a-b/snapshots/abc/x/model.safetensors");
        assert_eq!(found, Some(("org".into(), "a-b".into(), "abc".into())));
        assert_eq!(
            snapshot(b"models--gpt2/snapshots/1/m.gguf"),
            Some((String::new(), "gpt2".into(), "1".into()))
        );
        assert_eq!(snapshot(b"models--gpt2/blobs/1"), None);
        assert_eq!(snapshot(b"srv/model.safetensors"), None);
    }
}
