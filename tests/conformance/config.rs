//! `config`: what the image says about running it.

use serde_json::json;

use crate::bases::Base::{Configured, Plain, Tools, Triggers};
use crate::case::on;
use crate::differences::{ENTRYPOINT_OVER_CMD, NORMAL_WORKDIR, TRIGGERS, WORKDIR_OWNER};

#[test]
fn everything_of_the_base_stays() {
    on(Configured).step(json!({"file": {"path": "/x", "content": "x\n"}})).like("COPY <<END /x\nx\nEND");
}

#[test]
fn triggers_of_the_base_are_not_passed_on() {
    on(Triggers).fragment(json!({"env": {"A": "1"}})).unlike(
        TRIGGERS,
        "ENV A=1",
        &[
            "Env: [\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\"A=1\"] | \
             [\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\"TRIGGERED=yes\",\"A=1\"]",
            "Labels: none | {\"triggered\":\"yes\"}",
        ],
    );
}

#[test]
fn a_user() {
    on(Tools).config(json!({"user": "app"})).like("USER app");
}

#[test]
fn a_user_with_a_group() {
    on(Tools).config(json!({"user": "1000:extra"})).like("USER 1000:extra");
}

#[test]
fn a_user_that_the_image_does_not_know() {
    on(Plain)
        .config(json!({"user": "later"}))
        .step(json!({"file": {"path": "/x", "content": ""}}))
        .file("x", "")
        .like("USER later\nCOPY x /x");
}

#[test]
fn the_last_user_wins() {
    on(Configured)
        .config(json!({"user": "one"}))
        .above(json!({"config": {"user": "two"}}))
        .like("USER one\nUSER two");
}

#[test]
fn a_workdir_is_made() {
    on(Plain).config(json!({"workdir": "/opt/app"})).like("WORKDIR /opt/app");
}

#[test]
fn a_workdir_with_a_slash_and_dots() {
    on(Plain).config(json!({"workdir": "/opt//x/../app/"})).unlike(
        NORMAL_WORKDIR,
        "WORKDIR /opt//x/../app/",
        &["WorkingDir: \"/opt/app\" | \"/opt//x/../app/\""],
    );
}

#[test]
fn a_workdir_that_is_there() {
    on(Tools).config(json!({"workdir": "/srv/private"})).like("WORKDIR /srv/private");
}

#[test]
fn a_workdir_through_a_link() {
    on(Tools).config(json!({"workdir": "/opt/link/new"})).like("WORKDIR /opt/link/new");
}

#[test]
fn a_workdir_that_is_made_is_root_s() {
    on(Tools).config(json!({"user": "app", "workdir": "/opt/app"})).unlike(
        WORKDIR_OWNER,
        "USER app\nWORKDIR /opt/app",
        &["opt/app: owner: 0:0 | 1000:1000"],
    );
}

#[test]
fn a_workdir_before_a_user() {
    on(Tools).config(json!({"user": "app", "workdir": "/opt/app"})).like("WORKDIR /opt/app\nUSER app");
}

#[test]
fn a_relative_workdir() {
    on(Configured)
        .config(json!({"workdir": "more"}))
        .above(json!({"config": {"workdir": "and/more"}}))
        .like("USER root\nWORKDIR more\nWORKDIR and/more\nUSER 200:300");
}

#[test]
fn the_root_as_workdir() {
    on(Configured).config(json!({"workdir": "/"})).like("WORKDIR /");
}

#[test]
fn an_entrypoint() {
    on(Plain)
        .config(json!({"entrypoint": ["/bin/app", "--flag", "a b", "$HOME"]}))
        .like("ENTRYPOINT [\"/bin/app\", \"--flag\", \"a b\", \"$HOME\"]");
}

#[test]
fn an_entrypoint_for_the_shell() {
    on(Plain)
        .config(json!({"entrypoint": "exec app \"$X\" 'y' | cat"}))
        .like("ENTRYPOINT exec app \"$X\" 'y' | cat");
}

#[test]
fn an_entrypoint_drops_the_command_of_the_base() {
    on(Configured).config(json!({"entrypoint": ["/new"]})).like("ENTRYPOINT [\"/new\"]");
}

#[test]
fn an_entrypoint_with_its_command() {
    on(Configured)
        .config(json!({"entrypoint": ["/new"], "cmd": ["x"]}))
        .like("ENTRYPOINT [\"/new\"]\nCMD [\"x\"]");
}

#[test]
fn an_entrypoint_above_a_command() {
    on(Plain).config(json!({"cmd": ["below"]})).above(json!({"config": {"entrypoint": ["/above"]}})).unlike(
        ENTRYPOINT_OVER_CMD,
        "CMD [\"below\"]\nENTRYPOINT [\"/above\"]",
        &["Cmd: none | [\"below\"]"],
    );
}

#[test]
fn a_command_keeps_the_entrypoint_of_the_base() {
    on(Configured).config(json!({"cmd": ["x", "y"]})).like("CMD [\"x\", \"y\"]");
}

#[test]
fn a_command_for_the_shell() {
    on(Plain).config(json!({"cmd": "echo $HOME && exec app"})).like("CMD echo $HOME && exec app");
}

#[test]
fn the_shell_of_the_base_runs_commands() {
    on(Configured).config(json!({"cmd": "start me"})).like("CMD start me");
}

#[test]
fn an_empty_entrypoint_clears() {
    on(Configured).config(json!({"entrypoint": []})).like("ENTRYPOINT []");
}

