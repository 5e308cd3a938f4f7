//! Files of private keys: PKCS#8, SEC 1, and the encrypted form that cosign has: a JSON document in PEM, whose key comes from a
//! password by scrypt and which a NaCl secretbox closes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::aead::{Aead as _, KeyInit as _};
use crypto_secretbox::{Key, Nonce, XSalsa20Poly1305};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::fault::Fault;
use super::key::PrivateKey;

/// The labels of encrypted keys: cosign writes the first, and earlier wrote the second.
const ENCRYPTED: [&str; 2] = ["ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"];
/// Unencrypted PKCS#8.
const PKCS8: &str = "PRIVATE KEY";
/// Unencrypted SEC 1.
const SEC1: &str = "EC PRIVATE KEY";
const EXPECTED: &str = "a private key (`-----BEGIN PRIVATE KEY-----`, or one that cosign has encrypted)";

/// What cosign's keys cost to open: scrypt with N = 2^16, r = 8, p = 1, which is 64 MiB. Its readers take this one alone.
const LOG_N: u8 = 16;
const BLOCK: u32 = 8;
const PARALLEL: u32 = 1;
/// The most memory that a file may ask for, in bytes.
const MOST_MEMORY: u64 = 1 << 30;
/// The most passes over it.
const MOST_PARALLEL: u32 = 16;

#[derive(Serialize, Deserialize)]
struct Encrypted {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Serialize, Deserialize)]
struct Kdf {
    name: String,
    params: Params,
    salt: String,
}

