//! Where a fragment does something else than the Dockerfile that one would write instead, and why.

/// A documented difference.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    /// What it is called in `docs/conformance.md`.
    pub(crate) name: &'static str,
    /// Why the fragment language does not do as Dockerfiles do.
    pub(crate) reason: &'static str,
}

pub(crate) const UNKNOWN_OWNER: Known = Known {
    name: "unknown owner",
    reason: "a name in `chown` that the image does not know is an error; a Dockerfile silently gives the files to root",
};

pub(crate) const MODE_OF_PARENTS: Known = Known {
    name: "folders made for a copy",
    reason: "`chmod` holds for what is copied, and folders that are made to hold it have 0755; `COPY --chmod=0600` makes folders of mode 0600, which nobody can enter",
};

pub(crate) const FAILING_LINE: Known = Known {
    name: "a line that fails",
    reason: "lines of `run` stop at the first one that fails; a here-document of `RUN` goes on and ends like its last line",
};

pub(crate) const STEP_EPOCH: Known = Known {
    name: "time of a step",
    reason: "a step's process has `SOURCE_DATE_EPOCH`, so that what it makes can be the same every time; `RUN` has it only as a build argument",
};

pub(crate) const STEPS_AS_ROOT: Known = Known {
    name: "who runs steps",
    reason: "steps run as root unless they say `user`; `config.user` is for containers, while `USER` is for both",
};

pub(crate) const REQUIRED_SECRET: Known = Known {
    name: "a secret that was not given",
    reason: "secrets and agents are needed unless `required` is false, since a step that silently does without them is a riddle; in a Dockerfile it is the other way round",
};

pub(crate) const TRIGGERS: Known = Known {
    name: "triggers",
    reason: "`ONBUILD` triggers of a base are not run: what a fragment does stands in the fragment",
};

pub(crate) const ENTRYPOINT_OVER_CMD: Known = Known {
    name: "an entrypoint above a command",
    reason: "an entrypoint drops every command from below, also one of another fragment; `ENTRYPOINT` drops that of the base alone and keeps a `CMD` of the same Dockerfile",
};

pub(crate) const WORKDIR_OWNER: Known = Known {
    name: "owner of a workdir",
    reason: "a `workdir` that has to be made belongs to root, whatever `config.user` says: members have no order, and the user may be made by a later step; `WORKDIR` after `USER` gives it to the user, `WORKDIR` before `USER` to root",
};

pub(crate) const ARG_SCOPE: Known = Known {
    name: "arguments of another fragment",
    reason: "an argument is known in the fragment that declares it; in a Dockerfile a stage built on another one inherits that one's arguments",
};

pub(crate) const PROCESS_ONE: Known = Known {
    name: "signals to a step itself",
    reason: "a step's command is not process 1, so a signal without a handler ends it as it does everywhere else; `RUN` is process 1, which the kernel shields",
};

pub(crate) const EMPTY_WILDCARD: Known = Known {
    name: "wildcards for nothing",
    reason: "a wildcard in the fragment's own folder that matches nothing is a slip, and an error with its line; `COPY` copies nothing and says nothing",
};

pub(crate) const LABS: Known = Known {
    name: "devices and privileges",
    reason: "`devices` and `security` work with every engine that has them; `RUN --device` and `RUN --security` need a labs version of the Dockerfile frontend",
};

pub(crate) const ENV_OF_ITS_OWN: Known = Known {
    name: "variables that name one another",
    reason: "members of one `env` see each other's new values, in whatever order they are written; within one `ENV` the old values hold",
};

pub(crate) const NORMAL_WORKDIR: Known = Known {
    name: "how a workdir is written",
    reason: "an absolute `workdir` is written in its shortest form into the config, as relative ones are by both; `WORKDIR` keeps what was typed",
};

pub(crate) const ENGINE_FOLDERS: Known = Known {
    name: "folders of the engine",
    reason: "`user` runs a process, and the engine leaves `/dev`, `/proc` and `/sys` in an image that has none, as after any `RUN`",
};

const ALL: [Known; 16] = [
    UNKNOWN_OWNER,
    MODE_OF_PARENTS,
    FAILING_LINE,
    STEP_EPOCH,
    STEPS_AS_ROOT,
    REQUIRED_SECRET,
    TRIGGERS,
    ENTRYPOINT_OVER_CMD,
    WORKDIR_OWNER,
    ARG_SCOPE,
    PROCESS_ONE,
    EMPTY_WILDCARD,
    LABS,
    ENV_OF_ITS_OWN,
    NORMAL_WORKDIR,
    ENGINE_FOLDERS,
];

#[test]
fn every_difference_is_documented_with_its_reason() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/conformance.md")).unwrap();
    for known in ALL {
        let row = format!("| {} | {} |", known.name, known.reason);
        assert!(page.contains(&row), "docs/conformance.md has no line\n{row}");
    }
}
