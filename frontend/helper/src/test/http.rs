//! As much of HTTP/1.1 as a test of a server needs (RFC 9112): one request, one reply, then the connection is closed.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The longest head of a reply, in bytes.
const LONGEST_HEAD: usize = 64 * 1024;
/// The longest body, in bytes.
const LONGEST_BODY: usize = 4 * 1024 * 1024;
/// The longest reply as it comes: chunks have lines of their own.
pub(super) const LONGEST_REPLY: usize = LONGEST_HEAD + 2 * LONGEST_BODY;

/// A reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// The status code.
    pub(super) status: u16,
    /// Names in lower case, values without spaces around them, in the order in which they came.
    pub(super) headers: Vec<(String, String)>,
    /// The body, put together.
    pub(super) body: Vec<u8>,
}

/// A request.
pub(super) struct Request<'a> {
    /// Its method.
    pub(super) method: &'a str,
    /// What it asks for.
    pub(super) path: &'a str,
    /// Its headers.
    pub(super) headers: Vec<(&'a str, &'a str)>,
    /// Its body.
    pub(super) body: Option<&'a str>,
}

impl Request<'_> {
    /// The bytes of the request. Headers that are given replace our own.
    pub(super) fn bytes(&self, port: u16) -> Vec<u8> {
        let length = self.body.map(|body| format!("{}", body.len()));
        let host = format!("127.0.0.1:{port}");
        let own = [
            ("Host", Some(host.as_str())),
            ("User-Agent", Some("factory")),
            ("Accept", Some("*/*")),
            ("Connection", Some("close")),
            ("Content-Length", length.as_deref()),
        ];
        let is_given = |name: &str| self.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        let own = own.into_iter().filter(|(name, _)| !is_given(name));
        let own = own.filter_map(|(name, value)| Some((name, value?)));
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        for (name, value) in own.chain(self.headers.iter().copied()) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.push_str(self.body.unwrap_or_default());
        text.into_bytes()
    }

    /// Whether a reply to it may have a body.
    fn wants_body(&self) -> bool {
        self.method != "HEAD"
    }

    /// Reads a reply out of what has come so far; `is_end`: nothing more will. None: there is something missing.
    ///
    /// # Errors
    /// What is no reply, or too long, or cut off.
    pub(super) fn reply(&self, bytes: &[u8], is_end: bool) -> Result<Option<Reply>, String> {
        let mut rest = bytes;
        let (status, headers) = loop {
            let Some(end) = head_end(rest) else {
                return match rest.len() {
                    0 if is_end => Err("the connection was closed without a reply".into()),
                    length if is_end || length > LONGEST_HEAD => Err(no_http(bytes)),
                    _ => Ok(None),
                };
            };
            let (status, headers) = head(&rest[..end]).ok_or_else(|| no_http(bytes))?;
            rest = &rest[end..];
            // Interim replies come before the reply itself.
            if !(100..200).contains(&status) || status == 101 {
                break (status, headers);
            }
        };
        let body = if !self.wants_body() || matches!(status, 101 | 204 | 304) {
            Some(Vec::new())
        } else {
            body(&headers, rest, is_end)?
        };
        match body {
            Some(body) => Ok(Some(Reply { status, headers, body })),
            None if is_end => {
                Err(format!("the connection was closed within the body ({} bytes)", rest.len()))
            }
            None => Ok(None),
        }
    }
}

impl Reply {
    /// The value of a header; of one that is there several times all, as a list.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let values: Vec<_> = found.map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }
}

fn no_http(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(40)];
    format!("what came is no HTTP: {:?}", super::verdict::readable(start))
}

/// Where the head ends: behind the first empty line.
fn head_end(bytes: &[u8]) -> Option<usize> {
    let mut start = 0;
    while let Some(length) = bytes[start..].iter().position(|&byte| byte == b'\n') {
        let line = &bytes[start..start + length];
        start += length + 1;
        if matches!(line, b"" | b"\r") {
            return Some(start);
        }
    }
    None
}

/// The status and the headers of a head.
fn head(bytes: &[u8]) -> Option<(u16, Vec<(String, String)>)> {
    let mut lines = bytes.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end);
    let mut words = lines.next()?.split(|&byte| byte == b' ');
    let is_http = words.next()?.starts_with(b"HTTP/1.");
    let status: u16 = core::str::from_utf8(words.next()?).ok()?.parse().ok()?;
    let header = |line: &[u8]| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let text = |bytes: &[u8]| super::verdict::readable(bytes.trim_ascii());
        Some((text(&line[..colon]).to_ascii_lowercase(), text(&line[colon + 1..])))
    };
    let headers = lines.filter(|line| !line.is_empty()).map(header).collect::<Option<_>>()?;
    (is_http && (100..600).contains(&status)).then_some((status, headers))
}

/// The body of a reply with these headers, once it is complete.
fn body(headers: &[(String, String)], bytes: &[u8], is_end: bool) -> Result<Option<Vec<u8>>, String> {
    let value = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let too_long = || Err(format!("the body is longer than {} MiB", LONGEST_BODY / 1024 / 1024));
    if let Some(coding) = value("transfer-encoding") {
        if !coding.eq_ignore_ascii_case("chunked") {
            return Err(format!("the transfer encoding {coding:?} is not understood"));
        }
        return match chunks(bytes) {
            Chunks::TooLong => too_long(),
            Chunks::Bad => Err("a chunk of the body has no length".into()),
            Chunks::Missing => Ok(None),
            Chunks::All(body) => Ok(Some(body)),
        };
    }
    let length = match value("content-length").map(str::parse::<usize>) {
        Some(Ok(length)) => length,
        Some(Err(_)) => return Err("the content-length is no number".into()),
        None if is_end => bytes.len(),
        None => usize::MAX,
    };
    match bytes.get(..length) {
        _ if bytes.len().min(length) > LONGEST_BODY => too_long(),
        _ if length > LONGEST_BODY && length != usize::MAX => too_long(),
        found => Ok(found.map(<[u8]>::to_vec)),
    }
}

