//! Enough of the shell's language to tell its commands apart: words, quotes, pipes, substitutions, here-documents. What it does not
//! understand it passes over: a rule then finds nothing.

mod reader;
mod words;

pub(super) use reader::read;

/// A script, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Script {
    /// Its commands in the order in which they begin, those in substitutions among them.
    pub(super) commands: Vec<Command>,
    /// Where `$@` and `$*` stand without quotes.
    pub(super) unquoted: Vec<usize>,
}

/// A simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Command {
    /// Its words without quotes; what is substituted stands as `$NAME` or `$()`.
    pub(super) words: Vec<String>,
    /// Whether variables are set before it, or by it alone.
    pub(super) assigns: bool,
    /// Whether its output goes to a file.
    pub(super) redirected: bool,
    /// What comes after it.
    pub(super) after: After,
    /// Whether it is asked rather than run: after `if`, `while`, `until` or `!`.
    pub(super) condition: bool,
    /// The command in whose `$(…)` it stands.
    pub(super) parent: Option<usize>,
    /// Where it begins.
    pub(super) at: usize,
}

/// What comes after a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum After {
    /// The next one, whatever becomes of it.
    #[default]
    Next,
    /// `|`
    Pipe,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `&`: it runs on beside the next one.
    Background,
}

/// Programs that read a script.
const SHELLS: [&str; 13] =
    ["sh", "bash", "dash", "ash", "zsh", "ksh", "python", "python3", "perl", "ruby", "node", "php", "pwsh"];

impl Command {
    /// The program without its folder, past `env`, `sudo` and the like; nothing for an assignment alone.
    pub(super) fn program(&self) -> &str {
        self.program_at().map_or("", |at| base(&self.words[at]))
    }

    /// What the program is given.
    pub(super) fn arguments(&self) -> &[String] {
        self.program_at().map_or(&[], |at| &self.words[at + 1..])
    }

    /// Its arguments that are no options.
    pub(super) fn operands(&self) -> impl Iterator<Item = &str> {
        self.arguments().iter().map(String::as_str).filter(|word| !word.starts_with('-'))
    }

    pub(super) fn is_shell(&self) -> bool {
        SHELLS.contains(&self.program())
    }

    fn program_at(&self) -> Option<usize> {
        const BEFORE: [&str; 9] =
            ["env", "sudo", "exec", "command", "builtin", "nohup", "nice", "time", "eatmydata"];
        let mut at = 0;
        while BEFORE.contains(&base(self.words.get(at)?)) {
            at += 1;
            // Its options, and the variables of `env`.
            while self.words.get(at).is_some_and(|word| word.starts_with('-') || word.contains('=')) {
                at += 1;
            }
        }
        self.words.get(at).map(|_| at)
    }
}

impl Script {
    /// The command that the output of the one at `index` goes to.
    pub(super) fn piped_into(&self, index: usize) -> Option<&Command> {
        let command = self.commands.get(index).filter(|one| one.after == After::Pipe)?;
        self.commands[index + 1..].iter().find(|next| next.parent == command.parent)
    }

    /// Whether any of these programs is run.
    pub(super) fn runs(&self, programs: &[&str]) -> bool {
        self.commands.iter().any(|command| programs.contains(&command.program()))
    }
}

/// A path's last part.
fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}
