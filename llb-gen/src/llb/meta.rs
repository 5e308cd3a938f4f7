//! What is said about an op without being part of it.

use crate::ordered::ordered;
use std::collections::BTreeMap;

use bollard_buildkit_proto::pb;

use super::{Cap, Location, Resources};

/// Vertices of one group are shown by clients in one line (`pb.ProgressGroup`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProgressGroup {
    /// Identity of the group within a build.
    pub id: String,
    /// What the line says.
    pub name: String,
    /// Whether there is nothing to see yet as long as only this op of the group, and others that say so, were begun.
    pub weak: bool,
}

/// Whether an op's result may come from the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum CachePolicy {
    /// The usual: a known result is reused.
    #[default]
    Use,
    /// The op runs, whatever is known; its result is stored.
    Ignore,
}

/// What is said about an op: display name, description, progress group, cache policy, capabilities, source locations
/// (`pb.OpMetadata` and `pb.Source.locations`). None of it is part of the op's digest or of a cache key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    name: Option<String>,
    description: BTreeMap<String, String>,
    progress_group: Option<ProgressGroup>,
    cache: CachePolicy,
    export_cache: Option<bool>,
    caps: Vec<Cap>,
    locations: Vec<Location>,
    resources: Resources,
}

/// Keeps what comes first in sort order of what is there.
fn first<T: Ord + Clone>(one: &mut Option<T>, other: &Option<T>) {
    if let Some(other) = other
        && one.as_ref().is_none_or(|one| other < one)
    {
        *one = Some(other.clone());
    }
}

impl Meta {
    /// How many places of an op are taken over from other mentions of it. An op that all fragments of a large product share
    /// would have as many as these, and a client that shows its failure an excerpt for each.
    const MOST_LOCATIONS: usize = 16;

    /// Metadata with a display name, `[core 1/3] apt install python3`. Names that begin with `[internal]` are what
    /// clients treat as noise.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }

    /// The same metadata under another display name.
    #[must_use]
    pub fn rename(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Adds a description entry, shown with errors.
    #[must_use]
    pub fn description(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.description.insert(key.into(), value.into());
        self
    }

    /// Puts the op under a heading.
    #[must_use]
    pub fn group(mut self, group: ProgressGroup) -> Self {
        self.progress_group = Some(group);
        self
    }

    /// Sets the cache policy.
    #[must_use]
    pub fn cache(mut self, policy: CachePolicy) -> Self {
        self.cache = policy;
        self
    }

    /// Forces the op's result into exported caches, or keeps it out.
    #[must_use]
    pub fn export_cache(mut self, export: bool) -> Self {
        self.export_cache = Some(export);
        self
    }

    /// Limits what the process of an exec may use. Listed as a capability that the daemon must have.
    #[must_use]
    pub fn resources(mut self, resources: Resources) -> Self {
        self.resources = resources;
        self
    }

    /// Adds a place the op comes from. Clients show those first that were added first; duplicates are dropped.
    #[must_use]
    pub fn location(mut self, location: Location) -> Self {
        self.add_location(location);
        self
    }

    /// The display name.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether the result may come from the cache.
    pub fn cache_policy(&self) -> CachePolicy {
        self.cache
    }

    /// The places the op comes from, as clients show them.
    pub fn locations(&self) -> &[Location] {
        &self.locations
    }

    /// What the process may use.
    pub(crate) fn limits(&self) -> &Resources {
        &self.resources
    }

    pub(crate) fn with_caps(mut self, caps: impl IntoIterator<Item = Cap>) -> Self {
        self.caps.extend(caps);
        self.caps.sort_unstable();
        self.caps.dedup();
        self
    }

    fn add_location(&mut self, location: Location) {
        if !self.locations.contains(&location) {
            self.locations.push(location);
        }
    }

    /// Takes over what another mention of the same op says: one op made twice is one vertex, which ignores the cache if
    /// either mention does, comes from the places of both, the first [`Self::MOST_LOCATIONS`] of them, and keeps the first
    /// name in sort order.
    pub(crate) fn absorb(&mut self, other: &Self) {
        first(&mut self.name, &other.name);
        for (key, value) in &other.description {
            let entry = self.description.entry(key.clone()).or_insert_with(|| value.clone());
            if value < entry {
                entry.clone_from(value);
            }
        }
        first(&mut self.progress_group, &other.progress_group);
        self.cache = self.cache.max(other.cache);
        self.export_cache = self.export_cache.max(other.export_cache);
        self.resources = self.resources.relaxed(&other.resources);
        for location in &other.locations {
            if self.locations.len() < Self::MOST_LOCATIONS {
                self.add_location(location.clone());
            }
        }
    }

    /// The wire form.
    pub(crate) fn to_pb(&self) -> pb::OpMetadata {
        let mut description = self.description.clone();
        if let Some(name) = &self.name {
            description.insert("llb.customname".to_owned(), name.clone());
        }
        pb::OpMetadata {
            ignore_cache: self.cache == CachePolicy::Ignore,
            caps: ordered(
                self.all_caps(!description.is_empty()).into_iter().map(|cap| (cap.id().to_owned(), true)),
            ),
            description,
            export_cache: self.export_cache.map(|value| pb::ExportCache { value }),
            progress_group: self.progress_group.as_ref().map(|group| pb::ProgressGroup {
                id: group.id.clone(),
                name: group.name.clone(),
                weak: group.weak,
            }),
        }
    }

    /// Every capability that the op and what is said about it need, but those of the description, without which a daemon
    /// shows another name and does the same.
    pub(crate) fn needs(&self, mut visit: impl FnMut(Cap)) {
        self.caps.iter().copied().for_each(&mut visit);
        self.said_caps(false).for_each(visit);
    }

    /// Whether the op may ask for more than a process usually may: the network, confinement or devices are chosen.
    pub(crate) fn needs_rights(&self) -> bool {
        const CHOSEN: [Cap; 3] = [Cap::EXEC_NETWORK, Cap::EXEC_SECURITY, Cap::EXEC_CDI];
        self.caps.iter().any(|cap| CHOSEN.contains(cap))
    }

    fn all_caps(&self, described: bool) -> Vec<Cap> {
        self.caps.iter().copied().chain(self.said_caps(described)).collect()
    }

    fn said_caps(&self, described: bool) -> impl Iterator<Item = Cap> + use<> {
        let said = [
            described.then_some(Cap::META_DESCRIPTION),
            (self.cache == CachePolicy::Ignore).then_some(Cap::META_IGNORE_CACHE),
            self.export_cache.map(|_| Cap::META_EXPORT_CACHE),
            (!self.resources.is_empty()).then_some(Cap::EXEC_LINUX_RESOURCES),
        ];
        said.into_iter().flatten()
    }

    /// Capabilities that the terminal op repeats for the whole graph.
    pub(crate) fn graph_caps(&self) -> impl Iterator<Item = Cap> + use<> {
        let said = self.said_caps(self.name.is_some() || !self.description.is_empty());
        said.filter(|cap| *cap != Cap::EXEC_LINUX_RESOURCES)
    }
}
