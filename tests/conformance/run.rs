//! `run`: the command and its process.

use serde_json::json;

use crate::bases::Base::{Bare, Configured, Scratch, Tools};
use crate::case::on;
use crate::differences::{FAILING_LINE, PROCESS_ONE, STEP_EPOCH, STEPS_AS_ROOT};

#[test]
fn text_goes_to_the_shell() {
    on(Tools)
        .step(json!({"run": "echo $((1 + 2)) > /x && ls /srv | wc -l >> /x"}))
        .like("RUN echo $((1 + 2)) > /x && ls /srv | wc -l >> /x");
}

#[test]
fn quotes_and_dollars_reach_the_shell() {
    on(Tools)
        .step(json!({"run": "x='a  b'; printf '%s|' \"$x\" '$x' \\$x \"\\\"\" ${x#a} $$x | sed 's/[0-9]*x|$//' > /x"}))
        .like("RUN x='a  b'; printf '%s|' \"$x\" '$x' \\$x \"\\\"\" ${x#a} $$x | sed 's/[0-9]*x|$//' > /x");
}

#[test]
fn lines_are_one_script() {
    on(Tools)
        .step(json!({"run": ["cd /srv", "name=value", "echo $name > here", "for i in 1 2; do", "  echo $i >> here", "done"]}))
        .like("RUN <<END\ncd /srv\nname=value\necho $name > here\nfor i in 1 2; do\n  echo $i >> here\ndone\nEND");
}

#[test]
fn lines_stop_at_the_first_that_fails() {
    on(Tools).step(json!({"run": ["echo 1 > /x", "false", "echo 2 > /x"]})).refused(
        FAILING_LINE,
        "RUN <<END\necho 1 > /x\nfalse\necho 2 > /x\nEND",
        "exit code: 1",
    );
}

#[test]
fn a_script_of_the_fragment() {
    on(Tools)
        .file(
            "install.sh",
            "#!/bin/sh -e\necho \"$0\" | sed 's|.*/||' > /x\nfor a in \"$@\"; do echo \"<$a>\" >> /x; done\n",
        )
        .mode("install.sh", 0o755)
        .step(json!({"run": {"script": "install.sh", "args": ["a b", "$c", ""]}}))
        .like("RUN --mount=source=install.sh,target=/mnt/install.sh /mnt/install.sh 'a b' '$c' ''");
}

#[test]
fn a_script_need_not_be_executable() {
    on(Tools)
        .file("install.sh", "#!/bin/sh\necho done > /x\n")
        .step(json!({"run": {"script": "install.sh"}}))
        .like("RUN --mount=source=install.sh,target=/mnt/install.sh sh /mnt/install.sh");
}

#[test]
fn a_program_without_a_shell() {
    on(Tools)
        .step(json!({"run": {"exec": ["touch", "/a b", "/$HOME", "/c;d"]}}))
        .like("RUN [\"touch\", \"/a b\", \"/$HOME\", \"/c;d\"]");
}

#[test]
fn a_shell_of_its_own() {
    on(Tools)
        .step(json!({"run": "echo $0 > /x", "shell": ["/bin/sh", "-euc"]}))
        .like("RUN [\"/bin/sh\", \"-euc\", \"echo $0 > /x\"]");
}

#[test]
fn a_failing_command() {
    on(Tools).step(json!({"run": "exit 42"})).both_fail("RUN exit 42", "exit code: 42", "exit code: 42");
}

#[test]
fn a_command_ended_by_a_signal() {
    on(Tools).step(json!({"run": "sh -c 'kill -9 $$'; exit $?"})).both_fail(
        "RUN sh -c 'kill -9 $$'; exit $?",
        "exit code: 137",
        "exit code: 137",
    );
}

#[test]
fn a_command_that_ends_itself() {
    on(Tools).step(json!({"run": "kill -9 $$"})).refused(PROCESS_ONE, "RUN kill -9 $$", "exit code: 137");
}

#[test]
fn a_program_that_is_not_there() {
    on(Tools).step(json!({"run": {"exec": ["no-such-program"]}})).both_fail(
        "RUN [\"no-such-program\"]",
        "no-such-program",
        "no-such-program",
    );
}

