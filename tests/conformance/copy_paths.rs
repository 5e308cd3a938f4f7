//! `copy`: which file comes to lie where.

use serde_json::json;

use crate::bases::Base::{Scratch, Tools};
use crate::case::on;

#[test]
fn a_file_gets_a_new_name() {
    on(Scratch)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/b.txt"}}))
        .like("COPY a.txt /b.txt");
}

#[test]
fn a_slash_makes_a_folder_of_the_destination() {
    on(Scratch)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/new/"}}))
        .like("COPY a.txt /new/");
}

#[test]
fn folders_above_a_file_are_made() {
    on(Scratch)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/x/y/z/b.txt"}}))
        .like("COPY a.txt /x/y/z/b.txt");
}

#[test]
fn a_file_lands_in_an_existing_folder_without_a_slash() {
    on(Tools)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/srv/data"}}))
        .like("COPY a.txt /srv/data");
}

#[test]
fn a_file_replaces_a_file() {
    on(Tools)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/srv/file"}}))
        .like("COPY a.txt /srv/file");
}

#[test]
fn a_file_replaces_one_of_two_hard_links() {
    on(Tools)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/srv/hard-a"}}))
        .like("COPY a.txt /srv/hard-a");
}

#[test]
fn a_file_replaces_a_set_user_id_program() {
    on(Tools)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/srv/tool"}}))
        .like("COPY a.txt /srv/tool");
}

#[test]
fn several_files_go_to_a_folder() {
    on(Scratch)
        .files(&["a.txt", "b.txt", "c/d.txt"])
        .step(json!({"copy": {"src": ["a.txt", "b.txt", "c/d.txt"], "dest": "/all/"}}))
        .like("COPY a.txt b.txt c/d.txt /all/");
}

#[test]
fn of_a_folder_the_contents_are_copied() {
    on(Scratch)
        .files(&["app/a.txt", "app/sub/b.txt", "app/.hidden"])
        .step(json!({"copy": {"src": "app", "dest": "/opt/app"}}))
        .like("COPY app /opt/app");
}

#[test]
fn slashes_at_both_ends_change_nothing_for_a_folder() {
    on(Scratch)
        .files(&["app/a.txt", "app/sub/b.txt"])
        .step(json!({"copy": {"src": "app/", "dest": "/opt/app/"}}))
        .like("COPY app/ /opt/app/");
}

#[test]
fn a_dot_after_a_folder_means_the_folder() {
    on(Scratch)
        .files(&["app/a.txt", "app/sub/b.txt"])
        .step(json!({"copy": {"src": "app/.", "dest": "/opt/"}}))
        .like("COPY app/. /opt/");
}

#[test]
fn a_folder_is_copied_to_the_root() {
    on(Tools)
        .files(&["root/srv/file", "root/top"])
        .step(json!({"copy": {"src": "root", "dest": "/"}}))
        .like("COPY root /");
}

#[test]
fn a_folder_is_laid_over_an_existing_one() {
    on(Tools)
        .files(&["data/one.txt", "data/sub/three.txt", "data/new/four.txt"])
        .step(json!({"copy": {"src": "data", "dest": "/srv/data"}}))
        .like("COPY data /srv/data");
}

#[test]
fn a_folder_s_mode_is_laid_over_too() {
    on(Tools)
        .files(&["data/sub/three.txt"])
        .mode("data/sub", 0o711)
        .mode("data", 0o750)
        .step(json!({"copy": {"src": "data", "dest": "/srv/data/"}}))
        .like("COPY data /srv/data/");
}

#[test]
fn a_folder_with_a_foreign_owner_is_laid_over() {
    on(Tools)
        .files(&["private/yours"])
        .step(json!({"copy": {"src": "private", "dest": "/srv/private"}}))
        .like("COPY private /srv/private");
}

#[test]
fn empty_folders_are_copied() {
    on(Scratch)
        .folder("app/empty/below")
        .file("app/a.txt", "a")
        .step(json!({"copy": {"src": "app", "dest": "/app"}}))
        .like("COPY app /app");
}

#[test]
fn an_empty_folder_alone_is_copied() {
    on(Scratch)
        .folder("nothing")
        .step(json!({"copy": {"src": "nothing", "dest": "/made"}}))
        .like("COPY nothing /made");
}

#[test]
fn a_dot_is_everything() {
    on(Scratch)
        .named_context()
        .files(&["a.txt", "sub/b.txt", ".hidden"])
        .step(json!({"copy": {"from": "context:files", "src": ".", "dest": "/all"}}))
        .like("COPY . /all");
}