/// A body in chunks.
enum Chunks {
    All(Vec<u8>),
    Missing,
    Bad,
    TooLong,
}

fn chunks(mut bytes: &[u8]) -> Chunks {
    let mut body = Vec::new();
    loop {
        let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else { return Chunks::Missing };
        let line = bytes[..end].split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
        let digits = core::str::from_utf8(line).ok().filter(|digits| !digits.starts_with('+'));
        let Some(size) = digits.and_then(|digits| usize::from_str_radix(digits, 16).ok()) else {
            return Chunks::Bad;
        };
        bytes = &bytes[end + 1..];
        if size == 0 {
            // Trailers are not looked at; the empty line behind them is the end.
            let has_end = bytes.starts_with(b"\r\n") || bytes.starts_with(b"\n") || head_end(bytes).is_some();
            return if has_end { Chunks::All(body) } else { Chunks::Missing };
        }
        if size > LONGEST_BODY - body.len() {
            return Chunks::TooLong;
        }
        let Some((chunk, rest)) = bytes.split_at_checked(size) else { return Chunks::Missing };
        body.extend_from_slice(chunk);
        bytes = match rest {
            [b'\r', b'\n', rest @ ..] | [b'\n', rest @ ..] => rest,
            [] | [b'\r'] => return Chunks::Missing,
            _ => return Chunks::Bad,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(method: &'static str) -> Request<'static> {
        Request { method, path: "/", headers: Vec::new(), body: None }
    }

    fn parse(text: &str, is_end: bool) -> Result<Option<(u16, String)>, String> {
        let reply = get("GET").reply(text.as_bytes(), is_end)?;
        Ok(reply.map(|reply| (reply.status, String::from_utf8(reply.body).unwrap())))
    }

    #[test]
    fn requests_are_as_servers_expect_them() {
        let headers = Vec::from([("accept", "text/html"), ("X-A", "1")]);
        let request = Request { method: "POST", path: "/a?b", headers, body: Some("{}") };
        let expected = "POST /a?b HTTP/1.1\r\nHost: 127.0.0.1:80\r\nUser-Agent: factory\r\nConnection: close\r\n\
            Content-Length: 2\r\naccept: text/html\r\nX-A: 1\r\n\r\n{}";
        assert_eq!(String::from_utf8(request.bytes(80)).unwrap(), expected);
    }

    #[test]
    fn replies_of_all_kinds_are_read_whatever_the_pieces() {
        for (text, body) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc"),
            ("HTTP/1.1 200\nContent-Length:3\n\nabc", "abc"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2;x=y\r\nbc\r\n0\r\n\r\n",
                "abc",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\nA\r\n0123456789\r\n0\r\nT: v\r\n\r\n",
                "0123456789",
            ),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
            ("HTTP/1.1 204 No Content\r\n\r\n", ""),
        ] {
            for cut in 0..text.len() {
                let found = parse(&text[..cut], false);
                assert_eq!(found, Ok(None), "{text:?} {cut}");
            }
            assert_eq!(parse(text, false).unwrap().map(|(_, body)| body).as_deref(), Some(body), "{text:?}");
        }
        let until_closed = "HTTP/1.0 503 Busy\r\n\r\nabc";
        assert_eq!(parse(until_closed, false), Ok(None));
        assert_eq!(parse(until_closed, true), Ok(Some((503, "abc".into()))));
        let head = get("HEAD").reply(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", false).unwrap();
        assert_eq!(head.unwrap().body, b"");
    }

    #[test]
    fn what_is_no_reply_is_said() {
        for (text, is_end, phrase) in [
            ("", true, "closed without a reply"),
            ("SSH-2.0-x\r\n\r\n", false, "what came is no HTTP: \"SSH-2.0-x\\r\\n\\r\\n\""),
            ("HTTP/1.1 200 OK\r\n", true, "is no HTTP"),
            ("HTTP/1.1 OK\r\n\r\n", false, "is no HTTP"),
            ("HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", false, "is no HTTP"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", true, "closed within the body (3 bytes)"),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", false, "content-length is no number"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n", false, "longer than 4 MiB"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", false, "\"gzip\" is not understood"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", false, "has no length"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", false, "longer than 4 MiB"),
        ] {
            let message = parse(text, is_end).unwrap_err();
            assert!(message.contains(phrase), "{text:?}: {message}");
        }
        let endless = format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(LONGEST_HEAD));
        assert!(parse(&endless, false).unwrap_err().contains("no HTTP"));
    }

    #[test]
    fn headers_are_found_by_any_case() {
        let text = "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nset-cookie:  b \r\nContent-Length: 0\r\n\r\n";
        let reply = get("GET").reply(text.as_bytes(), false).unwrap().unwrap();
        assert_eq!(reply.header("SET-Cookie").as_deref(), Some("a, b"));
        assert_eq!(reply.header("other"), None);
    }
}
