//! What a registry wants to see: the header `WWW-Authenticate`.

use std::collections::BTreeMap;

/// One way to log in that a registry offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// Name and password.
    Basic,
    /// A token from somebody who gives them out.
    Bearer {
        /// Who that is.
        realm: String,
        /// For whom the token is to be.
        service: Option<String>,
        /// What it is to allow.
        scope: Option<String>,
    },
}

/// The challenges of one header, in its order. Ways that nobody here knows are passed over.
pub(super) fn parse(header: &str) -> Vec<Challenge> {
    let mut found = Vec::new();
    let mut current: Option<(String, BTreeMap<String, String>)> = None;
    for part in parts(header) {
        let (scheme, parameter) = match part.split_once('=') {
            // `Bearer realm="…"`: a scheme stands before the first of its parameters.
            Some((name, value)) => match name.trim().rsplit_once(char::is_whitespace) {
                Some((scheme, name)) => (Some(scheme.trim()), Some((name, value))),
                None => (None, Some((name.trim(), value))),
            },
            None => (Some(part.trim()), None),
        };
        if let Some(scheme) = scheme {
            found.extend(current.take().and_then(challenge));
            current = Some((scheme.to_ascii_lowercase(), BTreeMap::new()));
        }
        if let (Some((_, parameters)), Some((name, value))) = (&mut current, parameter) {
            parameters.insert(name.to_ascii_lowercase(), unquoted(value));
        }
    }
    found.extend(current.and_then(challenge));
    found
}

fn challenge((scheme, mut parameters): (String, BTreeMap<String, String>)) -> Option<Challenge> {
    match scheme.as_str() {
        "basic" => Some(Challenge::Basic),
        "bearer" => Some(Challenge::Bearer {
            realm: parameters.remove("realm")?,
            service: parameters.remove("service"),
            scope: parameters.remove("scope"),
        }),
        _ => None,
    }
}

/// The text cut at its commas, but not at those in quotes.
fn parts(header: &str) -> Vec<&str> {
    let (mut parts, mut begin) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in header.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                parts.push(&header[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&header[begin..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn unquoted(value: &str) -> String {
    let value = value.trim();
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read() {
        let header =
            r#"Bearer realm="https://auth.test/token",service="reg.test",scope="repository:a/b:pull,push""#;
        let expected = Challenge::Bearer {
            realm: "https://auth.test/token".into(),
            service: Some("reg.test".into()),
            scope: Some("repository:a/b:pull,push".into()),
        };
        assert_eq!(parse(header), [expected]);
        assert_eq!(parse("Basic realm=\"a, b\""), [Challenge::Basic]);
        assert_eq!(parse("Negotiate, Basic realm=x").len(), 1);
        assert_eq!(parse("Basic realm=x, Bearer realm=y").len(), 2);
        for odd in ["", ",", "=", "Bearer", "Bearer service=x", "\"", "Bearer realm=\"", "é=\"é\\"] {
            let _ = parse(odd);
        }
        assert_eq!(parse("Bearer service=x"), [], "nobody to ask");
    }
}
