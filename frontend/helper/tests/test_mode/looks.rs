//! Tests that look at the root: files, packages, what a GPU needs.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::{image, run, says};

/// A folder with a bit of everything.
const FILES: &str = "mkdir -p srv/clean/partial srv/bad; printf 'hello\\n' > srv/file; ln -s file srv/link; ln -s nowhere srv/dangling; \
    printf x > srv/bad/suid; chmod 4755 srv/bad/suid; printf x > srv/bad/open; chmod 666 srv/bad/open; \
    chown 1000:29 srv/file; chmod 640 srv/file; : > srv/empty";

#[test]
fn files_are_as_expected() {
    let Some(mut sandbox) = image() else { return };
    sandbox.prepare(FILES);
    for (check, expected) in [
        (
            json!({"path": "/srv/file", "type": "file", "owner": "app:audio", "mode": "0640", "max_size": 6, "min_size": 6, "content": "ell"}),
            "",
        ),
        (json!({"path": "/srv/link", "type": "file", "content": [{"equals": "hello"}]}), ""),
        (json!({"path": "/srv/link", "type": "symlink", "target": "file"}), ""),
        (json!({"path": "/srv/none", "exists": false}), ""),
        (json!({"path": "/srv/clean", "empty": true, "no_setuid": true, "no_world_writable": true}), ""),
        (json!({"path": "/srv/empty", "empty": true}), ""),
        (json!({"path": "/tmp", "no_world_writable": true, "mode": "1777"}), ""),
        (json!({"path": "/srv/none"}), "/srv/none is not there"),
        (json!({"path": "/srv/dangling"}), "/srv/dangling is a link to nothing"),
        (json!({"path": "/srv/dangling", "exists": false}), "/srv/dangling is there"),
        (
            json!({"path": "/srv/link", "type": "dir"}),
            "expected that /srv/link is of type dir, but it is file",
        ),
        (
            json!({"path": "/srv/file", "mode": "0644"}),
            "expected that the mode of /srv/file is 0644, but it is 0640",
        ),
        (
            json!({"path": "/srv/file", "owner": "app:app"}),
            "expected that the owner of /srv/file is app:app, but it is 1000:29",
        ),
        (json!({"path": "/srv/file", "owner": "ghost"}), "user \"ghost\": no such name"),
        (json!({"path": "/srv/file", "max_size": 5}), "has at most 5 bytes, but it is 6 bytes"),
        (json!({"path": "/srv/file", "min_size": 7}), "has at least 7 bytes, but it is 6 bytes"),
        (
            json!({"path": "/srv/file", "content": "bye"}),
            "expected that /srv/file contains \"bye\", got \"hello\\n\"",
        ),
        (json!({"path": "/srv", "content": "x"}), "cannot read /srv: it is of type dir"),
        (json!({"path": "/srv/link", "target": "other"}), "leads to other, but it leads to file"),
        (json!({"path": "/srv/file", "target": "other"}), "but it is no link"),
        (json!({"path": "/srv", "no_setuid": true}), "set-user-id or set-group-id: /srv/bad/suid"),
        (json!({"path": "/srv", "no_world_writable": true}), "can be written by everybody: /srv/bad/open"),
        (
            json!({"path": "/srv/bad", "empty": true}),
            "found in /srv/bad, which should be empty: /srv/bad/open, /srv/bad/suid",
        ),
        (json!({"path": "/srv/file", "empty": true}), "/srv/file is not empty: it has 6 bytes"),
    ] {
        let (_, verdicts) = run(&mut sandbox, json!([{"name": "files", "files": [check]}]));
        says(&verdicts[0], if expected.is_empty() { "pass" } else { "fail" }, expected);
    }
}

