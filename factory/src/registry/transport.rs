//! Requests: sent with whatever login the registry wants, again where that may help, and never for ever.

use std::io::Read;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use ureq::Body;
use ureq::http::header::{AUTHORIZATION, CONTENT_LENGTH, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use ureq::http::{HeaderMap, Method, Request as HttpRequest, Response};

use super::access::{Access, Patience};
use super::auth::Authority;
use super::connections::Connections;
use super::fault::{Fault, Result, Why};

/// What answers of registries to questions of ours may come to where they are no documents: errors, for example.
const LONGEST_ERROR: u64 = 64 << 10;

/// How often an answer may send us elsewhere.
const MOST_REDIRECTS: usize = 10;

/// A registry that can be asked.
#[derive(Debug)]
pub(super) struct Transport {
    connections: Connections,
    /// `https://host`, without a slash at the end.
    pub(super) base: String,
    pub(super) patience: Patience,
    authority: Mutex<Authority>,
}

/// What is sent.
#[derive(Debug, Clone)]
pub(super) struct Request<'a> {
    pub(super) method: Method,
    /// The whole address, or a path of the registry.
    pub(super) url: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<&'a [u8]>,
    /// What the login has to allow: `repository:name:pull`.
    pub(super) scope: &'a str,
    /// What is asked for, for people.
    pub(super) what: &'a str,
    /// Whether it may be sent again when nobody knows what became of it.
    pub(super) again: bool,
}

/// What came back, up to its body.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    body: Body,
    /// It says how long a body would be, and has none.
    bodiless: bool,
}

/// What came back as a whole.
pub(super) struct Text {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Vec<u8>,
}

/// Why one attempt came to nothing.
struct Broken {
    why: Why,
    /// Whether the next may do better.
    again: bool,
    /// How long the registry asks to wait.
    after: Option<Duration>,
}

impl Transport {
    pub(super) fn new(access: &Access, registry: &str) -> Result<Self> {
        let host = if registry == "docker.io" { "registry-1.docker.io" } else { registry };
        Self::to(access, registry, host, access.is_plain(registry))
    }

    /// To a registry that is at another host than its name says, or to a server that is none.
    pub(super) fn to(access: &Access, registry: &str, host: &str, plain: bool) -> Result<Self> {
        let patience = access.patience;
        Ok(Self {
            connections: Connections::new(access, registry, plain)?,
            base: format!("{}://{host}", if plain { "http" } else { "https" }),
            patience,
            authority: Mutex::new(Authority::new(registry, access.docker_config.clone())),
        })
    }

    /// The answer up to its body, which may be anything but 401, 403, 408, 429 and 5xx.
    ///
    /// # Errors
    /// Nobody could look.
    pub(super) fn send(&self, request: &Request<'_>) -> Result<Answer> {
        self.attempts(request, Ok)
    }

    /// The answer as a whole, of at most `limit` bytes where it is 2xx.
    ///
    /// # Errors
    /// Nobody could look, or the answer is longer.
    pub(super) fn fetch(&self, request: &Request<'_>, limit: u64) -> Result<Text> {
        let text = self.attempts(request, |answer| {
            let limit = if answer.is_success() { limit } else { LONGEST_ERROR };
            let (status, headers) = (answer.status, answer.headers.clone());
            Ok(answer.read(limit)?.map(|bytes| Text { status, headers, bytes }))
        })?;
        text.ok_or_else(|| Fault::not_genuine(request.what, format!("is longer than {limit} bytes")))
    }

    /// Sends until something is learnt, or nobody waits any longer.
    fn attempts<T>(&self, request: &Request<'_>, read: impl Fn(Answer) -> Result<T, Broken>) -> Result<T> {
        let mut pauses = Pauses::new(self.patience);
        loop {
            let broken = match self.once(request)?.and_then(&read) {
                Ok(found) => return Ok(found),
                Err(broken) => broken,
            };
            let again = broken.again && request.again;
            if !again || !pauses.wait(broken.after) {
                return Err(Fault::could_not_look(request.what, broken.why));
            }
        }
    }