#[test]
fn a_shell_where_there_is_none() {
    on(Scratch).step(json!({"run": "true"})).both_fail("RUN true", "/bin/sh", "/bin/sh");
}

#[test]
fn an_exit_code_that_is_fine() {
    on(Tools)
        .step(json!({"run": "echo x > /x; exit 3", "valid_exit_codes": [0, 3]}))
        .like("RUN (echo x > /x; exit 3) || [ $? = 3 ]");
}

#[test]
fn input_is_empty() {
    on(Tools).step(json!({"run": "cat > /x"})).like("RUN cat > /x");
}

#[test]
fn the_environment_of_a_process() {
    let script = "echo $SOURCE_DATE_EPOCH > /epoch; env | grep -v SOURCE_DATE_EPOCH | sort > /x";
    on(Tools).step(json!({"run": script})).unlike(
        STEP_EPOCH,
        &format!("RUN {script}"),
        &["epoch: kind: file of 10 bytes sha256:c1e14bcdecd9 | file of 1 bytes sha256:01ba4719c80b"],
    );
}

#[test]
fn the_environment_of_one_step() {
    on(Tools)
        .steps(json!([
            {"run": "echo \"$A|$B\" > /x", "env": {"A": "a  'b' \"c\" $d", "B": "é  2"}},
            {"run": "echo \"<$A>\" >> /x"}
        ]))
        .like(
            "RUN A=\"a  'b' \\\"c\\\" \\$d\" B='é  2' sh -c 'echo \"$A|$B\" > /x'\nRUN echo \"<$A>\" >> /x",
        );
}

#[test]
fn a_user_by_name() {
    on(Tools)
        .config(json!({"user": "root"}))
        .step(json!({"run": "(id; echo $HOME; umask) > /tmp/x; mkdir ~/made", "user": "app"}))
        .like("USER app\nRUN (id; echo $HOME; umask) > /tmp/x; mkdir ~/made\nUSER root");
}

#[test]
fn a_user_has_further_groups() {
    on(Tools)
        .config(json!({"user": "root"}))
        .step(json!({"run": "id -G > /tmp/x", "user": "app"}))
        .like("USER app\nRUN id -G > /tmp/x\nUSER root");
}

#[test]
fn a_user_by_number() {
    on(Tools)
        .config(json!({"user": "root"}))
        .step(json!({"run": "(id -u; id -g; id -G; echo $HOME) > /tmp/x", "user": "200"}))
        .like("USER 200\nRUN (id -u; id -g; id -G; echo $HOME) > /tmp/x\nUSER root");
}

#[test]
fn a_user_by_a_number_that_nobody_has() {
    on(Tools)
        .config(json!({"user": "root"}))
        .step(json!({"run": "(id -u; id -g; id -G; echo $HOME) > /tmp/x", "user": "4321"}))
        .like("USER 4321\nRUN (id -u; id -g; id -G; echo $HOME) > /tmp/x\nUSER root");
}

#[test]
fn a_user_with_a_group() {
    on(Tools)
        .config(json!({"user": "root"}))
        .steps(json!([
            {"run": "(id -u; id -g; id -G) > /tmp/x", "user": "app:service"},
            {"run": "(id -u; id -g; id -G) > /tmp/y", "user": "app:77"},
            {"run": "(id -u; id -g; id -G) > /tmp/z", "user": "77:88"}
        ]))
        .like(
            "USER app:service\nRUN (id -u; id -g; id -G) > /tmp/x\nUSER app:77\nRUN (id -u; id -g; id -G) > /tmp/y\n\
             USER 77:88\nRUN (id -u; id -g; id -G) > /tmp/z\nUSER root",
        );
}

#[test]
fn an_unknown_user() {
    on(Tools).step(json!({"run": "true", "user": "nobody-here"})).both_fail(
        "USER nobody-here\nRUN true",
        "nobody-here",
        "nobody-here",
    );
}

#[test]
fn the_home_of_root() {
    on(Tools).step(json!({"run": "echo $HOME ~ > /x"})).like("RUN echo $HOME ~ > /x");
}

