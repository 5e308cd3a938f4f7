//! Values that vary: `${…}` in strings, branches for platforms and accelerators.

use jsonc_parser::ast::{Object, Value as Json};
use jsonc_parser::common::Ranged;

use super::decode::{Decode, Member};
use super::json::offsets;
use super::node::{Context, Node};
use super::object::repeated;
use crate::diagnostic::Diagnostic;
use crate::model::template_text::Written;
use crate::model::value::{Reader, Source};
use crate::model::{Accelerator, BranchKey, List, PerPlatform, Platform, Text, TextValue, Value};

/// How many branches one value may have.
const MOST_BRANCHES: usize = 64;
/// What a branch may be for.
const KEY_FORM: &str = "a platform such as `linux/amd64`, `cuda`, `linux/amd64+cuda` or `default`";

/// Reads the key of a branch.
pub(crate) fn branch_key(text: &str) -> Option<BranchKey> {
    let accelerator = |text: &str| (text == "cuda").then_some(Accelerator::Cuda);
    if text == "default" {
        return Some(BranchKey { platform: None, accelerator: None });
    }
    if let Some(one) = accelerator(text) {
        return Some(BranchKey { platform: None, accelerator: Some(one) });
    }
    let (platform, facet) =
        text.split_once('+').map_or((text, None), |(platform, facet)| (platform, Some(facet)));
    let platform = Some(Platform::from_text(platform).ok()?);
    match facet {
        None => Some(BranchKey { platform, accelerator: None }),
        Some(facet) => Some(BranchKey { platform, accelerator: Some(accelerator(facet)?) }),
    }
}

/// Whether `object` holds branches: for a type that may itself be an object, every key must be a branch's.
fn has_branches(object: &Object<'_>, itself_object: bool) -> bool {
    let mut keys = object.properties.iter().map(|property| property.name.as_str());
    !itself_object || (!object.properties.is_empty() && keys.all(|key| branch_key(key).is_some()))
}

impl<T: Decode> Decode for PerPlatform<T> {
    const FORM: &'static str = T::FORM;
    const OBJECT: bool = true;

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        match node {
            Json::Object(object) if has_branches(object, T::OBJECT) => {
                branches(object, T::FORM, cx, T::decode)
            }
            _ => {
                let place = cx.place(node);
                T::decode(node, cx).map(|value| Self::same(value, place))
            }
        }
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let one = <T as Decode>::schema(generator);
        crate::schema::branched(&one)
    }
}

