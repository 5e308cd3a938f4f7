//! What one vertex is, out of its op and what is said about it.

use bollard_buildkit_proto::pb;
use prost::Message as _;

use super::{ChartLocation, ChartVertex, Input};
use crate::llb::{CachePolicy, Meta, Vertex};
use crate::model::Platform;

/// The vertex as a chart has it; where its inputs stand in the chart is not known here.
pub(super) fn describe(vertex: &Vertex, meta: &Meta, platform: &Platform) -> ChartVertex {
    // Every vertex was encoded here or checked when it came in.
    let op = pb::Op::decode(vertex.bytes()).unwrap_or_default();
    let name = meta.name().map_or_else(|| identifier(&op), str::to_owned);
    let locations = meta.locations().iter().map(|location| ChartLocation {
        file: location.file.filename.clone(),
        first_line: location.lines.start(),
        last_line: location.lines.end(),
    });
    ChartVertex {
        digest: vertex.digest().to_string(),
        group: group(&name, platform),
        name,
        kind: kind(&op),
        platform: op.platform.as_ref().map(platform_text),
        inputs: op
            .inputs
            .iter()
            .map(|input| Input { digest: input.digest.clone(), output: input.index, at: 0 })
            .collect(),
        results: Vec::new(),
        no_cache: meta.cache_policy() == CachePolicy::Ignore,
        locations: locations.filter(|location| !location.file.is_empty()).collect(),
    }
}

/// What stands in the brackets of a name, without the platform and the number of the step: `core 0.1.0`.
fn group(name: &str, platform: &Platform) -> String {
    let Some((label, _)) = name.strip_prefix('[').and_then(|rest| rest.split_once(']')) else {
        return "other".to_owned();
    };
    let label = label.strip_prefix(&format!("{platform} ")).unwrap_or(label);
    let counts = |word: &str| {
        let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        word.split_once('/').is_some_and(|(at, of)| number(at) && number(of))
    };
    match label.rsplit_once(' ') {
        Some((group, last)) if counts(last) => group.to_owned(),
        _ => label.to_owned(),
    }
}

fn kind(op: &pb::Op) -> String {
    let scheme = |source: &pb::SourceOp| {
        let scheme = source.identifier.split_once("://").map_or("source", |(scheme, _)| scheme);
        match scheme {
            "docker-image" => "image",
            "https" => "http",
            other => other,
        }
        .to_owned()
    };
    match &op.op {
        Some(pb::op::Op::Exec(_)) => "exec".to_owned(),
        Some(pb::op::Op::Source(source)) => scheme(source),
        Some(pb::op::Op::File(_)) => "file".to_owned(),
        Some(pb::op::Op::Merge(_)) => "merge".to_owned(),
        Some(pb::op::Op::Diff(_)) => "diff".to_owned(),
        Some(pb::op::Op::Build(_)) => "build".to_owned(),
        None => "result".to_owned(),
    }
}

/// What a vertex without a name is called.
fn identifier(op: &pb::Op) -> String {
    match &op.op {
        Some(pb::op::Op::Source(source)) => source.identifier.clone(),
        Some(pb::op::Op::Exec(exec)) => {
            exec.meta.as_ref().map(|meta| meta.args.join(" ")).unwrap_or_default()
        }
        _ => kind(op),
    }
}

fn platform_text(platform: &pb::Platform) -> String {
    let parts = [&platform.os, &platform.architecture, &platform.variant];
    parts.into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_a_vertex_belongs_to() {
        let platform: Platform = "linux/arm64".parse().unwrap();
        for (name, expected) in [
            ("[core 0.1.0 2/3] pip install", "core 0.1.0"),
            ("[linux/arm64 core 0.1.0 2/3] pip install", "core 0.1.0"),
            ("[core 0.1.0 build 1/1] run make", "core 0.1.0 build"),
            ("[core 0.1.0] delta", "core 0.1.0"),
            ("[linux/arm64 base] debian:12", "base"),
            ("[internal] load build context", "internal"),
            ("nothing in brackets", "other"),
            ("[never closed", "other"),
        ] {
            assert_eq!(group(name, &platform), expected, "{name}");
        }
    }
}
