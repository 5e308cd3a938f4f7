//! The client for registries against a registry in this process, which can do everything wrong that registries do wrong.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod mock_registry;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use factory::registry::{
    Access, Artifact, Descriptor, Fault, Found, Name, Patience, Repository, Why, digest_of, media,
};
use mock_registry::{Etags, Mock, Switches, Trouble};
use serde_json::json;

const KIND: &str = "application/vnd.test.note.v1+json";

fn access() -> Access {
    let patience = Patience {
        attempts: 5,
        first_pause: Duration::from_millis(20),
        longest_pause: Duration::from_secs(2),
        connect: Duration::from_secs(5),
        // The registry of a busy machine takes its time.
        read: Duration::from_secs(30),
        settle: Duration::from_millis(400),
    };
    Access { patience, ..Access::anonymous() }
}

fn open(mock: &Mock) -> Repository {
    open_with(mock, &access())
}

fn open_with(mock: &Mock, access: &Access) -> Repository {
    Repository::open(&format!("{}/team/app:dev", mock.host()).parse().unwrap(), access).unwrap()
}

/// An image without layers under the tag `dev`.
fn image(repository: &Repository) -> Found {
    let config = repository.put_blob("application/vnd.oci.image.config.v1+json", b"{}").unwrap();
    let json = json!({"schemaVersion": 2, "mediaType": media::MANIFEST, "config": config, "layers": []});
    let bytes = json.to_string().into_bytes();
    let found = Found { descriptor: Descriptor::of(media::MANIFEST, &bytes), bytes };
    repository.put_manifest(&Name::Tag("dev".into()), &found).unwrap();
    found
}

fn note(subject: &Found, text: &str) -> Artifact {
    Artifact {
        artifact_type: KIND.into(),
        files: vec![(Descriptor::of("text/plain", text.as_bytes()), text.as_bytes().to_vec())],
        subject: Some(subject.descriptor.clone()),
        annotations: [("note".to_owned(), text.to_owned())].into(),
    }
}

fn notes(repository: &Repository, subject: &Found) -> BTreeSet<String> {
    let found = repository.referrers(subject.digest(), Some(KIND)).unwrap();
    found.into_iter().map(|one| one.descriptor.annotations["note"].clone()).collect()
}

#[test]
fn what_is_put_is_read_back() {
    let mock = Mock::start(Switches::default());
    let repository = open(&mock);
    let found = image(&repository);
    assert_eq!(repository.manifest(&Name::Tag("dev".into())).unwrap(), Some(found.clone()));
    assert_eq!(repository.head(&Name::Tag("dev".into())).unwrap(), Some(found.descriptor));
    assert_eq!(repository.manifest(&Name::Tag("other".into())).unwrap(), None);
    assert_eq!(repository.tags().unwrap(), Some(vec!["dev".to_owned()]));
    let blob = repository.put_blob("text/plain", b"hello").unwrap();
    assert_eq!(repository.blob(&blob, 100).unwrap().as_deref(), Some(&b"hello"[..]));
    assert_eq!(repository.blob(&Descriptor::of("text/plain", b"no"), 100).unwrap(), None);
    let before = mock.asked("POST");
    repository.put_blob("text/plain", b"hello").unwrap();
    assert_eq!(mock.asked("POST"), before, "a blob that is there is not sent again");
    let other = Repository::open(&format!("{}/none", mock.host()).parse().unwrap(), &access()).unwrap();
    assert_eq!(other.tags().unwrap(), None);
}

#[test]
fn long_blobs_go_in_pieces_and_come_back_through_cut_connections() {
    let mock = Mock::start(Switches::default());
    let repository = open(&mock);
    let bytes: Vec<u8> = (0..9_000_000_u32).map(|number| (number % 251) as u8).collect();
    mock.switch(|one| one.troubles.push(Trouble::new("PATCH", 1, 502)));
    let blob = repository.put_blob("x/y", &bytes).unwrap();
    assert!(mock.asked("PATCH") >= 3, "{}", mock.asked("PATCH"));
    mock.switch(|one| one.cut = (4_000_001, 2));
    assert_eq!(repository.blob(&blob, 1 << 30).unwrap().unwrap(), bytes);
    mock.switch(|one| (one.cut, one.no_ranges) = ((4_000_001, 1), true));
    assert_eq!(
        repository.blob(&blob, 1 << 30).unwrap().unwrap(),
        bytes,
        "whoever cannot begin in the middle"
    );
    let short = repository.blob(&blob, 100).unwrap_err();
    assert!(matches!(short, Fault::NotGenuine { .. }), "{short}");
}

