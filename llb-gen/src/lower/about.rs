//! What is said about vertices: names that people understand, groups of what is one thing to them, lines of files.
//!
//! A group is one line of a client's progress, which shows what the group's ops print and no names but the group's. So a
//! group is never more than a step with what belongs to it: who waits wants to see which step it is.

use std::sync::Arc;

use crate::llb::{CachePolicy, LineRange, Location, Meta, ProgressGroup, SourceInfo};
use crate::plan::PlannedFragment;
use crate::plan::stage::PlannedStage;
use crate::plan::step::PlannedStep;
use crate::plan::test::{PlannedTest, TestIdentity};
use crate::request::{Naming, NoCache, Request};
use crate::text::{Place, SourceFile};

/// What is said about the vertices of a fragment, a stage, or one step of them.
#[derive(Clone)]
pub(super) struct About {
    /// `linux/arm64 core 0.1.0`, the platform only where there are several.
    label: String,
    /// The same without the platform.
    bare: String,
    steps: usize,
    cache: CachePolicy,
    /// Whether the step itself is never from the cache, whatever is made for it.
    anew: bool,
    at: Option<(usize, String)>,
    /// The fragment's file, one for all its steps.
    file: Arc<SourceInfo>,
    location: Option<Location>,
    /// Where the manifest selects the fragment.
    selected: Option<Location>,
}

impl About {
    pub(super) fn fragment(request: &Request, fragment: &PlannedFragment) -> Self {
        let name = format!("{} {}", fragment.name, fragment.version);
        let about = Self::new(request, &name, &fragment.name, fragment.steps.len(), fragment.source.clone());
        Self { selected: Some(fragment.selected.clone()), ..about }
    }

    pub(super) fn stage(request: &Request, fragment: &PlannedFragment, stage: &PlannedStage) -> Self {
        let name = format!("{} {} {}", fragment.name, fragment.version, stage.name);
        let filter = format!("{}/{}", fragment.name, stage.name);
        let mut about = Self::new(request, &name, &filter, stage.steps.len(), fragment.source.clone());
        about.selected = Some(fragment.selected.clone());
        if request.no_cache.holds_for(&fragment.name) {
            about.cache = CachePolicy::Ignore;
        }
        about
    }

    fn new(request: &Request, name: &str, filter: &str, steps: usize, file: Arc<SourceInfo>) -> Self {
        let label = match request.naming {
            Naming::Plain => name.to_owned(),
            Naming::WithPlatform => format!("{} {name}", request.platform),
        };
        let cache = if request.no_cache.holds_for(filter) { CachePolicy::Ignore } else { CachePolicy::Use };
        Self {
            label,
            bare: name.to_owned(),
            steps,
            cache,
            anew: false,
            at: None,
            file,
            location: None,
            selected: None,
        }
    }

    /// About what a test needs beside the image. No cache at all leaves nothing of it either.
    pub(super) fn test(request: &Request, test: &PlannedTest) -> Self {
        let TestIdentity { name, place, .. } = &test.identity;
        let file = source_info(place.file());
        let name = format!("tests {name}");
        let mut about = Self::new(request, &name, "", test.needs.steps.len(), file);
        about.cache =
            if request.no_cache == NoCache::Everything { CachePolicy::Ignore } else { CachePolicy::Use };
        about
    }

    /// About what is made of several fragments.
    pub(super) fn product(request: &Request) -> Self {
        let file = Arc::new(SourceInfo {
            filename: String::new(),
            data: Arc::default(),
            language: String::new(),
            loading: None,
        });
        let mut about = Self::new(request, "product", "", 0, file);
        about.cache =
            if request.no_cache == NoCache::Everything { CachePolicy::Ignore } else { CachePolicy::Use };
        about
    }

