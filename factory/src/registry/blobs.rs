//! Blobs, read in one go or in as many as it takes.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ureq::http::Method;

use super::document::Descriptor;
use super::fault::{Fault, Result, Why};
use super::name::{Hasher, checked};
use super::repository::{Repository, unexpected};
use super::transport::{Pauses, Request, header, is_late};

impl Repository {
    /// A blob of at most `limit` bytes, checked against its digest; nothing where there is none. A transfer that breaks off goes on
    /// where it was.
    ///
    /// # Errors
    /// Nobody could look, or what came is not what it is said to be, or longer than `limit`.
    pub fn blob(&self, descriptor: &Descriptor, limit: u64) -> Result<Option<Vec<u8>>> {
        let what = self.called(&format!("@{}", descriptor.digest));
        if descriptor.size > limit {
            return Err(Fault::not_genuine(
                what,
                format!("has {} bytes, more than {limit}", descriptor.size),
            ));
        }
        if let Some(bytes) = inline(descriptor) {
            return checked(bytes, &descriptor.digest, &what).map(Some);
        }
        let mut bytes = Vec::new();
        let hasher = hasher(descriptor, &what)?;
        let mut transfer = Transfer { repository: self, descriptor, limit, what: &what, received: 0, hasher };
        match transfer.run(&mut bytes)? {
            true => transfer.finished().map(|()| Some(bytes)),
            false => Ok(None),
        }
    }

    /// Puts a blob into a file, of any length; says no where there is none. What a process that was killed had of it in
    /// `<path>.part` is not fetched again. The file is there whole or not at all.
    ///
    /// # Errors
    /// As [`Repository::blob`], or the file cannot be written.
    pub fn blob_to(&self, descriptor: &Descriptor, path: &Path) -> Result<bool> {
        let what = self.called(&format!("@{}", descriptor.digest));
        let failed = |fault: std::io::Error| Fault::Usage(format!("{}: {fault}", path.display()));
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = Path::new(&part);
        let mut hasher = hasher(descriptor, &what)?;
        let mut received = 0;
        if let Ok(mut file) = File::open(part) {
            received = hashed(&mut file, &mut hasher).map_err(failed)?;
        }
        let mut file = OpenOptions::new().create(true).append(true).open(part).map_err(failed)?;
        if received > descriptor.size {
            // Of another blob, or of none.
            file.set_len(0).map_err(failed)?;
            return self.blob_to(descriptor, path);
        }
        let mut transfer =
            Transfer { repository: self, descriptor, limit: u64::MAX, what: &what, received, hasher };
        if !transfer.run(&mut file)? {
            return Ok(false);
        }
        if let Err(fault) = transfer.finished() {
            // Wrong bytes are no beginning of the right ones.
            let _ = std::fs::remove_file(part);
            return Err(fault);
        }
        file.sync_all().and_then(|()| std::fs::rename(part, path)).map_err(failed)?;
        Ok(true)
    }

    /// Whether a blob is there.
    ///
    /// # Errors
    /// Nobody could look.
    pub fn has_blob(&self, digest: &str) -> Result<bool> {
        let what = self.called(&format!("@{digest}"));
        let text =
            self.ask(Method::HEAD, self.path(&format!("blobs/{digest}")), Vec::new(), &what, 1 << 16)?;
        match text.status {
            200..300 => Ok(true),
            404 => Ok(false),
            status => Err(unexpected(&what, status, &text.bytes)),
        }
    }
}

/// The bytes that stand in the descriptor itself.
fn inline(descriptor: &Descriptor) -> Option<Vec<u8>> {
    let data = descriptor.data.as_ref()?;
    STANDARD.decode(data).ok().filter(|bytes| bytes.len() as u64 == descriptor.size)
}

fn hasher(descriptor: &Descriptor, what: &str) -> Result<Hasher> {
    Hasher::for_digest(&descriptor.digest)
        .ok_or_else(|| Fault::not_genuine(what, "is called by what is no digest that can be checked"))
}

fn hashed(file: &mut File, hasher: &mut Hasher) -> std::io::Result<u64> {
    let mut chunk = vec![0; 1 << 16];
    let mut length = 0;
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(length),
            read => {
                hasher.update(&chunk[..read]);
                length += read as u64;
            }
        }
    }
}

