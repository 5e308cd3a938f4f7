//! `http` as written.

use jsonc_parser::ast::Value as Json;

use super::{RawMatch, RawMatches, RawPointed};
use crate::model::test::{
    HeaderName, HeaderValue, HttpMethod, JsonValue, PortNumber, RequestBody, RequestPath,
};
use crate::model::{CommandLine, Duration, Invalid, PerPlatform, TextValue, Value};
use crate::parse::decode::{Decode, Map, OneOrMany};
use crate::parse::node::{Context, Node};
use crate::parse::object::object;
use crate::text::Located;

object! {
    /// A server, and what it must answer.
    RawHttp {
        /// What is started: a list as it is, or a text for the shell. The image's entrypoint and command by default.
        "command" command: Option<PerPlatform<CommandLine>>,
        /// The port it listens on. The only TCP port that the image exposes by default.
        "port" port: Option<RawPort>,
        /// When it is ready.
        "ready" ready: Option<RawReady>,
        /// What it is asked. Without a request it must get ready, and that is all.
        "request" request: Option<RawRequest>,
        /// What must come back.
        "expect" expect: Option<RawExpectation>,
        /// Several requests, one after the other, instead of `request` and `expect`.
        "requests" requests: Option<Located<Vec<RawExchange>>>,
    }
}

object! {
    /// When a server is ready.
    RawReady {
        /// What is asked for until it answers; `/` by default.
        "path" path: Option<Value<RequestPath>>,
        /// The status, or a list of which it must be one; any below 500 by default.
        "status" status: Option<Located<OneOrMany<Status>>>,
        /// How often it is asked; 30 times by default.
        "attempts" attempts: Option<Located<u32>>,
        /// Between two questions; `1s` by default.
        "interval" interval: Option<Value<Duration>>,
    }
}

object! {
    /// A request and what must come back.
    RawExchange {
        /// The request.
        "request" request: RawRequest,
        /// What must come back.
        "expect" expect: Option<RawExpectation>,
    }
}

object! {
    /// A request.
    RawRequest {
        /// The method; `GET` by default.
        "method" method: Option<Value<HttpMethod>>,
        /// The path with its query; `/` by default.
        "path" path: Option<Value<RequestPath>>,
        /// Headers by name.
        "headers" headers: Option<Map<HeaderName, Value<HeaderValue>>>,
        /// What it carries: a text, or any other JSON value, which is sent as JSON with its content type.
        "body" body: Option<RawBody>,
    }
}

object! {
    /// What must come back.
    RawExpectation {
        /// The status, or a list of which it must be one; 200 by default.
        "status" status: Option<Located<OneOrMany<Status>>>,
        /// What headers must be, by name.
        "headers" headers: Option<Map<HeaderName, RawMatch>>,
        /// What the body must be: one match or a list, of which all must hold.
        "body" body: RawMatches,
        /// Values of the body, which then must be JSON, by their places (RFC 6901).
        "json" json: Option<RawPointed>,
    }
}

/// The status of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Status(pub(crate) u16);

impl Decode for Status {
    const FORM: &'static str = "a status from 100 to 599";

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        let Json::NumberLit(number) = node else { return cx.wrong_type(node, Self::FORM) };
        match number.value.parse::<u16>().ok().filter(|status| (100..600).contains(status)) {
            Some(status) => Some(Self(status)),
            None => cx.invalid(node, Invalid::new("no such status"), Self::FORM),
        }
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "minimum": 100, "maximum": 599 })
    }
}

/// A port: a number, or a text with `${…}`.
#[derive(Debug, Clone)]
pub(crate) struct RawPort(pub(crate) Value<PortNumber>);

impl Decode for RawPort {
    const FORM: &'static str = <PortNumber as TextValue>::FORM;
    const OBJECT: bool = true;

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        let Json::NumberLit(number) = node else { return Value::decode(node, cx).map(Self) };
        match PortNumber::from_text(number.value) {
            Ok(port) => Some(Self(Value::literal(port, cx.place(node)))),
            Err(fault) => cx.invalid(node, fault, Self::FORM),
        }
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let number = schemars::json_schema!({ "type": "integer", "minimum": 1, "maximum": u16::MAX });
        crate::schema::any_of([number, <Value<PortNumber> as Decode>::schema(generator)])
    }
}

/// What a request carries.
#[derive(Debug, Clone)]
pub(crate) struct RawBody(pub(crate) RequestBody);

impl Decode for RawBody {
    const FORM: &'static str = "a text or any other JSON value";
    const OBJECT: bool = true;

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        match node {
            Json::StringLit(_) => Value::decode(node, cx).map(|text| Self(RequestBody::Text(text))),
            _ => JsonValue::decode(node, cx).map(|value| Self(RequestBody::Json(value))),
        }
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        JsonValue::schema(generator)
    }
}
