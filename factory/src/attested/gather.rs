//! Everything that is said of an image, gathered from where it may stand.

use std::collections::{BTreeMap, BTreeSet};

use llb_gen::model::Platform;
use llb_gen::policy::SbomFormat;
use llb_gen::record::RECORD_PREDICATE_TYPE;

use super::files::{Evidence, unpacked, unpacked_files};
use super::kinds;
use super::packages::{Package, packages};
use super::recorded::RecordFile;
use super::statement::Statement;
use crate::images::{ATTESTED, PlatformImage, Platforms, Store};
use crate::registry::{Descriptor, Document, Fault, Manifest, Referrer, Result, digest_of, media};

/// The largest statement that engines make, and the largest of anything else that is read here.
const LONGEST: u64 = 40 << 20;
/// What evidence may come to while it is packed.
const LONGEST_EVIDENCE: u64 = 256 << 20;

/// How BuildKit and cosign name what a layer's statement says.
pub(crate) const PREDICATE_TYPES: [&str; 2] = ["in-toto.io/predicate-type", "predicateType"];

/// What something is said of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// The image of one platform.
    Image {
        /// Which.
        platform: Option<Platform>,
        /// The digest of its manifest.
        digest: String,
    },
    /// The index of all.
    Index {
        /// Its digest.
        digest: String,
    },
}

impl About {
    /// The digest of its manifest.
    #[must_use]
    pub fn digest(&self) -> &str {
        match self {
            Self::Image { digest, .. } | Self::Index { digest } => digest,
        }
    }
}

/// All that is said of one manifest.
#[derive(Debug)]
pub struct Said {
    /// Of what.
    pub about: About,
    /// The statements, in the order in which they stand.
    pub statements: Vec<Statement>,
    /// Lists of what is in it that refer to it as they are: form and bytes.
    pub documents: Vec<(SbomFormat, Vec<u8>)>,
    /// Records, by the names of their builds.
    pub records: BTreeMap<String, RecordFile>,
    /// What builds have printed, by their names.
    pub evidence: BTreeMap<String, Evidence>,
}

impl Said {
    /// Adds statements. The same one may stand in the index, refer to the image and lie under a tag: it counts once.
    fn take(&mut self, statements: Vec<Statement>) {
        for one in statements {
            if !self.statements.iter().any(|known| known.bytes == one.bytes) {
                self.statements.push(one);
            }
        }
    }

    fn of(about: About) -> Self {
        Self {
            about,
            statements: Vec::new(),
            documents: Vec::new(),
            records: BTreeMap::new(),
            evidence: BTreeMap::new(),
        }
    }

    /// Lists of what is in it, those that are stated first.
    pub fn lists(&self) -> impl Iterator<Item = (SbomFormat, &[u8])> {
        let stated = self.statements.iter().filter_map(|one| {
            Some((kinds::predicate::list(&one.predicate_type)?, one.predicate.get().as_bytes()))
        });
        stated.chain(self.documents.iter().map(|(format, bytes)| (*format, bytes.as_slice())))
    }

    /// The packages that all lists of it list together; nothing where there is no list.
    ///
    /// # Errors
    /// A list that is none.
    pub fn packages(&self) -> Result<Option<BTreeSet<Package>>> {
        let mut found = None;
        let what = format!("the list of packages of {}", self.about.digest());
        for (_, bytes) in self.lists() {
            found.get_or_insert_with(BTreeSet::new).extend(packages(bytes, &what)?);
        }
        Ok(found)
    }
}

/// How much is gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// Everything.
    All,
    /// Records, without what is in the images and what builds have printed.
    Records,
}

/// Gathers what is said of each platform's image, and of the index: from the index, and from what refers to them.
///
/// # Errors
/// Nobody could look, something is missing that something else names, or something is not what it is said to be: bytes, kind,
/// subject.
pub fn gather(store: &dyn Store, platforms: &Platforms, interest: Interest) -> Result<Vec<Said>> {
    let kind = (interest == Interest::Records).then_some(kinds::RECORD);
    let mut all: Vec<Said> = Vec::new();
    for image in &platforms.images {
        let digest = image.descriptor.digest.clone();
        let mut said = Said::of(About::Image { platform: image.platform.clone(), digest: digest.clone() });
        let key = image.manifest.annotations.get(kinds::SELECTION_KEY);
        let wanted = match key.filter(|_| image.manifest.kind() == kinds::SELECTION) {
            Some(key) => Wanted::Selection(key),
            None => Wanted::Images(vec![&digest]),
        };
        let mut gathering = Gathering { store, wanted, interest, said: &mut said };
        gathering.attestations(image)?;
        gathering.referrers(store.referrers(&digest, kind)?)?;
        gathering.tagged()?;
        gathering.attested_records()?;
        gathering.evidence_fits()?;
        all.push(said);
    }
    if platforms.is_index() {
        let digest = platforms.digest().to_owned();
        let images: Vec<&str> = platforms.images.iter().map(|one| one.descriptor.digest.as_str()).collect();
        let mut said = Said::of(About::Index { digest: digest.clone() });
        let wanted = Wanted::Images(images);
        let mut gathering = Gathering { store, wanted, interest, said: &mut said };
        gathering.referrers(store.referrers(&digest, kind)?)?;
        gathering.tagged()?;
        gathering.evidence_fits()?;
        given_to_images(&mut said, &mut all);
        all.push(said);
    }
    Ok(all)
}

