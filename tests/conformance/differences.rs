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

pub(crate) const MKDIR_MODE: Known = Known {
    name: "mode of folders above",
    reason: "`chmod` of `mkdir` holds for every folder that the step makes, as the daemon does it; `mkdir -m` changes the last one alone",
};

pub(crate) const MKDIR_OWNER: Known = Known {
    name: "owner of folders above",
    reason: "`chown` of `mkdir` holds for every folder that the step makes, as `COPY --chown` does; `chown` after `mkdir -p` changes the last one alone",
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

pub(crate) const ENV_FOR_ARG: Known = Known {
    name: "an argument and a variable below of one name",
    reason: "a fragment's declared argument wins over a variable of what is below it, since the fragment asked for the argument; in a Dockerfile the variable wins and the argument is silently lost",
};

pub(crate) const ARG_OVER_ENV: Known = Known {
    name: "a variable that names itself",
    reason: "placeholder",
};

pub(crate) const ENV_OF_ITS_OWN: Known = Known {
    name: "variables that name one another",
    reason: "members of one `env` see each other's new values, in whatever order they are written; within one `ENV` the old values hold",
};

pub(crate) const TRIGGERS: Known = Known {
    name: "triggers",
    reason: "`ONBUILD` triggers of a base are not run: what a fragment does stands in the fragment",
};

pub(crate) const ENTRYPOINT_OVER_CMD: Known = Known {
    name: "an entrypoint above a command",
    reason: "an entrypoint drops every command from below, also one of another fragment; `ENTRYPOINT` drops that of the base alone and keeps a `CMD` of the same Dockerfile",
};

pub(crate) const STAGE_TARGET: Known = Known {
    name: "the config of a stage",
    reason: "placeholder",
};
