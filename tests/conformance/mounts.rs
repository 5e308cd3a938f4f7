//! `run`: binds, caches, memory, secrets and agents.

use factory_tests::unique;
use serde_json::json;

use crate::bases::Base::Tools;
use crate::case::on;
use crate::differences::{LABS, REQUIRED_SECRET};

#[test]
fn a_folder_of_the_fragment() {
    on(Tools)
        .files(&["src/a.txt", "src/sub/b.txt"])
        .step(json!({"run": "find /mnt/src -type f | sort > /x; cat /mnt/src/a.txt >> /x", "mounts": [{"path": "/mnt/src", "source": "src"}]}))
        .like("RUN --mount=target=/mnt/src,source=src find /mnt/src -type f | sort > /x; cat /mnt/src/a.txt >> /x");
}

#[test]
fn a_file_of_the_fragment() {
    on(Tools)
        .files(&["src/a.txt"])
        .step(json!({"run": "cat /mnt/one > /x", "mounts": [{"path": "/mnt/one", "source": "src/a.txt"}]}))
        .like("RUN --mount=target=/mnt/one,source=src/a.txt cat /mnt/one > /x");
}

#[test]
fn a_named_context() {
    on(Tools)
        .named_context()
        .files(&["a.txt", "sub/b.txt"])
        .step(json!({"run": "cd /mnt; find . -type f | sort > /x", "mounts": [{"path": "/mnt", "from": "context:files"}]}))
        .like("RUN --mount=target=/mnt cd /mnt; find . -type f | sort > /x");
}

#[test]
fn a_folder_of_an_image() {
    on(Tools)
        .step(json!({
            "run": "ls -A /mnt > /x; cp /mnt/one.txt /y",
            "mounts": [{"path": "/mnt", "from": "image:{tools}", "source": "/srv/data"}]
        }))
        .like("RUN --mount=from={tools},source=/srv/data,target=/mnt ls -A /mnt > /x; cp /mnt/one.txt /y");
}

#[test]
fn a_folder_of_a_stage() {
    on(Tools)
        .fragment(json!({
            "stages": {"made": {"steps": [{"run": "mkdir /made; echo x > /made/x"}]}},
            "steps": [{"run": "cp /mnt/x /x", "mounts": [{"path": "/mnt", "from": "stage:made", "source": "made"}]}]
        }))
        .like(
            "FROM {tools} AS made\nRUN mkdir /made; echo x > /made/x\nFROM {tools}\n\
             RUN --mount=from=made,source=made,target=/mnt cp /mnt/x /x",
        );
}

#[test]
fn a_bind_cannot_be_written() {
    on(Tools)
        .files(&["src/a.txt"])
        .step(json!({"run": "touch /mnt/new", "mounts": [{"path": "/mnt", "source": "src"}]}))
        .both_fail(
            "RUN --mount=target=/mnt,source=src touch /mnt/new",
            "Read-only file system",
            "Read-only file system",
        );
}

#[test]
fn what_is_written_to_a_bind_is_thrown_away() {
    on(Tools)
        .files(&["src/a.txt"])
        .steps(json!([
            {"run": "touch /mnt/new; rm /mnt/a.txt; ls /mnt > /x", "mounts": [{"path": "/mnt", "source": "src", "readonly": false}]},
            {"run": "ls /mnt >> /x", "mounts": [{"path": "/mnt", "source": "src"}]}
        ]))
        .like(
            "RUN --mount=target=/mnt,source=src,rw touch /mnt/new; rm /mnt/a.txt; ls /mnt > /x\n\
             RUN --mount=target=/mnt,source=src ls /mnt >> /x",
        );
}

#[test]
fn a_mount_over_a_folder_of_the_image() {
    on(Tools)
        .files(&["src/a.txt"])
        .step(json!({"run": "ls /srv/data > /x", "mounts": [{"path": "/srv/data", "source": "src"}]}))
        .like("RUN --mount=target=/srv/data,source=src ls /srv/data > /x");
}

#[test]
fn a_mount_in_the_workdir() {
    on(Tools)
        .files(&["src/a.txt"])
        .config(json!({"workdir": "/work"}))
        .step(json!({"run": "ls in > out", "mounts": [{"path": "in", "source": "src"}]}))
        .like("WORKDIR /work\nRUN --mount=target=in,source=src ls in > out");
}

#[test]
fn a_mount_point_deep_down() {
    on(Tools)
        .files(&["src/a.txt"])
        .step(json!({"run": "ls /a/b/c > /x", "mounts": [{"path": "/a/b/c", "source": "src"}]}))
        .like("RUN --mount=target=/a/b/c,source=src ls /a/b/c > /x");
}

