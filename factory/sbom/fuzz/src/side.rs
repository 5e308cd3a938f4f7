//! The readers of foreign bytes that the side component has: what registries answer, what signers and builders say of images,
//! what layouts hold, and the documents that people write for it. As in `entries.rs`, an ordinary test
//! (`tests/tests/corpus.rs`) includes this file.

use std::hint::black_box;
use std::sync::LazyLock;

use factory::attested::{self, Bill, Interest, RecordFile, Statement, gather};
use factory::images::{Platforms, Source, Store, for_platform};
use factory::registry::{
    self, Descriptor, Document, Entry as Listed, Fault, Found, Name, Referrer, is_digest,
};
use factory::signing::dsse::Envelope;
use factory::signing::keyless::{self, TrustedRoot};
use factory::signing::{Bundle, PublicKey, key_file, simple};
use factory::{images, policy as policies};
use llb_gen::lock::{Difference, Lock, requirements, resolved};
use llb_gen::model::test::VersionRange;
use llb_gen::model::{ImageRef, Platform};
use llb_gen::parse::RawPolicy;
use llb_gen::policy::{PackageMatch, Policy};
use llb_gen::text::SourceFile;

/// A reader and its name.
pub type Entry = (&'static str, fn(&[u8]));

/// All of them.
pub const ENTRIES: &[Entry] = &[
    ("image_document", image_document),
    ("oci_layout", oci_layout),
    ("gathered", gathered),
    ("challenge", challenge),
    ("link_header", link_header),
    ("docker_config", docker_config),
    ("image_name", image_name),
    ("statement", statement),
    ("envelope", envelope),
    ("bundle", bundle),
    ("trusted_root", trusted_root),
    ("certificate", certificate),
    ("time_stamp", time_stamp),
    ("log_entry", log_entry),
    ("checkpoint", checkpoint),
    ("identity_token", identity_token),
    ("image_signature", image_signature),
    ("key_file", key_file_of),
    ("list_of_packages", list_of_packages),
    ("provenance", provenance),
    ("evidence", evidence),
    ("record", record),
    ("policy", policy),
    ("lock", lock),
    ("installer", installer),
    ("versions", versions),
];

/// What is read is called so in errors.
const IT: &str = "it";

fn platform() -> Platform {
    "linux/amd64".parse().expect("it is a platform")
}

/// An index or a manifest.
pub fn image_document(bytes: &[u8]) {
    let Ok(document) = Document::parse(bytes) else { return };
    black_box((document.subject(), document.kind(), document.annotations()));
    if let Document::Index(index) = &document {
        for entry in index.entries() {
            let (Listed::Image(one) | Listed::Attestation { descriptor: one, .. } | Listed::Other(one)) =
                entry;
            black_box(one.platform.as_ref().and_then(registry::PlatformParts::platform));
            black_box(is_digest(&one.digest));
        }
        black_box(for_platform(index, &platform())).ok();
    }
}

/// A layout in a tar stream, with everything that can be found from its index.
pub fn oci_layout(bytes: &[u8]) {
    if let Some(layout) = images::fuzzing::layout(bytes) {
        from_the_root(layout.as_ref());
    }
}

/// Documents that name one another, without their digests being held against them: the first is what the image's name leads to,
/// and the last digit of a digest says which of the others is meant. Zeros stand between them.
pub fn gathered(bytes: &[u8]) {
    from_the_root(&Documents(bytes.split(|byte| *byte == 0).collect()));
}

fn from_the_root(store: &dyn Store) {
    for wanted in [None, Some(platform())] {
        let Ok(platforms) = Platforms::read(store, wanted.as_ref()) else { continue };
        let said = gather(store, &platforms, Interest::All).unwrap_or_default();
        black_box(said.iter().filter_map(|said| said.packages().ok()).count());
    }
}

struct Documents<'b>(Vec<&'b [u8]>);

impl Documents<'_> {
    fn at(&self, digest: &str) -> Option<Vec<u8>> {
        let at = usize::from(*digest.as_bytes().last()? % 16);
        self.0.get(at).map(|bytes| bytes.to_vec())
    }

    fn found(&self, digest: &str) -> Option<Found> {
        let bytes = self.at(digest)?;
        let descriptor = Descriptor { digest: digest.to_owned(), ..Descriptor::of("", &bytes) };
        Some(Found { descriptor, bytes })
    }
}

