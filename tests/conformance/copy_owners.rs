//! `copy`: owners and modes.

use serde_json::json;

use crate::bases::Base::{Scratch, Tools};
use crate::case::on;
use crate::differences::{MODE_OF_PARENTS, UNKNOWN_OWNER};

#[test]
fn files_belong_to_root_whoever_has_them_outside() {
    on(Scratch)
        .files(&["app/a.txt"])
        .step(json!({"copy": {"src": "app", "dest": "/app"}}))
        .like("COPY app /app");
}

#[test]
fn modes_of_the_source_stay() {
    let mut case = on(Scratch).files(&["app/sub/x"]);
    for mode in [0o400, 0o444, 0o600, 0o640, 0o666, 0o700, 0o755, 0o777] {
        let path = format!("app/{mode:o}");
        case = case.file(&path, "").mode(&path, mode);
    }
    case.mode("app/sub", 0o700).step(json!({"copy": {"src": "app", "dest": "/app"}})).like("COPY app /app");
}

#[test]
fn special_bits_of_the_source_stay() {
    on(Scratch)
        .files(&["app/user", "app/group", "app/shared/x", "app/team/x"])
        .mode("app/user", 0o4755)
        .mode("app/group", 0o2755)
        .mode("app/shared", 0o1777)
        .mode("app/team", 0o2775)
        .step(json!({"copy": {"src": "app", "dest": "/app"}}))
        .like("COPY app /app");
}

#[test]
fn the_mode_of_a_copied_folder_itself_stays() {
    on(Scratch)
        .files(&["app/a.txt"])
        .mode("app", 0o700)
        .step(json!({"copy": {"src": "app", "dest": "/x/app"}}))
        .like("COPY app /x/app");
}

#[test]
fn a_mode_for_a_file() {
    on(Scratch)
        .files(&["a.sh"])
        .step(json!({"copy": {"src": "a.sh", "dest": "/bin/a", "chmod": "0755"}}))
        .like("COPY --chmod=0755 a.sh /bin/a");
}

#[test]
fn a_mode_for_a_folder_holds_for_all_in_it() {
    on(Scratch)
        .files(&["app/a.txt", "app/sub/b.txt"])
        .step(json!({"copy": {"src": "app", "dest": "/app", "chmod": "750"}}))
        .like("COPY --chmod=750 app /app");
}

#[test]
fn a_mode_with_special_bits() {
    on(Scratch)
        .files(&["app/a.txt"])
        .step(json!({"copy": {"src": "app", "dest": "/app", "chmod": "6755"}}))
        .like("COPY --chmod=6755 app /app");
}

#[test]
fn a_mode_leaves_links_alone() {
    on(Scratch)
        .files(&["app/a.txt"])
        .link("app/link", "a.txt")
        .step(json!({"copy": {"src": "app", "dest": "/app", "chmod": "600"}}))
        .like("COPY --chmod=600 app /app");
}

#[test]
fn a_mode_does_not_hold_for_the_folders_above() {
    on(Scratch)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/new/folder/a.txt", "chmod": "0600", "chown": "5:6"}}))
        .unlike(
            MODE_OF_PARENTS,
            "COPY --chmod=0600 --chown=5:6 a.txt /new/folder/a.txt",
            &["new: mode: 0755 | 0600", "new/folder: mode: 0755 | 0600"],
        );
}

#[test]
fn a_mode_does_not_hold_for_the_folder_that_a_file_goes_into() {
    on(Scratch)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/new/", "chmod": "0600"}}))
        .unlike(MODE_OF_PARENTS, "COPY --chmod=0600 a.txt /new/", &["new: mode: 0755 | 0600"]);
}

#[test]
fn an_owner_by_numbers() {
    on(Scratch)
        .files(&["app/a.txt", "app/sub/b.txt"])
        .link("app/link", "a.txt")
        .step(json!({"copy": {"src": "app", "dest": "/app", "chown": "1234:5678"}}))
        .like("COPY --chown=1234:5678 app /app");
}

#[test]
fn an_owner_by_one_number() {
    on(Scratch)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/a.txt", "chown": "1234"}}))
        .like("COPY --chown=1234 a.txt /a.txt");
}