    /// About what stands at these places of the fragment's file.
    pub(super) fn at<'p>(&self, places: impl IntoIterator<Item = &'p Place>, name: &str) -> Meta {
        let places = places.into_iter().map(|place| self.location_of(place));
        self.written_at(places, &format!("[{}] {name}", self.label))
    }

    /// About one step.
    pub(super) fn of_step(&self, at: usize, step: &PlannedStep) -> Self {
        let location = Some(self.location_of(&step.place));
        Self { at: Some((at + 1, step.title.clone())), location, ..self.clone() }
    }

    /// About finding out what the step would install: never from the cache, for that is asked to know it now.
    pub(super) fn resolving(&self) -> Self {
        let at = self.at.as_ref().map(|(at, title)| (*at, format!("lock {title}")));
        Self { at, anew: true, ..self.clone() }
    }

    /// The lines of a place of the fragment's file.
    fn location_of(&self, place: &Place) -> Location {
        located(&self.file, place)
    }

    /// The step's own name.
    pub(super) fn step(&self) -> Meta {
        let meta = self.meta(&self.step_name());
        if self.anew { meta.cache(CachePolicy::Ignore) } else { meta }
    }

    /// The step's own name, over what belongs to it ([`About::beside`]).
    pub(super) fn step_with_others(&self) -> Meta {
        self.step().group(self.step_group())
    }

    /// What a step does beside its own op, on the same root: clients show it as a part of the step.
    pub(super) fn beside(&self, what: &str) -> Meta {
        self.named(what).group(self.step_group())
    }

    /// What a step is made from, the same on every platform. It may be there long before the step's turn: nothing is to be
    /// seen of it until then.
    pub(super) fn shared(&self, what: &str) -> Meta {
        self.anywhere(what).group(weak(self.step_group()))
    }

    /// What is the same on every platform, and is one vertex then: it has one name.
    pub(super) fn anywhere(&self, what: &str) -> Meta {
        self.meta(&format!("[{}] {what}", self.bare))
    }

    /// What turns a fragment's steps into its layer, or fragments into a product: one line of a client's progress.
    pub(super) fn composing(&self, what: &str) -> Meta {
        self.named(what).group(self.composition())
    }

    /// What that is made from: nothing is to be seen of it before the fragment's turn.
    pub(super) fn preparing(&self, what: &str) -> Meta {
        self.named(what).group(weak(self.composition()))
    }

    fn composition(&self) -> ProgressGroup {
        group(format!("[{}] compose", self.label))
    }

    fn step_group(&self) -> ProgressGroup {
        group(self.step_name())
    }

    fn step_name(&self) -> String {
        match &self.at {
            Some((at, title)) => format!("[{} {at}/{}] {title}", self.label, self.steps),
            None => format!("[{}]", self.label),
        }
    }

    /// Another name beside it: `workdir /opt`.
    pub(super) fn named(&self, what: &str) -> Meta {
        self.meta(&format!("[{}] {what}", self.label))
    }

    fn meta(&self, name: &str) -> Meta {
        self.written_at(self.location.clone(), name)
    }

    /// Where it is written comes before what selects it: the first one is what clients show first.
    fn written_at(&self, places: impl IntoIterator<Item = Location>, name: &str) -> Meta {
        let places = places.into_iter().chain(self.selected.clone());
        places.fold(Meta::named(name).cache(self.cache), Meta::location)
    }
}

/// A group that is known by its name.
fn group(name: String) -> ProgressGroup {
    ProgressGroup { id: name.clone(), name, weak: false }
}

fn weak(group: ProgressGroup) -> ProgressGroup {
    ProgressGroup { weak: true, ..group }
}

/// About something that nobody wrote: clients treat such names as noise. It says the platform where there are several, for
/// what is made differently on each.
pub(super) fn internal(request: &Request, what: &str) -> Meta {
    Meta::named(match request.naming {
        Naming::Plain => format!("[internal] {what}"),
        Naming::WithPlatform => format!("[{} internal] {what}", request.platform),
    })
}

/// The lines of a place of this file.
pub(crate) fn located(file: &Arc<SourceInfo>, place: &Place) -> Location {
    let lines = place.lines();
    Location { file: Arc::clone(file), lines: LineRange::new(lines.first, lines.last) }
}

/// The lines of a place, for the source map of a vertex.
#[must_use]
pub fn location(place: &Place) -> Location {
    located(&source_info(place.file()), place)
}

/// A file as source maps hold it.
pub(crate) fn source_info(file: &SourceFile) -> Arc<SourceInfo> {
    Arc::new(SourceInfo {
        filename: file.path().to_owned(),
        data: file.shared_bytes(),
        language: "JSON".to_owned(),
        loading: file.loading().cloned(),
    })
}