#[derive(Serialize, Deserialize)]
struct Params {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Serialize, Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// Label and bytes of a PEM text, whatever the length of its lines.
pub(super) fn pem(text: &str) -> Result<(String, Zeroizing<Vec<u8>>), Fault> {
    let no_pem = |_| Fault::NoPem("a key");
    let mut decoder = pem_rfc7468::Decoder::new_detect_wrap(text.trim().as_bytes()).map_err(no_pem)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    decoder.decode_to_end(&mut bytes).map_err(no_pem)?;
    Ok((decoder.type_label().to_owned(), bytes))
}

/// Reads a private key. `password` is asked only where the file is encrypted.
///
/// # Errors
/// The text is no key of a known kind, or the password does not open it; or what `password` says.
pub fn read<E: From<Fault>>(
    text: &str,
    password: impl FnOnce() -> Result<Zeroizing<String>, E>,
) -> Result<PrivateKey, E> {
    let (label, bytes) = pem(text).map_err(|_| Fault::NoPem(EXPECTED))?;
    match label.as_str() {
        PKCS8 => Ok(PrivateKey::from_pkcs8(&bytes)?),
        SEC1 => Ok(PrivateKey::from_sec1(&bytes)?),
        label if ENCRYPTED.contains(&label) => Ok(open(&bytes, &password()?)?),
        "ENCRYPTED PRIVATE KEY" => Err(Fault::OtherEncryption(
            "PKCS#8 encryption; `cosign import-key-pair` or `openssl pkcs8 -in KEY -nocrypt` makes a key of it that is"
                .to_owned(),
        )
        .into()),
        "PUBLIC KEY" => {
            Err(Fault::OtherPem { found: "a public key".to_owned(), expected: EXPECTED }.into())
        }
        other => Err(Fault::OtherPem { found: format!("`{other}`"), expected: EXPECTED }.into()),
    }
}

/// Whether the text is an encrypted key.
#[must_use]
pub fn is_encrypted(text: &str) -> bool {
    pem_rfc7468::decode_label(text.trim().as_bytes()).is_ok_and(|label| ENCRYPTED.contains(&label))
}

/// Writes a private key: encrypted as cosign does it where there is a password, else as PKCS#8.
///
/// # Errors
/// There is no randomness.
pub fn write(key: &PrivateKey, password: Option<&str>) -> Result<Zeroizing<String>, Fault> {
    let der = key.to_pkcs8();
    let (label, bytes) = match password {
        None => (PKCS8, der),
        Some(password) => (ENCRYPTED[0], Zeroizing::new(close(&der, password)?)),
    };
    let text = pem_rfc7468::encode_string(label, pem_rfc7468::LineEnding::LF, &bytes);
    text.map(Zeroizing::new).map_err(|fault| Fault::malformed("key", fault))
}

fn close(der: &[u8], password: &str) -> Result<Vec<u8>, Fault> {
    let (mut salt, mut nonce) = ([0_u8; 32], [0_u8; 24]);
    for random in [&mut salt[..], &mut nonce[..]] {
        getrandom::fill(random).map_err(|fault| Fault::NoRandomness(fault.to_string()))?;
    }
    let params = Params { n: 1 << LOG_N, r: BLOCK, p: PARALLEL };
    let cipher = XSalsa20Poly1305::new(Key::from_slice(&*derive(password, &salt, &params)?));
    let ciphertext = cipher
        .encrypt(Nonce::from_slice(&nonce), der)
        .map_err(|_| Fault::Encrypted("it is too long to be encrypted"))?;
    let document = Encrypted {
        kdf: Kdf { name: "scrypt".to_owned(), params, salt: STANDARD.encode(salt) },
        cipher: Cipher { name: "nacl/secretbox".to_owned(), nonce: STANDARD.encode(nonce) },
        ciphertext: STANDARD.encode(ciphertext),
    };
    serde_json::to_vec(&document).map_err(|fault| Fault::malformed("key", fault))
}

fn open(json: &[u8], password: &str) -> Result<PrivateKey, Fault> {
    let document: Encrypted = serde_json::from_slice(json)
        .map_err(|_| Fault::Encrypted("its PEM holds no document of cosign's"))?;
    for (name, known) in [(&document.kdf.name, "scrypt"), (&document.cipher.name, "nacl/secretbox")] {
        if name != known {
            return Err(Fault::OtherEncryption(format!("`{}` instead of `{known}`", name.escape_debug())));
        }
    }
    let bytes = |text: &str| STANDARD.decode(text).map_err(|_| Fault::Encrypted("it holds broken base64"));
    let (salt, nonce, ciphertext) =
        (bytes(&document.kdf.salt)?, bytes(&document.cipher.nonce)?, bytes(&document.ciphertext)?);
    if nonce.len() != 24 {
        return Err(Fault::Encrypted("its nonce does not have 24 bytes"));
    }
    let key = derive(password, &salt, &document.kdf.params)?;
    let cipher = XSalsa20Poly1305::new(Key::from_slice(&*key));
    let der = cipher
        .decrypt(Nonce::from_slice(&nonce), ciphertext.as_slice())
        .map_err(|_| Fault::Encrypted("the password is wrong, or the file is damaged"))?;
    PrivateKey::from_pkcs8(&Zeroizing::new(der))
}

/// The key of the box. What the file asks for in memory and time has bounds.
fn derive(password: &str, salt: &[u8], params: &Params) -> Result<Zeroizing<[u8; 32]>, Fault> {
    let costly = || Fault::Encrypted("it asks for more memory or time than any key of cosign's");
    let memory = params.n.checked_mul(128 * u64::from(params.r)).filter(|memory| *memory <= MOST_MEMORY);
    if memory.is_none() || params.p > MOST_PARALLEL || !params.n.is_power_of_two() {
        return Err(costly());
    }
    let log_n = u8::try_from(params.n.trailing_zeros()).map_err(|_| costly())?;
    let params = scrypt::Params::new(log_n, params.r, params.p).map_err(|_| costly())?;
    let mut key = Zeroizing::new([0_u8; 32]);
    scrypt::scrypt(password.as_bytes(), salt, &params, &mut *key).map_err(|_| costly())?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::key::KeyKind;

    fn opened(text: &str, password: &str) -> Result<PrivateKey, Fault> {
        read(text, || Ok(Zeroizing::new(password.to_owned())))
    }

    fn never() -> Result<Zeroizing<String>, Fault> {
        panic!("no password is asked for a key that is not encrypted")
    }

    #[test]
    fn a_key_is_read_as_it_is_written() {
        for kind in [KeyKind::EcdsaP256, KeyKind::Ed25519] {
            let key = PrivateKey::generate(kind).unwrap();
            let plain = write(&key, None).unwrap();
            assert_eq!(read(&plain, never).unwrap().public(), key.public());
            assert!(!is_encrypted(&plain));
            let closed = write(&key, Some("s3cret")).unwrap();
            assert!(closed.starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"));
            assert!(is_encrypted(&closed));
            assert_eq!(opened(&closed, "s3cret").unwrap().public(), key.public());
            assert!(matches!(opened(&closed, "s3cres"), Err(Fault::Encrypted(_))));
        }
    }

    #[test]
    fn what_is_no_key_of_ours_is_told() {
        let public = PrivateKey::generate(KeyKind::EcdsaP256).unwrap().public().to_pem();
        for (text, said) in [
            ("hello", "no PEM"),
            (public.as_str(), "a public key"),
            (
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----",
                "PKCS#8 encryption",
            ),
            ("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----", "`RSA PRIVATE KEY`"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "P-256 or Ed25519"),
            (
                "-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED COSIGN PRIVATE KEY-----",
                "no document",
            ),
        ] {
            let fault = opened(text, "x").unwrap_err().to_string();
            assert!(fault.contains(said), "{text}: {fault}");
        }
    }

    #[test]
    fn a_file_cannot_ask_for_all_the_memory_there_is() {
        for (n, r, p) in [
            (1_u64 << 40, 8, 1),
            (u64::MAX, 8, 1),
            (1 << 16, u32::MAX, 1),
            (1 << 14, 8, 1 << 30),
            (3, 8, 1),
            (0, 8, 1),
        ] {
            assert!(derive("x", b"salt", &Params { n, r, p }).is_err(), "{n} {r} {p}");
        }
    }

    #[test]
    fn keys_of_openssl_are_read() {
        // openssl ecparam -name prime256v1 -genkey -noout; openssl genpkey -algorithm ed25519. Made for this test alone.
        let sec1 = "-----BEGIN EC PRIVATE KEY-----\n\
            MHcCAQEEILiz1hWNHwFf/2oCFKb76AiXbYPn9TKJvMqzsa2DqbWgoAoGCCqGSM49\n\
            AwEHoUQDQgAECzHYXq9sfRzHkVD0D4nKvgRRQKVbVd6xTX2txOKWuPaLqvUlCr0q\n\
            LiXDH7e7HIyDnQgfDTPwUxK3ZmW6XBOwGQ==\n-----END EC PRIVATE KEY-----\n";
        assert_eq!(read(sec1, never).unwrap().public().kind(), KeyKind::EcdsaP256);
        let pkcs8 = "-----BEGIN PRIVATE KEY-----\n\
            MC4CAQAwBQYDK2VwBCIEICfO1anFpRfP/wJzOEN2dWRo2qofsuRhq6fJ2BgO3HUp\n-----END PRIVATE KEY-----\n";
        assert_eq!(read(pkcs8, never).unwrap().public().kind(), KeyKind::Ed25519);
    }
}
