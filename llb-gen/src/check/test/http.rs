//! `http`: which members go together.

use super::{json, matches, positive};
use crate::check::unexpected;
use crate::diagnostic::{Diagnostic, Sink};
use crate::model::test::{Exchange, Expectation, HttpTest, Match, Ready, Request};
use crate::parse::decode::OneOrMany;
use crate::parse::raw::test::{RawExchange, RawExpectation, RawHttp, RawReady, RawRequest, Status};
use crate::text::Located;

pub(super) fn http(raw: RawHttp, sink: &mut Sink) -> Option<HttpTest> {
    let exchanges = match (raw.request, raw.requests) {
        (request, None) => single(request, raw.expect, sink),
        (None, Some(requests)) => {
            if let Some(expect) = &raw.expect {
                unexpected("expect", &expect.place, "each of `requests` has its own", sink);
            }
            if requests.is_empty() {
                let fault = Diagnostic::error("empty-value", requests.place(), "`requests` is empty");
                sink.push(fault.expecting("at least one request, or no such member"));
            }
            requests.into_value().into_iter().map(|raw| exchange(raw, sink)).collect()
        }
        (Some(request), Some(_)) => {
            unexpected("request", &request.place, "it is one of `requests` then", sink);
            return None;
        }
    };
    Some(HttpTest {
        command: raw.command,
        port: raw.port.map(|port| port.0),
        ready: raw.ready.map(|raw| ready(raw, sink)).unwrap_or_default(),
        exchanges,
        place: raw.place,
    })
}

/// An expectation by itself is about `GET /`.
fn single(request: Option<RawRequest>, expect: Option<RawExpectation>, sink: &mut Sink) -> Vec<Exchange> {
    if request.is_none() && expect.is_none() {
        return Vec::new();
    }
    let request = request.map(self::request).unwrap_or_default();
    vec![Exchange { request, expect: expect.map(|raw| expectation(raw, sink)).unwrap_or_default() }]
}

fn exchange(raw: RawExchange, sink: &mut Sink) -> Exchange {
    let expect = raw.expect.map(|raw| expectation(raw, sink)).unwrap_or_default();
    Exchange { request: request(raw.request), expect }
}

fn request(raw: RawRequest) -> Request {
    Request {
        method: raw.method,
        path: raw.path,
        headers: raw.headers.unwrap_or_default().0,
        body: raw.body.map(|body| body.0),
    }
}

pub(super) fn ready(raw: RawReady, sink: &mut Sink) -> Ready {
    positive("interval", raw.interval.as_ref(), sink);
    if let Some(attempts) = raw.attempts.as_ref().filter(|attempts| *attempts.value() == 0) {
        let message = "invalid `attempts`: a server that is never asked is never ready";
        sink.push(Diagnostic::error("invalid-value", attempts.place(), message).expecting("at least 1"));
    }
    Ready {
        path: raw.path,
        status: statuses(raw.status, sink),
        attempts: raw.attempts.map(Located::into_value),
        interval: raw.interval,
    }
}

fn expectation(raw: RawExpectation, sink: &mut Sink) -> Expectation {
    let headers = raw.headers.unwrap_or_default().0;
    for (name, one) in &headers {
        if let Match::Json(_) = &one.0 {
            let message = format!("header `{}` is no JSON document", name.value());
            let fault = Diagnostic::error("match", name.place(), message);
            sink.push(fault.expecting("`contains`, `equals` or `matches`"));
        }
    }
    Expectation {
        status: statuses(raw.status, sink),
        headers: headers.into_iter().map(|(name, one)| (name, one.0)).collect(),
        body: matches("body", raw.body, sink),
        json: json(raw.json, sink),
    }
}

fn statuses(raw: Option<Located<OneOrMany<Status>>>, sink: &mut Sink) -> Vec<u16> {
    if let Some(list) = raw.as_ref().filter(|list| list.0.is_empty()) {
        sink.push(Diagnostic::error("empty-value", list.place(), "`status` is empty: no answer would do"));
    }
    raw.into_iter().flat_map(|list| list.into_value().0).map(|status| status.0).collect()
}
