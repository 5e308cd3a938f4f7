//! A proxy in this process: it forwards requests for whole addresses, opens tunnels, and speaks SOCKS 5. Whatever it is asked for,
//! it goes to one place, so that names need not exist.

#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The proxy, and everything that it was asked for.
#[derive(Debug)]
pub struct Proxy {
    address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// What the proxy was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `GET http://reg.test/v2/`, `CONNECT reg.test:443`, `SOCKS reg.test:443`.
    pub what: String,
    /// The headers, with small letters: `authorization: …`.
    pub headers: Vec<String>,
}

impl Proxy {
    /// Everything goes to `upstream`.
    pub fn before(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (log, upstream) = (asked.clone(), upstream.to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, upstream) = (log.clone(), upstream.clone());
                std::thread::spawn(move || serve(stream, &upstream, &log));
            }
        });
        Self { address, asked }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// What it was asked for since the last time.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

/// A conversation with a client; it ends when either side does.
fn serve(client: TcpStream, upstream: &str, log: &Mutex<Vec<Asked>>) -> Option<()> {
    let mut from_client = BufReader::new(client.try_clone().ok()?);
    if from_client.fill_buf().ok()?.first() == Some(&5) {
        return socks(&mut from_client, &client, upstream, log);
    }
    let mut server = TcpStream::connect(upstream).ok()?;
    let mut from_server = BufReader::new(server.try_clone().ok()?);
    loop {
        let head = head(&mut from_client)?;
        let (line, headers) = head.split_first()?;
        let mut words = line.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        let lower = headers.iter().map(|line| line.to_lowercase()).collect();
        log.lock().unwrap().push(Asked { what: format!("{method} {target}"), headers: lower });
        if method == "CONNECT" {
            (&client).write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
            return tunnel(&mut from_client, &client, &server);
        }
        // Like any proxy, it takes nothing but whole addresses.
        let Some(rest) = target.strip_prefix("http://") else {
            (&client).write_all(b"HTTP/1.1 400 X\r\nContent-Length: 0\r\n\r\n").ok()?;
            continue;
        };
        let path = &rest[rest.find('/')?..];
        let mut text = format!("{method} {path} HTTP/1.1\r\n");
        for line in headers.iter().filter(|line| !line.to_lowercase().starts_with("proxy-")) {
            text.push_str(&format!("{line}\r\n"));
        }
        server.write_all((text + "\r\n").as_bytes()).ok()?;
        std::io::copy(&mut (&mut from_client).take(length(headers)), &mut server).ok()?;
        let answer = self::head(&mut from_server)?;
        (&client).write_all((answer.join("\r\n") + "\r\n\r\n").as_bytes()).ok()?;
        let body = if method == "HEAD" { 0 } else { length(&answer) };
        std::io::copy(&mut (&mut from_server).take(body), &mut &client).ok()?;
    }
}

/// The lines up to the empty one.
fn head(from: &mut impl BufRead) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        from.read_line(&mut line).ok().filter(|read| *read > 0)?;
        match line.trim_end() {
            "" => return Some(lines),
            line => lines.push(line.to_owned()),
        }
    }
}

fn length(headers: &[String]) -> u64 {
    let length = headers.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    length.unwrap_or(0)
}

fn tunnel(from_client: &mut impl Read, client: &TcpStream, server: &TcpStream) -> Option<()> {
    let (mut back, mut to) = (server.try_clone().ok()?, client.try_clone().ok()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut back, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let _ = std::io::copy(from_client, &mut &*server);
    server.shutdown(Shutdown::Both).ok()
}

/// SOCKS 5 without a login, for names.
fn socks(
    from_client: &mut BufReader<TcpStream>,
    mut client: &TcpStream,
    upstream: &str,
    log: &Mutex<Vec<Asked>>,
) -> Option<()> {
    let mut bytes = |count: usize| {
        let mut bytes = vec![0; count];
        from_client.read_exact(&mut bytes).ok().map(|()| bytes)
    };
    let methods = bytes(2)?[1];
    bytes(methods.into())?;
    client.write_all(&[5, 0]).ok()?;
    // Version, connect, reserved, a name.
    assert_eq!(bytes(4)?, [5, 1, 0, 3]);
    let length = bytes(1)?[0];
    let name = String::from_utf8(bytes(length.into())?).ok()?;
    let port = bytes(2)?;
    let port = u16::from_be_bytes([port[0], port[1]]);
    log.lock().unwrap().push(Asked { what: format!("SOCKS {name}:{port}"), headers: Vec::new() });
    let server = TcpStream::connect(upstream).ok()?;
    client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 80]).ok()?;
    tunnel(from_client, client, &server)
}
