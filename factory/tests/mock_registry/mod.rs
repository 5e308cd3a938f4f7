//! A registry in this process, with everything that registries do wrong as a switch. It keeps what it has when it is stopped, so
//! that it can be killed and started again under the same address.

#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use factory::registry::{digest_of, media};
use serde_json::{Value, json};

/// How entity tags of manifests are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Etags {
    None,
    /// Given, and passed over when they come back.
    Given,
    Enforced,
}

/// An answer that is given instead of the right one.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// `GET /v2/app/manifests/x`, a beginning of it.
    pub of: String,
    pub times: usize,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Trouble {
    pub fn new(of: &str, times: usize, status: u16) -> Self {
        let body =
            json!({"errors": [{"code": "TROUBLE", "message": format!("made up {status}")}]}).to_string();
        Self { of: of.into(), times, status, headers: Vec::new(), body }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// What the registry does, and what it does wrong.
#[derive(Debug, Clone)]
pub struct Switches {
    pub referrers: bool,
    /// Says so when it has put a manifest on a list.
    pub subject_header: bool,
    pub filters: bool,
    /// Entries of a page of referrers or tags.
    pub page: usize,
    pub etags: Etags,
    /// Lists referrers by their configs' kinds, without annotations.
    pub wrong_listing: bool,
    /// Lists what does not refer to the subject at all.
    pub listed_besides: Vec<String>,
    pub troubles: Vec<Trouble>,
    /// Takes this long to read and to write a tag.
    pub slow: Duration,
    /// Blobs break off after so many bytes, this often.
    pub cut: (usize, usize),
    /// Does not know how to begin a blob in the middle.
    pub no_ranges: bool,
    /// Whom it lets in: the value of the header `Authorization`.
    pub login: Option<String>,
    /// What it says to those whom it does not.
    pub challenge: String,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            referrers: true,
            subject_header: true,
            filters: true,
            page: 1000,
            etags: Etags::None,
            wrong_listing: false,
            listed_besides: Vec::new(),
            troubles: Vec::new(),
            slow: Duration::ZERO,
            cut: (0, 0),
            no_ranges: false,
            login: None,
            challenge: String::new(),
        }
    }
}

impl Switches {
    /// As Debian's docker-registry 2.8 is.
    pub fn without_referrers() -> Self {
        Self { referrers: false, subject_header: false, etags: Etags::Given, ..Self::default() }
    }
}

/// What a registry has.
#[derive(Debug, Default)]
pub struct Stored {
    pub blobs: BTreeMap<String, Vec<u8>>,
    /// By repository and digest: media type and bytes.
    pub manifests: BTreeMap<(String, String), (String, Vec<u8>)>,
    /// By repository and tag: a digest.
    pub tags: BTreeMap<(String, String), String>,
    pub uploads: BTreeMap<String, Vec<u8>>,
    /// Every request: `GET /v2/…`.
    pub log: Vec<String>,
    /// What was shown for each token: the method, the header `Authorization` or `-`, what it is to allow and the form.
    pub tokens: Vec<String>,
    pub switches: Switches,
    next: usize,
}

#[derive(Debug)]
pub struct Mock {
    pub stored: Arc<Mutex<Stored>>,
    address: SocketAddr,
    running: Arc<AtomicBool>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
}

impl Mock {
    pub fn start(switches: Switches) -> Self {
        let stored = Arc::new(Mutex::new(Stored { switches, ..Stored::default() }));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self::serve(listener, stored)
    }

