//! Signing keyless: a key that is made for it and forgotten after it, a certificate for that key, and an entry of a log for each
//! signature.

use std::collections::BTreeMap;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use super::body;
use super::certificate::Leaf;
use super::identity::Identity;
use super::material::{
    Bytes, Checkpoint, Entry, KindVersion, LogId, Material, Number, Promise, Proof, unhex,
};
use super::old::certificates;
use super::root::TrustedRoot;
use super::services::{Server, Services};
use super::token::Token;
use super::verify::{Signed, prove};
use crate::exit::{Error, Result};
use crate::registry::Access;
use crate::registry::service::Question;
use crate::signing::bundle::{Bundle, SignedWith};
use crate::signing::dsse::{Envelope, STATEMENT};
use crate::signing::{KeyId, KeyKind, PrivateKey};

/// What is sent to the authority, for messages.
const REQUEST: &str = "the request for a certificate";
/// What is sent to the log.
const ENTRY: &str = "the entry";

/// What signing keyless needs.
#[derive(Debug, Clone)]
pub struct Keyless {
    /// Who is asked.
    pub services: Services,
    /// Who signs.
    pub token: Token,
    /// How the services are reached.
    pub access: Access,
    /// Whom to believe. With it everything that comes back is checked before it is used.
    pub root: Option<TrustedRoot>,
}

