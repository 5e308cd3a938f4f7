//! `copy`: wildcards, `exclude`, `include` and `parents`.

use serde_json::json;

use crate::bases::Base::Scratch;
use crate::case::{Case, on};
use crate::differences::EMPTY_WILDCARD;

fn tree() -> Case {
    on(Scratch).files(&[
        "a.txt",
        "b.txt",
        "ab.txt",
        "c.md",
        ".dot.txt",
        "dir/a.txt",
        "dir/sub/deep.txt",
        "dir/sub/deep.md",
        "other/a.txt",
        "other/z.md",
    ])
}

#[test]
fn a_star() {
    tree().step(json!({"copy": {"src": "*.md", "dest": "/out/"}})).like("COPY *.md /out/");
}

#[test]
fn a_star_takes_dot_files() {
    tree().step(json!({"copy": {"src": "*.txt", "dest": "/out/"}})).like("COPY *.txt /out/");
}

#[test]
fn a_question_mark() {
    tree().step(json!({"copy": {"src": "?.txt", "dest": "/out/"}})).like("COPY ?.txt /out/");
}

#[test]
fn a_set_of_letters() {
    tree().step(json!({"copy": {"src": "[bc].*", "dest": "/out/"}})).like("COPY [bc].* /out/");
}

#[test]
fn a_range_of_letters() {
    tree().step(json!({"copy": {"src": "[a-b].txt", "dest": "/out/"}})).like("COPY [a-b].txt /out/");
}

#[test]
fn a_set_turned_round() {
    tree().step(json!({"copy": {"src": "[^a].txt", "dest": "/out/"}})).like("COPY [^a].txt /out/");
}

#[test]
fn a_star_that_finds_folders_copies_their_contents() {
    tree().step(json!({"copy": {"src": "[do]*r", "dest": "/out/"}})).like("COPY [do]*r /out/");
}

#[test]
fn a_star_in_the_middle() {
    tree().step(json!({"copy": {"src": "*/a.txt", "dest": "/out/"}})).like("COPY */a.txt /out/");
}

#[test]
fn a_star_below_a_folder() {
    tree().step(json!({"copy": {"src": "dir/*", "dest": "/out/"}})).like("COPY dir/* /out/");
}

#[test]
fn two_stars_are_one() {
    tree().step(json!({"copy": {"src": "dir/**/*.txt", "dest": "/out/"}})).like("COPY dir/**/*.txt /out/");
}

#[test]
fn one_match_and_no_slash_is_a_file() {
    tree().step(json!({"copy": {"src": "c*", "dest": "/renamed"}})).like("COPY c* /renamed");
}

#[test]
fn a_wildcard_for_nothing_beside_a_file() {
    tree().step(json!({"copy": {"src": ["a.txt", "*.none"], "dest": "/out/"}})).refused(
        EMPTY_WILDCARD,
        "COPY a.txt *.none /out/",
        "nothing in `fragments/only/0.1.0` matches `*.none`",
    );
}

#[test]
fn a_wildcard_for_nothing_alone() {
    tree().step(json!({"copy": {"src": "*.none", "dest": "/out/"}})).refused(
        EMPTY_WILDCARD,
        "COPY *.none /out/\nCOPY a.txt /",
        "nothing in `fragments/only/0.1.0` matches `*.none`",
    );
}

#[test]
fn a_wildcard_for_nothing_in_an_image() {
    on(Scratch)
        .step(
            json!({"copy": {"from": "image:{tools}", "src": ["/srv/*.none", "/srv/file"], "dest": "/out/"}}),
        )
        .like("COPY --from={tools} /srv/*.none /srv/file /out/");
}

#[test]
fn a_bracket_as_a_letter() {
    on(Scratch)
        .files(&["a[1].txt", "a1.txt"])
        .step(json!({"copy": {"src": "a[[]1].txt", "dest": "/out/"}}))
        .like("COPY a[[]1].txt /out/");
}

#[test]
fn everything_but_some() {
    tree()
        .step(json!({"copy": {"src": "dir", "dest": "/out/", "exclude": ["**/*.md"]}}))
        .like("COPY --exclude=**/*.md dir /out/");
}

#[test]
fn everything_but_some_at_the_top() {
    tree()
        .step(json!({"copy": {"src": ["dir", "other"], "dest": "/out/", "exclude": ["a.txt", "sub/*.md"]}}))
        .like("COPY --exclude=a.txt --exclude=sub/*.md dir other /out/");
}

#[test]
fn a_folder_left_out() {
    tree()
        .step(json!({"copy": {"src": "dir/", "dest": "/out/", "exclude": "sub"}}))
        .like("COPY --exclude=sub dir/ /out/");
}

#[test]
fn some_left_out_and_taken_back() {
    tree()
        .step(json!({"copy": {"src": "dir", "dest": "/out/", "exclude": ["**", "!sub/deep.md"]}}))
        .like("COPY --exclude=** --exclude=!sub/deep.md dir /out/");
}

#[test]
fn files_of_a_wildcard_left_out() {
    tree()
        .step(json!({"copy": {"src": "*.txt", "dest": "/out/", "exclude": "a*"}}))
        .like("COPY --exclude=a* *.txt /out/");
}

#[test]
fn only_some() {
    tree()
        .step(json!({"copy": {"src": "dir", "dest": "/out/", "include": ["**/*.md"]}}))
        .like("COPY dir/sub/deep.md /out/sub/deep.md");
}

#[test]
fn only_some_of_the_top_folder() {
    tree()
        .step(json!({"copy": {"src": "dir", "dest": "/out/", "include": ["*.txt"]}}))
        .like("COPY dir/a.txt /out/a.txt");
}

#[test]
fn parents_are_kept() {
    tree()
        .step(json!({"copy": {"src": ["dir/sub/deep.txt", "other/a.txt"], "dest": "/out/", "parents": true}}))
        .like("COPY dir/sub/deep.txt /out/dir/sub/deep.txt\nCOPY other/a.txt /out/other/a.txt");
}

#[test]
fn parents_of_folders_are_kept() {
    tree()
        .step(json!({"copy": {"src": "dir/sub", "dest": "/out", "parents": true}}))
        .like("COPY dir/sub /out/dir/sub");
}

#[test]
fn parents_of_wildcards_are_kept() {
    tree()
        .step(json!({"copy": {"src": "*/a.txt", "dest": "/out/", "parents": true}}))
        .like("COPY dir/a.txt /out/dir/a.txt\nCOPY other/a.txt /out/other/a.txt");
}

#[test]
fn parents_of_all_levels_are_kept() {
    tree()
        .step(json!({"copy": {"src": "**/*.md", "dest": "/out/", "parents": true}}))
        .like("COPY c.md /out/\nCOPY dir/sub/deep.md /out/dir/sub/deep.md\nCOPY other/z.md /out/other/z.md");
}

#[test]
fn parents_with_some_left_out() {
    tree()
        .step(json!({"copy": {"src": "dir", "dest": "/out/", "parents": true, "exclude": "**/*.md"}}))
        .like("COPY --exclude=**/*.md dir /out/dir");
}
