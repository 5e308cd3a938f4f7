//! Rules for what shells run.

use super::OwnTexts;
use super::modes::is_open;
use super::rules::{
    APT_IN_RUN, BACKGROUND_PROCESS, ERRORS_IGNORED, GIT_WITHOUT_COMMIT, LOST_STATE, NEEDLESS_CLEANUP,
    PIP_IN_RUN, PIPE_TO_SHELL, PIPE_WITHOUT_PIPEFAIL, Rule, SUDO, UNCHECKED_DOWNLOAD, UNQUOTED_ARGUMENTS,
    WORLD_WRITABLE,
};
use super::scripts::{self, Text};
use super::shell::{After, Command, Script, read};
use crate::diagnostic::Diagnostic;
use crate::model::Fragment;
use crate::model::step::{Action, Step};

/// Programs that compare what they are given with a checksum or a signature.
const CHECKERS: [&str; 13] = [
    "sha256sum",
    "sha512sum",
    "sha384sum",
    "sha1sum",
    "md5sum",
    "b2sum",
    "shasum",
    "gpg",
    "gpgv",
    "cosign",
    "minisign",
    "openssl",
    "signify",
];
/// Programs that make files of what they are given.
const UNPACKERS: [&str; 13] = [
    "tar", "bsdtar", "gunzip", "gzip", "bunzip2", "bzip2", "unxz", "xz", "unzstd", "zstd", "cpio", "tee",
    "dd",
];

pub(super) fn check(
    fragment: &Fragment,
    shell: &[String],
    step: &Step,
    texts: Option<&OwnTexts>,
    found: &mut Vec<Diagnostic>,
) {
    let Action::Run(run) = &step.action else { return };
    for text in scripts::of(fragment, shell, run, texts) {
        let script = read(&text.text);
        let mut judge = Judge { text: &text, script: &script, found: Vec::new() };
        judge.all();
        found.append(&mut judge.found);
    }
}

/// What one script is judged by. Each rule says at most one thing about it.
struct Judge<'s> {
    text: &'s Text,
    script: &'s Script,
    found: Vec<Diagnostic>,
}

