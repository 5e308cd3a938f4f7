//! The harness's own client of the control API, against the frontend that is built into the daemon.

use factory_tests::control::ControlBuild;
use factory_tests::{BuildOptions, ImageName, Project};

fn project() -> Project {
    let project = Project::empty();
    project.write("Dockerfile", "FROM scratch\nCOPY a/ /b/\n").write("a/one", "1").write("a/two/three", "3");
    project.write("a/large", vec![b'x'; 3 << 20]).write("elsewhere", "4");
    project
}

fn dockerfile(project: &Project, file: &str) -> ControlBuild {
    ControlBuild { frontend: "dockerfile.v0".into(), ..ControlBuild::gateway("", &project.path(""), file) }
}

#[test]
fn it_gives_the_image_that_the_client_gives() {
    let (project, names) = (project(), [ImageName::local(), ImageName::local()]);
    let ours = dockerfile(&project, "Dockerfile").store(names[0].as_str()).run().unwrap();
    let theirs = project.dockerfile_build("Dockerfile", &BuildOptions::store(names[1].as_str())).succeeded();
    assert_eq!(ours["containerimage.digest"], theirs.digest());
}

#[test]
fn it_hands_on_what_the_daemon_says() {
    let failure = dockerfile(&project(), "Nope").run().unwrap_err();
    assert!(failure.contains("Nope"), "{failure}");
}
