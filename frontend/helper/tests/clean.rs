//! The clean-ups, and apt's configuration for one step.
#![allow(clippy::unwrap_used, reason = "a test ends with the first surprise")]

mod sandbox;

use sandbox::{EPOCH, sandbox, skipped};

fn config(rest: &str) -> String {
    format!(r#"{{"lower":"/.factory/lower","epoch":{EPOCH},{rest}}}"#)
}

const APT_BEFORE: &str = "mkdir -p var/lib/apt/lists/partial var/cache/apt/archives/partial var/log/apt var/lib/dpkg \
    var/cache/debconf var/cache/ldconfig; echo l > var/lib/apt/lists/old; echo s > var/lib/dpkg/status-old; \
    echo k > var/log/kept.log";
const APT_STEP: &str = "cd /var; echo n > lib/apt/lists/new; echo p > lib/apt/lists/partial/p; echo d > cache/apt/archives/a.deb; \
    echo x > cache/apt/archives/partial/b.deb; echo b > cache/apt/pkgcache.bin; echo h > log/apt/history.log; \
    echo g > log/dpkg.log; echo a > log/alternatives.log; echo o > log/other.log; echo c > cache/ldconfig/aux-cache; \
    echo t > cache/debconf/templates.dat-old; echo s > lib/dpkg/status; echo s > lib/dpkg/status-old; echo l > cache/apt/archives/lock";

#[test]
fn apt_leaves_what_it_installed_and_nothing_else() {
    let Some(sandbox) = sandbox() else { return };
    sandbox.prepare(APT_BEFORE);
    let step = sandbox.sh(&config(r#""clean":["apt"]"#), APT_STEP).ok();
    assert_eq!(step.changed(), ["/var/lib/dpkg/status", "/var/log/other.log"]);
    assert_eq!(step.deleted(), ["/var/lib/apt/lists/old", "/var/lib/dpkg/status-old"]);
    assert!(sandbox.lower().join("var/lib/apt/lists/partial").exists());
    assert_eq!(sandbox.mtime("var/lib/dpkg"), EPOCH);
}

#[test]
fn mounted_caches_are_left_alone() {
    let Some(mut sandbox) = sandbox() else { return };
    sandbox.prepare(APT_BEFORE).prepare("mkdir -p root/.cache");
    sandbox.set("CACHE_MOUNTS", "var/cache/apt/archives root/.cache/pip");
    let script = "echo d > /var/cache/apt/archives/a.deb; echo w > /root/.cache/pip/wheel; echo l > /var/lib/apt/lists/l";
    let step = sandbox.sh(&config(r#""clean":["apt","pip"]"#), script).ok();
    assert_eq!(step.changed(), Vec::<String>::new());
    assert!(sandbox.cache("a.deb").exists() && sandbox.cache("wheel").exists());
}

#[test]
fn pip_tmp_and_logs_take_only_what_the_step_created() {
    let Some(mut sandbox) = sandbox() else { return };
    sandbox.prepare("mkdir -p root/.cache/pip tmp/old/dir var/log var/tmp; echo o > root/.cache/pip/old; echo o > tmp/old/o; echo o > var/log/old");
    sandbox.set("HOME", "/root");
    let script = "echo n > /root/.cache/pip/new; mkdir -p /root/.cache/uv/x /tmp/pip-build-1/__pycache__ /tmp/mine; \
        echo n > /tmp/pip-build-1/__pycache__/a.pyc; echo n > /tmp/old/n; echo n > /tmp/old/dir/n; echo n > /var/log/new; \
        echo more >> /var/log/old; mkdir /var/tmp/y; ln -s /etc /tmp/link; echo kept > /etc/kept";
    let step = sandbox.sh(&config(r#""clean":["pip"]"#), script).ok();
    let left = [
        "/etc/kept",
        "/tmp/link",
        "/tmp/mine",
        "/tmp/old/dir/n",
        "/tmp/old/n",
        "/var/log/new",
        "/var/log/old",
        "/var/tmp/y",
    ];
    assert_eq!(step.changed(), left);
    let Some(mut second) = sandbox::sandbox() else { return };
    second.prepare("mkdir -p root/.cache/pip tmp/old/dir var/log var/tmp; echo o > root/.cache/pip/old; echo o > tmp/old/o; echo o > var/log/old");
    second.set("HOME", "/root");
    let step = second.sh(&config(r#""clean":["pip","tmp","logs"]"#), script).ok();
    assert_eq!(
        (step.changed(), step.deleted()),
        (vec!["/etc/kept".to_owned(), "/var/log/old".to_owned()], vec![])
    );
}

#[test]
fn clean_ups_do_not_follow_links_out() {
    let Some(sandbox) = sandbox() else { return };
    sandbox.prepare("mkdir -p var/lib/apt precious; echo p > precious/p; ln -s /precious var/lib/apt/lists; ln -s /precious var/log");
    let step = sandbox
        .sh(&config(r#""clean":["apt","logs","tmp"]"#), "echo n > /precious/n; ln -s /precious /tmp/l")
        .ok();
    assert_eq!((step.changed(), step.deleted()), (vec!["/precious/n".to_owned()], vec![]));
}

#[test]
fn docker_clean_is_out_of_the_way_for_the_step_alone() {
    if !std::path::Path::new("/usr/bin/apt-config").exists() {
        skipped("needs apt");
        return;
    }
    let Some(sandbox) = sandbox() else { return };
    sandbox.prepare("mkdir -p etc/apt/apt.conf.d; echo 'DPkg::Post-Invoke { \"rm everything\"; };' > etc/apt/apt.conf.d/docker-clean; \
        echo 'APT::Install-Recommends \"false\";' > etc/apt/apt.conf.d/90own");
    let step = sandbox.sh(&config(r#""docker_clean":true"#), "apt-config dump").ok();
    assert!(!step.stdout.contains("rm everything"), "{}", step.stdout);
    assert!(step.stdout.contains("APT::Install-Recommends \"false\";"), "{}", step.stdout);
    assert!(step.stdout.contains("APT::Keep-Downloaded-Packages \"true\";"), "{}", step.stdout);
    assert_eq!((step.changed(), step.deleted()), (vec![], vec![]));
    let step = sandbox.sh(&config(r#""changes":false"#), "apt-config dump").ok();
    assert!(step.stdout.contains("rm everything"), "{}", step.stdout);
}