/// A blob on its way.
struct Transfer<'t> {
    repository: &'t Repository,
    descriptor: &'t Descriptor,
    limit: u64,
    what: &'t str,
    received: u64,
    hasher: Hasher,
}

/// How one attempt ended.
enum Ended {
    Whole,
    Missing,
    Broke(Why),
}

impl Transfer<'_> {
    /// Fetches until all is there; says no where there is no such blob. As long as something comes, it is tried again.
    fn run(&mut self, into: &mut impl Write) -> Result<bool> {
        let mut pauses = Pauses::new(self.repository.patience());
        loop {
            let before = self.received;
            match self.attempt(into)? {
                Ended::Whole => return Ok(true),
                Ended::Missing => return Ok(false),
                Ended::Broke(why) => {
                    if self.received > before {
                        pauses = Pauses::new(self.repository.patience());
                    }
                    if !pauses.wait(None) {
                        return Err(Fault::could_not_look(self.what, why));
                    }
                }
            }
        }
    }

    fn attempt(&mut self, into: &mut impl Write) -> Result<Ended> {
        if self.descriptor.size > 0 && self.received == self.descriptor.size {
            return Ok(Ended::Whole);
        }
        let mut headers = Vec::new();
        if self.received > 0 {
            headers.push(("Range", format!("bytes={}-", self.received)));
        }
        let scope = self.repository.pull();
        let answer = self.repository.transport.send(&Request {
            method: Method::GET,
            url: self.repository.path(&format!("blobs/{}", self.descriptor.digest)),
            headers,
            body: None,
            scope: &scope,
            what: self.what,
            again: true,
        })?;
        // Whoever does not know how to begin in the middle begins anew: what is there already is passed over.
        let mut skip = match answer.status {
            200 => self.received,
            206 if begins_at(&answer.headers) == Some(self.received) => 0,
            206 => {
                return Ok(Ended::Broke(Why::Broken("it sends another part than was asked for".to_owned())));
            }
            404 => return Ok(Ended::Missing),
            status => return Err(unexpected(self.what, status, b"")),
        };
        let announced: Option<u64> =
            header(&answer.headers, "content-length").and_then(|text| text.parse().ok());
        let mut left = announced;
        let mut reader = answer.reader();
        let mut chunk = vec![0; 1 << 16];
        loop {
            let read = match reader.read(&mut chunk) {
                Ok(0) if left.is_some_and(|left| left > 0) => {
                    return Ok(Ended::Broke(Why::Connection("it broke off".to_owned())));
                }
                Ok(0) => return Ok(Ended::Whole),
                Ok(read) => read,
                Err(fault) if fault.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(fault) if is_late(&fault) => return Ok(Ended::Broke(Why::TimedOut(fault.to_string()))),
                Err(fault) => return Ok(Ended::Broke(Why::Connection(fault.to_string()))),
            };
            left = left.map(|left| left.saturating_sub(read as u64));
            let passed = skip.min(read as u64);
            skip -= passed;
            let fresh = &chunk[usize::try_from(passed).unwrap_or(read)..read];
            self.take(fresh, into)?;
        }
    }

    fn take(&mut self, bytes: &[u8], into: &mut impl Write) -> Result<()> {
        self.received += bytes.len() as u64;
        let longest = if self.descriptor.size > 0 { self.descriptor.size } else { self.limit };
        if self.received > longest {
            return Err(Fault::not_genuine(self.what, format!("has more than {longest} bytes")));
        }
        self.hasher.update(bytes);
        into.write_all(bytes).map_err(|fault| Fault::Usage(format!("cannot keep {}: {fault}", self.what)))
    }

    /// Whether what came is what was wanted.
    fn finished(self) -> Result<()> {
        let (digest, size) = (&self.descriptor.digest, self.descriptor.size);
        let found = self.hasher.digest();
        if found != *digest {
            return Err(Fault::not_genuine(self.what, format!("has the digest {found} instead of {digest}")));
        }
        if size > 0 && self.received != size {
            return Err(Fault::not_genuine(
                self.what,
                format!("has {} bytes instead of {size}", self.received),
            ));
        }
        Ok(())
    }
}

/// Where a part begins: `bytes 5-9/10`.
fn begins_at(headers: &ureq::http::HeaderMap) -> Option<u64> {
    let range = header(headers, "content-range")?.trim().strip_prefix("bytes")?.trim();
    range.split('-').next()?.trim().parse().ok()
}