/// Reads every branch of `object`.
fn branches<T>(
    object: &Object<'_>,
    form: &'static str,
    cx: &mut Context<'_>,
    read: impl Fn(Node<'_, '_>, &mut Context<'_>) -> Option<T>,
) -> Option<PerPlatform<T>> {
    let keys = branch_keys(object, form, cx)?;
    let mut found = Vec::with_capacity(keys.len());
    for (key, property) in keys.into_iter().zip(&object.properties) {
        let value = read(&property.value, cx);
        found.extend(key.zip(value));
    }
    (found.len() == object.properties.len()).then(|| PerPlatform::branched(found, cx.place(object)))
}

/// The key of every branch, nothing for one that is none; nothing at all for an object without a sensible number of
/// branches.
fn branch_keys(
    object: &Object<'_>,
    form: &'static str,
    cx: &mut Context<'_>,
) -> Option<Vec<Option<BranchKey>>> {
    if object.properties.is_empty() {
        let message = format!("{} has no branch", cx.subject());
        let expected = format!("{form}, or an object with a branch for each platform");
        return cx.refuse(Diagnostic::error("empty-value", &cx.place(object), message).expecting(expected));
    }
    if object.properties.len() > MOST_BRANCHES {
        let message = format!("{} has more than {MOST_BRANCHES} branches", cx.subject());
        return cx.refuse(Diagnostic::error("too-many", &cx.place(object), message));
    }
    let _ = repeated(object, cx);
    let mut keys: Vec<Option<BranchKey>> = Vec::with_capacity(object.properties.len());
    for property in &object.properties {
        let key = branch_key(property.name.as_str());
        if key.is_none() {
            not_a_branch(property.name.as_str(), &property.name, form, cx);
        } else if keys.contains(&key) {
            let message = format!("two branches are for `{}`", property.name.as_str());
            cx.sink.push(Diagnostic::error("repeated-member", &cx.place(&property.name), message));
        }
        keys.push(key);
    }
    cx.found.branched.push((keys.iter().flatten().cloned().collect(), cx.place(object)));
    Some(keys)
}

fn not_a_branch(name: &str, at: &impl Ranged, form: &str, cx: &mut Context<'_>) {
    let shown = crate::model::text_value::quoted(name);
    let message = format!("{shown} in {} is no platform", cx.subject());
    let near =
        crate::diagnostic::nearest(name, ["linux/amd64", "linux/arm64", "linux/arm/v7", "default", "cuda"]);
    let help = near.map(|near| format!("did you mean `{near}`?"));
    let expected = format!("{form}, or an object with branches, each for {KEY_FORM}");
    cx.sink.push(
        Diagnostic::error("invalid-branch", &cx.place(at), message).expecting(expected).maybe_help(help),
    );
}

/// Reads a string that may hold `${…}`.
fn source<T: TextValue>(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Source<T>> {
    let Json::StringLit(string) = node else { return cx.wrong_type(node, T::FORM) };
    let text = read_text(node, &string.value, cx)?;
    let place = cx.place(node);
    match text.as_literal() {
        Some(literal) => match T::from_text(literal) {
            Ok(value) => Some(Source::Literal(value, place)),
            Err(fault) => cx.invalid(node, fault, T::FORM),
        },
        None => {
            cx.found.text(&text);
            Some(Source::Text(text, place, Reader { form: T::FORM, read: T::from_text }))
        }
    }
}

/// Reads the `${…}` of a string literal.
pub(crate) fn read_text(node: Node<'_, '_>, decoded: &str, cx: &mut Context<'_>) -> Option<Text> {
    let offset = offsets(cx.text, node.start(), node.end());
    let written = Written { file: cx.file, text: decoded, offset: &offset };
    match Text::read(&written) {
        Ok(text) => Some(text),
        Err(fault) => {
            let place = crate::text::Place::new(cx.file, fault.span);
            let help = "a dollar sign before a brace is written `$$`";
            let message = format!("invalid {}: {}", cx.subject(), fault.message);
            cx.refuse(Diagnostic::error("invalid-expansion", &place, message).help(help))
        }
    }
}

impl<T: TextValue> Decode for Value<T> {
    const FORM: &'static str = T::FORM;
    const OBJECT: bool = true;

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        let choice = match node {
            Json::Object(object) => branches(object, T::FORM, cx, source)?,
            _ => PerPlatform::same(source(node, cx)?, cx.place(node)),
        };
        Some(Self::new(choice))
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        crate::schema::varying_text::<T>(generator)
    }
}

/// Items of a list: an array, or one item alone.
fn items<T: TextValue>(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Vec<Value<T>>> {
    match node {
        Json::Array(_) => Vec::decode(node, cx),
        _ => Value::decode(node, cx).map(|one| vec![one]),
    }
}

impl<T: TextValue> Member for List<T> {
    const EXPECTED: &'static str = T::FORM;

    fn absent() -> Option<Self> {
        Some(Self::default())
    }

    fn present(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        let items = match node {
            Json::Object(object) => branches(object, T::FORM, cx, items)?,
            _ => PerPlatform::same(items(node, cx)?, cx.place(node)),
        };
        Some(Self::new(items))
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let item = <Value<T> as Decode>::schema(generator);
        crate::schema::branched(&crate::schema::one_or_list(item))
    }
}
