//! The rules by which a product is judged: one list, which the code, the pages in `docs/rules/` and what people write in `check`
//! are all held against.

use crate::diagnostic::{Diagnostic, Severity};
use crate::text::Place;

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name, which never changes.
    pub name: &'static str,
    /// A warning, which builds say too, or a note.
    pub severity: Severity,
    /// What it finds, in one line.
    pub about: &'static str,
}

/// Where the page of a rule is, before its name and `.md`. Provisional, like every address of ours until the project has a
/// domain; the page is in the project's `docs/rules/`.
const PAGES: &str = "https://factory.invalid/docs/rules/";

impl Rule {
    /// The rule called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        RULES.iter().find(|rule| rule.name == name)
    }

    /// The address of its page.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{PAGES}{}.md", self.name)
    }

    /// What it finds at `place`: `message` is a lower-case fragment.
    pub(crate) fn at(&self, place: &Place, message: impl Into<String>) -> Diagnostic {
        match self.severity {
            Severity::Note => Diagnostic::note(self.name, place, message),
            Severity::Warning | Severity::Error => Diagnostic::warning(self.name, place, message),
        }
    }
}

macro_rules! rules {
    ($($id:ident: $name:literal $severity:ident $about:literal;)+) => {
        $(
            #[doc = $about]
            pub(crate) const $id: Rule = Rule { name: $name, severity: Severity::$severity, about: $about };
        )+

        /// Every rule, sorted by name.
        pub const RULES: &[Rule] = &[$($id),+];
    };
}

rules! {
    APT_IN_RUN: "apt-in-run" Warning "`apt-get` in a `run` step, which an `apt` step does better";
    BACKGROUND_PROCESS: "background-process" Warning "a process in the background that nothing waits for";
    CLASHING_CONFIG: "clashing-config" Warning "two fragments that set the same member of the image config to different values";
    ENV_CLOBBERED: "env-clobbered" Warning "a variable that a fragment below sets, replaced by another value";
    ERRORS_IGNORED: "errors-ignored" Warning "`set +e`: a step that goes on after a command has failed";
    GIT_WITHOUT_COMMIT: "git-without-commit" Warning "`git clone` of whatever the branch is at today";
    LATEST_TAG: "latest-tag" Warning "an image without a tag, or with the tag `latest`";
    LIMITS_NOT_ENFORCED: "limits-not-enforced" Warning "limits of steps on an engine that does not enforce them";
    LOCK_DRIFT: "lock-drift" Warning "what the lock has for something else, or does not have";
    LOST_STATE: "lost-state" Warning "what a shell knows by itself (`cd`, variables) at the end of its step";
    NEEDLESS_CLEANUP: "needless-cleanup" Note "cleaning up what `apt` and `pip` steps do not leave behind";
    NO_MERGE: "no-merge" Warning "fragments side by side on an engine that can only chain them";
    PATH_CLOBBERED: "path-clobbered" Warning "a `PATH` without the one below it";
    PIP_IN_RUN: "pip-in-run" Warning "`pip install` in a `run` step, which a `pip` step does better";
    PIPE_TO_SHELL: "pipe-to-shell" Warning "a download that is run as a script at once";
    PIPE_WITHOUT_PIPEFAIL: "pipe-without-pipefail" Warning "a pipe in a shell that looks at its last command alone";
    PLATFORM_GAP: "platform-gap" Note "steps for some platforms of the product, and none for another";
    SBOM_CONTEXT: "sbom-context" Warning "an SBOM of the context that is asked for where no step takes anything from it";
    SBOM_STAGE: "sbom-stage" Warning "an SBOM of a stage that is asked for where the product has no such stage";
    SECRET_BY_NAME: "secret-by-name" Warning "an argument or a variable that is called like a secret";
    SUDO: "sudo" Warning "`sudo` in a step, which runs as root anyway";
    UNCHECKED_DOWNLOAD: "unchecked-download" Warning "a download in a `run` step that nothing compares with a checksum";
    UNKNOWN_BUILD_ARGUMENT: "unknown-build-argument" Warning "a build argument that nothing in the product declares";
    UNKNOWN_NO_CACHE: "unknown-no-cache" Warning "a name of `--no-cache-filter` that nothing in the product has";
    UNKNOWN_OPTION: "unknown-option" Warning "an option of the client that the frontend does not know";
    UNKNOWN_RULE: "unknown-rule" Warning "the name of a rule that there is not";
    UNPINNED_APT: "unpinned-apt" Note "Debian packages without a version, a snapshot or a lock";
    UNPINNED_IMAGE: "unpinned-image" Note "an image by its tag alone, without a digest or a lock";
    UNPINNED_PIP: "unpinned-pip" Note "Python packages without an exact version, a hash or a lock";
    UNPROVIDED_REQUIREMENT: "unprovided-requirement" Warning "a requirement that nothing in the product is known to meet";
    UNQUOTED_ARGUMENTS: "unquoted-arguments" Warning "`$@` or `$*` without quotes";
    UNUSED_ARGUMENT: "unused-argument" Warning "an argument that nothing uses";
    UNUSED_CONTEXT: "unused-context" Warning "a named context that nothing in the build asks for";
    UNUSED_OPTION: "unused-option" Warning "an option of the client that means nothing for this build";
    WORLD_WRITABLE: "world-writable" Warning "files that everybody may write";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_sorted_and_each_is_there_once() {
        let sorted = RULES.windows(2).all(|pair| pair[0].name < pair[1].name);
        let names: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
        assert!(sorted, "{names:?}");
        assert_eq!(Rule::named("sudo"), Some(&SUDO));
        assert_eq!(Rule::named("Sudo"), None);
    }
}