#[test]
fn memory() {
    on(Tools)
        .step(json!({"run": "touch /scratch/x; grep -c ' /scratch tmpfs ' /proc/mounts > /x", "mounts": [{"path": "/scratch", "tmpfs": true}]}))
        .like("RUN --mount=type=tmpfs,target=/scratch touch /scratch/x; grep -c ' /scratch tmpfs ' /proc/mounts > /x");
}

#[test]
fn memory_of_a_size() {
    on(Tools)
        .step(json!({"run": "grep ' /scratch ' /proc/mounts | grep -o 'size=[0-9]*k' > /x", "mounts": [{"path": "/scratch", "tmpfs": true, "size": "4m"}]}))
        .like("RUN --mount=type=tmpfs,target=/scratch,size=4m grep ' /scratch ' /proc/mounts | grep -o 'size=[0-9]*k' > /x");
}

#[test]
fn memory_over_a_folder_of_the_image() {
    on(Tools)
        .step(json!({"run": "ls -A /srv/data > /x; touch /srv/data/lost", "mounts": [{"path": "/srv/data", "tmpfs": true}]}))
        .like("RUN --mount=type=tmpfs,target=/srv/data ls -A /srv/data > /x; touch /srv/data/lost");
}

#[test]
fn a_cache_outlives_a_step() {
    let (id, other) = (unique(), unique());
    on(Tools)
        .steps(json!([
            {"run": "echo first > /cache/x", "cache": [{"path": "/cache", "id": id}]},
            {"run": "cp /elsewhere/x /x; ls -A /cache > /y || true", "cache": [{"path": "/elsewhere", "id": id}]}
        ]))
        .like(&format!(
            "RUN --mount=type=cache,target=/cache,id={other} echo first > /cache/x\n\
             RUN --mount=type=cache,target=/elsewhere,id={other} cp /elsewhere/x /x; ls -A /cache > /y || true"
        ));
}

#[test]
fn a_cache_by_its_path_alone() {
    let (path, other) = (format!("/cache-{}", unique()), format!("/cache-{}", unique()));
    on(Tools)
        .steps(json!([
            {"run": format!("echo first > {path}/x"), "cache": [path]},
            {"run": format!("cp {path}/x /x"), "cache": [{"path": path, "sharing": "locked"}]}
        ]))
        .like(&format!(
            "RUN --mount=type=cache,target={other} echo first > {other}/x\n\
             RUN --mount=type=cache,target={other},sharing=locked cp {other}/x /x"
        ));
}

#[test]
fn a_cache_with_an_owner_and_a_mode() {
    let (id, other) = (unique(), unique());
    on(Tools)
        .step(json!({
            "run": "stat -c '%u %g %a' /cache > /x; touch /cache/file",
            "cache": [{"path": "/cache", "id": id, "chown": "1000:400", "chmod": "0710"}]
        }))
        .like(&format!(
            "RUN --mount=type=cache,target=/cache,id={other},uid=1000,gid=400,mode=0710 stat -c '%u %g %a' /cache > /x; \
             touch /cache/file"
        ));
}

#[test]
fn a_new_cache_by_default() {
    let (id, other) = (unique(), unique());
    on(Tools)
        .step(json!({"run": "stat -c '%u %g %a' /cache > /x; ls -A /cache >> /x", "cache": [{"path": "/cache", "id": id}]}))
        .like(&format!("RUN --mount=type=cache,target=/cache,id={other} stat -c '%u %g %a' /cache > /x; ls -A /cache >> /x"));
}

#[test]
fn a_cache_that_begins_with_files() {
    let (id, other) = (unique(), unique());
    on(Tools)
        .step(json!({
            "run": "ls -A /cache > /x",
            "cache": [{"path": "/cache", "id": id, "from": "image:{tools}", "source": "/srv/data"}]
        }))
        .like(&format!("RUN --mount=type=cache,target=/cache,id={other},from={{tools}},source=/srv/data ls -A /cache > /x"));
}

#[test]
fn a_cache_that_begins_with_files_of_a_stage() {
    let (id, other) = (unique(), unique());
    on(Tools)
        .fragment(json!({
            "stages": {"start": {"base": "scratch", "steps": [{"file": {"path": "/in/a", "content": "a\n"}}]}},
            "steps": [{"run": "ls -A /cache > /x", "cache": [{"path": "/cache", "id": id, "from": "stage:start", "source": "in"}]}]
        }))
        .like(&format!(
            "FROM scratch AS start\nCOPY <<END /in/a\na\nEND\nFROM {{tools}}\n\
             RUN --mount=type=cache,target=/cache,id={other},from=start,source=in ls -A /cache > /x"
        ));
}

const SECRET_FILE: [&str; 2] = ["--secret", "id=token,src=/etc/hostname"];

