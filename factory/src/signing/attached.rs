//! What is attached to an image, wherever it hangs: in attestation manifests of its index, in artifacts that refer to it, and
//! under the tags that cosign used before there were such artifacts. Nothing is believed here; signatures are checked by whoever
//! has the keys.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::bundle::{self, Bundle, SignedWith};
use super::dsse::Envelope;
use super::keyless::{self, Material};
use super::simple;
use crate::images::{ATTESTED, SIGNED, Store};
use crate::registry::{Descriptor, Document, Fault, Manifest, media};

/// The longest attestation that is read: BuildKit takes 40 MiB, and base64 adds a third.
const LONGEST: u64 = 64 << 20;
/// An envelope as it stands, as cosign had it in its tags.
const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";

/// Where something was found. The first is the best: the image's own digest covers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Where {
    /// In the image's own index.
    Index,
    /// In an artifact that refers to the image.
    Referrer,
    /// Under a tag of the image's digest.
    Tag,
}

impl Where {
    /// `index`, `referrer` or `tag`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Referrer => "referrer",
            Self::Tag => "tag",
        }
    }
}

/// Something that is attached.
#[derive(Debug, Clone)]
pub struct Item {
    /// Where it was found.
    pub found: Where,
    /// The digest of its bytes in the registry.
    pub digest: String,
    /// What it is.
    pub content: Content,
}

/// What is attached.
#[derive(Debug, Clone)]
pub enum Content {
    /// A statement that nobody has signed.
    Statement(Rc<Vec<u8>>),
    /// A signed envelope, and what its bundle says of the signer.
    Envelope(Envelope, Option<SignedWith>),
    /// A signature of the image in the older form.
    Simple {
        /// The signed bytes.
        payload: Rc<Vec<u8>>,
        /// The signature, in base64.
        signature: String,
        /// The signer's certificate, where it was not a key of a pair.
        with: Option<Box<Material>>,
    },
}

/// All that is attached to one manifest or index.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// What can be read.
    pub items: Vec<Item>,
    /// What nobody could look at, and why.
    pub unseen: Vec<String>,
    /// What is not what its digest says, and why.
    pub spoiled: Vec<String>,
    /// What is attached and cannot be read, and why.
    pub passed_over: Vec<String>,
}

/// Reads what is attached. Blobs that hang on several manifests are fetched once.
pub struct Reader<'s> {
    store: &'s dyn Store,
    blobs: RefCell<BTreeMap<String, Rc<Vec<u8>>>>,
}

impl<'s> Reader<'s> {
    /// Reads in this place.
    #[must_use]
    pub fn new(store: &'s dyn Store) -> Self {
        Self { store, blobs: RefCell::default() }
    }

    /// All that is attached to the manifest or index with this digest; `attestations` are the attestation manifests that the
    /// image's index has for it.
    #[must_use]
    pub fn read(&self, digest: &str, attestations: &[Descriptor]) -> Seen {
        let mut seen = Seen::default();
        for one in attestations {
            match self.store.needed(&one.digest).and_then(|found| found.document()) {
                Ok(Document::Manifest(manifest)) => self.layers(&manifest, Where::Index, &mut seen),
                Ok(Document::Index(_)) => {
                    seen.spoiled.push(format!("the attestation {} is an index", one.digest));
                }
                Err(fault) => seen.fault(&fault, Where::Index),
            }
        }
        match self.store.referrers(digest, None) {
            Ok(referrers) => {
                for one in referrers {
                    self.layers(&one.manifest, Where::Referrer, &mut seen);
                }
            }
            Err(fault) => seen.fault(&fault, Where::Referrer),
        }
        for end in [ATTESTED, SIGNED] {
            match self.store.beside(digest, end) {
                Ok(Some(Document::Manifest(manifest))) => self.layers(&manifest, Where::Tag, &mut seen),
                Ok(Some(Document::Index(_))) => {
                    seen.passed_over.push(format!("the tag `.{end}` of {digest} leads to an index"));
                }
                Ok(None) => {}
                Err(fault) => seen.fault(&fault, Where::Tag),
            }
        }
        seen
    }

    fn layers(&self, manifest: &Manifest, found: Where, seen: &mut Seen) {
        for layer in &manifest.layers {
            let Some(read) = reader(layer) else { continue };
            match self.blob(layer) {
                Ok(Some(bytes)) => match read(layer, bytes) {
                    Ok(content) => seen.items.push(Item { found, digest: layer.digest.clone(), content }),
                    Err(why) => seen.passed_over.push(format!("{}: {why}", layer.digest)),
                },
                Ok(None) => seen.fault(&Fault::Missing(format!("blob {}", layer.digest)), found),
                Err(fault) => seen.fault(&fault, found),
            }
        }
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Option<Rc<Vec<u8>>>, Fault> {
        if let Some(bytes) = self.blobs.borrow().get(&descriptor.digest) {
            return Ok(Some(Rc::clone(bytes)));
        }
        let Some(bytes) = self.store.blob(descriptor, LONGEST)? else { return Ok(None) };
        let bytes = Rc::new(bytes);
        self.blobs.borrow_mut().insert(descriptor.digest.clone(), Rc::clone(&bytes));
        Ok(Some(bytes))
    }
}

type Read = fn(&Descriptor, Rc<Vec<u8>>) -> Result<Content, String>;

/// How a layer is read; nothing where it is none that is known here.
fn reader(layer: &Descriptor) -> Option<Read> {
    let kind = layer.media_type.as_str();
    match kind {
        media::IN_TOTO => Some(|_, bytes| Ok(Content::Statement(bytes))),
        simple::MEDIA_TYPE => Some(|layer, payload| {
            let signature = layer.annotations.get(simple::SIGNATURE).cloned();
            let signature = signature.ok_or("an image signature without its signature")?;
            Ok(Content::Simple { payload, signature, with: certificate(layer)? })
        }),
        _ if bundle::is_bundle(kind) => Some(|_, bytes| {
            let bundle = Bundle::parse(&bytes).map_err(|fault| fault.to_string())?;
            Ok(Content::Envelope(bundle.envelope, Some(bundle.signed_with)))
        }),
        _ if kind == ENVELOPE || (kind.starts_with("application/vnd.in-toto") && kind.ends_with("+dsse")) => {
            Some(|layer, bytes| {
                let envelope = Envelope::parse(&bytes).map_err(|fault| fault.to_string())?;
                Ok(Content::Envelope(envelope, certificate(layer)?.map(SignedWith::Certificate)))
            })
        }
        _ => None,
    }
}

/// The certificate in a layer's annotations, with all that checks it.
fn certificate(layer: &Descriptor) -> Result<Option<Box<Material>>, String> {
    let found = keyless::from_annotations(&layer.annotations).map_err(|fault| fault.to_string())?;
    Ok(found.map(Box::new))
}

impl Seen {
    /// What a fault means for what was looked for: what the image's digest covers has to be there.
    fn fault(&mut self, fault: &Fault, found: Where) {
        match fault {
            Fault::CouldNotLook { .. } => self.unseen.push(fault.to_string()),
            Fault::Missing(_) if found != Where::Index => self.passed_over.push(fault.to_string()),
            _ => self.spoiled.push(fault.to_string()),
        }
    }
}
