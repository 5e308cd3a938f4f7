//! Whom to believe and who we are: certificates in docker's layout.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, TlsProvider, parse_pem};

use super::access::Access;
use super::fault::{Fault, Result};

/// What TLS needs for a registry.
///
/// # Errors
/// A certificate or a key that is none, a certificate without its key.
pub(super) fn config(access: &Access, registry: &str) -> Result<TlsConfig> {
    let mut authorities = match &access.authorities {
        Some(bundle) => certificates(bundle)?,
        None => Vec::new(),
    };
    let mut client = None;
    for folder in access.certificates.iter().map(|folder| folder.join(registry)) {
        let files = files(&folder);
        for file in files.iter().filter(|file| has_extension(file, "crt")) {
            authorities.extend(certificates(file)?);
        }
        if let Some(cert) = files.iter().find(|file| has_extension(file, "cert")) {
            client =
                Some(ClientCert::new_with_certs(&certificates(cert)?, key(&cert.with_extension("key"))?));
        }
    }
    let config = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::new_with_certs(&authorities))
        .client_cert(client);
    Ok(config.build())
}

fn has_extension(file: &Path, extension: &str) -> bool {
    file.extension().is_some_and(|found| found == extension)
}

/// The files of a folder, in order; none where there is no such folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).map_err(|fault| Fault::Usage(format!("{}: {fault}", file.display())))
}

fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>> {
    let bytes = read(file)?;
    let mut found = Vec::new();
    for item in parse_pem(&bytes) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(fault) => return Err(Fault::Usage(format!("{}: {fault}", file.display()))),
        }
    }
    match found.is_empty() {
        true => Err(Fault::Usage(format!("{} holds no certificate", file.display()))),
        false => Ok(found),
    }
}

fn key(file: &Path) -> Result<PrivateKey<'static>> {
    PrivateKey::from_pem(&read(file)?).map_err(|fault| Fault::Usage(format!("{}: {fault}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_needs_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let of = folder.path().join("reg.test");
        fs::create_dir(&of).unwrap();
        let access = Access { certificates: vec![folder.path().to_owned()], ..Access::anonymous() };
        assert!(config(&access, "reg.test").is_ok());
        fs::write(of.join("ca.crt"), "no certificate").unwrap();
        let fault = config(&access, "reg.test").unwrap_err().to_string();
        assert!(fault.contains("ca.crt holds no certificate"), "{fault}");
        assert!(config(&access, "other.test").is_ok());
    }
}