#[test]
fn a_number_that_the_image_knows_brings_no_group() {
    on(Tools)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/a.txt", "chown": "200"}}))
        .like("COPY --chown=200 a.txt /a.txt");
}

#[test]
fn an_owner_by_name() {
    on(Tools)
        .files(&["app/a.txt"])
        .step(json!({"copy": {"src": "app", "dest": "/app", "chown": "app"}}))
        .like("COPY --chown=app app /app");
}

#[test]
fn an_owner_by_name_has_its_primary_group() {
    on(Tools)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/a.txt", "chown": "svc"}}))
        .like("COPY --chown=svc a.txt /a.txt");
}

#[test]
fn an_owner_and_a_group_by_name() {
    on(Tools)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/a.txt", "chown": "app:extra"}}))
        .like("COPY --chown=app:extra a.txt /a.txt");
}

#[test]
fn a_name_and_a_number() {
    on(Tools)
        .files(&["a.txt", "b.txt"])
        .steps(json!([
            {"copy": {"src": "a.txt", "dest": "/a.txt", "chown": "app:77"}},
            {"copy": {"src": "b.txt", "dest": "/b.txt", "chown": "77:extra"}}
        ]))
        .like("COPY --chown=app:77 a.txt /a.txt\nCOPY --chown=77:extra b.txt /b.txt");
}

#[test]
fn parents_that_are_made_get_the_owner() {
    on(Tools)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/new/folder/a.txt", "chown": "app"}}))
        .like("COPY --chown=app a.txt /new/folder/a.txt");
}

#[test]
fn an_existing_folder_and_the_owner() {
    on(Tools)
        .files(&["data/new.txt", "data/sub/more.txt"])
        .step(json!({"copy": {"src": "data", "dest": "/srv/data", "chown": "app"}}))
        .like("COPY --chown=app data /srv/data");
}

#[test]
fn an_owner_replaces_that_of_an_image() {
    on(Tools)
        .step(json!({"copy": {"from": "image:{tools}", "src": "/srv/private", "dest": "/copied", "chown": "svc"}}))
        .like("COPY --from={tools} --chown=svc /srv/private /copied");
}

#[test]
fn an_owner_takes_special_bits_away_or_not() {
    on(Tools)
        .step(json!({"copy": {"from": "image:{tools}", "src": "/srv/tool", "dest": "/tool", "chown": "app"}}))
        .like("COPY --from={tools} --chown=app /srv/tool /tool");
}

#[test]
fn owners_and_modes_of_an_image_stay() {
    on(Scratch)
        .step(json!({"copy": {"from": "image:{tools}", "src": "/srv", "dest": "/srv"}}))
        .like("COPY --from={tools} /srv /srv");
}

#[test]
fn owner_mode_and_wildcard_together() {
    on(Tools)
        .files(&["a.txt", "b.txt", "d/c.txt"])
        .step(
            json!({"copy": {"src": ["*.txt", "d"], "dest": "/out/", "chown": "app:extra", "chmod": "0640"}}),
        )
        .unlike(
            MODE_OF_PARENTS,
            "COPY --chown=app:extra --chmod=0640 *.txt d /out/",
            &["out: mode: 0755 | 0640"],
        );
}

#[test]
fn the_user_of_the_image_owns_nothing_by_itself() {
    on(Tools)
        .files(&["a.txt"])
        .config(json!({"user": "app"}))
        .step(json!({"copy": {"src": "a.txt", "dest": "/a.txt"}}))
        .like("USER app\nCOPY a.txt /a.txt");
}

#[test]
fn an_unknown_user() {
    on(Tools)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/a.txt", "chown": "nobody-here"}}))
        .refused(UNKNOWN_OWNER, "COPY --chown=nobody-here a.txt /a.txt", "nobody-here");
}

#[test]
fn an_unknown_group() {
    on(Tools)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/a.txt", "chown": "app:no-such"}}))
        .refused(UNKNOWN_OWNER, "COPY --chown=app:no-such a.txt /a.txt", "no-such");
}

#[test]
fn a_name_where_there_are_no_accounts() {
    on(Scratch)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/a.txt", "chown": "app"}}))
        .both_fail("COPY --chown=app a.txt /a.txt", "app", "invalid user index");
}