/// A key with its certificate, as long as that lives: some minutes.
pub struct Session {
    key: PrivateKey,
    leaf: Leaf,
    identity: Identity,
    log: Server,
    root: Option<TrustedRoot>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Issued {
    signed_certificate_embedded_sct: Option<Chain>,
}

#[derive(Deserialize)]
struct Chain {
    chain: Certificates,
}

#[derive(Deserialize)]
struct Certificates {
    certificates: Vec<String>,
}

/// An entry as the log's API has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Logged {
    body: Bytes,
    integrated_time: Number,
    #[serde(rename = "logID")]
    log_id: String,
    log_index: Number,
    verification: Verification,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verification {
    inclusion_proof: Option<LoggedProof>,
    signed_entry_timestamp: Option<Bytes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoggedProof {
    checkpoint: String,
    hashes: Vec<String>,
    log_index: Number,
    root_hash: String,
    tree_size: Number,
}

impl Keyless {
    /// Makes a key and has it certified for whoever the token is about.
    ///
    /// # Errors
    /// Nobody answers, the token is not taken, or what comes back is of another key.
    pub fn begin(&self) -> Result<Session> {
        let Self { services, token, access, root } = self;
        let key = PrivateKey::generate(KeyKind::EcdsaP256)?;
        let log = Server::open("the transparency log", &services.rekor, access)?.with_secret(token.text());
        let authority =
            Server::open("the certificate authority", &services.fulcio, access)?.with_secret(token.text());
        let request = json!({
            "credentials": {"oidcIdentityToken": token.text()},
            "publicKeyRequest": {
                "publicKey": {"algorithm": "ECDSA", "content": key.public().to_pem()},
                // That whoever asks has the private half.
                "proofOfPossession": STANDARD.encode(key.sign(token.subject().as_bytes())),
            },
        });
        let reply = authority.ask(&post("/api/v2/signingCert", &request.to_string(), REQUEST))?;
        let issued: Issued = authority.json(REQUEST, &reply)?;
        let not_genuine = |why: &str| Error::NotGenuine(format!("the certificate authority's answer: {why}"));
        let chain = issued.signed_certificate_embedded_sct.ok_or_else(|| {
            not_genuine(
                "its certificate does not hold the word of a certificate log (SCT), as bundles need it",
            )
        })?;
        let leaf = chain.chain.certificates.first().ok_or_else(|| not_genuine("it has no certificate"))?;
        let leaf = certificates(leaf).ok().and_then(|all| all.into_iter().next());
        let leaf = leaf.ok_or_else(|| not_genuine("its certificate is no PEM"))?;
        let leaf = Leaf::parse(&leaf).map_err(|refusal| not_genuine(&refusal.to_string()))?;
        if leaf.key().der() != key.public().to_der() {
            return Err(not_genuine("the certificate is for another key"));
        }
        let identity = leaf.identity().map_err(|refusal| not_genuine(&refusal.to_string()))?;
        Ok(Session { key, leaf, identity, log, root: root.clone() })
    }
}

impl Session {
    /// Who signs, as the certificate says it.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The key's id. It signs this once.
    #[must_use]
    pub fn key(&self) -> KeyId {
        self.key.public().id()
    }

    /// Signs a statement and has that logged.
    ///
    /// # Errors
    /// Nobody answers, the log does not take it, or what comes back is about something else or does not hold.
    pub fn bundle(&self, statement: &[u8]) -> Result<Vec<u8>> {
        let envelope = Envelope::sign(statement, STATEMENT, &self.key);
        let entry = self.logged(&envelope)?;
        let not_genuine = |why: &dyn std::fmt::Display| {
            Error::NotGenuine(format!("what the transparency log answers does not hold: {why}"))
        };
        let (message, signature) = (envelope.message()?, envelope.signature()?);
        let signed = Signed { message: &message, payload: Some(statement), signature: &signature };
        body::check(&entry.canonicalized_body.0, self.leaf.der(), &signed)
            .map_err(|why| not_genuine(&why))?;
        let leaf = self.leaf.der().to_vec();
        let material = Material {
            needs_proof: true,
            leaf,
            chain: Vec::new(),
            entries: vec![entry],
            timestamps: Vec::new(),
        };
        if let Some(root) = &self.root {
            prove(&material, &signed, root, now()).map_err(|why| not_genuine(&why))?;
        }
        let bundle = Bundle { envelope, signed_with: SignedWith::Certificate(Box::new(material)) };
        Ok(bundle.to_bytes(self.key()))
    }

    fn logged(&self, envelope: &Envelope) -> Result<Entry> {
        let certificate =
            pem_rfc7468::encode_string("CERTIFICATE", pem_rfc7468::LineEnding::LF, self.leaf.der())
                .map_err(|fault| Error::Internal(format!("a certificate as PEM: {fault}")))?;
        let envelope = serde_json::to_string(envelope)
            .map_err(|fault| Error::Internal(format!("an envelope as JSON: {fault}")))?;
        let proposed = json!({
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {"proposedContent": {"envelope": envelope, "verifiers": [STANDARD.encode(certificate)]}},
        });
        let mut reply = self.log.ask(&post("/api/v1/log/entries", &proposed.to_string(), ENTRY))?;
        // It was there: where an answer got lost, and it was sent again.
        if let (409, Some(at)) = (reply.status, reply.location.clone()) {
            reply = self.log.ask(&get(&at))?;
        }
        let entries: BTreeMap<String, Logged> = self.log.json(ENTRY, &reply)?;
        let logged = entries.into_values().next();
        let entry = logged.and_then(entry);
        entry.ok_or_else(|| {
            Error::NotGenuine("what the transparency log answers is no entry with its proof".to_owned())
        })
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn post<'q>(path: &'q str, body: &'q str, what: &'q str) -> Question<'q> {
    let headers = ["accept", "content-type"].map(|name| (name, "application/json".to_owned()));
    Question { path, headers: headers.to_vec(), body: Some(body.as_bytes()), what }
}

fn get(path: &str) -> Question<'_> {
    Question { path, headers: vec![("accept", "application/json".to_owned())], body: None, what: ENTRY }
}

/// An entry as bundles have it.
fn entry(logged: Logged) -> Option<Entry> {
    let proof = logged.verification.inclusion_proof?;
    let promise = logged.verification.signed_entry_timestamp?;
    let hashes: Option<Vec<Bytes>> = proof.hashes.iter().map(|hash| unhex(hash).map(Bytes)).collect();
    Some(Entry {
        log_index: logged.log_index,
        log_id: LogId { key_id: Bytes(unhex(&logged.log_id)?) },
        kind_version: Some(KindVersion { kind: "dsse".to_owned(), version: "0.0.1".to_owned() }),
        integrated_time: logged.integrated_time,
        inclusion_promise: Some(Promise { signed_entry_timestamp: promise }),
        inclusion_proof: Some(Proof {
            log_index: proof.log_index,
            root_hash: Bytes(unhex(&proof.root_hash)?),
            tree_size: proof.tree_size,
            hashes: hashes?,
            checkpoint: Some(Checkpoint { envelope: proof.checkpoint }),
        }),
        canonicalized_body: logged.body,
    })
}
