//! A web server on this machine that build steps of the tests reach: package archives with nothing else behind them.

#![allow(dead_code, reason = "each test binary uses what it needs")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use factory_tests::Lab;

/// When every file was made, as HTTP writes it.
const MODIFIED: &str = "Tue, 14 Nov 2023 22:13:20 GMT";

/// The version of every file: none ever changes.
const TAG: &str = "\"1\"";

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) path: String,
    pub(crate) status: u16,
    /// Of the file, without the head.
    pub(crate) bytes: usize,
}

/// A running server. Its thread ends with the process.
#[derive(Debug)]
pub(crate) struct Site {
    address: SocketAddr,
    sent: Arc<Mutex<Vec<Sent>>>,
}

struct Content {
    files: BTreeMap<String, Vec<u8>>,
    /// What the header `Authorization` must be.
    authorization: Option<String>,
}

impl Site {
    /// The packages of `fixtures/packages`: a Debian archive below `/debian`, a Python index at `/simple/`.
    pub(crate) fn packages() -> Self {
        Self::start(packages(), None, 0)
    }

    /// The same, for one who gives this name and password only.
    pub(crate) fn private_packages(user: &str, password: &str) -> Self {
        Self::start(packages(), Some((user, password)), 0)
    }

    /// Serves files by path.
    pub(crate) fn start(
        files: BTreeMap<String, Vec<u8>>,
        credentials: Option<(&str, &str)>,
        port: u16,
    ) -> Self {
        let encode =
            |(user, password)| base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        let authorization = credentials.map(|pair| format!("Basic {}", encode(pair)));
        let listener = TcpListener::bind((Lab::get().host_address(), port)).unwrap();
        let site = Self { address: listener.local_addr().unwrap(), sent: Arc::default() };
        let (content, sent) = (Content { files, authorization }, Arc::clone(&site.sent));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away in the middle is its own affair.
                let _ = content.answer(&stream).map(|answer| sent.lock().unwrap().push(answer));
            }
        });
        site
    }

    /// Its address, as steps reach it.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it sent since it was last asked, `304 Not Modified` and the like left out.
    pub(crate) fn take_sent(&self) -> Vec<Sent> {
        let all = std::mem::take(&mut *self.sent.lock().unwrap());
        all.into_iter().filter(|sent| sent.status == 200).collect()
    }

    /// Every path that it was asked for since it was last asked, whatever it answered.
    pub(crate) fn take_asked(&self) -> Vec<String> {
        let all = std::mem::take(&mut *self.sent.lock().unwrap());
        all.into_iter().map(|sent| sent.path).collect()
    }
}

impl Content {
    fn answer(&self, mut stream: &TcpStream) -> std::io::Result<Sent> {
        let mut lines = BufReader::new(stream).lines();
        let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut head = BTreeMap::new();
        for line in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            head.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let (status, reason, body) = self.choose(&path, &head);
        write!(
            stream,
            "HTTP/1.1 {status} {reason}\r\nContent-Length: {}\r\nConnection: close\r\n{}\r\n",
            body.len(),
            headers(&path, status)
        )?;
        stream.write_all(body)?;
        Ok(Sent { path, status, bytes: body.len() })
    }

    fn choose(&self, path: &str, head: &BTreeMap<String, String>) -> (u16, &'static str, &[u8]) {
        if self.authorization.is_some() && head.get("authorization") != self.authorization.as_ref() {
            return (401, "Unauthorized", b"");
        }
        match self.files.get(path) {
            None => (404, "Not Found", b""),
            Some(_) if known(head) => (304, "Not Modified", b""),
            Some(file) => (200, "OK", file),
        }
    }
}

/// Whether the client says that it has the file.
fn known(head: &BTreeMap<String, String>) -> bool {
    let says = |name: &str, value: &str| head.get(name).is_some_and(|said| said == value);
    says("if-modified-since", MODIFIED) || says("if-none-match", TAG)
}

fn headers(path: &str, status: u16) -> String {
    let kind = if path.ends_with('/') { "text/html" } else { "application/octet-stream" };
    // As PyPI says it of files, which never change.
    let age = if path.ends_with(".whl") { "max-age=365000000, immutable, public" } else { "max-age=0" };
    let challenge = if status == 401 { "WWW-Authenticate: Basic realm=\"packages\"\r\n" } else { "" };
    // Without a date pip does not count the age, and keeps nothing.
    let times = format!("Date: {MODIFIED}\r\nLast-Modified: {MODIFIED}\r\nCache-Control: {age}\r\n");
    format!("Content-Type: {kind}\r\nETag: {TAG}\r\n{times}{challenge}")
}

/// The files of `fixtures/packages` by the path at which a server has them.
pub(crate) fn packages() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/packages");
    let mut files = BTreeMap::new();
    collect(&folder.join("debian"), "/debian", &mut files);
    collect(&folder.join("wheels"), "/wheels", &mut files);
    let wheel = "/wheels/greeting-1.0-py3-none-any.whl";
    let digest = factory_tests::sha256(&files[wheel]).replace(':', "=");
    let page = format!("<!DOCTYPE html><html><body><a href=\"{wheel}#{digest}\">greeting</a></body></html>");
    files.insert("/simple/greeting/".to_owned(), page.into_bytes());
    files
}

fn collect(folder: &Path, path: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{path}/{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &path, files);
        } else {
            files.insert(path, std::fs::read(entry.path()).unwrap());
        }
    }
}
