//! A whole sigstore in this process: a certificate authority, a certificate log, a transparency log, a time stamp authority, and the
//! trusted root that vouches for them. The standards it follows are written down here once more, by hand.

#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

pub mod der;
pub mod server;

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::{Certificate, value};
use factory::signing::keyless::TrustedRoot;
use factory::signing::{KeyKind, PrivateKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub const IDENTITY: &str = "https://git.test/team/app/.ci/release.yml@refs/heads/main";
pub const ISSUER: &str = "https://ci.test";
/// A mail address's tag in a certificate; a web address's.
pub const MAIL: u8 = 0x81;
pub const ADDRESS: u8 = 0x86;

pub fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn time(seconds: i64) -> String {
    llb_gen::lower::rfc3339(seconds as u64)
}

pub fn pem(der: &[u8]) -> String {
    let text = base64(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

fn key() -> PrivateKey {
    PrivateKey::generate(KeyKind::EcdsaP256).unwrap()
}

/// All of it.
pub struct Sigstore {
    pub root: PrivateKey,
    pub authority: PrivateKey,
    pub certificate_log: PrivateKey,
    pub log: PrivateKey,
    pub clock: PrivateKey,
    /// Since when it exists.
    pub since: i64,
    /// Everything that was logged.
    pub entries: Vec<Vec<u8>>,
}

/// What a certificate of a signer says.
#[derive(Clone)]
pub struct Wanted {
    /// Tag and content of the name.
    pub name: (u8, Vec<u8>),
    pub extensions: Vec<Vec<u8>>,
    pub usage: &'static [u8],
    pub from: i64,
    pub until: i64,
    /// Whether a certificate log has it.
    pub logged: bool,
    /// What is added to it after that.
    pub added: Vec<Vec<u8>>,
}

impl Wanted {
    pub fn new(tag: u8, identity: &str, issuer: &str) -> Self {
        let issuer = der::extension(&[der::FULCIO, &[8]].concat(), false, &value(0x0c, issuer.as_bytes()));
        Self {
            name: (tag, identity.as_bytes().to_vec()),
            extensions: vec![issuer],
            usage: der::CODE_SIGNING,
            from: now() - 60,
            until: now() + 540,
            logged: true,
            added: Vec::new(),
        }
    }
}

impl Default for Wanted {
    fn default() -> Self {
        Self::new(ADDRESS, IDENTITY, ISSUER)
    }
}

impl Sigstore {
    pub fn new() -> Self {
        let earlier = [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()];
        Self {
            root: key(),
            authority: key(),
            certificate_log: key(),
            log: key(),
            clock: key(),
            since: now() - 86_400,
            entries: earlier.to_vec(),
        }
    }

    /// The certificates of the authority, the one that issues first.
    pub fn chain(&self) -> [Vec<u8>; 2] {
        let certificate = |serial, subject, key: &PrivateKey, usage: Vec<Vec<u8>>| Certificate {
            serial,
            issuer: "root",
            subject,
            from: self.since,
            until: self.since + 900_000,
            key: key.public().to_der(),
            extensions: [vec![der::authority()], usage].concat(),
        };
        let own = certificate(2, "authority", &self.authority, vec![der::usage(der::CODE_SIGNING)]);
        [own.signed(&self.root), certificate(1, "root", &self.root, Vec::new()).signed(&self.root)]
    }

    /// The certificates of the clock.
    pub fn clock_chain(&self) -> [Vec<u8>; 2] {
        let own = Certificate {
            serial: 3,
            issuer: "root",
            subject: "clock",
            from: self.since,
            until: self.since + 900_000,
            key: self.clock.public().to_der(),
            extensions: vec![der::usage(der::TIME_STAMPING)],
        };
        [own.signed(&self.root), self.chain()[1].clone()]
    }

    /// A certificate for a key in DER.
    pub fn certificate(&self, key: &[u8], wanted: &Wanted) -> Vec<u8> {
        let name = value(wanted.name.0, &wanted.name.1);
        let mut certificate = Certificate {
            serial: 7,
            issuer: "authority",
            subject: "",
            from: wanted.from,
            until: wanted.until,
            key: key.to_vec(),
            extensions: vec![
                der::usage(wanted.usage),
                der::extension(der::ALTERNATIVE_NAME, true, &value(0x30, &name)),
            ],
        };
        certificate.extensions.extend(wanted.extensions.clone());
        if wanted.logged {
            let list = self.timestamps(&certificate.body());
            certificate.extensions.insert(1, der::extension(der::SCTS, false, &value(4, &list)));
        }
        certificate.extensions.extend(wanted.added.clone());
        certificate.signed(&self.authority)
    }

    /// The certificate log's word (RFC 6962, 3.2 and 3.3).
    fn timestamps(&self, body: &[u8]) -> Vec<u8> {
        let id = Sha256::digest(self.certificate_log.public().to_der());
        let milliseconds = (now() as u64 * 1000).to_be_bytes();
        let mut message = [&[0, 0][..], &milliseconds, &[0, 1]].concat();
        message.extend(Sha256::digest(self.authority.public().to_der()));
        message.extend(&(body.len() as u32).to_be_bytes()[1..]);
        message.extend(body);
        message.extend([0, 0]);
        let signature = self.certificate_log.sign(&message);
        let sized = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat();
        let one = [&[0][..], &id, &milliseconds, &[0, 0, 4, 3], &sized(&signature)].concat();
        sized(&sized(&one))
    }

    pub fn log_id(&self) -> Vec<u8> {
        Sha256::digest(self.log.public().to_der()).to_vec()
    }

    /// Adds an entry to the log. Gives it as bundles have it.
    pub fn append(&mut self, body: &Value, integrated: i64) -> Value {
        let bytes = body.to_string().into_bytes();
        self.entries.push(bytes.clone());
        self.entry(self.entries.len() - 1, &bytes, integrated, body)
    }

    fn entry(&self, index: usize, bytes: &[u8], integrated: i64, body: &Value) -> Value {
        let (root, way) = tree(&self.entries, index);
        let size = self.entries.len();
        // Its place in the whole log is another than that in its tree.
        let global = index + 1000;
        let promise = format!(
            r#"{{"body":"{}","integratedTime":{integrated},"logID":"{}","logIndex":{global}}}"#,
            base64(bytes),
            hex(&self.log_id())
        );
        let way: Vec<String> = way.iter().map(|hash| base64(hash)).collect();
        json!({
            "logIndex": global.to_string(),
            "logId": {"keyId": base64(&self.log_id())},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "integratedTime": integrated.to_string(),
            "inclusionPromise": {"signedEntryTimestamp": base64(&self.log.sign(promise.as_bytes()))},
            "inclusionProof": {
                "logIndex": index.to_string(), "rootHash": base64(&root), "treeSize": size.to_string(), "hashes": way,
                "checkpoint": {"envelope": self.checkpoint(size, &root)},
            },
            "canonicalizedBody": base64(bytes),
        })
    }

    pub fn checkpoint(&self, size: usize, root: &[u8]) -> String {
        let text = format!("log.test - 1\n{size}\n{}\n", base64(root));
        let signature = [&self.log_id()[..4], &self.log.sign(text.as_bytes())].concat();
        format!("{text}\n\u{2014} witness.test AAAAAAAA\n\u{2014} log.test {}\n", base64(&signature))
    }

    pub fn trusted_root(&self) -> Value {
        let since = json!({"start": time(self.since)});
        let log = |key: &PrivateKey| {
            let der = key.public().to_der();
            json!({"baseUrl": "https://log.test", "hashAlgorithm": "SHA2_256",
                "publicKey": {"rawBytes": base64(&der), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": since},
                "logId": {"keyId": base64(&Sha256::digest(&der))}})
        };
        let authority = |chain: &[Vec<u8>]| {
            let chain: Vec<Value> = chain.iter().map(|one| json!({"rawBytes": base64(one)})).collect();
            json!({"subject": {"organization": "test", "commonName": "test"}, "uri": "https://authority.test",
                "certChain": {"certificates": chain}, "validFor": since})
        };
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(&self.log)],
            "certificateAuthorities": [authority(&self.chain())],
            "ctlogs": [log(&self.certificate_log)],
            "timestampAuthorities": [authority(&self.clock_chain())],
        })
    }

    pub fn root(&self) -> TrustedRoot {
        TrustedRoot::parse(self.trusted_root().to_string().as_bytes()).unwrap()
    }
}

/// The root of a tree, and the way from an entry to it (RFC 6962, 2.1).
pub fn tree(entries: &[Vec<u8>], index: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
    if let [entry] = entries {
        return (Sha256::digest([&[0][..], entry].concat()).to_vec(), Vec::new());
    }
    let split = entries.len().next_power_of_two() / 2;
    let (left, right) = entries.split_at(split);
    let (left_hash, left_way) = tree(left, index.min(split - 1));
    let (right_hash, right_way) = tree(right, index.saturating_sub(split));
    let hash = Sha256::digest([&[1][..], &left_hash, &right_hash].concat()).to_vec();
    let (mut way, beside) = if index < split { (left_way, right_hash) } else { (right_way, left_hash) };
    way.push(beside);
    (hash, way)
}

/// A body of the kind `dsse`.
pub fn dsse_body(payload: &[u8], signature: &[u8], certificate: &[u8]) -> Value {
    json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
        "envelopeHash": {"algorithm": "sha256", "value": "00"},
        "payloadHash": {"algorithm": "sha256", "value": hex(&Sha256::digest(payload))},
        "signatures": [{"signature": base64(signature), "verifier": base64(pem(certificate).as_bytes())}]}})
}

/// The bytes that are signed of a statement.
pub fn encoding(payload: &[u8]) -> Vec<u8> {
    let kind = "application/vnd.in-toto+json";
    [format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).as_bytes(), payload].concat()
}

/// A bundle of a statement, signed by a new key.
pub fn bundle(sigstore: &mut Sigstore, payload: &[u8], wanted: &Wanted) -> Value {
    bundle_at(sigstore, payload, wanted, now())
}

/// The same, logged at a time.
pub fn bundle_at(sigstore: &mut Sigstore, payload: &[u8], wanted: &Wanted, time: i64) -> Value {
    let key = key();
    let signature = key.sign(&encoding(payload));
    let certificate = sigstore.certificate(&key.public().to_der(), wanted);
    let entry = sigstore.append(&dsse_body(payload, &signature, &certificate), time);
    json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"certificate": {"rawBytes": base64(&certificate)}, "tlogEntries": [entry]},
        "dsseEnvelope": {"payload": base64(payload), "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": base64(&signature)}]},
    })
}
