//! Blobs, written: skipped where they are there, mounted where the registry has them elsewhere, in pieces where they are long.

use ureq::http::Method;

use super::document::Descriptor;
use super::fault::{Fault, Result, Why};
use super::name::digest_of;
use super::repository::{Repository, refused};
use super::transport::{Pauses, Request, Text, header};

/// What is sent in one piece. Longer blobs go in pieces of this size, so that a connection that breaks costs one of them.
const PIECE: usize = 8 << 20;

/// What answers of an upload may come to.
const LONGEST: u64 = 64 << 10;

/// Why an attempt at an upload came to nothing.
enum Failed {
    /// The next may do better.
    Again(Fault),
    /// It will not.
    ForGood(Fault),
}

impl Repository {
    /// Puts a blob, where it is not there yet.
    ///
    /// # Errors
    /// The registry does not take it, or nobody could ask.
    pub fn put_blob(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor> {
        self.put_blob_from(media_type, bytes, None)
    }

    /// The same, from another repository of the registry where that has it.
    ///
    /// # Errors
    /// As [`Repository::put_blob`].
    pub fn put_blob_from(&self, media_type: &str, bytes: &[u8], other: Option<&str>) -> Result<Descriptor> {
        let descriptor = Descriptor::of(media_type, bytes);
        debug_assert_eq!(descriptor.digest, digest_of(bytes));
        let mut pauses = Pauses::new(self.patience());
        loop {
            // What an attempt before has brought to its end without our hearing of it is there.
            if self.has_blob(&descriptor.digest)? {
                return Ok(descriptor);
            }
            match self.uploaded(&descriptor.digest, bytes, other) {
                Ok(()) => return Ok(descriptor),
                Err(Failed::ForGood(fault)) => return Err(fault),
                Err(Failed::Again(fault)) if !pauses.wait(None) => return Err(fault),
                Err(Failed::Again(_)) => {}
            }
        }
    }

    fn uploaded(&self, digest: &str, bytes: &[u8], other: Option<&str>) -> Result<(), Failed> {
        let what = self.called(&format!("@{digest}"));
        let mount = other.map(|other| format!("?mount={digest}&from={other}")).unwrap_or_default();
        let begun =
            self.upload(Method::POST, self.path(&format!("blobs/uploads/{mount}")), Vec::new(), &[], &what)?;
        if begun.status == 201 {
            return Ok(());
        }
        let mut location = self.location(&begun, &what)?.ok_or_else(|| {
            let why = Why::Broken("it does not say where an upload goes".to_owned());
            Failed::ForGood(Fault::could_not_look(what.as_str(), why))
        })?;
        let mut rest = bytes;
        if bytes.len() > PIECE {
            location = self.in_pieces(location, bytes, &what)?;
            rest = &[];
        }
        let sign = if location.contains('?') { '&' } else { '?' };
        let url = format!("{location}{sign}digest={digest}");
        let binary = vec![("Content-Type", "application/octet-stream".to_owned())];
        self.upload(Method::PUT, url, binary, rest, &what).map(drop)
    }

    /// Sends all of a blob but its end, and says where that goes.
    fn in_pieces(&self, mut location: String, bytes: &[u8], what: &str) -> Result<String, Failed> {
        let mut sent = 0;
        let mut pauses = Pauses::new(self.patience());
        while sent < bytes.len() {
            let piece = &bytes[sent..bytes.len().min(sent + PIECE)];
            let headers = vec![
                ("Content-Type", "application/octet-stream".to_owned()),
                ("Content-Range", format!("{sent}-{}", sent + piece.len() - 1)),
            ];
            match self.upload(Method::PATCH, location.clone(), headers, piece, what) {
                Ok(text) => {
                    sent += piece.len();
                    location = self.location(&text, what)?.unwrap_or(location);
                }
                Err(Failed::Again(fault)) => {
                    if !pauses.wait(None) {
                        return Err(Failed::ForGood(fault));
                    }
                    // What of it has arrived is the registry's to say; where it does not, the upload begins anew.
                    let asked = self.upload(Method::GET, location.clone(), Vec::new(), &[], what)?;
                    let has = header(&asked.headers, "range")
                        .and_then(|range| range.rsplit('-').next()?.parse().ok());
                    let has: usize = has.map_or(0, |last: usize| if last == 0 { 0 } else { last + 1 });
                    if has > bytes.len() {
                        return Err(Failed::Again(fault));
                    }
                    sent = has;
                    location = self.location(&asked, what)?.unwrap_or(location);
                }
                Err(failed) => return Err(failed),
            }
        }
        Ok(location)
    }

    fn location(&self, text: &Text, what: &str) -> Result<Option<String>, Failed> {
        let Some(location) = header(&text.headers, "location") else { return Ok(None) };
        let url = self.transport.resolved(location);
        // A registry with TLS does not send us elsewhere without.
        if self.transport.base.starts_with("https://") && !url.starts_with("https://") {
            let why = Why::Broken(format!("it sends an upload to {url}"));
            return Err(Failed::ForGood(Fault::could_not_look(what, why)));
        }
        Ok(Some(url))
    }

    fn upload(
        &self,
        method: Method,
        url: String,
        headers: Vec<(&'static str, String)>,
        body: &[u8],
        what: &str,
    ) -> Result<Text, Failed> {
        let scope = self.push();
        let with_body = method != Method::GET;
        let request = Request {
            method,
            url,
            headers,
            body: with_body.then_some(body),
            scope: &scope,
            what,
            again: false,
        };
        let text = self.transport.fetch(&request, LONGEST).map_err(|fault| match &fault {
            Fault::CouldNotLook { why: Why::Unauthorized(_) | Why::Forbidden(_), .. } => {
                Failed::ForGood(fault)
            }
            _ => Failed::Again(fault),
        })?;
        match text.status {
            200..300 => Ok(text),
            // The upload is not known any more (404), or the registry has other bytes of it than it was sent (416).
            404 | 416 => Err(Failed::Again(refused(what, text.status, &text.bytes))),
            status => Err(Failed::ForGood(refused(what, status, &text.bytes))),
        }
    }
}
