//! `env`: variables of the image, and how they expand.

use serde_json::json;

use crate::bases::Base::{Bare, Configured, Plain, Scratch, Tools};
use crate::case::on;
use crate::differences::ENV_OF_ITS_OWN;

#[test]
fn variables_of_the_image() {
    on(Plain)
        .fragment(json!({"env": {"EMPTY": "", "EQUALS": "a=b=c", "ONE": "1", "QUOTES": "'a' \"b\"", "TWO": "two words"}}))
        .like("ENV EMPTY= EQUALS=a=b=c ONE=1 QUOTES=\"'a' \\\"b\\\"\" TWO=\"two words\"");
}

#[test]
fn variables_of_any_script_and_lines() {
    on(Plain)
        .fragment(json!({"env": {"TAB": "a\tb", "TEXT": "grüße 世界 \u{1f600}"}}))
        .like("ENV TAB=\"a\tb\"\nENV TEXT=\"grüße 世界 \u{1f600}\"");
}

#[test]
fn dollars_and_backslashes() {
    on(Plain)
        .fragment(json!({"env": {"BACKSLASH": "a\\b", "BRACES": "$${X}", "SHELL_TEXT": "$HOME and $$"}}))
        .like("ENV BACKSLASH='a\\b' BRACES='${X}' SHELL_TEXT='$HOME and $'");
}

#[test]
fn a_default() {
    on(Plain)
        .fragment(json!({"env": {"EMPTY": ""}}))
        .above(json!({"env": {"A": "${NONE:-d}", "B": "${EMPTY:-d}", "C": "${NONE-d}", "D": "<${EMPTY-d}>", "E": "${NONE:-}"}}))
        .like("ENV EMPTY=\nENV A=${NONE:-d} B=${EMPTY:-d} C=${NONE-d} D=<${EMPTY-d}> E=${NONE:-}");
}

#[test]
fn another_word() {
    on(Plain)
        .fragment(json!({"env": {"EMPTY": "", "SET": "s"}}))
        .above(json!({"env": {
            "A": "<${NONE:+o}>", "B": "<${EMPTY:+o}>", "C": "<${SET:+o}>", "D": "<${NONE+o}>", "E": "<${EMPTY+o}>", "F": "<${SET+o}>"
        }}))
        .like(
            "ENV EMPTY= SET=s\nENV A=<${NONE:+o}> B=<${EMPTY:+o}> C=<${SET:+o}> D=<${NONE+o}> E=<${EMPTY+o}> F=<${SET+o}>",
        );
}

#[test]
fn defaults_in_defaults() {
    on(Plain)
        .fragment(json!({"env": {"SET": "s"}}))
        .above(json!({"env": {"A": "${NONE:-x${ALSO_NONE:-y${SET}}z}"}}))
        .like("ENV SET=s\nENV A=${NONE:-x${ALSO_NONE:-y${SET}}z}");
}

#[test]
fn a_variable_that_must_be_there() {
    on(Plain).fragment(json!({"env": {"A": "${NONE:?give me one}"}})).both_fail(
        "ENV A=\"${NONE:?give me one}\"",
        "give me one",
        "give me one",
    );
}

#[test]
fn a_variable_that_must_be_there_and_is() {
    on(Plain)
        .fragment(json!({"env": {"SET": "s"}}))
        .above(json!({"env": {"A": "${SET:?give me one}"}}))
        .like("ENV SET=s\nENV A=\"${SET:?give me one}\"");
}

#[test]
fn a_search_path_is_extended() {
    on(Tools)
        .fragment(json!({"env": {"PATH": "/opt/venv/bin:${PATH}"}, "steps": [{"run": "echo $PATH > /x"}]}))
        .like("ENV PATH=/opt/venv/bin:${PATH}\nRUN echo $PATH > /x");
}

#[test]
fn a_search_path_is_extended_twice() {
    on(Plain)
        .fragment(json!({"env": {"PATH": "/one:${PATH}"}}))
        .above(json!({"env": {"PATH": "${PATH}:/two"}}))
        .like("ENV PATH=/one:${PATH}\nENV PATH=${PATH}:/two");
}

#[test]
fn the_search_path_of_a_base_without_one() {
    on(Bare).step(json!({"file": {"path": "/x", "content": "x\n"}})).like("COPY <<END /x\nx\nEND");
}

#[test]
fn the_search_path_of_a_base_without_one_is_extended() {
    on(Bare).fragment(json!({"env": {"PATH": "/opt/bin:${PATH}"}})).like("ENV PATH=/opt/bin:${PATH}");
}

#[test]
fn the_search_path_of_nothing() {
    on(Scratch).step(json!({"file": {"path": "/x", "content": "x\n"}})).like("COPY <<END /x\nx\nEND");
}

#[test]
fn a_search_path_is_replaced() {
    on(Configured).fragment(json!({"env": {"PATH": "/only/this"}})).like("ENV PATH=/only/this");
}

#[test]
fn variables_of_the_base_stay_in_their_place() {
    on(Configured)
        .fragment(json!({"env": {"SHARED": "new", "OWN": "own", "BASE_ONLY": "${BASE_ONLY}+"}}))
        .like("ENV SHARED=new\nENV OWN=own\nENV BASE_ONLY=${BASE_ONLY}+");
}

#[test]
fn variables_of_fragments_pile_up() {
    on(Plain)
        .fragment(json!({"env": {"A": "1", "B": "1"}}))
        .above(json!({"env": {"C": "${A}2", "B": "${B}2", "D": "${C}3"}}))
        .like("ENV A=1 B=1\nENV C=${A}2\nENV B=${B}2\nENV D=${C}3");
}

#[test]
fn variables_of_one_document_see_each_other() {
    on(Plain)
        .fragment(json!({"env": {"A": "old"}}))
        .above(json!({"env": {"A": "new", "B": "${A}"}}))
        .unlike(ENV_OF_ITS_OWN, "ENV A=old\nENV A=new B=${A}",
            &[
                "Env: [\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\"A=new\",\"B=new\"] | \
                 [\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\"A=new\",\"B=old\"]",
            ],
        );
}

#[test]
fn the_manifest_has_the_last_word() {
    on(Plain)
        .fragment(json!({"env": {"A": "fragment", "B": "fragment"}}))
        .manifest(json!({"env": {"A": "manifest", "C": "${B}!"}}))
        .like("ENV A=fragment B=fragment\nENV A=manifest C=${B}!");
}

#[test]
fn steps_of_the_fragment_above_see_variables_of_the_one_below() {
    on(Tools)
        .fragment(json!({"env": {"A": "below"}}))
        .above(json!({"steps": [{"run": "echo $A > /x"}]}))
        .like("ENV A=below\nRUN echo $A > /x");
}

#[test]
fn variables_in_paths() {
    on(Plain)
        .files(&["a.txt"])
        .fragment(json!({
            "env": {"HOME_OF": "/opt/app"},
            "steps": [{"copy": {"src": "a.txt", "dest": "${HOME_OF}/${NAME:-b}.txt"}}]
        }))
        .like("ENV HOME_OF=/opt/app\nCOPY a.txt ${HOME_OF}/${NAME:-b}.txt");
}
