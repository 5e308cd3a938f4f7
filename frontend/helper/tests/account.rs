//! Accounts, made by the wrapper as a step's own command and compared with what `useradd` and `groupadd` make of the same
//! files; and the check of owners.
#![allow(clippy::unwrap_used, reason = "a test ends with the first surprise")]

mod sandbox;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use sandbox::{EPOCH, Sandbox, Step, sandbox, skipped};

/// The account files of a small Debian image, without shadow files.
const IMAGE: &str = "mkdir -p etc/skel/sub home
    printf 'root:x:0:0:root:/root:/bin/bash\\ngames:x:5:60:games:/usr/games:/usr/sbin/nologin\\n# a comment\\n' > etc/passwd
    printf 'root:x:0:\\naudio:x:29:games\\nusers:x:100:\\ngames:x:60:' > etc/group
    printf 'a\\n' > etc/skel/.profile; chmod 4751 etc/skel/.profile; ln -s /etc/skel/.profile etc/skel/link
    ln -s sub/../.profile etc/skel/relative; mkfifo etc/skel/sub/fifo; chmod 2770 etc/skel/sub";
/// Files that the tools only keep where they are there already.
const SHADOW: &str = "printf 'root:*:1::::::\\ngames:*:1:0:99999:7:::\\n' > etc/shadow
    printf 'root:*::\\naudio:*::games\\nusers:*::\\ngames:*::\\n' > etc/gshadow
    chmod 0640 etc/shadow etc/gshadow; chgrp 42 etc/shadow etc/gshadow; touch etc/subuid etc/subgid
    printf '# rules\\nUMASK 022\\nPASS_MAX_DAYS 99999\\nPASS_MIN_DAYS 0\\nPASS_WARN_AGE 7\\nUID_MIN 1000\\nUID_MAX 60000\\n\
SYS_UID_MIN 101\\nSUB_UID_COUNT 65536\\nSUB_GID_COUNT 65536\\n' > etc/login.defs";

fn image(more: &str) -> Option<Sandbox> {
    let sandbox = sandbox()?;
    sandbox.prepare(IMAGE).prepare(more);
    Some(sandbox)
}

/// Makes an account, as the frontend has it done.
fn account(sandbox: &Sandbox, wishes: &str) -> Step {
    let config = serde_json::json!({
        "epoch": EPOCH, "lower": "/.factory/lower",
        "env": {"FACTORY_MODE": "account", "FACTORY_ACCOUNT": wishes},
    });
    sandbox.run(&config.to_string(), &["/.factory/run", "account", "name"])
}

fn text(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path.as_ref()).unwrap_or_else(|err| panic!("{}: {err}", path.as_ref().display()))
}