    fn serve(listener: TcpListener, stored: Arc<Mutex<Stored>>) -> Self {
        let address = listener.local_addr().unwrap();
        let (running, connections) = (Arc::new(AtomicBool::new(true)), Arc::new(Mutex::new(Vec::new())));
        let mock = Self {
            stored: stored.clone(),
            address,
            running: running.clone(),
            connections: connections.clone(),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if !running.load(Ordering::SeqCst) {
                    return;
                }
                connections.lock().unwrap().push(stream.try_clone().unwrap());
                let (stored, running) = (stored.clone(), running.clone());
                std::thread::spawn(move || converse(&stream, &stored, &running));
            }
        });
        mock
    }

    /// Ends it as if it were killed: connections break off.
    pub fn kill(&self) {
        self.running.store(false, Ordering::SeqCst);
        for stream in self.connections.lock().unwrap().drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        let _ = TcpStream::connect(self.address);
    }

    /// Starts it again with what it had, under the same address. Unfinished uploads are lost.
    pub fn restarted(&self) -> Self {
        self.stored.lock().unwrap().uploads.clear();
        for _ in 0..200 {
            if let Ok(listener) = TcpListener::bind(self.address) {
                return Self::serve(listener, self.stored.clone());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{} is not free again", self.address);
    }

    pub fn host(&self) -> String {
        self.address.to_string()
    }

    pub fn stored(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap()
    }

    /// Does something else from now on.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.stored().switches);
    }

    /// How often something was asked for that begins like this.
    pub fn asked(&self, begin: &str) -> usize {
        self.stored().log.iter().filter(|line| line.starts_with(begin)).count()
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.kill();
    }
}

struct Request {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

#[derive(Default)]
struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Breaks off after so many bytes of the body.
    cut: Option<usize>,
}

impl Reply {
    fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    fn json(status: u16, value: &Value) -> Self {
        Self { body: value.to_string().into_bytes(), ..Self::new(status) }
            .with("Content-Type", "application/json")
    }

    fn error(status: u16, code: &str) -> Self {
        Self::json(status, &json!({"errors": [{"code": code, "message": code.to_lowercase()}]}))
    }
}

fn converse(stream: &TcpStream, stored: &Arc<Mutex<Stored>>, running: &AtomicBool) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream.try_clone().unwrap();
    while let Some(request) = read(&mut reader) {
        if !running.load(Ordering::SeqCst) {
            return;
        }
        let slow = stored.lock().unwrap().switches.slow;
        if request.path.contains("/manifests/sha256-") && !slow.is_zero() {
            std::thread::sleep(slow);
        }
        let reply = answer(&mut stored.lock().unwrap(), &request);
        if !running.load(Ordering::SeqCst) {
            return;
        }
        let head = request.method == "HEAD";
        let mut text = format!("HTTP/1.1 {} X\r\nContent-Length: {}\r\n", reply.status, reply.body.len());
        for (name, value) in &reply.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        let body = &reply.body[..reply.cut.unwrap_or(reply.body.len()).min(reply.body.len())];
        let sent = writer
            .write_all(text.as_bytes())
            .and_then(|()| if head { Ok(()) } else { writer.write_all(body) });
        if sent.is_err() || reply.cut.is_some() {
            let _ = stream.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length: usize = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_owned(), decoded(value))
    };
    let query = query.split('&').filter(|text| !text.is_empty()).map(pair).collect();
    Some(Request { method, path: path.to_owned(), query, headers, body })
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if bytes[at] == b'%' {
            out.push(u8::from_str_radix(&text[at + 1..at + 3], 16).unwrap());
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(out).unwrap()
}

fn answer(stored: &mut Stored, request: &Request) -> Reply {
    let line = format!("{} {}", request.method, request.path);
    stored.log.push(line.clone());
    if let Some(trouble) =
        stored.switches.troubles.iter_mut().find(|one| one.times > 0 && line.starts_with(&one.of))
    {
        trouble.times -= 1;
        return Reply {
            status: trouble.status,
            headers: trouble.headers.clone(),
            body: trouble.body.clone().into(),
            cut: None,
        };
    }
    if request.path == "/token" {
        let shown = request.headers.get("authorization").map_or("-", String::as_str);
        let scope = request.query.get("scope").map_or("", String::as_str);
        let form = String::from_utf8_lossy(&request.body);
        stored.tokens.push(format!("{} {shown} {scope} {form}", request.method).trim_end().to_owned());
        return Reply::json(200, &json!({"token": "t0ken"}));
    }
    if let Some(login) = &stored.switches.login
        && request.headers.get("authorization") != Some(login)
    {
        return Reply::error(401, "UNAUTHORIZED").with("WWW-Authenticate", stored.switches.challenge.clone());
    }
    let Some(path) = request.path.strip_prefix("/v2/") else { return Reply::error(404, "NOT_FOUND") };
    let parts: Vec<&str> = path.split('/').collect();
    let at = parts.iter().rposition(|part| ["manifests", "blobs", "tags", "referrers"].contains(part));
    let Some(at) = at else { return Reply::new(200) };
    let (name, kind, rest) = (parts[..at].join("/"), parts[at], parts[at + 1..].join("/"));
    match kind {
        "manifests" => manifest(stored, request, &name, &rest),
        "blobs" if rest.starts_with("uploads") => upload(stored, request, &name, &rest),
        "blobs" => blob(stored, request, &rest),
        "tags" => tags(stored, request, &name),
        _ if !stored.switches.referrers => {
            Reply { body: b"404 page not found\n".to_vec(), ..Reply::new(404) }
                .with("Content-Type", "text/plain")
        }
        _ => referrers(stored, request, &name, &rest),
    }
}