#[test]
fn a_slash_is_everything() {
    on(Scratch)
        .named_context()
        .files(&["a.txt", "sub/b.txt"])
        .step(json!({"copy": {"from": "context:files", "src": "/", "dest": "/all/"}}))
        .like("COPY / /all/");
}

#[test]
fn a_source_may_begin_with_a_slash() {
    on(Scratch)
        .named_context()
        .files(&["sub/b.txt"])
        .step(json!({"copy": {"from": "context:files", "src": "/sub/b.txt", "dest": "/"}}))
        .like("COPY /sub/b.txt /");
}

#[test]
fn a_source_may_be_written_the_long_way() {
    on(Scratch)
        .files(&["sub/b.txt"])
        .step(json!({"copy": {"src": "./sub//./b.txt", "dest": "/"}}))
        .like("COPY ./sub//./b.txt /");
}

#[test]
fn a_relative_destination_begins_in_the_workdir() {
    on(Scratch)
        .files(&["a.txt", "b.txt"])
        .config(json!({"workdir": "/opt/app"}))
        .steps(json!([
            {"copy": {"src": "a.txt", "dest": "."}},
            {"copy": {"src": "b.txt", "dest": "sub/c.txt"}}
        ]))
        .like("WORKDIR /opt/app\nCOPY a.txt .\nCOPY b.txt sub/c.txt");
}

#[test]
fn a_relative_destination_without_a_workdir_begins_at_the_root() {
    on(Scratch).files(&["a.txt"]).step(json!({"copy": {"src": "a.txt", "dest": "b/"}})).like("COPY a.txt b/");
}

#[test]
fn a_relative_destination_begins_in_the_workdir_of_the_base() {
    on(crate::bases::Base::Configured)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "./"}}))
        .like("COPY a.txt ./");
}

#[test]
fn dots_in_the_destination_are_resolved() {
    on(Scratch)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/x/./y/../b.txt"}}))
        .like("COPY a.txt /x/./y/../b.txt");
}

#[test]
fn several_folders_are_laid_together() {
    on(Scratch)
        .files(&["one/a.txt", "one/sub/b.txt", "two/c.txt", "two/sub/d.txt"])
        .step(json!({"copy": {"src": ["one", "two"], "dest": "/both/"}}))
        .like("COPY one two /both/");
}

#[test]
fn files_and_folders_are_mixed() {
    on(Scratch)
        .files(&["one/a.txt", "b.txt"])
        .step(json!({"copy": {"src": ["one", "b.txt"], "dest": "/both/"}}))
        .like("COPY one b.txt /both/");
}

#[test]
fn the_later_of_two_sources_with_one_name_wins() {
    on(Scratch)
        .files(&["one/a.txt", "two/a.txt"])
        .step(json!({"copy": {"src": ["one/a.txt", "two/a.txt"], "dest": "/both/"}}))
        .like("COPY one/a.txt two/a.txt /both/");
}

#[test]
fn one_file_is_copied_to_two_places() {
    on(Scratch)
        .files(&["a.txt"])
        .steps(json!([{"copy": {"src": "a.txt", "dest": "/1"}}, {"copy": {"src": "a.txt", "dest": "/2"}}]))
        .like("COPY a.txt /1\nCOPY a.txt /2");
}

#[test]
fn names_may_hold_blanks() {
    on(Scratch)
        .files(&["a b.txt", "c d/e f.txt"])
        .steps(json!([
            {"copy": {"src": "a b.txt", "dest": "/x y.txt"}},
            {"copy": {"src": ["c d"], "dest": "/z z/"}}
        ]))
        .like("COPY [\"a b.txt\", \"/x y.txt\"]\nCOPY [\"c d\", \"/z z/\"]");
}

#[test]
fn names_may_be_of_any_script() {
    on(Scratch)
        .files(&["größe.txt", "目录/файл.txt", "e\u{301}.txt"])
        .step(json!({"copy": {"src": ["größe.txt", "目录", "e\u{301}.txt"], "dest": "/ünïcode/"}}))
        .like("COPY größe.txt 目录 e\u{301}.txt /ünïcode/");
}

#[test]
fn names_may_hold_dollars_and_quotes() {
    on(Scratch)
        .files(&["a$b.txt", "it's.txt"])
        .step(json!({"copy": {"src": ["a$b.txt", "it's.txt"], "dest": "/"}}))
        .like("COPY [\"a\\\\$b.txt\", \"it\\\\'s.txt\", \"/\"]");
}

#[test]
fn a_path_may_be_long() {
    let deep = vec!["a-rather-long-name-of-a-folder"; 30].join("/");
    on(Scratch)
        .files(&[&format!("{deep}/f.txt")])
        .step(json!({"copy": {"src": deep, "dest": format!("/x/{deep}/")}}))
        .like(&format!("COPY {deep} /x/{deep}/"));
}

