//! The services as they are asked over HTTP: Fulcio, Rekor, and where a job of GitHub's gets its token.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use factory::signing::PublicKey;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{IDENTITY, ISSUER, Sigstore, Wanted, dsse_body, hex, now, pem};

/// What the services do, and what they do wrong.
pub struct State {
    pub sigstore: Sigstore,
    /// Every request: `POST /api/…`.
    pub log: Vec<String>,
    /// Answers instead of the right ones: beginning of the request, how often, status, body.
    pub troubles: Vec<(String, usize, u16, String)>,
    /// The subject whose possession of the key is proven.
    pub subject: String,
    /// Certifies this key instead of the one that was asked for.
    pub other_key: Option<Vec<u8>>,
    /// Logs something else than it was given.
    pub logs_other: bool,
    /// Forgets to answer once: what is sent again was there.
    pub loses: bool,
    known: BTreeMap<String, Value>,
}

/// The services.
pub struct Services {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
}

/// A token as a provider of identities gives it; nobody here looks at its signature.
pub fn token(claims: &Value) -> String {
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

impl Services {
    pub fn start() -> Self {
        let state = State {
            sigstore: Sigstore::new(),
            log: Vec::new(),
            troubles: Vec::new(),
            subject: "job-7".into(),
            other_key: None,
            logs_other: false,
            loses: false,
            known: BTreeMap::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::clone(&state);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || converse(&stream, &shared));
            }
        });
        Self { state, address }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn asked(&self, begin: &str) -> usize {
        self.state().log.iter().filter(|line| line.starts_with(begin)).count()
    }
}

fn converse(stream: &TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream.try_clone().unwrap();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let mut words = line.split_whitespace();
        let request = format!("{} {}", words.next().unwrap(), words.next().unwrap());
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let Some((status, more, reply)) = state.lock().unwrap().answer(&request, &headers, &body) else {
            return;
        };
        let head = format!("HTTP/1.1 {status} X\r\n{more}Content-Length: {}\r\n\r\n", reply.len());
        if writer.write_all(format!("{head}{reply}").as_bytes()).is_err() {
            return;
        }
    }
}

impl State {
    /// Status, headers and body; nothing where the connection breaks off.
    fn answer(
        &mut self,
        request: &str,
        headers: &BTreeMap<String, String>,
        body: &[u8],
    ) -> Option<(u16, String, String)> {
        self.log.push(request.to_owned());
        let trouble = self.troubles.iter_mut().find(|one| one.1 > 0 && request.starts_with(&one.0));
        if let Some((_, times, status, body)) = trouble {
            *times -= 1;
            return Some((*status, String::new(), body.clone()));
        }
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        if request == "POST /api/v2/signingCert" {
            return Some(self.certify(&body));
        }
        if request == "POST /api/v1/log/entries" {
            return self.logged(&body);
        }
        if let Some(id) = request.strip_prefix("GET /api/v1/log/entries/") {
            return Some((200, String::new(), json!({id: self.known[id]}).to_string()));
        }
        if request == "GET /github?a=b&audience=sigstore" {
            let known = headers.get("authorization").is_some_and(|text| text == "bearer sh0wn");
            let token = token(&json!({"sub": self.subject, "exp": now() + 60}));
            return Some(match known {
                true => (200, String::new(), json!({"value": token}).to_string()),
                false => (401, String::new(), "who are you".to_owned()),
            });
        }
        Some((404, String::new(), "{}".to_owned()))
    }

    fn certify(&self, body: &Value) -> (u16, String, String) {
        let asked = &body["publicKeyRequest"];
        let key = PublicKey::from_pem(asked["publicKey"]["content"].as_str().unwrap()).unwrap();
        let proof = STANDARD.decode(asked["proofOfPossession"].as_str().unwrap()).unwrap();
        if !key.verifies(self.subject.as_bytes(), &proof) {
            return (400, String::new(), json!({"code": 3, "message": "no proof"}).to_string());
        }
        let key = self.other_key.clone().unwrap_or_else(|| key.to_der());
        let leaf = self.sigstore.certificate(&key, &Wanted::new(super::ADDRESS, IDENTITY, ISSUER));
        let [authority, root] = self.sigstore.chain();
        let chain: Vec<String> = [leaf, authority, root].iter().map(|one| pem(one)).collect();
        let reply = json!({"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}});
        (200, String::new(), reply.to_string())
    }

    fn logged(&mut self, body: &Value) -> Option<(u16, String, String)> {
        assert_eq!((&body["kind"], &body["apiVersion"]), (&json!("dsse"), &json!("0.0.1")));
        let proposed = &body["spec"]["proposedContent"];
        let envelope: Value = serde_json::from_str(proposed["envelope"].as_str().unwrap()).unwrap();
        let decoded = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
        let mut payload = decoded(&envelope["payload"]);
        if self.logs_other {
            payload.push(b' ');
        }
        let certificate = String::from_utf8(decoded(&proposed["verifiers"][0])).unwrap();
        let certificate: String = certificate.lines().filter(|line| !line.starts_with('-')).collect();
        let certificate = STANDARD.decode(certificate).unwrap();
        let body = dsse_body(&payload, &decoded(&envelope["signatures"][0]["sig"]), &certificate);
        let id = hex(&Sha256::digest(body.to_string()));
        if self.known.contains_key(&id) {
            let at = format!("Location: /api/v1/log/entries/{id}\r\n");
            return Some((409, at, json!({"code": 409, "message": "there already"}).to_string()));
        }
        let entry = self.sigstore.append(&body, now());
        let bytes = |text: &Value| hex(&STANDARD.decode(text.as_str().unwrap()).unwrap());
        let number = |text: &Value| text.as_str().unwrap().parse::<u64>().unwrap();
        let proof = &entry["inclusionProof"];
        let hashes: Vec<String> = proof["hashes"].as_array().unwrap().iter().map(bytes).collect();
        let reply = json!({
            "body": entry["canonicalizedBody"], "integratedTime": number(&entry["integratedTime"]),
            "logID": hex(&self.sigstore.log_id()), "logIndex": number(&entry["logIndex"]),
            "verification": {
                "signedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
                "inclusionProof": {"checkpoint": proof["checkpoint"]["envelope"], "hashes": hashes,
                    "logIndex": number(&proof["logIndex"]), "rootHash": bytes(&proof["rootHash"]),
                    "treeSize": number(&proof["treeSize"])}}});
        self.known.insert(id.clone(), reply.clone());
        if std::mem::take(&mut self.loses) {
            return None;
        }
        Some((201, String::new(), json!({id: reply}).to_string()))
    }
}