#[test]
fn a_home_that_the_image_sets() {
    on(Tools)
        .config(json!({"user": "root"}))
        .fragment(
            json!({"env": {"HOME": "/elsewhere"}, "steps": [{"run": "echo $HOME > /tmp/x", "user": "app"}]}),
        )
        .like("ENV HOME=/elsewhere\nUSER app\nRUN echo $HOME > /tmp/x\nUSER root");
}

#[test]
fn a_folder_of_its_own() {
    on(Tools)
        .step(json!({"run": "pwd > here; echo $PWD >> here", "workdir": "/srv/data"}))
        .like("WORKDIR /srv/data\nRUN pwd > here; echo $PWD >> here\nWORKDIR /");
}

#[test]
fn a_folder_of_its_own_that_is_not_there() {
    on(Tools)
        .step(json!({"run": "pwd > here", "workdir": "/new/one", "user": "app:app", "env": {"X": "1"}}))
        .both_fail(
            "WORKDIR /new/one\nUSER app:app\nRUN pwd > here",
            "Permission denied",
            "Permission denied",
        );
}

#[test]
fn a_missing_folder_is_made() {
    on(Tools)
        .step(json!({"run": "pwd > here", "workdir": "/new/one"}))
        .like("WORKDIR /new/one\nRUN pwd > here\nWORKDIR /");
}

#[test]
fn a_folder_through_a_link() {
    on(Tools)
        .step(json!({"run": "pwd -P > /x", "workdir": "/opt/link/sub"}))
        .like("WORKDIR /opt/link/sub\nRUN pwd -P > /x\nWORKDIR /");
}

#[test]
fn a_relative_folder() {
    on(Tools)
        .config(json!({"workdir": "/srv"}))
        .step(json!({"run": "pwd > here", "workdir": "data/sub"}))
        .like("WORKDIR /srv\nWORKDIR data/sub\nRUN pwd > here\nWORKDIR /srv");
}

#[test]
fn steps_are_root_whatever_the_image_says() {
    on(Tools).config(json!({"user": "app"})).step(json!({"run": "id -u > /x"})).accepted(
        STEPS_AS_ROOT,
        "USER app\nRUN id -u > /x",
        "Permission denied",
        "RUN id -u > /x\nUSER app",
    );
}

#[test]
fn no_network() {
    on(Tools)
        .step(json!({"run": "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' > /x", "network": "none"}))
        .like("RUN --network=none tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' > /x");
}

#[test]
fn the_host_s_network_needs_a_word_of_the_user() {
    on(Tools).step(json!({"run": "true", "network": "host"})).both_fail(
        "RUN --network=host true",
        "network.host",
        "network.host",
    );
}

#[test]
fn all_privileges_need_a_word_of_the_user() {
    on(Tools).step(json!({"run": "true", "security": "insecure"})).both_fail(
        "RUN --security=insecure true",
        "security.insecure",
        "unknown flag: --security",
    );
}

#[test]
fn limits_of_processes() {
    on(Tools)
        .step(json!({"run": "(ulimit -Sn; ulimit -Hn; ulimit -Sc) > /x", "ulimits": {"nofile": "1000:2000", "core": 0}}))
        .their_words(&["--ulimit", "nofile=1000:2000", "--ulimit", "core=0"])
        .like("RUN (ulimit -Sn; ulimit -Hn; ulimit -Sc) > /x");
}

#[test]
fn further_hosts() {
    on(Tools)
        .step(json!({
            "run": "grep -E 'mirror|six' /etc/hosts | tr '\\t' ' ' > /x",
            "extra_hosts": {"mirror.local": "10.1.2.3", "six": "fd00::2"}
        }))
        .their_words(&["--add-host", "mirror.local:10.1.2.3", "--add-host", "six:fd00::2"])
        .like("RUN grep -E 'mirror|six' /etc/hosts | tr '\\t' ' ' > /x");
}

#[test]
fn what_the_client_says_about_processes() {
    on(Tools)
        .words(&["--shm-size", "12m", "--ulimit", "nofile=300:400", "--add-host", "given:10.9.8.7"])
        .step(json!({"run": "(ulimit -n; grep given /etc/hosts | tr '\\t' ' '; grep ' /dev/shm ' /proc/mounts | grep -o 'size=[0-9a-z]*') > /x"}))
        .like("RUN (ulimit -n; grep given /etc/hosts | tr '\\t' ' '; grep ' /dev/shm ' /proc/mounts | grep -o 'size=[0-9a-z]*') > /x");
}

