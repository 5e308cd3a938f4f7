//! Signing an image: itself, its platforms, and everything that is attested of them.

use std::collections::BTreeMap;

use llb_gen::model::Platform;
use serde::Serialize;

use super::attached::{Content, Reader, Seen};
use super::bundle::{self, Bundle};
use super::image;
use super::key::{KeyId, PrivateKey};
use super::keyless::{Identity, Keyless, Session};
use super::statement::{Statement, Subject};
use crate::exit::{Error, Result};
use crate::images::{PlatformImage, Platforms, Store};
use crate::registry::{Artifact, Descriptor, Repository, digest_of};

/// Says that a bundle holds an envelope.
const CONTENT: &str = "dev.sigstore.bundle.content";
/// Says what the envelope's statement says. For listings: readers look inside.
const PREDICATE_TYPE: &str = "dev.sigstore.bundle.predicateType";

/// What was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signed {
    /// The digest that the image's name led to.
    pub digest: String,
    /// The key's id. Where there is an identity nobody has that key any more.
    pub key: String,
    /// Who has signed, where a certificate says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// Each statement, in the order in which they were signed.
    pub statements: Vec<SignedStatement>,
}

/// A statement that was signed and attached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignedStatement {
    /// What kind of thing it says.
    pub predicate_type: String,
    /// The platform whose image it is about; none for the index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The digest of the statement.
    pub statement: String,
    /// The digest of the bundle.
    pub bundle: String,
    /// The manifests that it was attached to.
    pub attached_to: Vec<String>,
    /// Whether all of that was there before.
    pub known: bool,
}

/// What an image is signed with.
#[derive(Debug, Clone, Copy)]
pub enum SignsWith<'k> {
    /// The private key of a pair.
    Key(&'k PrivateKey),
    /// A key that is made for it, and a certificate that says whose it is.
    Keyless(&'k Keyless),
}

impl<'k> From<&'k PrivateKey> for SignsWith<'k> {
    fn from(key: &'k PrivateKey) -> Self {
        Self::Key(key)
    }
}

impl<'k> From<&'k Keyless> for SignsWith<'k> {
    fn from(keyless: &'k Keyless) -> Self {
        Self::Keyless(keyless)
    }
}

/// Whatever signs, ready for it.
enum Hand<'k> {
    Key(&'k PrivateKey),
    Session(Box<Session>),
}

impl Hand<'_> {
    fn key(&self) -> KeyId {
        match self {
            Self::Key(key) => key.public().id(),
            Self::Session(session) => session.key(),
        }
    }

    fn bundle(&self, statement: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::Key(key) => Ok(Bundle::sign(statement, key).to_bytes(self.key())),
            Self::Session(session) => session.bundle(statement),
        }
    }
}

/// A statement on its way.
struct Draft {
    predicate_type: String,
    platform: Option<String>,
    statement: Vec<u8>,
    subjects: Vec<Descriptor>,
}