impl Store for Documents<'_> {
    fn root(&self) -> registry::Result<Found> {
        self.found("0").ok_or_else(|| Fault::Missing(IT.to_owned()))
    }

    fn manifest(&self, digest: &str) -> registry::Result<Option<Found>> {
        Ok(self.found(digest))
    }

    fn blob(&self, descriptor: &Descriptor, _limit: u64) -> registry::Result<Option<Vec<u8>>> {
        Ok(self.at(&descriptor.digest))
    }

    fn referrers(&self, subject: &str, _kind: Option<&str>) -> registry::Result<Vec<Referrer>> {
        let mut referrers = Vec::new();
        for (at, bytes) in self.0.iter().enumerate().take(16) {
            let Ok(Document::Manifest(manifest)) = Document::parse(bytes) else { continue };
            if manifest.subject.as_ref().is_some_and(|about| about.digest == subject) {
                let digest = format!("sha256:{}{}", "0".repeat(63), char::from(b'0' + at as u8));
                let descriptor = Descriptor { digest, ..Descriptor::of("", bytes) };
                referrers.push(Referrer { descriptor, manifest });
            }
        }
        Ok(referrers)
    }
}

/// What a registry wants to see.
pub fn challenge(bytes: &[u8]) {
    registry::fuzzing::challenges(&String::from_utf8_lossy(bytes));
}

/// Where a list goes on.
pub fn link_header(bytes: &[u8]) {
    registry::fuzzing::next_page(&String::from_utf8_lossy(bytes));
}

/// Docker's configuration file, with logins.
pub fn docker_config(bytes: &[u8]) {
    for registry in ["docker.io", "reg.test:5000"] {
        registry::fuzzing::login(bytes, registry);
    }
}

/// How an image is named. What is read is written, and read again.
pub fn image_name(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    black_box(text.parse::<Source>()).ok();
    if let Ok(name) = text.parse::<ImageRef>() {
        black_box(Name::of(&name));
        let again = name.to_string().parse::<ImageRef>();
        assert_eq!(again.ok(), Some(name), "a name is read as it is written");
    }
    black_box(text.parse::<Platform>()).ok();
}

/// An in-toto statement: as it is, in an envelope, in a bundle.
pub fn statement(bytes: &[u8]) {
    for media_type in [registry::media::IN_TOTO, "application/vnd.dsse.envelope.v1+json"] {
        if let Ok(statement) = Statement::parse(bytes.to_vec(), media_type, IT) {
            said(&statement);
        }
    }
    if let Ok(Some(statement)) = Statement::bundled(bytes, IT) {
        said(&statement);
    }
    if let Ok(statement) = factory::signing::Statement::parse(bytes) {
        black_box(statement.is_about("sha256:aa"));
        black_box(statement.to_bytes());
    }
}

fn said(statement: &Statement) {
    black_box(statement.is_about(&["sha256:aa"], IT)).ok();
    black_box(RecordFile::attested(statement, "sha256:aa", IT)).ok();
    lists(statement.predicate.get());
}

/// Two keys that sign nothing.
static KEYS: LazyLock<[PublicKey; 2]> = LazyLock::new(|| {
    let p256 = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAECzHYXq9sfRzHkVD0D4nKvgRRQKVb\n\
        Vd6xTX2txOKWuPaLqvUlCr0qLiXDH7e7HIyDnQgfDTPwUxK3ZmW6XBOwGQ==\n-----END PUBLIC KEY-----\n";
    let ed25519 = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PUBLIC KEY-----\n";
    [p256, ed25519].map(|pem| PublicKey::from_pem(pem).expect("it is a key"))
});

/// A signed envelope.
pub fn envelope(bytes: &[u8]) {
    if let Ok(envelope) = Envelope::parse(bytes) {
        opened(&envelope);
    }
}

fn opened(envelope: &Envelope) {
    black_box(envelope.payload()).ok();
    assert_eq!(envelope.signer(&*KEYS), None, "nobody has signed with these keys");
}

/// A bundle with an envelope.
pub fn bundle(bytes: &[u8]) {
    if let Ok(bundle) = Bundle::parse(bytes) {
        opened(&bundle.envelope);
    }
}

/// Sigstore's trusted root.
pub fn trusted_root(bytes: &[u8]) {
    black_box(TrustedRoot::parse(bytes)).ok();
}

/// A signer's certificate.
pub fn certificate(bytes: &[u8]) {
    keyless::fuzzing::certificate(bytes);
}

/// A time stamp.
pub fn time_stamp(bytes: &[u8]) {
    keyless::fuzzing::time_stamp(bytes);
}

