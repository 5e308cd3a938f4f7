//! `user`: accounts. A Dockerfile has nothing like it: one runs `useradd` where the image has it (the step wrapper's own
//! tests compare the two), and writes the account files by hand where it has not, as here.

use serde_json::json;

use crate::bases::Base::{Scratch, Tools};
use crate::case::on;
use crate::differences::ENGINE_FOLDERS;

#[test]
fn a_user_with_everything_said() {
    on(Tools)
        .step(json!({"user": {
            "name": "web", "uid": 1500, "group": "web", "gid": 1501, "home": "/srv/web", "shell": "/bin/false", "create_home": false
        }}))
        .like("RUN echo 'web:!:1500:1501::/srv/web:/bin/false' >> /etc/passwd && echo 'web:x:1501:' >> /etc/group");
}

#[test]
fn a_user_with_a_home() {
    on(Tools).step(json!({"user": {"name": "web", "uid": 1500}})).like(
        "RUN echo 'web:!:1500:1500::/home/web:/bin/sh' >> /etc/passwd && echo 'web:!:1500:' >> /etc/group && \
         mkdir /home/web && chown 1500:1500 /home/web && chmod 0755 /home/web",
    );
}

#[test]
fn a_user_in_groups_that_are_there() {
    on(Tools)
        .step(json!({"user": {"name": "web", "uid": 1500, "group": "service", "groups": ["extra"], "create_home": false}}))
        .like(
            "RUN echo 'web:!:1500:300::/home/web:/bin/sh' >> /etc/passwd && sed -i 's/^extra:.*/&,web/' /etc/group",
        );
}

#[test]
fn a_group_alone() {
    on(Tools)
        .step(json!({"user": {"group": "team", "gid": 2000}}))
        .like("RUN echo 'team:x:2000:' >> /etc/group");
}

#[test]
fn the_next_free_numbers() {
    on(Tools).step(json!({"user": {"name": "web", "create_home": false}})).like(
        "RUN echo 'web:!:1001:1001::/home/web:/bin/sh' >> /etc/passwd && echo 'web:!:1001:' >> /etc/group",
    );
}

#[test]
fn a_system_user() {
    on(Tools)
        .step(json!({"user": {"name": "daemon", "uid": 150, "system": true}}))
        .like(
            "RUN echo 'daemon:!:150:150::/home/daemon:/usr/sbin/nologin' >> /etc/passwd && echo 'daemon:!:150:' >> /etc/group",
        );
}

#[test]
fn a_user_where_there_are_no_accounts() {
    on(Scratch)
        .step(json!({"user": {"name": "web", "uid": 1500, "create_home": false}}))
        .file("etc/passwd", "web:!:1500:1500::/home/web:/bin/sh\n")
        .file("etc/group", "web:!:1500:\n")
        .unlike(
            ENGINE_FOLDERS,
            "COPY etc /etc",
            &[
                "dev: presence: directory | missing",
                "proc: presence: directory | missing",
                "sys: presence: directory | missing",
            ],
        );
}

#[test]
fn a_new_user_owns_and_runs() {
    on(Tools)
        .files(&["a.txt"])
        .fragment(json!({
            "steps": [
                {"user": {"name": "web", "uid": 1500, "create_home": false}},
                {"copy": {"src": "a.txt", "dest": "/opt/", "chown": "web"}},
                {"run": "id > /tmp/id", "user": "web"}
            ],
            "config": {"user": "web"}
        }))
        .like(
            "RUN echo 'web:!:1500:1500::/home/web:/bin/sh' >> /etc/passwd && echo 'web:!:1500:' >> /etc/group\n\
             COPY --chown=web a.txt /opt/\nUSER web\nRUN id > /tmp/id",
        );
}

#[test]
fn a_user_who_is_there_already() {
    on(Tools).step(json!({"user": {"name": "app", "uid": 1500}})).both_fail(
        "RUN grep -q '^app:' /etc/passwd && echo 'app exists' && exit 1",
        "app",
        "app exists",
    );
}
