//! Every image begins with its base's layers, and what is built on it later finds them.
//!
//! On engines of today a `Diff` of a single layer against its own ancestor takes the identity of the whole chain; a later
//! look-up by that identity may then find the layer without the base below it, about two times in ten. Nothing complains: an
//! image has lost its base. So nothing of ours is such a `Diff`, and this says so on the engine itself.

use factory_tests::{BuildOptions, Lab, Project, Repository, unique};
use serde_json::json;

use crate::parts::{Part, merged};
use crate::small::small;

const TRIES: usize = 10;

/// Builds and pushes a product, then something on top of what was pushed, with the same daemon.
fn once(repository: &Repository, tag: &str, in_store: bool) {
    let salt = unique();
    // One step that runs and one that does not: a delta of a single layer either way.
    let parts = [
        Part::new("lower", &[], json!([{"run": format!("echo {salt} > /lower")}])),
        Part::new("beside", &[], json!([{"file": {"path": "/beside", "content": salt}}])),
        Part::new("upper", &["lower"], json!([{"run": format!("echo {salt} > /upper")}])),
    ];
    let project = merged(&small().reference, &parts);
    let options = BuildOptions::default();
    // Every other one is unpacked into the engine's store as well, as a plain `--push` does.
    let (_, pushed) = match in_store {
        true => repository.push_and_store(tag, &project, &options),
        false => repository.push(tag, &project, &options),
    };
    assert!(pushed.stands_on(small()), "the product has lost its base: {:#?}", pushed.layers);
    // By the frontend that is built into the daemon, which pulls the image by its digest.
    let above = Project::empty();
    above.write("Dockerfile", format!("FROM {}\nRUN sh -c 'cat /lower /beside /upper'\n", pushed.reference));
    let options = BuildOptions::default().file("Dockerfile");
    let (_, image) = repository.push(&format!("{tag}-dockerfile"), &above, &options);
    assert!(image.stands_on(&pushed), "a Dockerfile's image has lost its base");
    // And by ours.
    let steps = json!([{"run": ["sh -c 'cat /lower /beside /upper'", "echo above > /above"]}]);
    let own = merged(
        &pushed.reference,
        &[
            Part::new("own", &[], steps),
            Part::new(
                "other",
                &[],
                json!([
                    {"file": {"path": "/other", "content": salt}}
                ]),
            ),
        ],
    );
    let (_, image) = repository.push(&format!("{tag}-own"), &own, &BuildOptions::default());
    assert!(image.stands_on(&pushed), "a product on a product has lost its base");
}

#[test]
fn no_image_loses_its_base() {
    let repository = Repository::fresh();
    let _ = small();
    std::thread::scope(|scope| {
        for half in 0..2 {
            let repository = &repository;
            scope.spawn(move || {
                for at in 0..TRIES / 2 {
                    let tag = format!("{half}-{at}");
                    once(repository, &tag, half == 0);
                    // It may not be there; then there is nothing to remove.
                    let _ = Lab::get().docker().args(["image", "rm", &repository.tag(&tag)]).output();
                }
            });
        }
    });
}
