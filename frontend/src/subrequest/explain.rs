//! `frontend.explain`: what a build would run again, and why.

use std::fmt::Write as _;

use llb_gen::explain::{
    Fate, FragmentFate, FragmentInputs, ImageInput, ProductInputs, Reason, compare, short,
};
use llb_gen::lower::LAYER_LIMIT;
use serde::Serialize;

use super::Answer;
use super::table::table;

/// What is known about one platform.
#[derive(Debug)]
pub struct Explained {
    /// What the fragments are made from.
    pub inputs: ProductInputs,
    /// What they were made from in the build before.
    pub previous: Previous,
    /// How many steps each fragment runs.
    pub steps: Vec<usize>,
    /// Layers of the image, the base's included.
    pub layers: usize,
}

/// What is known of the build before.
#[derive(Debug)]
pub enum Previous {
    /// There was none here.
    Nothing,
    /// Its inputs.
    Known(Box<ProductInputs>),
    /// Its inputs cannot be used, for this reason.
    Unusable(String),
}

impl Previous {
    fn known(&self) -> Option<&ProductInputs> {
        match self {
            Self::Known(inputs) => Some(inputs),
            Self::Nothing | Self::Unusable(_) => None,
        }
    }

    /// What keeps it from being compared with.
    fn missing(&self) -> Option<String> {
        match self {
            Self::Known(_) => None,
            Self::Nothing => Some("nothing was built here before by `factory build`".to_owned()),
            Self::Unusable(reason) => {
                Some(format!("what was built here before is not known: its list of inputs: {reason}"))
            }
        }
    }
}

#[derive(Serialize)]
struct ExplainJson<'a> {
    platforms: Vec<PlatformJson<'a>>,
}

#[derive(Serialize)]
struct PlatformJson<'a> {
    product: &'a str,
    platform: &'a str,
    base: &'a Option<ImageInput>,
    layers: usize,
    layer_limit: usize,
    /// Whether there is a build to compare with; why not otherwise.
    compared: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_compared: Option<String>,
    fragments: Vec<FragmentJson<'a>>,
}

#[derive(Serialize)]
struct FragmentJson<'a> {
    #[serde(skip)]
    placed: Placed,
    key: String,
    steps: usize,
    /// Whether it stands beside fragments below it, rather than on all of them.
    beside: bool,
    fate: &'static str,
    reasons: Vec<ReasonJson>,
    inputs: &'a FragmentInputs,
}

#[derive(Serialize)]
struct ReasonJson {
    #[serde(flatten)]
    reason: Reason,
    text: String,
}

/// How a fragment stands to those below.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Placed {
    /// It is the lowest.
    First,
    /// On all of them.
    OnTop,
    /// On some or none of them.
    Beside,
}

/// The answer for all platforms.
pub fn explain(explained: &[Explained]) -> Answer {
    let platforms: Vec<PlatformJson<'_>> = explained.iter().map(platform).collect();
    let text = platforms.iter().map(text).collect::<Vec<_>>().join("\n");
    Answer::new(&ExplainJson { platforms }, text)
}

fn platform(explained: &Explained) -> PlatformJson<'_> {
    let Explained { inputs, previous, steps, layers } = explained;
    let fates = compare(previous.known(), inputs);
    let parts = inputs.fragments.iter().zip(inputs.keys()).zip(steps).zip(fates).enumerate();
    let fragments = parts.map(|(at, (((fragment, key), steps), fate))| {
        let placed = match at {
            0 => Placed::First,
            _ if fragment.built_on.len() == at => Placed::OnTop,
            _ => Placed::Beside,
        };
        let beside = placed == Placed::Beside;
        let (fate, reasons) = fate_json(fate);
        FragmentJson { placed, key, steps: *steps, beside, fate, reasons, inputs: fragment }
    });
    PlatformJson {
        product: &inputs.product,
        platform: &inputs.platform,
        base: &inputs.base,
        layers: *layers,
        layer_limit: LAYER_LIMIT,
        compared: previous.known().is_some(),
        not_compared: previous.missing(),
        fragments: fragments.collect(),
    }
}

