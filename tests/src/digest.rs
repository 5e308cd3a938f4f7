//! Digests as OCI writes them.

use std::io::Read;

use sha2::{Digest, Sha256};

/// The digest of `bytes`: `sha256:` and 64 hexadecimal digits.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    written(&Sha256::digest(bytes))
}

fn written(hash: &[u8]) -> String {
    let hex: Vec<String> = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{}", hex.concat())
}

/// Hands bytes on and hashes them on the way.
pub(crate) struct Hashing<R> {
    inner: R,
    hash: Sha256,
    length: u64,
}

impl<R: Read> Hashing<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new(), length: 0 }
    }

    /// Reads what is left, then says the digest and the length of everything.
    pub(crate) fn finish(mut self) -> (String, u64) {
        std::io::copy(&mut self, &mut std::io::sink()).unwrap();
        (written(&self.hash.finalize()), self.length)
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        self.length += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_nothing_is_the_known_one() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(b""), empty);
        assert_eq!(Hashing::new(&b""[..]).finish(), (empty.to_owned(), 0));
    }

    #[test]
    fn unread_bytes_are_hashed_too() {
        let mut hashing = Hashing::new(&b"abc"[..]);
        hashing.read_exact(&mut [0]).unwrap();
        assert_eq!(hashing.finish(), (sha256(b"abc"), 3));
    }
}