/// Records that refer to the index are of its images, and so is a list of what is in it where that is one image.
fn given_to_images(of_index: &mut Said, images: &mut [Said]) {
    if let [image] = images {
        let is_list = |one: &mut Statement| kinds::predicate::list(&one.predicate_type).is_some();
        image.take(of_index.statements.extract_if(.., is_list).collect());
        let documents = std::mem::take(&mut of_index.documents);
        let new = documents.into_iter().filter(|one| !image.documents.contains(one)).collect::<Vec<_>>();
        image.documents.extend(new);
    }
    for (build, file) in std::mem::take(&mut of_index.records) {
        let digest = file.record.result.image_digest.clone();
        let image = images.iter_mut().find(|said| Some(said.about.digest()) == digest.as_deref());
        if let Some(image) = image {
            if let Some(evidence) = of_index.evidence.remove(&build) {
                image.evidence.entry(build.clone()).or_insert(evidence);
            }
            match image.records.get(&build) {
                Some(known) if known.as_written => {}
                _ => drop(image.records.insert(build, file)),
            }
        }
    }
}

/// What records that refer to a manifest have to be of.
#[derive(Debug, Clone)]
enum Wanted<'g> {
    /// One of these images.
    Images(Vec<&'g str>),
    /// The combination with this selection key, of which there is no image.
    Selection(&'g str),
}

impl Wanted<'_> {
    fn check(&self, file: &RecordFile, what: &str) -> Result<()> {
        match self {
            Self::Images(images) => file.is_of(images, what),
            Self::Selection(key) if file.record.selection_key == **key => Ok(()),
            Self::Selection(_) => Err(Fault::not_genuine(what, "is a record of another selection")),
        }
    }
}

struct Gathering<'g> {
    store: &'g dyn Store,
    wanted: Wanted<'g>,
    interest: Interest,
    said: &'g mut Said,
}