/// Signs the image of `store`, which is in `repository`. The same image and key give the same signatures: signing again changes
/// nothing. Keyless it adds others, because the key is another one.
///
/// # Errors
/// Nobody could look at all that there is to sign, something is not what its digest says, or the registry does not take the
/// signatures; keyless also whatever the authority and the log say. What is attached by then stays, and a second try completes the
/// rest.
pub fn sign<'k>(
    store: &dyn Store,
    repository: &Repository,
    with: impl Into<SignsWith<'k>>,
) -> Result<Signed> {
    let platforms = Platforms::read(store, None)?;
    let name = format!("{}/{}", repository.registry(), repository.name());
    let reader = Reader::new(store);
    let index = platforms.is_index().then(|| platforms.root.descriptor.clone());
    let (mut statements, mut signatures, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for one in &platforms.images {
        let own = attested(&reader, one, index.as_ref(), &name)?;
        let digests: Vec<String> = own.iter().map(|draft| digest_of(&draft.statement)).collect();
        signatures.push(signature(&name, &one.descriptor, shown(one), digests.clone()));
        all.extend(digests);
        statements.extend(own);
    }
    if let Some(index) = &index {
        signatures.insert(0, signature(&name, index, None, all));
    }
    // Nobody is asked for a certificate, which everybody can see, before it is known that there is something to sign.
    let hand = match with.into() {
        SignsWith::Key(key) => Hand::Key(key),
        SignsWith::Keyless(keyless) => Hand::Session(Box::new(keyless.begin()?)),
    };
    let mut signed = attach(repository, &hand, &statements)?;
    // The signatures of the images name the statements, so they come when those are there.
    signed.extend(attach(repository, &hand, &signatures)?);
    let identity = match &hand {
        Hand::Key(_) => None,
        Hand::Session(session) => Some(session.identity().clone()),
    };
    Ok(Signed {
        digest: platforms.digest().to_owned(),
        key: hand.key().to_string(),
        identity,
        statements: signed,
    })
}

fn shown(image: &PlatformImage) -> Option<String> {
    image.platform.as_ref().map(Platform::to_string)
}

/// What is attested of a platform's image and signed by nobody, each as a statement of ours about that image and its index.
fn attested(
    reader: &Reader<'_>,
    image: &PlatformImage,
    index: Option<&Descriptor>,
    name: &str,
) -> Result<Vec<Draft>> {
    let digest = &image.descriptor.digest;
    let seen = whole(reader.read(digest, &image.attestations))?;
    let subjects: Vec<Descriptor> = std::iter::once(&image.descriptor).chain(index).cloned().collect();
    let about: Vec<Subject> = subjects.iter().map(|one| Subject::new(name, &one.digest)).collect();
    // Sorted by what they say, so that the order does not depend on where they were found.
    let mut found = BTreeMap::new();
    for item in seen.items {
        let Content::Statement(bytes) = item.content else { continue };
        let statement = Statement::parse(&bytes)
            .map_err(|fault| Error::NotGenuine(format!("the attestation {}: {fault}", item.digest)))?;
        // BuildKit leaves subjects out where the image has no name: the index says what it is about.
        let nameless = statement.subject.is_empty() && item.found == super::attached::Where::Index;
        if !nameless && !statement.is_about(digest) {
            let fault = format!("the attestation {} of {digest} is about something else", item.digest);
            return Err(Error::NotGenuine(fault));
        }
        let own = Statement::new(about.clone(), &statement.predicate_type, statement.predicate);
        found.insert((statement.predicate_type, own.to_bytes()), ());
    }
    let draft = |(predicate_type, statement)| Draft {
        predicate_type,
        platform: shown(image),
        statement,
        subjects: subjects.clone(),
    };
    Ok(found.into_keys().map(draft).collect())
}

/// All that is there, if all of it could be looked at: signing half of it would make the other half look as if it were not there.
fn whole(seen: Seen) -> Result<Seen> {
    if let Some(fault) = seen.spoiled.first() {
        return Err(Error::NotGenuine(fault.clone()));
    }
    match seen.unseen.first() {
        Some(fault) => Err(Error::CouldNotLook(fault.clone())),
        None => Ok(seen),
    }
}

/// The statement that an image is signed, with all that is attested of it.
fn signature(name: &str, image: &Descriptor, platform: Option<String>, attestations: Vec<String>) -> Draft {
    let subject = vec![Subject::new(name, &image.digest)];
    let statement = Statement::new(subject, image::PREDICATE_TYPE, image::predicate(attestations));
    Draft {
        predicate_type: image::PREDICATE_TYPE.to_owned(),
        platform,
        statement: statement.to_bytes(),
        subjects: vec![image.clone()],
    }
}

/// Signs statements and attaches each to all that it is about.
fn attach(repository: &Repository, hand: &Hand<'_>, drafts: &[Draft]) -> Result<Vec<SignedStatement>> {
    let bundles: Vec<Vec<u8>> =
        drafts.iter().map(|draft| hand.bundle(&draft.statement)).collect::<Result<_>>()?;
    let artifacts = drafts.iter().zip(&bundles).flat_map(|(draft, bundle)| {
        draft.subjects.iter().map(move |subject| artifact(draft, bundle, subject))
    });
    let artifacts: Vec<Artifact> = artifacts.collect();
    let mut attached = repository.attach_all(&artifacts)?.into_iter();
    let signed = drafts.iter().zip(&bundles).map(|(draft, bundle)| {
        // All of them are taken, whatever the first one is.
        let known = attached.by_ref().take(draft.subjects.len()).fold(true, |known, one| known & one.known);
        SignedStatement {
            predicate_type: draft.predicate_type.clone(),
            platform: draft.platform.clone(),
            statement: digest_of(&draft.statement),
            bundle: digest_of(bundle),
            attached_to: draft.subjects.iter().map(|subject| subject.digest.clone()).collect(),
            known,
        }
    });
    Ok(signed.collect())
}

fn artifact(draft: &Draft, bundle: &[u8], subject: &Descriptor) -> Artifact {
    let annotations = [(CONTENT, "dsse-envelope"), (PREDICATE_TYPE, draft.predicate_type.as_str())];
    let annotations = annotations.map(|(key, value)| (key.to_owned(), value.to_owned()));
    Artifact {
        artifact_type: bundle::MEDIA_TYPE.to_owned(),
        files: vec![(Descriptor::of(bundle::MEDIA_TYPE, bundle), bundle.to_vec())],
        subject: Some(subject.clone()),
        annotations: BTreeMap::from(annotations),
    }
}
