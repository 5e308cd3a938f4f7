//! Tests that start a server and ask it.

use super::{Match, Matches, Pointed, ServerCommand};
use crate::model::quantity::Duration;
use crate::model::text_value::{Invalid, TextValue, checked_text, quoted, text_value};
use crate::model::value::Value;
use crate::text::{Located, Place};

/// `http`: a server, when it is ready, and what it must answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTest {
    /// What is started; the image's entrypoint and command by default.
    pub command: ServerCommand,
    /// Where it listens; the only TCP port that the image exposes by default.
    pub port: Option<Value<PortNumber>>,
    /// When it is ready.
    pub ready: Ready,
    /// What it is asked, in order. Empty: it must get ready, and that is all.
    pub exchanges: Vec<Exchange>,
    /// The action's object.
    pub place: Place,
}

/// When a server is ready.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ready {
    /// What is asked for; `/` by default.
    pub path: Option<Value<RequestPath>>,
    /// Answers that mean ready; any below 500 where empty.
    pub status: Vec<u16>,
    /// How often it is asked; 30 times by default.
    pub attempts: Option<u32>,
    /// Between two questions; a second by default.
    pub interval: Option<Value<Duration>>,
}

/// A request and what must come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The request.
    pub request: Request,
    /// The answer.
    pub expect: Expectation,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// Its method; GET by default.
    pub method: Option<Value<HttpMethod>>,
    /// Its path with its query; `/` by default.
    pub path: Option<Value<RequestPath>>,
    /// Its headers, in the order written.
    pub headers: Vec<(Located<HeaderName>, Value<HeaderValue>)>,
    /// What it carries.
    pub body: Option<RequestBody>,
}

/// What a request carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestBody {
    /// A text.
    Text(Value<String>),
    /// A JSON value, sent with its content type.
    Json(super::JsonValue),
}

/// What must come back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expectation {
    /// Statuses, one of which it must have; 200 alone where empty.
    pub status: Vec<u16>,
    /// What headers must be.
    pub headers: Vec<(Located<HeaderName>, Match)>,
    /// What the body must be.
    pub body: Matches,
    /// Values that the body, which then must be JSON, must hold.
    pub json: Vec<Pointed>,
}

/// A port that a server listens on, from 1 to 65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortNumber(u16);

text_value!(PortNumber);

impl PortNumber {
    /// The number.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }
}

impl TextValue for PortNumber {
    const WHAT: &'static str = "a port number";
    const FORM: &'static str = "a number from 1 to 65535";
    const PATTERN: &'static str = "^[1-9][0-9]{0,4}$";
    const EXAMPLES: &'static [&'static str] = &["8080", "${APP_PORT}"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let digits = text.starts_with(|c: char| c.is_ascii_digit());
        let number = text.parse::<u16>().ok().filter(|port| digits && *port > 0);
        number.map(Self).ok_or_else(|| Invalid::new(format!("{} is no port", quoted(text))))
    }
}

checked_text!(
    /// The method of a request, in capitals.
    HttpMethod
);

/// The methods that a server may be asked with.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

impl TextValue for HttpMethod {
    const WHAT: &'static str = "an HTTP method";
    const FORM: &'static str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS or TRACE";
    const PATTERN: &'static str = "^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE)$";
    const EXAMPLES: &'static [&'static str] = &["POST"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        if METHODS.contains(&text) {
            return Ok(Self(text.to_owned()));
        }
        let near = crate::diagnostic::nearest(text, METHODS).map(|near| format!("; did you mean `{near}`?"));
        Err(Invalid::new(format!("{} is no method{}", quoted(text), near.unwrap_or_default())))
    }
}

checked_text!(
    /// The path of a request, with its query: `/v1/models?limit=1`.
    RequestPath
);

impl TextValue for RequestPath {
    const WHAT: &'static str = "the path of a request";
    const FORM: &'static str = "a path such as \"/v1/models\", without blanks";
    const PATTERN: &'static str = r"^/[!-~]*$";
    const EXAMPLES: &'static [&'static str] = &["/healthz"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        match text.starts_with('/') && text.chars().all(|c| c.is_ascii_graphic()) {
            true => Ok(Self(text.to_owned())),
            false => Err(Invalid::new(format!("{} is no path of a request", quoted(text)))),
        }
    }
}

checked_text!(
    /// The name of a header.
    HeaderName
);

impl TextValue for HeaderName {
    const WHAT: &'static str = "the name of a header";
    const FORM: &'static str = "letters, digits and dashes";
    const PATTERN: &'static str = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$";
    const EXAMPLES: &'static [&'static str] = &["Content-Type"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+.^_`|~-".contains(c);
        match !text.is_empty() && text.chars().all(token) {
            true => Ok(Self(text.to_owned())),
            false => Err(Invalid::new(format!("{} is not the name of a header", quoted(text)))),
        }
    }
}

checked_text!(
    /// What a header says.
    HeaderValue
);

impl TextValue for HeaderValue {
    const WHAT: &'static str = "the value of a header";
    const FORM: &'static str = "a text of one line";
    const EXAMPLES: &'static [&'static str] = &["application/json"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        match text.chars().find(|c| c.is_control() && *c != '\t') {
            None => Ok(Self(text.to_owned())),
            Some(wrong) => {
                Err(Invalid::new(format!("the value {} holds `{}`", quoted(text), wrong.escape_debug())))
            }
        }
    }
}