impl Gathering<'_> {
    /// What the index lists beside the image.
    fn attestations(&mut self, image: &PlatformImage) -> Result<()> {
        for descriptor in &image.attestations {
            let found = self.store.needed(&descriptor.digest)?;
            let Document::Manifest(manifest) = found.document()? else {
                return Err(Fault::not_genuine(
                    format!("the attestation {}", descriptor.digest),
                    "is an index",
                ));
            };
            let what = format!("the attestation {}", descriptor.digest);
            if let Some(subject) = &manifest.subject
                && subject.digest != image.descriptor.digest
            {
                let fault = format!(
                    "refers to {}, and the index lists it for {}",
                    subject.digest, image.descriptor.digest
                );
                return Err(Fault::not_genuine(what, fault));
            }
            self.attestation(&manifest)?;
        }
        Ok(())
    }

    /// The statements of an attestation manifest.
    fn attestation(&mut self, manifest: &Manifest) -> Result<()> {
        for layer in manifest.layers.iter().filter(|layer| Statement::is_one(&layer.media_type)) {
            let what = format!("the statement {}", layer.digest);
            let said = PREDICATE_TYPES.iter().find_map(|name| layer.annotations.get(*name));
            if self.interest == Interest::Records && said.is_some_and(|said| said != RECORD_PREDICATE_TYPE) {
                continue;
            }
            let bytes = self.store.needed_blob(layer, LONGEST)?;
            let statement = Statement::parse(bytes, &layer.media_type, &what)?;
            if let Some(said) = said.filter(|said| **said != statement.predicate_type) {
                let fault = format!(
                    "has the predicate type {:?}, and is listed with {said:?}",
                    statement.predicate_type
                );
                return Err(Fault::not_genuine(what, fault));
            }
            self.state(statement, &what)?;
        }
        Ok(())
    }

    fn state(&mut self, statement: Statement, what: &str) -> Result<()> {
        statement.is_about(&[self.said.about.digest()], what)?;
        self.said.take(vec![statement]);
        Ok(())
    }

    /// What is said of the digest under the tag that cosign once made for it.
    fn tagged(&mut self) -> Result<()> {
        match self.store.beside(self.said.about.digest(), ATTESTED)? {
            Some(Document::Manifest(manifest)) => self.attestation(&manifest),
            // Nobody says anything in an index.
            Some(Document::Index(_)) | None => Ok(()),
        }
    }

    fn referrers(&mut self, referrers: Vec<Referrer>) -> Result<()> {
        for referrer in referrers {
            let what = called(&referrer);
            match referrer.kind() {
                media::ATTESTATION => self.attestation(&referrer.manifest)?,
                kinds::BUNDLE => {
                    for layer in &referrer.manifest.layers {
                        let bytes = self.store.needed_blob(layer, LONGEST)?;
                        if let Some(statement) = Statement::bundled(&bytes, &what)? {
                            self.state(statement, &what)?;
                        }
                    }
                }
                kinds::SPDX => self.documents(&referrer, SbomFormat::Spdx)?,
                kinds::CYCLONEDX => self.documents(&referrer, SbomFormat::Cyclonedx)?,
                kinds::RECORD => {
                    let file = record(self.store, &referrer)?;
                    self.wanted.check(&file, &what)?;
                    self.said.records.insert(file.record.build_id.clone(), file);
                }
                kinds::EVIDENCE => {
                    let (build, evidence) = evidence(self.store, &referrer)?;
                    self.said.evidence.insert(build, evidence);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Lists of what is in the image, as they are.
    fn documents(&mut self, referrer: &Referrer, format: SbomFormat) -> Result<()> {
        for layer in referrer.manifest.layers.iter().filter(|layer| layer.media_type == referrer.kind()) {
            let bytes = self.store.needed_blob(layer, LONGEST)?;
            if !self.said.documents.iter().any(|(_, known)| *known == bytes) {
                self.said.documents.push((format, bytes));
            }
        }
        Ok(())
    }

    /// The records that the frontend has attested, where nobody has pushed what the build wrote.
    fn attested_records(&mut self) -> Result<()> {
        let image = self.said.about.digest().to_owned();
        let statements = self.said.statements.iter();
        for statement in statements.filter(|one| one.predicate_type == RECORD_PREDICATE_TYPE) {
            let file = RecordFile::attested(statement, &image, &format!("the record of {image}"))?;
            self.said.records.entry(file.record.build_id.clone()).or_insert(file);
        }
        Ok(())
    }

    /// Makes sure that evidence is what the records say, and that none is there without a record.
    fn evidence_fits(&mut self) -> Result<()> {
        let records: BTreeSet<String> = self.said.records.keys().cloned().collect();
        self.said.evidence.retain(|build, _| records.contains(build));
        for (build, evidence) in &self.said.evidence {
            let Some(file) = self.said.records.get(build).filter(|file| file.as_written) else { continue };
            let wanted = file.record.evidence.as_ref().and_then(|pointer| pointer.digest.as_ref());
            let found = digest_of(&evidence.log);
            if wanted.is_some_and(|wanted| *wanted != found) {
                let what = format!("the log of {build}");
                return Err(Fault::not_genuine(what, "is another than its record says"));
            }
        }
        Ok(())
    }
}

fn called(referrer: &Referrer) -> String {
    format!("the referrer {} ({})", referrer.descriptor.digest, referrer.kind())
}

fn file<'r>(referrer: &'r Referrer, media_type: &str) -> Option<&'r Descriptor> {
    referrer.manifest.layers.iter().find(|layer| layer.media_type == media_type)
}

fn record(store: &dyn Store, referrer: &Referrer) -> Result<RecordFile> {
    let what = called(referrer);
    let layer = file(referrer, kinds::RECORD).ok_or_else(|| Fault::not_genuine(&what, "has no record"))?;
    let bytes = store.needed_blob(layer, LONGEST)?;
    let error = file(referrer, kinds::ERROR).map(|layer| store.needed_blob(layer, LONGEST)).transpose()?;
    RecordFile::written(bytes, error, &what)
}

fn evidence(store: &dyn Store, referrer: &Referrer) -> Result<(String, Evidence)> {
    let what = called(referrer);
    let build = referrer.manifest.annotations.get(kinds::BUILD_ID);
    let build = build.ok_or_else(|| Fault::not_genuine(&what, "does not say which build it is of"))?;
    let layer = file(referrer, kinds::LOG).ok_or_else(|| Fault::not_genuine(&what, "has no log"))?;
    let log = unpacked(&store.needed_blob(layer, LONGEST_EVIDENCE)?, &what)?;
    let outputs = match file(referrer, kinds::OUTPUTS) {
        Some(layer) => unpacked_files(&store.needed_blob(layer, LONGEST_EVIDENCE)?, &what)?,
        None => BTreeMap::new(),
    };
    Ok((build.clone(), Evidence { log, outputs }))
}