#[test]
fn a_download_goes_on_where_a_killed_process_left_it() {
    let mock = Mock::start(Switches::default());
    let repository = open(&mock);
    let bytes = vec![b'z'; 300_000];
    let blob = repository.put_blob("x/y", &bytes).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blob");
    // It breaks off for good.
    mock.switch(|one| one.cut = (0, usize::MAX));
    std::fs::write(folder.path().join("blob.part"), &bytes[..100_000]).unwrap();
    assert!(repository.blob_to(&blob, &path).unwrap_err().is_could_not_look());
    assert!(!path.exists());
    mock.switch(|one| one.cut = (0, 0));
    assert!(repository.blob_to(&blob, &path).unwrap());
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing unfinished stays");
    // What is no beginning of it is noticed, and does not stay in the way.
    std::fs::write(folder.path().join("b2.part"), vec![b'!'; 10]).unwrap();
    let wrong = repository.blob_to(&blob, &folder.path().join("b2")).unwrap_err();
    assert!(matches!(wrong, Fault::NotGenuine { .. }));
    assert!(repository.blob_to(&blob, &folder.path().join("b2")).unwrap());
}

#[test]
fn that_nobody_could_look_is_never_that_there_is_none() {
    let mock = Mock::start(Switches::default());
    let found = image(&open(&mock));
    let subject = found.digest().to_owned();
    type Is = fn(&Why) -> bool;
    let expected: [(u16, Is); 5] = [
        (401, |why| matches!(why, Why::Unauthorized(_))),
        (403, |why| matches!(why, Why::Forbidden(_))),
        (429, |why| matches!(why, Why::TooManyRequests(_))),
        (500, |why| matches!(why, Why::Broken(_))),
        (503, |why| matches!(why, Why::Broken(_))),
    ];
    for referrers in [true, false] {
        for (status, is) in expected {
            for of in [
                "GET /v2/team/app/referrers",
                "GET /v2/team/app/manifests",
                "HEAD",
                "GET /v2/team/app/tags",
                "GET /v2/team/app/blobs",
            ] {
                mock.switch(|one| {
                    one.referrers = referrers;
                    one.troubles = vec![Trouble::new(of, usize::MAX, status)];
                });
                let quick = Patience { first_pause: Duration::from_millis(1), ..access().patience };
                let repository = open_with(&mock, &Access { patience: quick, ..access() });
                let fault = match of {
                    "HEAD" => repository.has_blob(&digest_of(b"{}")).map(drop),
                    "GET /v2/team/app/tags" => repository.tags().map(drop),
                    "GET /v2/team/app/manifests" => repository.manifest(&Name::Tag("dev".into())).map(drop),
                    "GET /v2/team/app/blobs" => repository.blob(&Descriptor::of("x", b"{}"), 10).map(drop),
                    _ => repository.referrers(&subject, None).map(drop),
                };
                match fault {
                    Err(Fault::CouldNotLook { why, .. }) if is(&why) => {}
                    other => panic!("{status} for {of}: {other:?}"),
                }
                // The list that clients keep is looked at by a tag: there, too, the question stays open.
                if of.ends_with("manifests") {
                    let fault = repository.referrers(&subject, None).unwrap_err();
                    assert!(fault.is_could_not_look(), "{status}: {fault}");
                }
            }
        }
    }
}

#[test]
fn trouble_that_passes_is_waited_for() {
    let mock = Mock::start(Switches::default());
    let repository = open(&mock);
    let found = image(&repository);
    for trouble in [
        Trouble::new("GET", 2, 503),
        Trouble::new("GET", 1, 429).header("Retry-After", "1"),
        Trouble::new("GET", 1, 500),
    ] {
        let begun = Instant::now();
        let asked = trouble.headers.len() as u64;
        mock.switch(|one| one.troubles = vec![trouble]);
        assert_eq!(repository.manifest(&Name::Tag("dev".into())).unwrap().as_ref(), Some(&found));
        assert!(begun.elapsed() >= Duration::from_millis(700 * asked), "it says how long to wait");
    }
    mock.switch(|one| one.troubles = vec![Trouble::new("GET", 1, 429).header("Retry-After", "3600")]);
    let begun = Instant::now();
    assert!(repository.manifest(&Name::Tag("dev".into())).unwrap_err().is_could_not_look());
    assert!(begun.elapsed() < Duration::from_secs(60), "nobody waits an hour");
}

