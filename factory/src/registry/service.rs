//! Servers that are no registries, asked with the same patience: time limits, further attempts, proxies, certificates.

use ureq::http::Method;
use ureq::http::header::LOCATION;

use super::access::Access;
use super::fault::{Fault, Result};
use super::transport::{Request, Transport, header, said_in};

/// The longest answer in bytes.
const LONGEST: u64 = 4 << 20;

/// A server.
#[derive(Debug)]
pub(crate) struct Service {
    transport: Transport,
    /// What stands before every path.
    path: String,
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Question<'q> {
    /// What is added to the server's address; or a whole address of the server.
    pub(crate) path: &'q str,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// What is sent; nothing is only asked for.
    pub(crate) body: Option<&'q [u8]>,
    /// What it is, for people.
    pub(crate) what: &'q str,
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Where something else is, as a path or address.
    pub(crate) location: Option<String>,
    pub(crate) bytes: Vec<u8>,
}

impl Reply {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What it says, on one line.
    pub(crate) fn said(&self) -> String {
        said_in(&self.bytes)
    }
}

impl Service {
    /// The server at an address, `https://host[:port][/path]`. Without TLS only the machine itself is asked, and who is named for that.
    ///
    /// # Errors
    /// It is no such address.
    pub(crate) fn open(url: &str, access: &Access) -> Result<Self> {
        let wrong = |why: &str| {
            Fault::Usage(format!("{url:?} {why}; expected an address such as https://rekor.example"))
        };
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("is no address"))?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        if host.is_empty() || host.contains('@') || url.chars().any(|c| !c.is_ascii_graphic()) {
            return Err(wrong("is no address"));
        }
        let plain = match scheme {
            "https" => false,
            "http" if access.is_plain(host) => true,
            "http" => return Err(wrong("would be asked without TLS")),
            _ => return Err(wrong("is no address of the web")),
        };
        // Logins for registries are for registries.
        let access = Access { docker_config: None, ..access.clone() };
        let path = path.trim_end_matches('/').to_owned();
        Ok(Self { transport: Transport::to(&access, host, host, plain)?, path })
    }

    /// Asks. What is sent may be sent again where nobody knows what became of it.
    ///
    /// # Errors
    /// Nobody answers, or not in time; or 401, 403, 429, 5xx; or the answer is too long.
    pub(crate) fn ask(&self, question: &Question<'_>) -> Result<Reply> {
        let url = match question.path.contains("://") {
            true => question.path.to_owned(),
            false => format!("{}{}{}", self.transport.base, self.path, question.path),
        };
        if !super::transport::same_origin(&url, &self.transport.base) {
            return Err(Fault::not_genuine(question.what, format!("leads to another server: {url}")));
        }
        let text = self.transport.fetch(
            &Request {
                method: if question.body.is_some() { Method::POST } else { Method::GET },
                url,
                headers: question.headers.clone(),
                body: question.body,
                scope: "",
                what: question.what,
                again: true,
            },
            LONGEST,
        )?;
        let location = header(&text.headers, LOCATION.as_str()).map(str::to_owned);
        Ok(Reply { status: text.status, location, bytes: text.bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_the_web_and_with_tls() {
        let access = Access::anonymous();
        for right in
            ["https://a.test", "https://a.test:8/x/", "http://127.0.0.1:9", "https://127.0.0.1:9?a=b"]
        {
            assert!(Service::open(right, &access).is_ok(), "{right}");
        }
        let open = |url| Service::open(url, &access).unwrap();
        assert_eq!(open("https://a.test/x/").path, "/x");
        assert_eq!(open("https://127.0.0.1:9?a=b").transport.base, "https://127.0.0.1:9");
        for wrong in [
            "",
            "a.test",
            "http://a.test",
            "ftp://a.test",
            "https://",
            "https://u:p@a.test",
            "https://a test",
        ] {
            let fault = Service::open(wrong, &access).unwrap_err();
            assert!(matches!(fault, Fault::Usage(_)), "{wrong}: {fault}");
        }
    }

    /// A server that answers one request like this, and tells what it was asked.
    fn once(answer: String) -> (String, std::thread::JoinHandle<String>) {
        use std::io::{Read as _, Write as _};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") {
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(head).unwrap().to_ascii_lowercase()
        });
        (address, asked)
    }

    #[test]
    fn who_we_are_sent_to_is_not_shown_the_login() {
        let (elsewhere, there) = once("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_owned());
        let (address, here) =
            once(format!("HTTP/1.1 302 Found\r\nlocation: {elsewhere}/x\r\ncontent-length: 0\r\n\r\n"));
        let headers = vec![("authorization", "bearer s".to_owned()), ("accept", "a/b".to_owned())];
        let service = Service::open(&address, &Access::anonymous()).unwrap();
        let reply = service.ask(&Question { path: "/", headers, body: None, what: "it" }).unwrap();
        assert_eq!(reply.bytes, b"{}");
        assert!(here.join().unwrap().contains("authorization: bearer s"));
        let asked = there.join().unwrap();
        assert!(asked.contains("accept: a/b") && !asked.contains("authorization"), "{asked}");
    }
}
