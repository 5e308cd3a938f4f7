//! No input whatsoever makes reading, checking or rendering panic, and the same input gives the same words.

mod catalogue;

use std::collections::BTreeMap;

use catalogue::{everything, files, fragment_of_step, product, valid_steps};
use llb_gen::diagnostic::Diagnostics;
use llb_gen::model::{Fragment, Manifest, Template};
use llb_gen::parse::{RawFragment, RawManifest, RawTemplate};
use llb_gen::text::SourceFile;
use proptest::prelude::*;

/// Reads `bytes` as every kind of document; what is said about them.
fn said(bytes: &[u8]) -> String {
    let file = SourceFile::new("any.json", bytes);
    let results = [
        RawManifest::parse(&file).and_then(Manifest::check).err(),
        RawTemplate::parse(&file).and_then(Template::check).err(),
        RawFragment::parse(&file).and_then(Fragment::check).err(),
    ];
    results.into_iter().flatten().map(|faults| rendered(&faults, bytes.len())).collect()
}

/// Both written forms, after making sure that every place lies in the file.
fn rendered(faults: &Diagnostics, length: usize) -> String {
    for one in faults.all() {
        let span = one.place().span();
        assert!(span.start() <= span.end() && span.end() <= length, "{one}: {span:?} of {length} bytes");
        assert!(one.message().chars().all(|c| !c.is_control()), "{one}");
    }
    format!("{faults}\n{}", faults.excerpts())
}