#[test]
fn a_user_is_made_and_nothing_else() {
    let Some(sandbox) = image(SHADOW) else { return };
    let step = account(&sandbox, r#"{"name":"app","groups":["audio"],"shell":"/bin/zsh"}"#).ok();
    let said = "user \"app\" has uid 1000, group \"app\" (gid 1000), home /home/app and shell /bin/zsh now\n\
        note: the image has no /bin/zsh, the login shell of user \"app\"\n";
    assert_eq!(step.stdout, said);
    let etc = ["group", "gshadow", "passwd", "shadow", "subgid", "subuid"].map(|name| format!("/etc/{name}"));
    let home =
        ["", "/.profile", "/link", "/relative", "/sub", "/sub/fifo"].map(|name| format!("/home/app{name}"));
    assert_eq!(step.changed(), [etc.to_vec(), home.to_vec()].concat());
    assert_eq!(step.deleted(), Vec::<String>::new());
    assert_eq!(sandbox.mtime("etc/passwd"), EPOCH);
    assert_eq!(sandbox.mtime("home/app/.profile"), sandbox::OLD, "as it was in the skeleton");
    let shadow = fs::metadata(sandbox.upper("etc/shadow")).unwrap();
    assert_eq!((shadow.mode() & 0o7777, shadow.gid()), (0o640, 42));
    assert!(text(sandbox.upper("etc/shadow")).ends_with("\napp:!:17361:0:99999:7:::\n"));
    assert!(text(sandbox.upper("etc/group")).ends_with("games:x:60:\napp:x:1000:\n"));
    let profile = fs::metadata(sandbox.upper("home/app/.profile")).unwrap();
    assert_eq!((profile.uid(), profile.gid(), profile.mode() & 0o7777), (1000, 1000, 0o4751));
    let link = fs::read_link(sandbox.upper("home/app/link")).unwrap();
    assert_eq!(link, PathBuf::from("/home/app/.profile"), "a link into the skeleton leads into the copy");
}

#[test]
fn an_image_without_account_files_gets_the_two_that_are_needed() {
    let Some(sandbox) = sandbox() else { return };
    sandbox.prepare("rm -r etc");
    let step = account(&sandbox, r#"{"name":"nonroot","uid":65532,"create_home":false}"#).ok();
    assert_eq!(step.changed(), ["/etc", "/etc/group", "/etc/passwd"]);
    assert_eq!(text(sandbox.upper("etc/passwd")), "nonroot:!:65532:65532::/home/nonroot:/bin/sh\n");
    assert_eq!(text(sandbox.upper("etc/group")), "nonroot:!:65532:\n");
    let mode = |name: &str| fs::metadata(sandbox.upper(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("etc"), mode("etc/passwd"), mode("etc/group")), (0o755, 0o644, 0o644));
}

#[test]
fn a_home_that_is_there_stays_as_it_is() {
    let Some(sandbox) = image("mkdir -m 0711 -p srv/app; touch srv/app/kept") else { return };
    let step = account(&sandbox, r#"{"name":"app","home":"/srv/app"}"#).ok();
    assert!(step.stdout.ends_with("/srv/app is there already and stays as it is\n"), "{}", step.stdout);
    assert_eq!(step.changed(), ["/etc/group", "/etc/passwd"]);
}

#[test]
fn the_same_again_is_an_empty_layer() {
    let Some(sandbox) = image("printf 'app:x:7:60::/home/app:/bin/sh\\n' >> etc/passwd; mkdir home/app")
    else {
        return;
    };
    let step = account(&sandbox, r#"{"name":"app","group":"games"}"#).ok();
    assert!(
        step.stdout.starts_with("user \"app\" is there already with uid 7 and gid 60\n"),
        "{}",
        step.stdout
    );
    assert_eq!((step.changed(), step.deleted()), (vec![], vec![]));
}

#[test]
fn refusals_come_together_and_change_nothing() {
    let Some(sandbox) = image(SHADOW) else { return };
    let step = account(&sandbox, r#"{"name":"app","uid":5,"groups":["audoi","nothing"]}"#);
    assert_eq!(step.code, 1, "{}", step.stderr);
    assert_eq!(
        step.stderr,
        "factory: uid 5 of user \"app\" is taken: it is that of \"games\"\n\
         factory: group \"audoi\" of user \"app\": no such group in the image's /etc/group; did you mean \"audio\"?\n\
         factory: group \"nothing\" of user \"app\": no such group in the image's /etc/group\n"
    );
    assert_eq!(
        fs::read_dir(sandbox.upper(""))
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name() == "etc")
            .count(),
        0
    );
    for (wishes, phrase) in [
        ("{}", "FACTORY_ACCOUNT: a \"name\" or a \"group\" is needed"),
        (r#"{"name":"a\nroot2:x:0:0"}"#, "is not the name of an account"),
    ] {
        let step = account(&sandbox, wishes);
        assert_eq!(step.code, 125, "{wishes}");
        assert!(step.stderr.contains(phrase), "{}", step.stderr);
    }
}

#[test]
fn rules_and_links_of_the_image_hold() {
    let Some(sandbox) = image(
        "printf 'UID_MIN 500\\nHOME_MODE 0700\\n' > etc/login.defs; mkdir -p usr/etc var/home; mv etc/passwd var/passwd
        ln -s /var/passwd etc/passwd; rmdir home; ln -s var/home home",
    ) else {
        return;
    };
    let step = account(&sandbox, r#"{"name":"app"}"#).ok();
    assert!(text(sandbox.upper("var/passwd")).ends_with("\napp:!:500:500::/home/app:/bin/sh\n"));
    assert!(!step.changed().contains(&"/etc/passwd".to_owned()), "the link stays");
    assert_eq!(fs::metadata(sandbox.upper("var/home/app")).unwrap().mode() & 0o7777, 0o700);
}

/// What each tool is asked for, and the wish that means the same.
const SAME: &[(&str, &str)] = &[
    ("useradd -m app", r#"{"name":"app"}"#),
    ("useradd -m -u 4321 app", r#"{"name":"app","uid":4321}"#),
    ("useradd -m app; useradd -M two", r#"{"name":"app"};{"name":"two","create_home":false}"#),
    ("useradd -r -s /usr/sbin/nologin app", r#"{"name":"app","system":true}"#),
    (
        "useradd -r -m -s /bin/bash app",
        r#"{"name":"app","system":true,"create_home":true,"shell":"/bin/bash"}"#,
    ),
    ("useradd -m -G audio,users app", r#"{"name":"app","groups":["audio","users"]}"#),
    ("useradd -m -g users app", r#"{"name":"app","group":"users"}"#),
    ("useradd -m -d /srv/deep/app app", r#"{"name":"app","home":"/srv/deep/app"}"#),
    ("groupadd data", r#"{"group":"data"}"#),
    ("groupadd -r data", r#"{"group":"data","system":true}"#),
    ("groupadd -g 777 data", r#"{"group":"data","gid":777}"#),
    ("groupadd -g 777 data; useradd -m -g data app", r#"{"name":"app","group":"data","gid":777}"#),
    ("groupadd -g 1000 first; useradd -m app", r#"{"group":"first","gid":1000};{"name":"app"}"#),
    (
        "useradd -r -u 300 one; useradd -r -s /usr/sbin/nologin two",
        r#"{"name":"one","uid":300,"system":true,"shell":"/bin/sh"};{"name":"two","system":true}"#,
    ),
    (
        "useradd -M -u 60000 one; useradd -M two",
        r#"{"name":"one","uid":60000,"create_home":false};{"name":"two","create_home":false}"#,
    ),
];

/// What Debian sets otherwise than the tools do by themselves.
const DEBIAN: &str = "mkdir -p etc/default; echo SHELL=/bin/sh > etc/default/useradd
    printf 'USERGROUPS_ENAB yes\\nPASS_MAX_DAYS 99999\\nPASS_MIN_DAYS 0\\nPASS_WARN_AGE 7\\n' >> etc/login.defs";

#[test]
fn accounts_are_those_that_useradd_makes() {
    compare(SHADOW);
}

#[test]
fn they_are_without_shadow_files_too() {
    compare("printf '+::::::\\n' >> etc/passwd");
}

#[test]
fn they_are_under_other_rules_too() {
    compare("printf 'UMASK 077\\nSYS_UID_MIN 200\\nSYS_GID_MIN 200\\n' > etc/login.defs; touch etc/subuid");
}

/// Has both make the accounts in an image and compares everything.
fn compare(more: &str) {
    let tools = ["useradd", "groupadd", "pwck", "grpck"];
    if !tools.iter().all(|tool| Path::new("/usr/sbin").join(tool).exists()) {
        skipped("needs useradd, groupadd, pwck and grpck");
        return;
    }
    for (script, wishes) in SAME {
        let (Some(theirs), Some(ours)) = (image(more), image(more)) else { return };
        for sandbox in [&theirs, &ours] {
            sandbox.prepare(DEBIAN);
        }
        by_tools(&theirs, script);
        for wishes in wishes.split(';') {
            // Each step is a layer on those before.
            account(&ours, wishes).ok();
            ours.prepare("cp -a ../upper/. . 2>/dev/null; rm -rf .factory; rm -rf ../upper ../work/work");
        }
        assert_eq!(listing(&ours), listing(&theirs), "{script} with {more}");
        assert_eq!(complaints(&ours), complaints(&theirs), "{script} with {more}");
    }
}

/// Runs the tools of this machine on the lower root.
fn by_tools(sandbox: &Sandbox, script: &str) {
    let script = format!(
        "set -e; mount --bind /usr usr; mkdir -p dev proc; mount --bind /dev dev; mount -t proc proc proc
         chroot . /bin/sh -ec 'export PATH=/usr/sbin:/usr/bin; {script}' 2>&1"
    );
    sandbox.prepare("mkdir -p usr; find . -exec touch -h -d @1000000000 {} +");
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "sh", "-c", &script]).current_dir(sandbox.lower());
    let output = command.env("SOURCE_DATE_EPOCH", EPOCH.to_string()).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stdout));
    sandbox.prepare("rm -f etc/*- etc/.pwd.lock; rm -rf usr dev proc var");
}

/// What the tools that check account files say.
fn complaints(sandbox: &Sandbox) -> String {
    let script = "mkdir -p usr && mount --bind /usr usr && \
        chroot . /bin/sh -c '/usr/sbin/pwck -r; /usr/sbin/grpck -r; passwd --status --all; id app' 2>&1";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script]).current_dir(sandbox.lower());
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

/// Every file with what counts: kind, mode, owner, bytes or target.
fn listing(sandbox: &Sandbox) -> Vec<String> {
    let script = "find . -mindepth 1 -not -path './usr*' -not -path './dev*' -not -path './proc*' -not -path './.factory*' \
        -printf '%P %y %m %U:%G %l\\n' | sort; cd etc && for f in passwd group shadow gshadow subuid subgid; do \
        echo \"== $f\"; cat $f 2>/dev/null; echo; done";
    let output = Command::new("sh").args(["-c", script]).current_dir(sandbox.lower()).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Checks owners, as the frontend has it done: without a step.
fn owners(sandbox: &mut Sandbox, owners: &[&str]) -> Step {
    sandbox.set("FACTORY_MODE", "owners");
    sandbox.run("", owners)
}

#[test]
fn known_owners_leave_an_empty_file() {
    let Some(mut sandbox) = image("true") else { return };
    sandbox.set("READONLY", "1");
    let step = owners(&mut sandbox, &["games", "root:audio", "4000:4000"]).ok();
    assert_eq!((step.stdout.as_str(), step.stderr.as_str()), ("", ""));
    let names: Vec<_> =
        fs::read_dir(step.evidence("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["owners"]);
    assert_eq!(fs::read(step.evidence("owners")).unwrap(), b"");
}

#[test]
fn unknown_owners_are_all_named() {
    let Some(mut sandbox) = image("true") else { return };
    let step = owners(&mut sandbox, &["game", "root:audoi", "games"]);
    assert_eq!(step.code, 1);
    assert_eq!(
        step.stderr,
        "factory: user \"game\": no such name in the image's /etc/passwd; did you mean \"games\"?\n\
         factory: group \"audoi\" (in owner \"root:audoi\"): no such name in the image's /etc/group; did you mean \"audio\"?\n"
    );
    assert!(!step.evidence("owners").exists());
}