fn manifest(stored: &mut Stored, request: &Request, name: &str, reference: &str) -> Reply {
    let tag = (name.to_owned(), reference.to_owned());
    let digest =
        if reference.contains(':') { Some(reference.to_owned()) } else { stored.tags.get(&tag).cloned() };
    let etags = stored.switches.etags;
    let found = digest.and_then(|digest| {
        let found = stored.manifests.get(&(name.to_owned(), digest.clone()))?;
        Some((digest, found.clone()))
    });
    match request.method.as_str() {
        "PUT" => {
            let current = found.map(|(digest, _)| format!("\"{digest}\""));
            let wanted = request.headers.get("if-match");
            if etags == Etags::Enforced && wanted.is_some() && wanted != current.as_ref() {
                return Reply::error(412, "PRECONDITION_FAILED");
            }
            let value: Value = match serde_json::from_slice(&request.body) {
                Ok(value) => value,
                Err(_) => return Reply::error(400, "MANIFEST_INVALID"),
            };
            let blobs = value["layers"].as_array().into_iter().flatten().chain(value.get("config"));
            for one in blobs {
                if !stored.blobs.contains_key(one["digest"].as_str().unwrap()) {
                    return Reply::error(404, "MANIFEST_BLOB_UNKNOWN");
                }
            }
            let digest = digest_of(&request.body);
            if reference.contains(':') && reference != digest {
                return Reply::error(400, "DIGEST_INVALID");
            }
            let media_type = request.headers.get("content-type").cloned().unwrap_or_default();
            stored.manifests.insert((name.to_owned(), digest.clone()), (media_type, request.body.clone()));
            if !reference.contains(':') {
                stored.tags.insert(tag, digest.clone());
            }
            let reply = Reply::new(201).with("Docker-Content-Digest", digest);
            match value["subject"]["digest"].as_str() {
                Some(subject) if stored.switches.subject_header => reply.with("OCI-Subject", subject),
                _ => reply,
            }
        }
        _ => match found {
            None => Reply::error(404, "MANIFEST_UNKNOWN"),
            Some((digest, (media_type, bytes))) => {
                let reply = Reply { body: bytes, ..Reply::new(200) }
                    .with("Content-Type", media_type)
                    .with("Docker-Content-Digest", digest.clone());
                if etags == Etags::None { reply } else { reply.with("ETag", format!("\"{digest}\"")) }
            }
        },
    }
}

fn blob(stored: &mut Stored, request: &Request, digest: &str) -> Reply {
    let Some(bytes) = stored.blobs.get(digest).cloned() else { return Reply::error(404, "BLOB_UNKNOWN") };
    let begin: Option<usize> = request
        .headers
        .get("range")
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let mut reply = match begin.filter(|_| !stored.switches.no_ranges) {
        Some(begin) => Reply { body: bytes[begin..].to_vec(), ..Reply::new(206) }
            .with("Content-Range", format!("bytes {begin}-{}/{}", bytes.len() - 1, bytes.len())),
        None => Reply { body: bytes, ..Reply::new(200) },
    };
    let (after, times) = &mut stored.switches.cut;
    if *times > 0 && request.method == "GET" {
        *times -= 1;
        reply.cut = Some(*after);
    }
    reply
}