/// Packages of both kinds, and tools that say what they are told to.
const PACKAGES: &str = r#"mkdir -p tools var/lib/dpkg opt/old/lib/python3/dist-packages/requests-2.31.0.dist-info
    printf 'Package: curl\nStatus: install ok installed\nVersion: 7.88.1-10\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n' > var/lib/dpkg/status
    printf '#!/bin/sh\n[ $(id -u) = 0 ] || exit 9\ncat /tools/dpkg$1\n' > tools/dpkg
    printf '#!/bin/sh\n[ "$1 $2 $3" = "-m pip check" ] || exit 9\ncat /tools/pip; exit $(cat /tools/code)\n' > tools/python3
    printf '??5?????? c /etc/x\nmissing     /usr/share/doc/x\n' > tools/dpkg--verify; : > tools/dpkg--audit
    echo 'No broken requirements found.' > tools/pip; echo 0 > tools/code; chmod 755 tools/*"#;

#[test]
fn packages_are_as_expected() {
    let Some(mut sandbox) = image() else { return };
    sandbox.prepare(PACKAGES).prepare("true");
    sandbox.set("PATH", "/tools:/usr/bin:/bin:/usr/sbin:/sbin");
    let packages = |wanted: Value| json!({"name": "packages", "user": "app", "packages": wanted});
    let all = json!({"dpkg": {"curl": ">=7, <8"}, "pip": {"requests": "==2.31"}, "pip_check": true, "dpkg_verify": true, "dpkg_audit": true});
    let tests = json!([
        packages(all.clone()),
        packages(json!({"dpkg": {"curl": ">=8"}})),
        packages(json!({"dpkg": {"curll": "*"}})),
        packages(json!({"dpkg": {"gone": "*"}})),
        packages(json!({"pip": {"requests": "<2"}})),
    ]);
    let (_, verdicts) = run(&mut sandbox, tests);
    assert_eq!(verdicts[0]["verdict"], "pass", "{:#}", verdicts[0]);
    says(&verdicts[1], "fail", "expected curl >=8, but it is 7.88.1-10");
    says(&verdicts[2], "fail", "the package curll is not installed; did you mean \"curl\"?");
    says(&verdicts[3], "fail", "the package gone is not installed");
    says(&verdicts[4], "fail", "expected requests <2, but requests is 2.31.0");
    sandbox.prepare("echo 'a 1 requires b' > tools/pip; echo 1 > tools/code; echo '??5??????   /bin/x' >> tools/dpkg--verify; echo 'half' > tools/dpkg--audit");
    let (step, verdicts) = run(&mut sandbox, json!([packages(all)]));
    for phrase in
        ["python3 -m pip check: a 1 requires b", "dpkg --verify: ??5??????   /bin/x", "dpkg --audit: half"]
    {
        says(&verdicts[0], "fail", phrase);
    }
    assert!(fs::read_to_string(step.evidence("0.stdout")).unwrap().contains("/usr/share/doc/x"));
}

#[test]
fn an_image_for_gpus_brings_all_but_the_driver() {
    let Some(mut sandbox) = image() else { return };
    let site = "opt/v/lib/python3.11/site-packages/nvidia/nccl/lib";
    sandbox.prepare(&format!("mkdir -p {site} opt/stubs; touch opt/stubs/libcuda.so; cp \"$(readlink -f /bin/true)\" {site}/libneedy.so.1"));
    let needy = sandbox.lower().join(site).join("libneedy.so.1");
    replace(&needy, b"libc.so.6", b"libnccl.x");
    let driverless = json!({"name": "d", "gpu": {"driverless": true}});
    let device = json!({"name": "g", "gpu": {"devices": ["nvidia.com/gpu=all"], "run": {"argv": ["true"]}}});
    sandbox.prepare(
        r#"mkdir -p .factory; echo '{"present":false,"reason":"there is none"}' > .factory/gpu.json"#,
    );
    let (step, verdicts) = run(&mut sandbox, json!([driverless, device]));
    let expected =
        format!("libraries of CUDA are needed and not there: libnccl.x (by /{site}/libneedy.so.1)");
    says(&verdicts[0], "fail", &expected);
    says(&verdicts[1], "skipped", "there is none");
    assert!(step.stdout.contains("skip  g: there is none\n"), "{}", step.stdout);
    replace(&needy, b"libnccl.x", b"libc.so.6");
    let (_, verdicts) = run(&mut sandbox, json!([driverless]));
    assert_eq!(verdicts[0]["verdict"], "pass", "{:#}", verdicts[0]);
    sandbox.prepare("touch opt/libcuda.so.1");
    let (_, verdicts) = run(&mut sandbox, json!([driverless]));
    says(
        &verdicts[0],
        "fail",
        "the image has libraries of the driver, which the machine has to bring: /opt/libcuda.so.1",
    );
}

/// A device is what the engine puts into `/dev`; which one it is the driver tells.
#[test]
fn a_device_is_looked_for_once_and_tested_where_it_is() {
    let Some(mut sandbox) = image() else { return };
    let wish = json!({"devices": ["nvidia.com/gpu=all"]}).to_string();
    let probed = |step: &crate::sandbox::Step| -> Value {
        serde_json::from_slice(&fs::read(step.evidence("gpu.json")).unwrap()).unwrap()
    };
    let step = sandbox.mode("gpu-probe", "FACTORY_GPU_PROBE", &wish).ok();
    let none = "the engine gave no NVIDIA device (/dev/nvidia*) for nvidia.com/gpu=all";
    assert_eq!(probed(&step), json!({"present": false, "reason": none}));
    assert_eq!(step.stdout, format!("{none}\n"));
    let withheld = json!({"devices": [], "withheld": "too old"}).to_string();
    let step = sandbox.mode("gpu-probe", "FACTORY_GPU_PROBE", &withheld).ok();
    assert_eq!(probed(&step), json!({"present": false, "reason": "too old"}));
    // A device that only the probe was given is a fault of the engine's, not of the image's.
    let found = json!({"present": true, "driver": "550.54.15", "model": "NVIDIA H200"});
    sandbox.prepare(&format!("mkdir -p .factory; echo '{found}' > .factory/gpu.json"));
    let device = json!({"name": "g", "gpu": {"devices": ["nvidia.com/gpu=all"], "run": {"argv": ["true"]}}});
    let (_, verdicts) = run(&mut sandbox, json!([device]));
    says(&verdicts[0], "error", "the probe was given a device, and the test was not");
    sandbox.set("DEVICES", "nvidia0");
    let (step, verdicts) = run(&mut sandbox, json!([device]));
    assert_eq!(verdicts[0]["verdict"], "pass", "{:#}", verdicts[0]);
    let report: Value = serde_json::from_slice(&fs::read(step.evidence("verdicts.json")).unwrap()).unwrap();
    assert_eq!(report["accelerator"], json!({"driver": "550.54.15", "model": "NVIDIA H200"}));
    let step = sandbox.mode("gpu-probe", "FACTORY_GPU_PROBE", &wish).ok();
    assert_eq!(probed(&step)["present"], true);
    // Other tests have nothing to do with it.
    let (step, _) = run(&mut sandbox, json!([{"name": "t", "run": {"argv": ["true"]}}]));
    assert!(!fs::read_to_string(step.evidence("verdicts.json")).unwrap().contains("accelerator"));
}

/// Replaces a string of a file by one of the same length.
fn replace(path: &Path, old: &[u8], new: &[u8]) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.windows(old.len()).position(|window| window == old).unwrap();
    bytes[at..at + old.len()].copy_from_slice(new);
    fs::write(path, bytes).unwrap();
}
