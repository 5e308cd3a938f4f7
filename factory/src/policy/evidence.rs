//! What was found about an image: plain values, gathered beforehand, by which policies are judged.

use std::collections::BTreeMap;

use llb_gen::model::Platform;

pub use crate::signing::attached::Where;
use crate::signing::{Signer, Statement};

/// All that was found.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The image as it was asked for.
    pub image: String,
    /// What is said of the image itself: of its index where it has one.
    pub root: Look,
    /// Every platform that the image is there for.
    pub platforms: Vec<Platform>,
    /// What is said of each platform that is judged. Where the image is one manifest, it is said of the root alone.
    pub looks: Vec<PlatformLook>,
    /// What the names of base images lead to, by the name as the policy has it.
    pub bases: BTreeMap<String, Base>,
}

impl Look {
    /// Adds what is said, once: what is found in several places has the best of them.
    pub(crate) fn add(&mut self, one: Attestation) {
        match self.attestations.iter_mut().find(|other| other.digest == one.digest) {
            Some(other) => {
                other.signed_by = other.signed_by.take().or(one.signed_by);
                other.found = other.found.min(one.found);
            }
            None => self.attestations.push(one),
        }
    }
}

/// What was found about one manifest or index.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// Its digest.
    pub digest: String,
    /// Signatures of it that hold and are somebody's who is trusted.
    pub signatures: Vec<ImageSignature>,
    /// What is attested of it, once each.
    pub attestations: Vec<Attestation>,
    /// What nobody could look at, and why.
    pub unseen: Vec<String>,
    /// What is not what it is said to be, and why.
    pub spoiled: Vec<String>,
    /// What was seen and does not count, and why.
    pub passed_over: Vec<String>,
}

/// What was found about the image of one platform.
#[derive(Debug, Clone)]
pub struct PlatformLook {
    /// The platform.
    pub platform: Platform,
    /// What is said of its manifest.
    pub look: Look,
}

/// A signature of an image that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSignature {
    /// Whose.
    pub by: Signer,
    /// The attestations that were signed with it, each by the digest of its statement. They must all be there.
    pub attestations: Vec<String>,
}

/// Something that is said of an image.
#[derive(Debug, Clone)]
pub struct Attestation {
    /// What is said. It is about the image's digest.
    pub statement: Statement,
    /// The digest of the statement's bytes.
    pub digest: String,
    /// Whose signature it has that holds.
    pub signed_by: Option<Signer>,
    /// Where it was found.
    pub found: Where,
}

/// What the name of a base image leads to now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// The image's digest, and the digests of its platforms' manifests.
    Now {
        /// What the name leads to.
        digest: String,
        /// The digest of each platform's manifest.
        platforms: Vec<(Platform, String)>,
    },
    /// There is no such image.
    Missing,
    /// Nobody could look.
    Unseen(String),
}