#[test]
fn a_large_file_and_many_small_ones_arrive() {
    let mut case = on(Scratch).file("many/large", vec![7; 3 << 20]);
    for number in 0..300 {
        case = case.file(&format!("many/{}/{number}", number % 7), number.to_string());
    }
    case.step(json!({"copy": {"src": "many", "dest": "/many"}})).like("COPY many /many");
}

#[test]
fn a_file_goes_through_a_linked_folder_above_it() {
    on(Tools)
        .files(&["tool"])
        .mode("tool", 0o755)
        .step(json!({"copy": {"src": "tool", "dest": "/bin/tool"}}))
        .like("COPY tool /bin/tool");
}

#[test]
fn folders_are_made_below_a_linked_folder() {
    on(Tools)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/lib/new/sub/"}}))
        .like("COPY a.txt /lib/new/sub/");
}

#[test]
fn a_file_goes_into_a_folder_that_is_an_absolute_link() {
    on(Tools)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/opt/link/"}}))
        .like("COPY a.txt /opt/link/");
}

#[test]
fn a_file_goes_into_a_folder_that_is_a_relative_link() {
    on(Tools)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/opt/relative/new.txt"}}))
        .like("COPY a.txt /opt/relative/new.txt");
}

#[test]
fn a_file_goes_to_a_linked_folder_without_a_slash() {
    on(Tools)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/opt/link"}}))
        .like("COPY a.txt /opt/link");
}

#[test]
fn a_folder_is_laid_over_a_linked_folder() {
    on(Tools)
        .files(&["data/one.txt", "data/new.txt"])
        .step(json!({"copy": {"src": "data", "dest": "/opt/link"}}))
        .like("COPY data /opt/link");
}

#[test]
fn a_folder_is_laid_over_a_linked_folder_with_a_slash() {
    on(Tools)
        .files(&["data/one.txt", "data/new.txt"])
        .step(json!({"copy": {"src": "data/", "dest": "/opt/relative/"}}))
        .like("COPY data/ /opt/relative/");
}

#[test]
fn a_folder_of_the_source_meets_a_linked_folder() {
    on(Tools).files(&["root/bin/tool"]).step(json!({"copy": {"src": "root/", "dest": "/"}})).both_fail(
        "COPY root/ /",
        "cannot copy to non-directory",
        "cannot copy to non-directory",
    );
}

#[test]
fn a_file_replaces_a_link_to_a_file() {
    on(Tools)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/srv/link-to-file"}}))
        .like("COPY a.txt /srv/link-to-file");
}

#[test]
fn a_file_replaces_a_link_to_nothing() {
    on(Tools)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/opt/dangling"}}))
        .like("COPY a.txt /opt/dangling");
}

#[test]
fn a_file_goes_below_a_link_to_nothing() {
    on(Tools)
        .files(&["a.txt"])
        .step(json!({"copy": {"src": "a.txt", "dest": "/opt/dangling/"}}))
        .like("COPY a.txt /opt/dangling/");
}

#[test]
fn a_folder_cannot_replace_a_file() {
    on(Tools).files(&["app/a.txt"]).step(json!({"copy": {"src": "app", "dest": "/srv/file"}})).both_fail(
        "COPY app /srv/file",
        "cannot copy to non-directory",
        "cannot copy to non-directory",
    );
}

#[test]
fn a_file_cannot_go_below_a_file() {
    on(Tools).files(&["a.txt"]).step(json!({"copy": {"src": "a.txt", "dest": "/srv/file/"}})).both_fail(
        "COPY a.txt /srv/file/",
        "not a directory",
        "not a directory",
    );
}

#[test]
fn a_file_cannot_replace_a_folder_of_its_name() {
    on(Tools).files(&["x"]).step(json!({"copy": {"src": "x", "dest": "/srv/"}})).both_fail(
        "COPY x /srv/",
        "cannot replace",
        "cannot replace",
    );
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    on(Scratch).files(&["a.txt"]).step(json!({"copy": {"src": "b.txt", "dest": "/"}})).both_fail(
        "COPY b.txt /",
        "b.txt",
        "\"/b.txt\": not found",
    );
}

#[test]
fn the_second_of_two_files_is_missed_too() {
    on(Scratch).files(&["a.txt"]).step(json!({"copy": {"src": ["a.txt", "c/d"], "dest": "/"}})).both_fail(
        "COPY a.txt c/d /",
        "c/d",
        "\"/c/d\": not found",
    );
}