#[test]
fn a_secret_in_its_usual_place() {
    on(Tools)
        .words(&SECRET_FILE)
        .step(json!({"run": "stat -c '%n %u %g %a' /run/secrets/token > /x; wc -l < /run/secrets/token >> /x", "secrets": ["token"]}))
        .like("RUN --mount=type=secret,id=token stat -c '%n %u %g %a' /run/secrets/token > /x; wc -l < /run/secrets/token >> /x");
}

#[test]
fn a_secret_elsewhere() {
    on(Tools)
        .words(&SECRET_FILE)
        .step(json!({
            "run": "stat -c '%n %u %g %a' /root/.netrc > /x",
            "secrets": [{"id": "token", "path": "/root/.netrc", "chmod": "0440", "chown": "1000:400"}]
        }))
        .like("RUN --mount=type=secret,id=token,target=/root/.netrc,mode=0440,uid=1000,gid=400 stat -c '%n %u %g %a' /root/.netrc > /x");
}

#[test]
fn a_secret_in_the_workdir() {
    on(Tools)
        .words(&SECRET_FILE)
        .config(json!({"workdir": "/work"}))
        .step(json!({"run": "stat -c %a conf/token > x", "secrets": [{"id": "token", "path": "conf/token"}]}))
        .like("WORKDIR /work\nRUN --mount=type=secret,id=token,target=conf/token stat -c %a conf/token > x");
}

#[test]
fn a_secret_in_a_variable() {
    on(Tools)
        .words(&SECRET_FILE)
        .step(json!({"run": "[ -n \"$TOKEN\" ] && ls / > /x", "secrets": [{"id": "token", "env": "TOKEN"}]}))
        .like("RUN --mount=type=secret,id=token,env=TOKEN [ -n \"$TOKEN\" ] && ls / > /x");
}

#[test]
fn a_secret_that_need_not_be_given() {
    on(Tools)
        .step(json!({
            "run": "ls / > /x; echo \"<$TOKEN>\" >> /x",
            "secrets": [{"id": "none", "required": false}, {"id": "none", "env": "TOKEN", "required": false}]
        }))
        .like(
            "RUN --mount=type=secret,id=none --mount=type=secret,id=none,env=TOKEN ls / > /x; echo \"<$TOKEN>\" >> /x",
        );
}

#[test]
fn a_secret_that_is_missing() {
    on(Tools).step(json!({"run": "true", "secrets": ["none"]})).both_fail(
        "RUN --mount=type=secret,id=none,required true",
        "secret none: not found",
        "secret none: not found",
    );
}

#[test]
fn a_secret_is_needed_unless_said_otherwise() {
    on(Tools).step(json!({"run": "true", "secrets": ["none"]})).refused(
        REQUIRED_SECRET,
        "RUN --mount=type=secret,id=none true",
        "secret none: not found",
    );
}

#[test]
fn an_agent_that_need_not_be_there() {
    on(Tools)
        .step(json!({"run": "echo \"<$SSH_AUTH_SOCK>\" > /x", "ssh": [{"id": "none", "required": false}]}))
        .like("RUN --mount=type=ssh,id=none echo \"<$SSH_AUTH_SOCK>\" > /x");
}

#[test]
fn an_agent_that_is_missing() {
    on(Tools).step(json!({"run": "true", "ssh": ["none"]})).both_fail(
        "RUN --mount=type=ssh,id=none,required true",
        "none",
        "none",
    );
}

#[test]
fn a_device_that_is_missing() {
    on(Tools).step(json!({"run": "true", "devices": ["example.org/none=all"]})).both_fail(
        "RUN --device=example.org/none=all,required true",
        "example.org/none",
        "device feature is only supported in",
    );
}

#[test]
fn a_device_that_need_not_be_there() {
    on(Tools)
        .step(
            json!({"run": "echo ran > /x", "devices": [{"name": "example.org/none=all", "required": false}]}),
        )
        .accepted(
            LABS,
            "RUN --device=example.org/none=all echo ran > /x",
            "device feature is only supported in",
            "RUN echo ran > /x",
        );
}

#[test]
fn all_kinds_of_mounts_at_once() {
    let (id, other) = (unique(), unique());
    on(Tools)
        .words(&SECRET_FILE)
        .files(&["src/a.txt"])
        .step(json!({
            "run": "touch /cache/x /mem/y; ls /cache /mem /mnt /run/secrets > /x",
            "mounts": [{"path": "/mnt", "source": "src"}, {"path": "/mem", "tmpfs": true}],
            "cache": [{"path": "/cache", "id": id}],
            "secrets": ["token"]
        }))
        .like(&format!(
            "RUN --mount=target=/mnt,source=src --mount=type=tmpfs,target=/mem --mount=type=cache,target=/cache,id={other} \
             --mount=type=secret,id=token touch /cache/x /mem/y; ls /cache /mem /mnt /run/secrets > /x"
        ));
}