#[test]
fn an_empty_command_clears() {
    on(Configured).config(json!({"cmd": []})).like("CMD []");
}

#[test]
fn a_shell() {
    on(Tools)
        .fragment(json!({
            "config": {"shell": ["/bin/sh", "-exc"], "cmd": "run me", "entrypoint": "first me"},
            "steps": [{"run": "echo $- > /x"}]
        }))
        .like("SHELL [\"/bin/sh\", \"-exc\"]\nRUN echo $- > /x\nENTRYPOINT first me\nCMD run me");
}

#[test]
fn a_shell_of_the_fragment_below() {
    on(Tools)
        .config(json!({"shell": ["/bin/sh", "-fc"]}))
        .above(json!({"steps": [{"run": "echo $- > /x"}], "config": {"cmd": "run me"}}))
        .like("SHELL [\"/bin/sh\", \"-fc\"]\nRUN echo $- > /x\nCMD run me");
}

#[test]
fn ports() {
    on(Plain)
        .config(json!({"expose": ["80", "53/udp", "8080/tcp", "9/sctp", "7/TCP"]}))
        .like("EXPOSE 80 53/udp 8080/tcp 9/sctp 7/TCP");
}

#[test]
fn a_range_of_ports() {
    on(Plain).config(json!({"expose": ["9000-9003", "100-101/udp"]})).like("EXPOSE 9000-9003 100-101/udp");
}

#[test]
fn ports_of_the_base_stay() {
    on(Configured).config(json!({"expose": ["80/tcp", "81"]})).like("EXPOSE 80/tcp 81");
}

#[test]
fn volumes() {
    on(Configured)
        .config(json!({"volumes": ["/data", "/var/lib/my db", "/base/volume"]}))
        .like("VOLUME [\"/data\", \"/var/lib/my db\", \"/base/volume\"]");
}

#[test]
fn a_stop_signal() {
    on(Configured).config(json!({"stop_signal": "SIGTERM"})).like("STOPSIGNAL SIGTERM");
}

#[test]
fn a_stop_signal_by_number() {
    on(Plain).config(json!({"stop_signal": "9"})).like("STOPSIGNAL 9");
}

#[test]
fn labels() {
    on(Configured)
        .config(json!({"labels": {
            "shared": "new", "com.example.text": "two words, \"quoted\"", "empty": "", "lines": "a\\nb", "unicode": "größe"
        }}))
        .like("LABEL shared=new com.example.text=\"two words, \\\"quoted\\\"\" empty= lines=\"a\\\\nb\" unicode=größe");
}

#[test]
fn labels_of_manifest_template_and_fragments() {
    on(Configured)
        .config(json!({"labels": {"a": "1", "b": "1", "c": "1"}}))
        .above(json!({"config": {"labels": {"b": "2", "c": "2"}}}))
        .manifest(json!({"config": {"labels": {"c": "3"}}}))
        .like("LABEL a=1 b=1 c=1\nLABEL b=2 c=2\nLABEL c=3");
}

#[test]
fn a_health_check_of_the_base() {
    on(Configured).config(json!({"user": "x"})).like("USER x");
}

#[test]
fn a_health_check() {
    on(Plain)
        .config(json!({"healthcheck": {"exec": ["/bin/check", "-q"]}}))
        .like("HEALTHCHECK CMD [\"/bin/check\", \"-q\"]");
}

#[test]
fn a_health_check_for_the_shell() {
    on(Plain)
        .config(json!({"healthcheck": {"shell": "curl -f http://localhost/ || exit 1", "interval": "1m30s"}}))
        .like("HEALTHCHECK --interval=1m30s CMD curl -f http://localhost/ || exit 1");
}

#[test]
fn a_health_check_with_a_rhythm() {
    on(Plain)
        .config(json!({"healthcheck": {
            "exec": ["/c"], "interval": "5s", "timeout": "300ms", "start_period": "1h", "start_interval": "1.5s", "retries": 7
        }}))
        .like(
            "HEALTHCHECK --interval=5s --timeout=300ms --start-period=1h --start-interval=1.5s --retries=7 CMD [\"/c\"]",
        );
}

#[test]
fn a_health_check_replaces_the_base_s_with_its_rhythm() {
    on(Configured).config(json!({"healthcheck": {"exec": ["/c"]}})).like("HEALTHCHECK CMD [\"/c\"]");
}

#[test]
fn no_health_check() {
    on(Configured).config(json!({"healthcheck": {"disable": true}})).like("HEALTHCHECK NONE");
}

#[test]
fn the_manifest_has_the_last_word() {
    on(Tools)
        .config(json!({"user": "app", "workdir": "/opt/app", "cmd": ["fragment"], "stop_signal": "SIGINT"}))
        .manifest(json!({"config": {"user": "svc", "cmd": ["manifest"], "expose": ["1"]}}))
        .like("WORKDIR /opt/app\nUSER app\nCMD [\"fragment\"]\nSTOPSIGNAL SIGINT\nUSER svc\nCMD [\"manifest\"]\nEXPOSE 1");
}

#[test]
fn variables_in_commands_are_the_container_s() {
    on(Plain)
        .fragment(
            json!({"env": {"WHO": "world"}, "config": {"cmd": ["echo", "$WHO"], "entrypoint": "run $WHO"}}),
        )
        .like("ENV WHO=world\nENTRYPOINT run $WHO\nCMD [\"echo\", \"$WHO\"]");
}