impl Judge<'_> {
    fn all(&mut self) {
        for (index, command) in self.script.commands.iter().enumerate() {
            self.packages(command);
            self.downloads(index, command);
            self.pipe(command);
            self.manners(command);
        }
        self.at_the_end();
        if let Some(at) = self.script.unquoted.first().copied().filter(|_| self.text.is_file) {
            let message = "an argument that holds a blank becomes two";
            self.say(&UNQUOTED_ARGUMENTS, at, message.to_owned(), "write `\"$@\"`");
        }
    }

    fn say(&mut self, rule: &Rule, at: usize, message: String, help: &str) {
        if !self.found.iter().any(|one| one.rule() == rule.name) {
            self.found.push(rule.at(&self.text.place(at), message).help(help));
        }
    }

    fn packages(&mut self, command: &Command) {
        let program = command.program();
        let apt = ["apt-get", "apt", "aptitude"].contains(&program);
        const VERBS: [&str; 6] =
            ["install", "upgrade", "dist-upgrade", "full-upgrade", "update", "build-dep"];
        if apt && let Some(verb) = command.operands().find(|word| VERBS.contains(word)) {
            let message = format!(
                "`{program} {verb}` in a `run` step: its lists and logs stay in the layer, and nothing is cached"
            );
            self.say(&APT_IN_RUN, command.at, message, "write an `apt` step");
        }
        let module = is_python(program)
            && command.arguments().windows(2).any(|pair| pair[0] == "-m" && pair[1] == "pip");
        let pip = program == "uv" && command.operands().next() == Some("pip") || module || is_pip(program);
        let path = |word: &str| word.starts_with(['.', '/']);
        if pip && command.operands().any(|word| word == "install") && !command.operands().any(path) {
            let message =
                "`pip install` in a `run` step: its cache stays in the layer, and its times differ each time";
            self.say(&PIP_IN_RUN, command.at, message.to_owned(), "write a `pip` step");
        }
        let cleans = match program {
            "apt-get" | "apt" | "aptitude" => {
                command.operands().any(|word| ["clean", "autoclean"].contains(&word))
            }
            "rm" => command.operands().any(|word| {
                word.contains("/var/lib/apt/lists")
                    || word.contains("/var/cache/apt")
                    || word.contains(".cache/pip")
            }),
            _ if is_pip(program) => command.operands().take(2).eq(["cache", "purge"]),
            _ => false,
        };
        if cleans && !self.fills() {
            let message = "`apt` and `pip` steps leave nothing behind that would have to be cleaned up";
            self.say(&NEEDLESS_CLEANUP, command.at, message.to_owned(), "leave it out");
        }
    }

    /// Whether the script fills the caches of package managers by itself.
    fn fills(&self) -> bool {
        self.script.commands.iter().any(|one| {
            let fills = |word: &str| ["install", "update", "upgrade", "dist-upgrade"].contains(&word);
            one.operands().any(fills)
        })
    }

    fn downloads(&mut self, index: usize, command: &Command) {
        let program = command.program();
        if program == "git" && command.operands().any(|word| word == "clone") && !self.checks_out() {
            let message = "`git clone` takes whatever the branch is at when it runs";
            self.say(
                &GIT_WITHOUT_COMMIT,
                command.at,
                message.to_owned(),
                "write an `add` step with `git` and `commit`",
            );
        }
        if !["curl", "wget"].contains(&program) {
            return;
        }
        let inside = command.parent.map(|parent| &self.script.commands[parent]);
        let evaluated = inside
            .is_some_and(|outer| outer.is_shell() || ["eval", "source", "."].contains(&outer.program()));
        let mut next = self.script.piped_into(index);
        // `curl … | tee x | sh`
        while let Some(one) = next.filter(|one| !one.is_shell() && one.after == After::Pipe) {
            let at = self.script.commands.iter().position(|known| std::ptr::eq(known, one)).unwrap_or(index);
            next = self.script.piped_into(at);
        }
        if evaluated || next.is_some_and(|next| next.is_shell()) {
            let message = format!("what `{program}` downloads is run at once, whatever it is that day");
            self.say(
                &PIPE_TO_SHELL,
                command.at,
                message,
                "download it with an `add` step and its `checksum`, then run the file",
            );
        } else if self.keeps(index, command) && !self.script.runs(&CHECKERS) {
            let message = format!(
                "nothing compares what `{program}` downloads with a checksum, and it is not downloaded again when it changes"
            );
            self.say(
                &UNCHECKED_DOWNLOAD,
                command.at,
                message,
                "write an `add` step with `url` and `checksum`",
            );
        }
    }

    /// Whether a download becomes a file, rather than an answer that is looked at.
    fn keeps(&self, index: usize, command: &Command) -> bool {
        let arguments = command.arguments();
        let local = |word: &String| {
            ["://localhost", "://127.0.0.1", "://[::1]"].iter().any(|host| word.contains(host))
        };
        if arguments.iter().any(local) {
            return false;
        }
        let short = |word: &String, letters: &[char]| {
            word.starts_with('-') && !word.starts_with("--") && word.contains(letters)
        };
        let unpacked = self.script.piped_into(index).is_some_and(|next| UNPACKERS.contains(&next.program()));
        let to_output = arguments.windows(2).any(|pair| {
            (pair[0].ends_with(['o', 'O']) && pair[0].starts_with('-') || pair[0] == "--output")
                && ["-", "/dev/null", "/dev/stdout"].contains(&pair[1].as_str())
        });
        match command.program() {
            "wget" => {
                let answers =
                    arguments.iter().any(|word| word == "--spider" || word.ends_with("O-")) || to_output;
                unpacked || command.redirected || !answers
            }
            _ => {
                let named = arguments.iter().any(|word| {
                    short(word, &['o', 'O'])
                        || ["--output", "--remote-name", "--remote-name-all"].contains(&word.as_str())
                        || word.starts_with("--output=")
                });
                unpacked || command.redirected || (named && !to_output)
            }
        }
    }

    /// Whether a repository is brought to one commit, or to what a variable says.
    fn checks_out(&self) -> bool {
        let exact = |word: &str| {
            let hex = word.len() >= 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
            hex || word.starts_with('$')
        };
        self.script.commands.iter().filter(|one| one.program() == "git").any(|one| {
            let moves = one.operands().any(|word| ["checkout", "reset", "switch", "fetch"].contains(&word));
            let at = one.arguments().iter().any(|word| word.starts_with("--revision"));
            at || (moves && one.operands().any(exact))
        })
    }

    fn pipe(&mut self, command: &Command) {
        let harmless = ["echo", "printf", "yes", "true", ":"].contains(&command.program());
        let counts = command.after == After::Pipe && !command.condition && command.parent.is_none();
        if counts && !harmless && !command.words.is_empty() && !self.text.pipefail {
            let message = format!("when `{}` fails, the pipe and the step go on", command.program());
            let help = "let the shell look: `\"shell\": [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]` in the template, the fragment's `config` or the step";
            self.say(&PIPE_WITHOUT_PIPEFAIL, command.at, message, help);
        }
    }

    fn manners(&mut self, command: &Command) {
        let first = command.words.first().map_or("", String::as_str);
        if first == "sudo" || first.ends_with("/sudo") {
            self.say(
                &SUDO,
                command.at,
                "steps run as root".to_owned(),
                "leave `sudo` out; `user` of the step names another user",
            );
        }
        let ignores = |pair: &[String]| pair[0] == "+o" && pair[1] == "errexit";
        let flags = |word: &String| word.starts_with('+') && !word.starts_with("+o") && word.contains('e');
        if command.program() == "set"
            && (command.arguments().iter().any(flags) || command.arguments().windows(2).any(ignores))
        {
            let message = "what fails from here on is not noticed";
            self.say(
                &ERRORS_IGNORED,
                command.at,
                message.to_owned(),
                "write `|| true` after the one command that may fail",
            );
        }
        if command.after == After::Background && !self.script.runs(&["wait"]) {
            let message = "the process ends with the step, and nobody hears how";
            self.say(
                &BACKGROUND_PROCESS,
                command.at,
                message.to_owned(),
                "`wait` for it; a server is started by `entrypoint` or by a test",
            );
        }
        if command.program() == "chmod"
            && let Some(mode) = command.operands().next().filter(|mode| opens(mode))
        {
            let message = format!("after `chmod {mode}` everybody may write it");
            self.say(&WORLD_WRITABLE, command.at, message, "give it to who writes it (`chown`)");
        }
    }

    /// What the shell knows by itself is gone when the step ends.
    fn at_the_end(&mut self) {
        if self.text.is_file {
            return;
        }
        let outer: Vec<&Command> = self.script.commands.iter().filter(|one| one.parent.is_none()).collect();
        let Some(last) = outer.last() else { return };
        let remembered = |one: &&Command| {
            let alone = one.words.is_empty() && one.assigns;
            alone
                || ["cd", "export", "pushd", "alias", "source", ".", "umask", "ulimit"]
                    .contains(&one.program())
        };
        let all = outer.iter().all(remembered);
        let leaves = last.program() == "cd" && !last.condition;
        if all || leaves {
            let program = if last.words.is_empty() { "a variable" } else { last.program() };
            let message =
                format!("`{program}` has no effect beyond the step, each of which has a shell of its own");
            let help =
                "use `workdir` and `env`, or write it before the command that needs it, in the same `run`";
            self.say(&LOST_STATE, last.at, message.replace("`a variable`", "a variable"), help);
        }
    }
}

fn is_pip(program: &str) -> bool {
    program == "pip"
        || program
            .strip_prefix("pip3")
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

fn is_python(program: &str) -> bool {
    program
        .strip_prefix("python")
        .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

/// Whether a mode of `chmod` lets everybody write.
fn opens(mode: &str) -> bool {
    if !mode.is_empty() && mode.bytes().all(|byte| matches!(byte, b'0'..=b'7')) {
        return u32::from_str_radix(mode, 8).is_ok_and(is_open);
    }
    mode.split(',').any(|clause| {
        let Some(at) = clause.find(['+', '=']) else { return false };
        let (who, what) = clause.split_at(at);
        who.contains(['a', 'o']) && what.contains('w') && !what.contains('t')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_that_let_everybody_write() {
        for mode in ["777", "0666", "a+w", "o=rw", "u+x,o+w", "ugo+rwx"] {
            assert!(opens(mode), "{mode}");
        }
        for mode in ["755", "1777", "u+w", "+x", "g+w", "a+rx", "o-w", "a+rwt"] {
            assert!(!opens(mode), "{mode}");
        }
    }
}