#[test]
fn what_is_not_what_its_digest_says_is_not_taken() {
    let mock = Mock::start(Switches::default());
    let repository = open(&mock);
    let found = image(&repository);
    let blob = repository.put_blob("text/plain", b"hello").unwrap();
    mock.stored().blobs.insert(blob.digest.clone(), b"hellO".to_vec());
    for (_, bytes) in mock.stored().manifests.values_mut() {
        bytes.push(b' ');
    }
    for fault in [
        repository.blob(&blob, 100).map(drop).unwrap_err(),
        repository.manifest(&Name::Tag("dev".into())).map(drop).unwrap_err(),
        repository.manifest(&Name::Digest(found.digest().into())).map(drop).unwrap_err(),
    ] {
        assert!(matches!(fault, Fault::NotGenuine { .. }), "{fault}");
    }
    mock.stored().blobs.insert(blob.digest.clone(), vec![b'x'; 1_000_000]);
    let long = repository.blob(&blob, 10_000_000).unwrap_err();
    assert!(long.to_string().contains("more than 5 bytes"), "{long}");
}

#[test]
fn tokens_and_passwords_are_shown_to_those_who_ask() {
    let mock = Mock::start(Switches::default());
    image(&open(&mock));
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.json");
    std::fs::write(
        &config,
        json!({"auths": {mock.host(): {"username": "me", "password": "pw"}}}).to_string(),
    )
    .unwrap();
    let known = Access { docker_config: Some(config), ..access() };
    let realm = format!("Bearer realm=\"http://{}/token\",service=\"s\"", mock.host());
    for (login, challenge, anonymous) in
        [("Basic bWU6cHc=", "Basic realm=\"x\"".to_owned(), false), ("Bearer t0ken", realm, true)]
    {
        mock.switch(|one| (one.login, one.challenge) = (Some(login.into()), challenge));
        let repository = open_with(&mock, &known);
        assert!(repository.manifest(&Name::Tag("dev".into())).unwrap().is_some(), "{login}");
        let (tokens, asked) = (mock.asked("GET /token"), mock.asked("GET /v2/"));
        repository.manifest(&Name::Tag("dev".into())).unwrap();
        assert_eq!((mock.asked("GET /token"), mock.asked("GET /v2/")), (tokens, asked + 1), "asked once");
        repository.put_blob("text/plain", login.as_bytes()).unwrap();
        let without = open(&mock).manifest(&Name::Tag("dev".into()));
        match without {
            Ok(found) => assert!(anonymous && found.is_some()),
            Err(fault) => assert!(!anonymous && fault.is_could_not_look(), "{fault}"),
        }
    }
}

/// The switches of every kind of registry that there is.
fn kinds_of_registries() -> Vec<(&'static str, Switches)> {
    let api = Switches::default();
    vec![
        ("referrers", api.clone()),
        ("referrers, and does not say so", Switches { subject_header: false, ..api.clone() }),
        ("filter ignored, pages of one", Switches { filters: false, page: 1, ..api.clone() }),
        ("wrong kinds", Switches { wrong_listing: true, subject_header: false, filters: false, ..api }),
        ("none", Switches::without_referrers()),
        (
            "none, with entity tags that count",
            Switches { etags: Etags::Enforced, ..Switches::without_referrers() },
        ),
    ]
}

#[test]
fn every_kind_of_registry_gives_the_same_answers() {
    for (kind, switches) in kinds_of_registries() {
        let mock = Mock::start(switches);
        let repository = open(&mock);
        let found = image(&repository);
        assert_eq!(repository.referrers(found.digest(), None).unwrap(), [], "{kind}");
        let one = repository.attach(&note(&found, "one")).unwrap();
        assert!(!one.known, "{kind}");
        let mut other = note(&found, "other");
        other.artifact_type = "application/x".into();
        repository.attach_all(&[note(&found, "two"), other]).unwrap();
        assert_eq!(notes(&repository, &found), ["one".to_owned(), "two".to_owned()].into(), "{kind}");
        let all = repository.referrers(found.digest(), None).unwrap();
        assert_eq!(all.len(), 3, "{kind}");
        let mine = all.iter().find(|one| one.descriptor.annotations["note"] == "one").unwrap();
        assert_eq!((mine.kind(), &mine.descriptor.digest), (KIND, &one.descriptor.digest), "{kind}");
        let again = repository.attach(&note(&found, "one")).unwrap();
        assert!(again.known, "{kind}: the second time changes nothing");
        assert_eq!(repository.referrers(found.digest(), None).unwrap().len(), 3, "{kind}");
    }
}