fn upload(stored: &mut Stored, request: &Request, name: &str, rest: &str) -> Reply {
    let session = rest.strip_prefix("uploads/").unwrap_or_default().to_owned();
    let location = |session: &str| format!("/v2/{name}/blobs/uploads/{session}?state=x");
    match request.method.as_str() {
        "POST" => {
            if let Some(digest) =
                request.query.get("mount").filter(|digest| stored.blobs.contains_key(*digest))
            {
                return Reply::new(201).with("Docker-Content-Digest", digest.clone());
            }
            stored.next += 1;
            let session = format!("s{}", stored.next);
            stored.uploads.insert(session.clone(), Vec::new());
            Reply::new(202).with("Location", location(&session))
        }
        _ if !stored.uploads.contains_key(&session) => Reply::error(404, "BLOB_UPLOAD_UNKNOWN"),
        "GET" => {
            let length = stored.uploads[&session].len();
            Reply::new(204)
                .with("Location", location(&session))
                .with("Range", format!("0-{}", length.saturating_sub(1)))
        }
        "PATCH" => {
            let upload = stored.uploads.get_mut(&session).unwrap();
            upload.extend(&request.body);
            let length = upload.len();
            Reply::new(202).with("Location", location(&session)).with("Range", format!("0-{}", length - 1))
        }
        _ => {
            let mut bytes = stored.uploads.remove(&session).unwrap();
            bytes.extend(&request.body);
            let digest = digest_of(&bytes);
            if request.query.get("digest") != Some(&digest) {
                return Reply::error(400, "DIGEST_INVALID");
            }
            stored.blobs.insert(digest.clone(), bytes);
            Reply::new(201).with("Docker-Content-Digest", digest)
        }
    }
}

fn tags(stored: &Stored, request: &Request, name: &str) -> Reply {
    let all: Vec<&String> = stored.tags.keys().filter(|(of, _)| of == name).map(|(_, tag)| tag).collect();
    if !stored.manifests.keys().any(|(of, _)| of == name) {
        return Reply::error(404, "NAME_UNKNOWN");
    }
    let begin = request.query.get("last").map_or(0, |last| all.iter().filter(|tag| **tag <= last).count());
    let page: Vec<&&String> = all[begin..].iter().take(stored.switches.page).collect();
    let reply = Reply::json(200, &json!({"name": name, "tags": page}));
    match page.last() {
        Some(last) if begin + page.len() < all.len() => {
            reply.with("Link", format!("</v2/{name}/tags/list?last={last}&n=2>; rel=\"next\""))
        }
        _ => reply,
    }
}

fn referrers(stored: &Stored, request: &Request, name: &str, subject: &str) -> Reply {
    let mut entries = Vec::new();
    for ((of, digest), (media_type, bytes)) in &stored.manifests {
        let value: Value = serde_json::from_slice(bytes).unwrap();
        let besides = stored.switches.listed_besides.contains(digest);
        if of != name || (value["subject"]["digest"] != subject && !besides) {
            continue;
        }
        let mut kind = value["artifactType"].clone();
        let mut annotations = value.get("annotations").cloned().unwrap_or(json!({}));
        if stored.switches.wrong_listing {
            (kind, annotations) = (value["config"]["mediaType"].clone(), json!({}));
        }
        entries.push(json!({"mediaType": media_type, "digest": digest, "size": bytes.len(),
            "artifactType": kind, "annotations": annotations}));
    }
    let wanted = request.query.get("artifactType").filter(|_| stored.switches.filters);
    if let Some(wanted) = wanted {
        entries.retain(|entry| entry["artifactType"] == wanted.as_str());
    }
    let begin: usize = request.query.get("begin").and_then(|text| text.parse().ok()).unwrap_or(0);
    let page: Vec<Value> = entries.iter().skip(begin).take(stored.switches.page).cloned().collect();
    let next = begin + page.len();
    let index = json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": page});
    let mut reply =
        Reply { body: index.to_string().into(), ..Reply::new(200) }.with("Content-Type", media::INDEX);
    if wanted.is_some() {
        reply = reply.with("OCI-Filters-Applied", "artifactType");
    }
    if next < entries.len() {
        reply = reply.with("Link", format!("</v2/{name}/referrers/{subject}?begin={next}>; rel=\"next\""));
    }
    reply
}
