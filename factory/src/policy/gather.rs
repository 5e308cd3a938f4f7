//! Gathering what is said about an image, with the signatures checked.

use llb_gen::model::{ImageRef, Platform};

use super::evidence::{Attestation, Base, Evidence, ImageSignature, Look, PlatformLook};
use crate::images::{Platforms, Store};
use crate::registry::{self, Access, Document, Entry, Fault, Name, Repository, digest_of};
use crate::signing::attached::{Content, Item, Reader, Where};
use crate::signing::{Signer, Statement, Trusted, dsse, image, simple};

/// What is to be found out.
#[derive(Debug)]
pub struct Question<'q> {
    /// The image as it was asked for.
    pub image: &'q str,
    /// Whose signatures count; nobody's where nothing has to be signed.
    pub trusted: Trusted<'q>,
    /// The platforms that are judged; empty for all.
    pub platforms: &'q [Platform],
    /// Base images that may be current.
    pub bases: Vec<&'q ImageRef>,
}

/// Looks at an image and everything that is attached to it. What cannot be looked at is part of the answer.
///
/// # Errors
/// The image itself is not there, cannot be looked at, or is not what its digest says; or a platform that is asked for is not
/// there.
pub fn gather(store: &dyn Store, question: &Question<'_>, access: &Access) -> registry::Result<Evidence> {
    let image = Platforms::read(store, None)?;
    let reader = Reader::new(store);
    let attestations = |digest: &str| {
        let own = image.images.iter().filter(|one| one.descriptor.digest == digest);
        own.flat_map(|one| one.attestations.clone()).collect::<Vec<_>>()
    };
    let look = |digest: &str| {
        let mut look = Look { digest: digest.to_owned(), ..Look::default() };
        let seen = reader.read(digest, &attestations(digest));
        look.unseen = seen.unseen;
        look.spoiled = seen.spoiled;
        look.passed_over = seen.passed_over;
        for item in seen.items {
            if let Err(why) = take(item, &question.trusted, &mut look) {
                look.passed_over.push(why);
            }
        }
        look
    };
    let mut root = look(image.digest());
    let mut looks = Vec::new();
    let mut platforms = Vec::new();
    for one in &image.images {
        let Some(platform) = &one.platform else {
            root.spoiled
                .push(format!("the image {} does not say what platform it is for", one.descriptor.digest));
            continue;
        };
        platforms.push(platform.clone());
        if question.platforms.is_empty() || question.platforms.contains(platform) {
            let own = if image.is_index() { look(&one.descriptor.digest) } else { root.clone() };
            looks.push(PlatformLook { platform: platform.clone(), look: own });
        }
    }
    if let Some(missing) = question.platforms.iter().find(|one| !platforms.contains(one)) {
        let known = platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(Fault::Missing(format!("image for {missing} (platforms that it has: {known})")));
    }
    if image.is_index() {
        hand_down(&mut root, &mut looks, platforms.len() == 1);
    }
    let bases = question.bases.iter().map(|base| (base.to_string(), current(base, access))).collect();
    Ok(Evidence { image: question.image.to_owned(), root, platforms, looks, bases })
}

/// What hangs on the index and is about a platform's image counts there; what is about the index alone does where that has one
/// image.
fn hand_down(root: &mut Look, looks: &mut [PlatformLook], single: bool) {
    for one in &root.attestations {
        let about = |look: &Look| single || one.statement.is_about(&look.digest);
        let mut taken = false;
        for of in looks.iter_mut().filter(|of| about(&of.look)) {
            of.look.add(one.clone());
            taken = true;
        }
        let elsewhere = one.statement.subject.len() > 1;
        if !taken && !elsewhere {
            let kind = &one.statement.predicate_type;
            root.passed_over
                .push(format!("{} ({kind}) is about the index, which has several images", one.digest));
        }
    }
}

/// Puts an item where it counts, or says why it does not.
fn take(item: Item, trusted: &Trusted<'_>, look: &mut Look) -> Result<(), String> {
    let Item { found, digest, content } = item;
    let (bytes, signed_by) = match content {
        Content::Statement(bytes) => (bytes.to_vec(), None),
        Content::Envelope(envelope, with) => {
            if envelope.payload_type() != dsse::STATEMENT {
                return Err(format!("{digest} is signed and no statement: {:?}", envelope.payload_type()));
            }
            let signer = match trusted.of_envelope(&envelope, with.as_ref()) {
                Ok(signer) => Some(signer),
                Err(_) if trusted.is_nobody() => None,
                Err(why) => return Err(format!("{digest} {why}")),
            };
            (envelope.payload().map_err(|fault| format!("{digest}: {fault}"))?, signer)
        }
        Content::Simple { payload, signature, with } => {
            let signer = trusted.of_simple(&payload, &signature, with.as_deref());
            let by = signer.map_err(|why| format!("{digest} {why}"))?;
            return simply_signed(&digest, &payload, by, look);
        }
    };
    let statement = Statement::parse(&bytes).map_err(|fault| format!("{digest}: {fault}"))?;
    let nameless = statement.subject.is_empty() && found == Where::Index;
    if !nameless && !statement.is_about(&look.digest) {
        return Err(format!(
            "{digest} ({}) is about something else than {}",
            statement.predicate_type, look.digest
        ));
    }
    if statement.predicate_type == image::PREDICATE_TYPE {
        let Some(by) = signed_by else {
            return Err(format!("{digest} is an image signature, and nobody is trusted to sign"));
        };
        let attestations = image::named(&statement.predicate).map_err(|why| format!("{digest}: {why}"))?;
        look.signatures.push(ImageSignature { by, attestations });
        return Ok(());
    }
    look.add(Attestation { statement, digest: digest_of(&bytes), signed_by, found });
    Ok(())
}

fn simply_signed(digest: &str, payload: &[u8], by: Signer, look: &mut Look) -> Result<(), String> {
    let about = simple::digest(payload).map_err(|fault| format!("{digest}: {fault}"))?;
    if about != look.digest {
        return Err(format!("{digest} is a signature of {about}, not of {}", look.digest));
    }
    look.signatures.push(ImageSignature { by, attestations: Vec::new() });
    Ok(())
}

/// What the name of a base image leads to.
fn current(base: &ImageRef, access: &Access) -> Base {
    let found = Repository::open(base, access).and_then(|repository| repository.manifest(&Name::of(base)));
    let document = found.and_then(|found| {
        found.map(|found| found.document().map(|document| (found.digest().to_owned(), document))).transpose()
    });
    match document {
        Ok(None) => Base::Missing,
        Err(fault) => Base::Unseen(fault.to_string()),
        Ok(Some((digest, Document::Manifest(_)))) => Base::Now { digest, platforms: Vec::new() },
        Ok(Some((digest, Document::Index(index)))) => {
            let image = |entry| match entry {
                Entry::Image(one) => Some((one.platform.as_ref()?.platform()?, one.digest.clone())),
                Entry::Attestation { .. } | Entry::Other(_) => None,
            };
            Base::Now { digest, platforms: index.entries().filter_map(image).collect() }
        }
    }
}