fn fate_json(fate: FragmentFate) -> (&'static str, Vec<ReasonJson>) {
    match fate.fate {
        Fate::Reused => ("reused", Vec::new()),
        Fate::New => ("new", Vec::new()),
        Fate::Rebuilt(reasons) => {
            let json = |reason: Reason| ReasonJson { text: reason.to_string(), reason };
            ("rebuilt", reasons.into_iter().map(json).collect())
        }
    }
}

fn text(platform: &PlatformJson<'_>) -> String {
    let base = platform.base.as_ref().map_or_else(|| "scratch".to_owned(), image);
    let mut text = format!("{} on {}, base {base}\n", platform.product, platform.platform);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{} layers, at most {} are possible", platform.layers, platform.layer_limit);
    if let Some(reason) = &platform.not_compared {
        let _ = writeln!(text, "{reason}");
    }
    text.push('\n');
    let header = ["FRAGMENT", "KEY", "STEPS", "BUILT ON", "FATE"].map(str::to_owned);
    let rows = platform.fragments.iter().map(row);
    text.push_str(&table(&std::iter::once(header).chain(rows).collect::<Vec<_>>()));
    for fragment in &platform.fragments {
        let _ = write!(text, "\n{}\n{}", title(fragment), inputs(fragment.inputs));
    }
    text
}

fn title(fragment: &FragmentJson<'_>) -> String {
    format!("{} {}", fragment.inputs.name, fragment.inputs.version)
}

fn row(fragment: &FragmentJson<'_>) -> [String; 5] {
    let names = fragment.inputs.built_on.join(", ");
    let built_on = match fragment.placed {
        Placed::First => "the base".to_owned(),
        Placed::OnTop => "all below".to_owned(),
        Placed::Beside if names.is_empty() => "the base alone, beside the others".to_owned(),
        Placed::Beside => format!("{names} alone, beside the others"),
    };
    let fate = match &fragment.reasons[..] {
        [] => fragment.fate.to_owned(),
        reasons => {
            let reasons: Vec<&str> = reasons.iter().map(|reason| reason.text.as_str()).collect();
            format!("{} because {}", fragment.fate, reasons.join("; "))
        }
    };
    [title(fragment), short(&fragment.key).to_owned(), fragment.steps.to_string(), built_on, fate]
}

fn image(image: &ImageInput) -> String {
    match &image.digest {
        Some(digest) => format!("{}@{digest}", image.reference.split('@').next().unwrap_or_default()),
        None => format!("{} (digest unknown)", image.reference),
    }
}

fn inputs(inputs: &FragmentInputs) -> String {
    let mut rows = vec![["  definition".to_owned(), inputs.definition.clone()]];
    let mut add = |label: &str, values: Vec<String>| {
        rows.extend(values.into_iter().map(|value| [format!("  {label}"), value]));
    };
    let file = |(path, content): (&String, &String)| match content.strip_prefix("size:") {
        Some(size) => format!("{path} of {size} bytes, compared by its size alone"),
        None => format!("{path} {content}"),
    };
    let pair = |(name, value): (&String, &String)| format!("{name}={value}");
    add("file", inputs.files.iter().map(file).collect());
    add("argument", inputs.arguments.iter().map(pair).collect());
    add("variable", inputs.environment.iter().map(pair).collect());
    add("shell", [inputs.shell.join(" ")].into_iter().filter(|shell| !shell.is_empty()).collect());
    add("image", inputs.images.iter().map(image).collect());
    add("elsewhere", inputs.elsewhere.iter().map(|from| place(from)).collect());
    table(&rows)
}

fn place(from: &str) -> String {
    match (from, from.strip_prefix("context:")) {
        (_, Some(name)) => format!("files of the context {name}, not looked at"),
        ("fragment", _) => "own files whose names depend on the environment, not looked at".to_owned(),
        _ => "files of the build context, not looked at".to_owned(),
    }
}
