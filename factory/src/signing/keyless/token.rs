//! Identity tokens (OpenID Connect): who somebody is, said by a provider that knows them. A token is a secret: nothing prints it.

use std::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::services::Server;
use crate::exit::{Error, Result};
use crate::registry::Access;
use crate::registry::service::Question;
use crate::signing::Fault;

/// The variable that has a token, as sigstore's programs have it.
const TOKEN: &str = "SIGSTORE_ID_TOKEN";
/// Where a job of GitHub Actions gets one, and what it shows there.
const GITHUB: [&str; 2] = ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"];
/// Whom the token is for.
const AUDIENCE: &str = "sigstore";
/// The longest token in bytes.
const LONGEST: u64 = 64 << 10;

/// A token. What it says is not believed here: whoever gives the certificate checks it.
#[derive(Clone)]
pub struct Token {
    text: Zeroizing<String>,
    subject: String,
    expires: Option<i64>,
}

/// Whose it is, and nothing else.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.subject)
    }
}

#[derive(Deserialize)]
struct Claims {
    sub: Option<String>,
    email: Option<String>,
    exp: Option<serde_json::Number>,
}

#[derive(Deserialize)]
struct GithubJson {
    value: String,
}

impl Token {
    /// Reads a token (a JWT).
    ///
    /// # Errors
    /// It is none, or says nobody's name.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let malformed = |why: &str| Fault::malformed("identity token", why);
        let text = text.trim();
        let parts: Vec<&str> = text.split('.').collect();
        let [_, claims, _] = parts[..] else {
            return Err(malformed("it does not have the three parts of a JWT"));
        };
        let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('='));
        let claims = claims.map(Zeroizing::new).map_err(|_| malformed("its claims are broken base64"))?;
        // The fault would repeat what is in it.
        let claims: Claims =
            serde_json::from_slice(&claims).map_err(|_| malformed("its claims are no JSON object"))?;
        // A provider of mail addresses has them proven by that address, all others by the subject.
        let subject = claims.email.or(claims.sub).filter(|subject| !subject.is_empty());
        let subject = subject.ok_or_else(|| malformed("it says neither `email` nor `sub`"))?;
        let expires = claims.exp.and_then(|time| time.as_f64()).map(|time| time as i64);
        Ok(Self { text: Zeroizing::new(text.to_owned()), subject, expires })
    }

    /// The token that is to be used: in `file`, else in the variable `SIGSTORE_ID_TOKEN`, else the one that GitHub gives its jobs.
    ///
    /// # Errors
    /// There is none, it is over, or GitHub gives none.
    pub fn find(
        file: Option<&Path>,
        variable: impl Fn(&str) -> Option<String>,
        access: &Access,
        now: i64,
    ) -> Result<Self> {
        let variable = |name: &str| variable(name).filter(|text| !text.trim().is_empty()).map(Zeroizing::new);
        let (token, whence) = match (file, variable(TOKEN)) {
            (Some(path), _) => (Self::parse(&read(path)?), path.display().to_string()),
            (None, Some(text)) => (Self::parse(&text), TOKEN.to_owned()),
            (None, None) => {
                let [Some(url), Some(shown)] = GITHUB.map(variable) else {
                    return Err(Error::Usage(format!(
                        "there is no identity token: give `--identity-token FILE`, set {TOKEN}, or allow the job of GitHub Actions to \
                         have one (`permissions: id-token: write`)"
                    )));
                };
                (Self::parse(&from_github(&url, &shown, access)?), GITHUB[0].to_owned())
            }
        };
        let token = token.map_err(|fault| Error::Usage(format!("{whence}: {fault}")))?;
        match token.expires {
            Some(time) if time < now => Err(Error::Usage(format!(
                "{whence}: the identity token was good until {}",
                llb_gen::lower::rfc3339(u64::try_from(time).unwrap_or_default())
            ))),
            _ => Ok(token),
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The token itself.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>> {
    let failed = |fault: &dyn fmt::Display| Error::Usage(format!("{}: {fault}", path.display()));
    let length = std::fs::metadata(path).map_err(|fault| failed(&fault))?.len();
    if length > LONGEST {
        return Err(failed(&format!("{length} bytes are more than any token has")));
    }
    std::fs::read_to_string(path).map(Zeroizing::new).map_err(|fault| failed(&fault))
}

/// The token that GitHub gives to a job of its own.
fn from_github(url: &str, shown: &str, access: &Access) -> Result<Zeroizing<String>> {
    let what = "the request for an identity token";
    let server = Server::open("GitHub", url, access)?.with_secret(shown);
    let separator = if url.contains('?') { '&' } else { '?' };
    let reply = server.ask(&Question {
        path: &format!("{separator}audience={AUDIENCE}"),
        headers: vec![
            ("authorization", format!("bearer {shown}")),
            ("accept", "application/json".to_owned()),
        ],
        body: None,
        what,
    })?;
    server.json(what, &reply).map(|json: GithubJson| Zeroizing::new(json.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_token_says_whose_it_is_and_nothing_prints_it() {
        let text = token(r#"{"sub": "repo:team/app", "iss": "https://ci.test", "exp": 100.5}"#);
        let read = Token::parse(&format!("{text}\n")).unwrap();
        assert_eq!((read.subject(), read.expires, read.text()), ("repo:team/app", Some(100), text.as_str()));
        assert!(!format!("{read:?}").contains(&text));
        assert_eq!(
            Token::parse(&token(r#"{"sub": "1", "email": "a@b.test"}"#)).unwrap().subject(),
            "a@b.test"
        );
        for wrong in ["", "a.b", "a.!.c", "a.b.c.d", &token("[]"), &token("{}"), &token(r#"{"sub": ""}"#)] {
            let fault = Token::parse(wrong).unwrap_err().to_string();
            assert!(fault.starts_with("this is no identity token: "), "{wrong}: {fault}");
        }
    }

    #[test]
    fn the_first_place_that_has_one_wins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, token(r#"{"sub": "file", "exp": 100}"#)).unwrap();
        let variable = |name: &str| (name == TOKEN).then(|| token(r#"{"sub": "variable"}"#));
        let access = Access::anonymous();
        let find =
            |file: Option<&Path>, now| Token::find(file, variable, &access, now).map(|found| found.subject);
        assert_eq!(find(Some(&path), 100).unwrap(), "file");
        assert_eq!(find(None, 100).unwrap(), "variable");
        let fault = find(Some(&path), 101).unwrap_err();
        assert!(fault.to_string().ends_with("good until 1970-01-01T00:01:40Z"), "{fault}");
        let fault = Token::find(None, |_| None, &access, 0).unwrap_err();
        assert!(fault.to_string().contains("SIGSTORE_ID_TOKEN"), "{fault}");
    }
}