/// The body of a transparency log's entry.
pub fn log_entry(bytes: &[u8]) {
    keyless::fuzzing::entry(bytes);
}

/// The checkpoint of a log.
pub fn checkpoint(bytes: &[u8]) {
    keyless::fuzzing::note(bytes);
}

/// An identity token.
pub fn identity_token(bytes: &[u8]) {
    keyless::fuzzing::identity_token(&String::from_utf8_lossy(bytes));
}

/// Signed bytes that name an image, and, behind a zero, the signature.
pub fn image_signature(bytes: &[u8]) {
    black_box(simple::digest(bytes)).ok();
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (payload, signature) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    black_box(simple::digest(payload)).ok();
    let signature = String::from_utf8_lossy(signature);
    assert_eq!(simple::signer(payload, &signature, &*KEYS), None, "nobody has signed with these keys");
}

/// A key in a file, and a public one. Nobody knows the password.
pub fn key_file_of(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    black_box(key_file::is_encrypted(&text));
    let unknown = || Err(factory::signing::Fault::Encrypted("nobody knows its password"));
    black_box(key_file::read(&text, unknown).map(|key| key.public().id())).ok();
    if let Ok(key) = PublicKey::from_pem(&text) {
        let again = PublicKey::from_pem(&key.to_pem());
        assert_eq!(again.ok().map(|key| key.id()), Some(key.id()), "a key is read as it is written");
    }
    black_box(PublicKey::from_der(bytes)).ok();
}

/// SPDX and CycloneDX, as queries, exports and policies read them.
pub fn list_of_packages(bytes: &[u8]) {
    if let Ok(bill) = Bill::parse(bytes, IT) {
        black_box((bill.knows_fragments(), bill.cyclonedx("app:1", "sha256:aa")));
    }
    black_box(attested::packages(bytes, IT)).ok();
    if let Ok(text) = std::str::from_utf8(bytes) {
        lists(text);
    }
}

/// Packages that are denied, by every kind of rule.
static DENIED: LazyLock<Vec<PackageMatch>> = LazyLock::new(|| {
    let document = br#"{"packages": {"deny": [
        {"name": "log4j*", "versions": "<2.17"}, {"purl": "pkg:deb/debian/openssl", "versions": ">=1:3.0-1,<4"},
        {"purl": "pkg:npm/%40s/n?arch=x", "name": "n"}, {"name": "py-*", "versions": ">=1!2.0rc1"}]}}"#;
    let policy = RawPolicy::parse(&source(document)).and_then(Policy::check).expect("it is a policy");
    policies::fuzzing::denied(&policy.0).to_vec()
});

fn lists(predicate: &str) {
    policies::fuzzing::list(predicate, &DENIED);
}

/// What a builder says of how it built.
pub fn provenance(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    policies::fuzzing::origin(&text);
    policies::fuzzing::moment(&text);
}

/// What a build has printed, and files of tests, packed.
pub fn evidence(bytes: &[u8]) {
    black_box(attested::unpacked(bytes, IT)).ok();
    attested::fuzzing::outputs(bytes);
}

/// A record, and behind a zero the error that goes with it.
pub fn record(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let record = parts.next().unwrap_or_default().to_vec();
    black_box(RecordFile::written(record, parts.next().map(<[u8]>::to_vec), IT)).ok();
}

fn source(bytes: &[u8]) -> SourceFile {
    SourceFile::new("document.json", bytes)
}

/// A policy.
pub fn policy(bytes: &[u8]) {
    if let Ok(raw) = RawPolicy::parse(&source(bytes)) {
        black_box(Policy::check(raw)).ok();
    }
}

/// A lock. What is read is written, and read again.
pub fn lock(bytes: &[u8]) {
    if let Ok(lock) = Lock::parse(&source(bytes)) {
        let again = Lock::parse(&source(&lock.to_json()));
        let again = again.expect("a lock is read as it is written");
        assert!(Difference::between(Some(&lock), &again).is_empty(), "nothing is lost on the way");
    }
}

/// What installers say they would install, and files of requirements.
pub fn installer(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    black_box(requirements::read("folder/requirements.txt", &text)).ok();
    black_box(resolved::apt(&text)).ok();
    black_box(resolved::pip(bytes)).ok();
    black_box(resolved::uv(&text)).ok();
}

/// A range of versions, and behind a line's end a version.
pub fn versions(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (range, version) = text.split_once('\n').unwrap_or((">=1.2,!=1.3", &text));
    if let Ok(range) = range.parse::<VersionRange>() {
        policies::fuzzing::version(version, &range);
    }
}