/// A change of a document's bytes.
#[derive(Debug, Clone)]
enum Change {
    Replace(usize, u8),
    Remove(usize, usize),
    Repeat(usize, usize),
    Insert(usize, &'static str),
}

fn change() -> impl Strategy<Value = Change> {
    let tokens = [
        "{", "}", "[", "]", "\"", ",", ":", "null", "true", "1e999", "-1", "${", "${A:-", "$", "\\u0000",
        "\\", "é", "\u{feff}", "\0",
    ];
    let at = 0_usize..1 << 16;
    prop_oneof![
        (at.clone(), any::<u8>()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        (at.clone(), 0_usize..40).prop_map(|(at, length)| Change::Remove(at, length)),
        (at.clone(), 0_usize..80).prop_map(|(at, length)| Change::Repeat(at, length)),
        (at, proptest::sample::select(tokens.to_vec())).prop_map(|(at, token)| Change::Insert(at, token)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    let range = |at: usize, length: usize, all: usize| {
        let start = at % (all + 1);
        start..(start + length).min(all)
    };
    match *change {
        Change::Replace(at, byte) => {
            let index = at % bytes.len().max(1);
            bytes.get_mut(index).into_iter().for_each(|old| *old = byte);
        }
        Change::Remove(at, length) => drop(bytes.drain(range(at, length, bytes.len()))),
        Change::Repeat(at, length) => {
            let range = range(at, length, bytes.len());
            let copy = bytes[range.clone()].to_vec();
            bytes.splice(range.end..range.end, copy);
        }
        Change::Insert(at, token) => {
            let index = at % (bytes.len() + 1);
            bytes.splice(index..index, token.bytes());
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let steps = valid_steps().into_iter().map(|step| fragment_of_step(&step).into_bytes());
    files().into_iter().map(|(_, text)| text.into_bytes()).chain(steps).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(!said(&bytes).is_empty());
    }

    #[test]
    fn changed_documents_are_answered(
        seed in proptest::sample::select(seeds()),
        changes in proptest::collection::vec(change(), 1..6),
    ) {
        let mut bytes = seed;
        changes.iter().for_each(|change| apply(&mut bytes, change));
        prop_assert_eq!(said(&bytes), said(&bytes));
    }

    #[test]
    fn a_product_with_a_changed_fragment_is_answered(changes in proptest::collection::vec(change(), 1..4)) {
        let files = files();
        let mut bytes = files[3].1.clone().into_bytes();
        changes.iter().for_each(|change| apply(&mut bytes, change));
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let rest = [(files[1].0, files[1].1.as_str()), (files[2].0, files[2].1.as_str()), (files[3].0, text.as_str())];
        if let Ok((product, _)) = product(files[0].0, &files[0].1, &rest) {
            let amd64 = "linux/amd64".parse().unwrap();
            if let Ok((arguments, _)) = product.arguments(&amd64, &amd64, &BTreeMap::new()) {
                let _ = product.environments(&arguments, &[]);
            }
        }
    }
}

#[test]
fn what_is_right_is_always_right() {
    let first = everything();
    assert_eq!(first, everything());
}

#[test]
fn deep_nesting_is_refused_before_it_hurts() {
    for opening in ["[", "{\"a\":"] {
        let said = said(opening.repeat(200_000).as_bytes());
        assert!(said.contains("nested more than 64 deep"), "{said}");
    }
    let expansion = format!(
        "{{\"name\": \"f\", \"version\": \"0.1.0\", \"env\": {{\"A\": \"{}\"}}}}",
        "${A:-".repeat(50_000)
    );
    assert!(said(expansion.as_bytes()).contains("nested more than 16 deep"));
}

#[test]
fn long_chains_of_variables_and_stages_are_no_danger() {
    let stage = |n: usize| format!("\"s{n}\": {{\"base\": \"stage:s{}\", \"steps\": []}}", n + 1);
    let stages: Vec<String> = (0..5000).map(stage).collect();
    let head = "{\"name\": \"f\", \"version\": \"0.1.0\"";
    let said = said(format!("{head}, \"stages\": {{{}}}}}", stages.join(",")).as_bytes());
    assert!(said.contains("a fragment has at most 100 stages"), "{said}");
    for member in ["args", "env"] {
        let entries: Vec<String> = (0..20_000).map(|n| format!("\"A{n}\": \"${{A{}}}\"", n + 1)).collect();
        let text = format!("{head}, \"{member}\": {{{}, \"A20000\": \"x\"}}}}", entries.join(","));
        let manifest = "{\"id\": \"m\", \"base\": \"scratch\", \"fragments\": [{\"name\": \"f\", \"version\": \"0.1.0\"}]}";
        let (product, _) =
            product("m.json", manifest, &[("fragments/f/0.1.0/fragment.json", &text)]).unwrap();
        let amd64 = "linux/amd64".parse().unwrap();
        let faults = product
            .arguments(&amd64, &amd64, &BTreeMap::new())
            .and_then(|(arguments, _)| product.environments(&arguments, &[]))
            .unwrap_err();
        assert!(faults.to_string().contains("variables need one another"), "{member}");
    }
}

#[test]
fn files_that_are_no_json_documents_are_refused_at_their_place() {
    let cases: [(&[u8], &str); 8] = [
        (b"", "any.json:1:1: the file is empty"),
        (b" \n\t ", "any.json:1:1: the file holds nothing but blanks"),
        (b"\xef\xbb\xbf", "any.json:1:1: the file holds nothing but blanks"),
        (b"# syntax=a\n", "any.json:1:1: the file holds nothing but blanks"),
        (b"{\n\"a\": \"\xff\"}", "any.json:2:7: byte 0xff is not UTF-8"),
        (b"\xff\xfe{\x00", "any.json:1:1: byte 0xff is not UTF-8"),
        ("{\"é\": \"\u{1}\"}".as_bytes(), "any.json:1:8: a string holds the control character"),
        (b"{\"a\": 1}\x00", "any.json:1:9: unexpected character `\\u{0}`"),
    ];
    for (bytes, expected) in cases {
        assert!(said(bytes).contains(expected), "{expected}\n{}", said(bytes));
    }
    let large = vec![b' '; 10 << 20];
    assert!(said(&large).contains("any.json:1:1: the file has 10485760 bytes, more than 1048576"));
}

#[test]
fn a_byte_order_mark_and_directives_are_taken() {
    let body = "{\"name\": \"f\", \"version\": \"0.1.0\"}";
    for head in
        ["\u{feff}", "#!/usr/bin/env x\n", "# syntax=a/b:c\n# check=skip=all\n", "\u{feff}// syntax = a\r\n"]
    {
        let file = SourceFile::new("f", format!("{head}{body}").into_bytes());
        assert!(RawFragment::parse(&file).is_ok(), "{head:?}");
    }
    assert!(said(format!("# a comment\n{body}").as_bytes()).contains("any.json:1:1"));
}