    /// One attempt, with a login where the registry asks for one.
    fn once(&self, request: &Request<'_>) -> Result<Result<Answer, Broken>> {
        let mut authority = self.lock();
        let shown = authority.known(request.scope);
        drop(authority);
        let answer = match self.plainly(request, shown.as_deref()) {
            Ok(answer) => answer,
            Err(broken) => return Ok(Err(broken)),
        };
        if answer.status != 401 {
            return Ok(self.judged(answer));
        }
        let challenges = challenges(&answer.headers);
        authority = self.lock();
        let Some(login) = authority.asked(
            &self.connections,
            self.patience,
            &challenges,
            request.scope,
            shown.as_deref(),
        )?
        else {
            drop(authority);
            return Ok(Err(Broken { why: Why::Unauthorized(said(answer)), again: false, after: None }));
        };
        drop(authority);
        let answer = match self.plainly(request, Some(&login)) {
            Ok(answer) => answer,
            Err(broken) => return Ok(Err(broken)),
        };
        if answer.status == 401 {
            return Ok(Err(Broken { why: Why::Unauthorized(said(answer)), again: false, after: None }));
        }
        Ok(self.judged(answer))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Authority> {
        // Nothing in it is half-done when a thread panics.
        self.authority.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn judged(&self, answer: Answer) -> Result<Answer, Broken> {
        let after = retry_after(&answer.headers);
        let broken = |why: fn(String) -> Why, again, answer: Answer| {
            Err(Broken { why: why(said(answer)), again, after })
        };
        match answer.status {
            403 => broken(Why::Forbidden, false, answer),
            408 => broken(Why::TimedOut, true, answer),
            429 => broken(Why::TooManyRequests, true, answer),
            // 501 says that it never will.
            501 => Ok(answer),
            500.. => broken(Why::Broken, true, answer),
            _ => Ok(answer),
        }
    }

    /// The answer of whoever has it, wherever the registry sends us for it.
    fn plainly(&self, request: &Request<'_>, login: Option<&str>) -> Result<Answer, Broken> {
        let mut url = match request.url.starts_with('/') {
            true => format!("{}{}", self.base, request.url),
            false => request.url.clone(),
        };
        for _ in 0..MOST_REDIRECTS {
            let answer = self.directly(request, &url, login)?;
            match answer.sends_to(request, &url) {
                Some(elsewhere) => url = elsewhere,
                None => return Ok(answer),
            }
        }
        let why = format!("it sends us from one place to the next, more than {MOST_REDIRECTS} times");
        Err(Broken { why: Why::Broken(why), again: false, after: None })
    }

    fn directly(&self, request: &Request<'_>, url: &str, login: Option<&str>) -> Result<Answer, Broken> {
        let mut http = HttpRequest::builder().method(request.method.clone()).uri(url);
        // A login goes to the registry alone, also where an upload or the way to a blob goes elsewhere, and so does one that a
        // request brings along.
        let at_home = same_origin(url, &self.base);
        let is_login = |name: &str| name.eq_ignore_ascii_case(AUTHORIZATION.as_str());
        for (name, value) in request.headers.iter().filter(|(name, _)| at_home || !is_login(name)) {
            http = http.header(*name, value);
        }
        if let Some(login) = login.filter(|_| at_home) {
            http = http.header(AUTHORIZATION, login);
        }
        let bad = |fault: ureq::http::Error| Broken {
            why: Why::Broken(fault.to_string()),
            again: false,
            after: None,
        };
        let agent = self.connections.to(url);
        let response = match request.body {
            Some(body) => agent.run(http.body(body).map_err(bad)?),
            None => agent.run(http.body(()).map_err(bad)?),
        };
        let bodiless = request.method == Method::HEAD;
        let answer = |response| Answer { bodiless, ..Answer::of(response) };
        response.map(answer).map_err(|fault| Broken::of(&fault))
    }

    /// The registry's address with a path or an address that it has given.
    pub(super) fn resolved(&self, location: &str) -> String {
        if location.starts_with("http://") || location.starts_with("https://") {
            return location.to_owned();
        }
        let slash = if location.starts_with('/') { "" } else { "/" };
        format!("{}{slash}{location}", self.base)
    }
}

/// Where an address leads that stands in an answer from `url`.
fn joined(url: &str, location: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let lower = location.to_ascii_lowercase();
    match location {
        _ if lower.starts_with("http://") || lower.starts_with("https://") => location.to_owned(),
        _ if location.starts_with("//") => format!("{scheme}:{location}"),
        _ if location.starts_with('/') => format!("{scheme}://{host}{location}"),
        _ if location.starts_with('?') => format!("{scheme}://{host}{path}{location}"),
        _ => {
            let folder = path.rfind('/').map_or("/", |at| &path[..=at]);
            format!("{scheme}://{host}{folder}{location}")
        }
    }
}

/// Whether two addresses are of the same server.
pub(super) fn same_origin(a: &str, b: &str) -> bool {
    let origin = |url: &str| -> Option<String> {
        let (scheme, rest) = url.split_once("://")?;
        let host = rest.split(['/', '?', '#']).next()?;
        Some(format!("{scheme}://{}", host.to_ascii_lowercase()))
    };
    origin(a).is_some() && origin(a) == origin(b)
}

impl Answer {
    fn of(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        Self { status: parts.status.as_u16(), headers: parts.headers, body, bodiless: false }
    }

    /// Where a request to `url` is to go instead; nothing where it has been answered. Who is sent elsewhere takes the body along
    /// where the answer says so (307, 308), and asks no other question than before.
    fn sends_to(&self, request: &Request<'_>, url: &str) -> Option<String> {
        let follows = match self.status {
            301..=303 => request.body.is_none(),
            307 | 308 => true,
            _ => false,
        };
        header(&self.headers, LOCATION.as_str()).filter(|_| follows).map(|location| joined(url, location))
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(super) fn reader(self) -> impl Read {
        // The limit is the reader's: blobs are as long as their descriptors say.
        self.body.into_with_config().limit(u64::MAX).reader()
    }

    /// The body; nothing where it is longer than `limit`.
    fn read(self, limit: u64) -> Result<Option<Vec<u8>>, Broken> {
        if self.bodiless {
            return Ok(Some(Vec::new()));
        }
        let announced =
            header(&self.headers, CONTENT_LENGTH.as_str()).and_then(|text| text.parse::<u64>().ok());
        if announced.is_some_and(|length| length > limit) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        self.reader().take(limit + 1).read_to_end(&mut bytes).map_err(|fault| Broken::of_io(&fault))?;
        Ok((bytes.len() as u64 <= limit).then_some(bytes))
    }
}

impl Broken {
    fn of(fault: &ureq::Error) -> Self {
        let text = fault.to_string();
        let (why, again) = match fault {
            ureq::Error::Timeout(_) => (Why::TimedOut(text), true),
            ureq::Error::Io(fault) => return Self::of_io(fault),
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => {
                (Why::Connection(text), false)
            }
            ureq::Error::BadUri(_)
            | ureq::Error::RequireHttpsOnly(_)
            | ureq::Error::TooManyRedirects
            | ureq::Error::RedirectFailed
            | ureq::Error::InvalidProxyUrl => (Why::Broken(text), false),
            _ => (Why::Connection(text), true),
        };
        Self { why, again, after: None }
    }

    fn of_io(fault: &std::io::Error) -> Self {
        let text = fault.to_string();
        let tls = fault.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
        let why = match is_late(fault) {
            true => Why::TimedOut(text),
            false => Why::Connection(text),
        };
        Self { why, again: !tls, after: None }
    }
}

/// Whether an error is that something took too long.
pub(super) fn is_late(fault: &std::io::Error) -> bool {
    let inner = fault.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
    matches!(fault.kind(), std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock)
        || matches!(inner, Some(ureq::Error::Timeout(_)))
}

/// A header as text.
pub(super) fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn challenges(headers: &HeaderMap) -> Vec<super::challenge::Challenge> {
    let texts = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(super::challenge::parse).collect()
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    // The other form, a date, is for clients that share a clock with their server.
    header(headers, RETRY_AFTER.as_str())?.trim().parse().ok().map(Duration::from_secs)
}

/// What an answer says of itself, on one line.
fn said(answer: Answer) -> String {
    let mut bytes = Vec::new();
    // What cannot be read says nothing.
    let _ = answer.reader().take(LONGEST_ERROR).read_to_end(&mut bytes);
    said_in(&bytes)
}

/// What a registry's error says: its codes and messages, or the beginning of whatever else came.
pub(super) fn said_in(bytes: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct ErrorsJson {
        errors: Vec<ErrorJson>,
    }
    #[derive(serde::Deserialize)]
    struct ErrorJson {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let text = match serde_json::from_slice::<ErrorsJson>(bytes) {
        Ok(json) => {
            let one = |error: &ErrorJson| format!("{} {}", error.code, error.message).trim().to_owned();
            json.errors.iter().map(one).collect::<Vec<_>>().join(", ")
        }
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    };
    let line: Vec<&str> = text.split_whitespace().collect();
    line.join(" ").chars().filter(|c| !c.is_control()).take(200).collect()
}

/// Pauses between attempts, each twice as long as the one before it.
pub(super) struct Pauses {
    patience: Patience,
    made: u32,
}

impl Pauses {
    pub(super) fn new(patience: Patience) -> Self {
        Self { patience, made: 0 }
    }

    /// Waits; says no where it has been tried often enough.
    pub(super) fn wait(&mut self, asked: Option<Duration>) -> bool {
        self.made += 1;
        if self.made >= self.patience.attempts
            || asked.is_some_and(|asked| asked > self.patience.longest_pause)
        {
            return false;
        }
        let doubled = self.patience.first_pause.saturating_mul(1 << (self.made - 1).min(16));
        let pause = doubled.max(asked.unwrap_or_default()).min(self.patience.longest_pause);
        std::thread::sleep(jittered(pause));
        true
    }
}

/// Between three quarters and five quarters of a time: clients that began together do not come back together.
pub(super) fn jittered(time: Duration) -> Duration {
    use std::hash::{BuildHasher, Hasher};
    // The hasher's seed is another for each thread and call; the clock adds to it.
    let mut hasher = std::hash::RandomState::new().build_hasher();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    hasher.write_u128(now.as_nanos());
    let share = u32::try_from(hasher.finish() % 512).unwrap_or(0);
    time.saturating_mul(768 + share) / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_error_says_is_one_line() {
        let json = br#"{"errors": [{"code": "DENIED", "message": "no\naccess"}, {"code": "X"}]}"#;
        assert_eq!(said_in(json), "DENIED no access, X");
        assert_eq!(said_in(b"<html>\n  gone\x07"), "<html> gone");
        assert_eq!(said_in(&[b'x'; 999]).len(), 200);
    }

    #[test]
    fn where_an_answer_sends_us_is_an_address() {
        for (location, expected) in [
            ("https://b.test/x?y=1", "https://b.test/x?y=1"),
            ("HTTPS://b.test", "HTTPS://b.test"),
            ("//b.test/x", "https://b.test/x"),
            ("/x", "https://a.test:1/x"),
            ("x?z", "https://a.test:1/v2/app/x?z"),
            ("?z", "https://a.test:1/v2/app/blob?z"),
        ] {
            assert_eq!(joined("https://a.test:1/v2/app/blob?q=/", location), expected, "{location}");
        }
        assert_eq!(joined("http://a.test", "x"), "http://a.test/x");
    }

    #[test]
    fn origins_are_compared_whole() {
        assert!(same_origin("https://a.test/v2/x?y", "https://A.test"));
        for other in ["http://a.test", "https://a.test:444", "https://a.test.evil", "a.test"] {
            assert!(!same_origin(other, "https://a.test"), "{other}");
        }
    }

    #[test]
    fn pauses_end() {
        let patience = Patience { attempts: 3, first_pause: Duration::from_millis(1), ..Patience::default() };
        let mut pauses = Pauses::new(patience);
        assert!(pauses.wait(None) && pauses.wait(None) && !pauses.wait(None));
        assert!(!Pauses::new(patience).wait(Some(Duration::from_secs(3600))), "nobody waits an hour");
    }
}