#[test]
fn the_umask() {
    on(Tools)
        .step(json!({"run": "umask > /x; touch /file; mkdir /folder; umask 077; touch /own; mkdir /own-folder"}))
        .like("RUN umask > /x; touch /file; mkdir /folder; umask 077; touch /own; mkdir /own-folder");
}

#[test]
fn everything_that_a_step_can_make() {
    let script = "mkfifo /pipe; mknod /null c 1 3; mknod /disk b 7 0; ln /srv/file /srv/also; touch /sticky; chmod 7777 /sticky; \
                  chown 12:34 /srv/data; mkdir -p /deep/er; ln -s loop /loop; cp -a /srv/data /copied; mv /srv/x /moved";
    on(Tools).step(json!({"run": script})).like(&format!("RUN {script}"));
}

#[test]
fn everything_that_a_step_can_undo() {
    let script = "rm -r /srv/data && mkdir /srv/data && touch /srv/data/new; rm /srv/file && mkdir /srv/file; rm -r /srv/x && touch /srv/x; \
                  rm /srv/hard-a; mv /srv/hard-b /srv/hard-a; rm /opt/link; mkdir /opt/link; chmod 000 /srv/tool";
    on(Tools).step(json!({"run": script})).like(&format!("RUN {script}"));
}

#[test]
fn a_step_that_does_nothing() {
    on(Tools).step(json!({"run": "true"})).like("RUN true");
}

#[test]
fn caches_and_logs_of_a_plain_step_stay() {
    let script = "mkdir -p /var/log /var/cache/x /root/.cache/pip /var/lib/apt/lists; touch /var/log/x /tmp/x /var/tmp/y \
                  /var/cache/x/y /root/.cache/pip/z /var/lib/apt/lists/p";
    on(Tools).step(json!({"run": script})).like(&format!("RUN {script}"));
}

#[test]
fn places_of_the_engine_leave_nothing() {
    on(Tools)
        .step(json!({"run": "ls /dev/null /proc/self/exe /sys /etc/resolv.conf /etc/hosts > /x"}))
        .like("RUN ls /dev/null /proc/self/exe /sys /etc/resolv.conf /etc/hosts > /x");
}

#[test]
fn a_step_may_write_the_engine_s_files_away() {
    on(Tools)
        .step(json!({"run": "echo x > /etc/hostname; mkdir -p /run/lock /dev/shm; touch /run/lock/x"}))
        .like("RUN echo x > /etc/hostname; mkdir -p /run/lock /dev/shm; touch /run/lock/x");
}

#[test]
fn a_process_left_behind_ends_with_the_step() {
    on(Tools).step(json!({"run": "sleep 300 & echo $? > /x"})).like("RUN sleep 300 & echo $? > /x");
}

#[test]
fn a_step_as_process_one() {
    on(Tools).step(json!({"run": "echo $$ > /x", "pid1": true})).like("RUN echo $$ > /x");
}

#[test]
fn a_search_path_where_the_base_has_none() {
    on(Bare)
        .step(json!({"copy": {"from": "image:{tools}", "src": "/", "dest": "/"}}))
        .above(json!({"steps": [{"run": "echo $PATH > /x"}]}))
        .like("COPY --from={tools} / /\nRUN echo $PATH > /x");
}

#[test]
fn steps_on_a_base_that_says_everything() {
    on(Configured).step(json!({"run": {"exec": ["/base/none"]}})).both_fail(
        "RUN [\"/base/none\"]",
        "/base/none",
        "/base/none",
    );
}

#[test]
fn many_steps_are_as_many_layers() {
    let steps: Vec<_> =
        (0..12).map(|n| json!({"run": format!("echo {n} > /{n}; echo {n} >> /all")})).collect();
    let dockerfile: Vec<_> = (0..12).map(|n| format!("RUN echo {n} > /{n}; echo {n} >> /all")).collect();
    on(Tools).steps(json!(steps)).like(&dockerfile.join("\n"));
}
