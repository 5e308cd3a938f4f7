//! Deltas that are several layers, and layers that are several deltas: the files are the same either way.

use factory_tests::oci::OciImage;
use factory_tests::tree::LayerEntry;
use factory_tests::{BuildOptions, unique};
use serde_json::{Value, json};

use crate::parts::{Part, differences, merged};
use crate::small::small;

/// Large folders beside small files, a file of the base removed, and one that replaces a folder.
fn weights(salt: &str) -> Part {
    let steps = json!([{"run": [
        "mkdir -p /opt/models/a /opt/models/b /opt/tokens /opt/tool",
        &format!("echo {salt} a > /opt/models/a/weights; echo {salt} b > /opt/models/b/weights"),
        "ln /opt/models/a/weights /opt/models/a/again; ln -s a/weights /opt/models/current",
        "chmod 700 /opt/models; chown 50:50 /opt/models/b",
        "echo t > /opt/tokens/one; echo u > /opt/tokens/two; echo x > /opt/tool/x",
        "rm /bin/tar; rm -r /var/lib; echo file > /var/lib"
    ]}]);
    Part::new("weights", &[], steps)
}

fn beside(name: &str, salt: &str) -> Part {
    Part::new(
        name,
        &[],
        json!([{"run": format!("mkdir -p /srv/{name}; echo {salt} > /srv/{name}/made; rm /bin/{name}")}]),
    )
}

fn image(parts: &[Part]) -> OciImage {
    merged(&small().reference, parts).build(&BuildOptions::oci()).succeeded().image()
}

#[track_caller]
fn assert_same_files(plain: &OciImage, other: &OciImage) {
    let differences =
        differences(&plain.filesystem(), &other.filesystem(), &factory_tests::tree::Ignore::nothing());
    assert!(differences.is_empty(), "{differences:#?}");
    assert_eq!(plain.history_with_layers(), plain.layer_digests().len());
    assert_eq!(other.history_with_layers(), other.layer_digests().len());
}

/// What history says made the layers of fragments.
fn made(image: &OciImage) -> Vec<String> {
    let history = image.config_json()["history"].as_array().unwrap();
    let made = history.iter().filter(|entry| entry["empty_layer"].as_bool() != Some(true));
    made.map(|entry| entry["created_by"].as_str().unwrap_or_default().to_owned()).collect()
}

fn position(image: &OciImage, made_by: &str) -> usize {
    let made = made(image);
    made.iter().position(|one| one.contains(made_by)).unwrap_or_else(|| panic!("no `{made_by}` in {made:#?}"))
}

fn removed(image: &OciImage, index: usize) -> Vec<String> {
    let whiteout = |entry| match entry {
        LayerEntry::Whiteout(path) => Some(path),
        _ => None,
    };
    image.layer(index).into_iter().filter_map(whiteout).collect()
}

#[test]
fn a_split_delta_is_a_layer_for_each_part() {
    let salt = unique();
    let split: Value = json!({"split": ["/opt/models", ["/opt/tokens", "/opt/to?l"]]});
    let plain = image(&[weights(&salt), beside("sort", &salt)]);
    let other = image(&[weights(&salt).with("layout", split), beside("sort", &salt)]);
    assert_eq!(other.layer_digests().len(), plain.layer_digests().len() + 2, "{:#?}", made(&other));
    assert_same_files(&plain, &other);
    let first = small().layers.len();
    assert_eq!(removed(&other, first), ["bin/tar"], "what is removed is in the first layer");
    let models: Vec<String> = other
        .layer(position(&other, "[weights 0.1.0] /opt/models"))
        .iter()
        .map(|e| format!("{e:?}"))
        .collect();
    assert!(!models.is_empty() && models.iter().all(|entry| !entry.contains("opt/to")), "{models:#?}");
    assert_eq!(
        position(&other, "[weights 0.1.0] /opt/tokens"),
        first + 2,
        "parts lie in the order in which they are named"
    );
}

#[test]
fn neighbours_that_fold_share_a_layer() {
    let salt = unique();
    let parts = |fold: bool| -> Vec<Part> {
        let folding = |part: Part| if fold { part.with("layout", json!({"fold": true})) } else { part };
        let upper = Part::new("upper", &["sed"], json!([{"run": "cat /srv/sed/made > /srv/sed/copy"}]));
        vec![
            folding(beside("sed", &salt)),
            folding(beside("awk", &salt)),
            folding(beside("cut", &salt)),
            folding(upper),
            beside("sort", &salt),
        ]
    };
    let (plain, folded) = (image(&parts(false)), image(&parts(true)));
    assert_eq!(plain.layer_digests().len(), small().layers.len() + 6, "{:#?}", made(&plain));
    assert_eq!(folded.layer_digests().len(), small().layers.len() + 3, "{:#?}", made(&folded));
    assert_same_files(&plain, &folded);
    assert_eq!(removed(&folded, small().layers.len()), ["bin/awk", "bin/cut", "bin/sed"]);
    assert_eq!(
        folded.layer_digests().get(small().layers.len() + 1),
        plain.layer_digests().get(small().layers.len() + 4)
    );
}

#[test]
fn fragments_that_stand_alike_share_their_layer() {
    let salt = unique();
    let common = || beside("sed", &salt);
    let (one, two) =
        (image(&[common(), beside("awk", &unique())]), image(&[beside("cut", &unique()), common()]));
    let layer = |image: &OciImage| image.layer_digests()[position(image, "[sed ")].clone();
    assert_eq!(layer(&one), layer(&two));
}