#[test]
fn a_list_is_not_believed() {
    let mock = Mock::start(Switches::default());
    let repository = open(&mock);
    let found = image(&repository);
    let elsewhere =
        Artifact { subject: Some(Descriptor::of(media::MANIFEST, b"another")), ..note(&found, "lie") };
    let lie = repository.attach(&elsewhere).unwrap();
    mock.switch(|one| one.listed_besides = vec![lie.descriptor.digest]);
    assert_eq!(repository.referrers(found.digest(), None).unwrap(), []);
    // What clients have written down, too.
    let gone = Descriptor::of(media::MANIFEST, b"deleted");
    let list = json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": [gone, {"digest": "../x", "size": 1}]});
    let bytes = list.to_string().into_bytes();
    let list = Found { descriptor: Descriptor::of(media::INDEX, &bytes), bytes };
    repository.put_manifest(&Name::Tag(found.digest().replace(':', "-")), &list).unwrap();
    assert_eq!(repository.referrers(found.digest(), None).unwrap(), []);
}

/// Twenty clients that know nothing of each other, on registries that compare nothing before they write.
#[test]
fn twenty_who_push_at_once_lose_nothing() {
    // Those that keep no list of their own, or do not say so, are where something can get lost.
    let kinds = kinds_of_registries().into_iter().filter(|(_, switches)| !switches.subject_header);
    for (kind, switches) in kinds {
        let mock = Mock::start(Switches { slow: Duration::from_millis(3), ..switches });
        let found = image(&open(&mock));
        let names: BTreeSet<String> = (0..20).map(|number| format!("note {number}")).collect();
        std::thread::scope(|scope| {
            for name in &names {
                let (found, mock) = (&found, &mock);
                scope.spawn(move || open(mock).attach(&note(found, name)).unwrap());
            }
        });
        assert_eq!(notes(&open(&mock), &found), names, "{kind}");
    }
}

#[test]
fn a_registry_that_is_killed_and_comes_back_has_all_or_nothing() {
    for switches in [Switches::default(), Switches::without_referrers()] {
        let mock = Mock::start(switches);
        let found = image(&open(&mock));
        let long = "x".repeat(10_000_000);
        let artifact = note(&found, &long[..20]);
        let artifact = Artifact {
            files: vec![(Descriptor::of("text/plain", long.as_bytes()), long.clone().into_bytes())],
            ..artifact
        };
        let patience = Patience { attempts: 8, first_pause: Duration::from_millis(100), ..access().patience };
        let patient = Access { patience, ..access() };
        let again = std::thread::scope(|scope| {
            let pushing = scope.spawn(|| open_with(&mock, &patient).attach(&artifact));
            while mock.asked("PATCH") == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            mock.kill();
            std::thread::sleep(Duration::from_millis(150));
            let again = mock.restarted();
            pushing.join().unwrap().unwrap();
            again
        });
        assert_eq!(notes(&open(&again), &found).len(), 1);
        assert!(again.stored().uploads.is_empty(), "nothing half-written");
        for (digest, bytes) in &again.stored().blobs {
            assert_eq!(*digest, digest_of(bytes));
        }
    }
}

#[test]
fn a_push_that_nobody_finishes_is_finished_by_the_next() {
    let mock = Mock::start(Switches::without_referrers());
    let repository = open(&mock);
    let found = image(&repository);
    // The artifact arrives, its list does not.
    let list = format!("PUT /v2/team/app/manifests/{}", found.digest().replace(':', "-"));
    mock.switch(|one| one.troubles = vec![Trouble::new(&list, usize::MAX, 403)]);
    assert!(repository.attach(&note(&found, "one")).unwrap_err().is_could_not_look());
    assert_eq!(notes(&repository, &found).len(), 0);
    mock.switch(|one| one.troubles.clear());
    assert!(!repository.attach(&note(&found, "one")).unwrap().known);
    assert_eq!(notes(&repository, &found).len(), 1);
}

#[test]
fn a_registry_that_does_not_answer_is_not_waited_for_for_ever() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let name = format!("{}/a:b", listener.local_addr().unwrap()).parse().unwrap();
    let patience = Patience { attempts: 2, read: Duration::from_millis(200), ..access().patience };
    let repository = Repository::open(&name, &Access { patience, ..access() }).unwrap();
    let begun = Instant::now();
    let fault = repository.manifest(&Name::of(&name)).unwrap_err();
    assert!(matches!(&fault, Fault::CouldNotLook { why: Why::TimedOut(_), .. }), "{fault}");
    drop(listener);
    let fault = repository.manifest(&Name::of(&name)).unwrap_err();
    assert!(matches!(&fault, Fault::CouldNotLook { .. }), "{fault}");
    assert!(begun.elapsed() < Duration::from_secs(60));
}
