//! What a lowered product demands of an engine: capabilities that it may lack, and rights that it may not have been given.

use std::collections::BTreeMap;

use bollard_buildkit_proto::pb;
use prost::Message as _;

use super::Lowered;
use crate::diagnostic::Diagnostic;
use crate::llb::{Cap, Graph, Meta};
use crate::text::{Place, SourceFile};

/// A right beyond a step's usual ones, which the client has to grant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// The network of the machine that builds.
    HostNetwork,
    /// No confinement.
    Insecure,
    /// A device, by its CDI name.
    Device(String),
}

impl Right {
    /// What `--allow` of a client, and the daemon, call it.
    #[must_use]
    pub fn entitlement(&self) -> String {
        match self {
            Self::HostNetwork => "network.host".to_owned(),
            Self::Insecure => "security.insecure".to_owned(),
            Self::Device(name) => format!("device={name}"),
        }
    }

    /// What a step with it does: "uses the network of the machine".
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::HostNetwork => "uses the network of the machine that builds".to_owned(),
            Self::Insecure => "runs without confinement".to_owned(),
            Self::Device(name) => format!("uses the device `{name}`"),
        }
    }
}

/// A step that needs rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Privileged {
    /// Its name in the progress.
    pub name: String,
    /// Where it is written.
    pub place: Option<Place>,
    /// What it needs.
    pub rights: Vec<Right>,
}

impl Lowered {
    /// Every graph that a build of it solves.
    fn graphs(&self) -> impl Iterator<Item = &Graph> {
        [&self.graph, &self.checks].into_iter().chain(self.tests.iter().map(|group| &group.evidence))
    }

    /// What an engine that `can` only so much cannot do of this: a fault each, at the step that needs it, or at `manifest`.
    #[must_use]
    pub fn lacking(&self, manifest: &Place, can: impl Fn(Cap) -> bool) -> Vec<Diagnostic> {
        let mut found: BTreeMap<Cap, Diagnostic> = BTreeMap::new();
        for (cap, meta) in self.graphs().flat_map(|graph| graph.lacking(&can)) {
            found.entry(cap).or_insert_with(|| fault(cap, meta, manifest));
        }
        found.into_values().collect()
    }

    /// The steps that need rights, once each.
    #[must_use]
    pub fn privileged(&self) -> Vec<Privileged> {
        let mut found: Vec<Privileged> = Vec::new();
        for (vertex, meta) in self.graphs().flat_map(Graph::vertices) {
            if !meta.needs_rights() {
                continue;
            }
            let rights = rights(vertex.bytes());
            let one =
                Privileged { name: meta.name().unwrap_or_default().to_owned(), place: place(meta), rights };
            if !one.rights.is_empty() && !found.contains(&one) {
                found.push(one);
            }
        }
        found
    }
}

fn rights(op: &[u8]) -> Vec<Right> {
    let Ok(pb::Op { op: Some(pb::op::Op::Exec(exec)), .. }) = pb::Op::decode(op) else { return Vec::new() };
    let network = (exec.network == pb::NetMode::Host as i32).then_some(Right::HostNetwork);
    let security = (exec.security == pb::SecurityMode::Insecure as i32).then_some(Right::Insecure);
    let devices = exec.cdi_devices.into_iter().map(|device| Right::Device(device.name));
    network.into_iter().chain(security).chain(devices).collect()
}

fn fault(cap: Cap, meta: &Meta, manifest: &Place) -> Diagnostic {
    let store = if cap.needs_containerd_store() { " with the containerd image store" } else { "" };
    let message = format!("this engine cannot {}", cap.what());
    let place = place(meta);
    let fault = Diagnostic::error("engine-too-old", place.as_ref().unwrap_or(manifest), message);
    let needed = meta.name().map_or_else(String::new, |name| format!(", which `{name}` needs"));
    fault
        .expecting(format!("BuildKit {} or later{store}", cap.since()))
        .help(format!("it lacks the capability `{}`{needed}", cap.id()))
}

/// The lines that an op comes from: where it is written goes before what selects it.
fn place(meta: &Meta) -> Option<Place> {
    let one = meta.locations().first()?;
    let file = SourceFile::new(one.file.filename.clone(), one.file.data.clone());
    Some(Place::new(&file, file.span_of_lines(one.lines.start(), one.lines.end())))
}
