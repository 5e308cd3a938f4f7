//! What long work says while it runs: a spinner on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Receives what the engine set-up is doing. One step at a time; a new `begin` ends the step before it.
pub trait Progress {
    /// A step that takes a while begins.
    fn begin(&mut self, what: &str);
    /// A detail of the running step, for example the last line of a tool's output.
    fn detail(&mut self, line: &str);
    /// The running step is done; `outcome` says what came of it.
    fn done(&mut self, outcome: &str);
    /// A line worth telling that is not a step.
    fn note(&mut self, line: &str);
}

/// `1 layer`, `5 layers`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Says nothing: for callers that only want the result.
#[derive(Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&mut self, _what: &str) {}
    fn detail(&mut self, _line: &str) {}
    fn done(&mut self, _outcome: &str) {}
    fn note(&mut self, _line: &str) {}
}

/// Plain lines to any writer, with seconds for each finished step.
#[derive(Debug)]
pub struct Lines<W: Write> {
    out: W,
    started: Instant,
}

impl<W: Write> Lines<W> {
    /// Lines to `out`.
    pub fn new(out: W) -> Self {
        Self { out, started: Instant::now() }
    }

    fn line(&mut self, text: &str) {
        // Progress that cannot be written is no reason to stop the work.
        let _ = writeln!(self.out, "{text}");
    }
}

impl<W: Write> Progress for Lines<W> {
    fn begin(&mut self, what: &str) {
        self.started = Instant::now();
        self.line(&format!("==> {what}"));
    }

    fn detail(&mut self, _line: &str) {}

    fn done(&mut self, outcome: &str) {
        let seconds = self.started.elapsed().as_secs_f32();
        self.line(&format!("    {outcome} ({seconds:.1} s)"));
    }

    fn note(&mut self, line: &str) {
        self.line(&format!("    {line}"));
    }
}

/// A spinner with the running step and its newest detail.
#[derive(Debug)]
pub struct Spinner {
    bar: ProgressBar,
    what: String,
    started: Instant,
}

impl Spinner {
    /// A spinner on standard error.
    #[must_use]
    pub fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Self { bar, what: String::new(), started: Instant::now() }
    }
}

impl Default for Spinner {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Spinner {
    fn begin(&mut self, what: &str) {
        what.clone_into(&mut self.what);
        self.started = Instant::now();
        self.bar.reset_elapsed();
        self.bar.enable_steady_tick(Duration::from_millis(120));
        self.bar.set_message(self.what.clone());
    }

    fn detail(&mut self, line: &str) {
        let short: String = line.chars().take(60).collect();
        self.bar.set_message(format!("{} – {short}", self.what));
    }

    fn done(&mut self, outcome: &str) {
        let seconds = self.started.elapsed().as_secs_f32();
        self.bar.disable_steady_tick();
        self.bar.println(format!("✓ {}: {outcome} ({seconds:.1} s)", self.what));
        self.bar.set_message("");
    }

    fn note(&mut self, line: &str) {
        self.bar.println(format!("  {line}"));
    }
}

/// The spinner where standard error is a terminal, plain lines to standard error otherwise.
#[must_use]
pub fn for_terminal() -> Box<dyn Progress> {
    if std::io::stderr().is_terminal() {
        Box::new(Spinner::new())
    } else {
        Box::new(Lines::new(std::io::stderr()))
    }
}

/// The spinner where standard error is a terminal, nothing otherwise: for questions that scripts ask.
#[must_use]
pub fn for_people() -> Box<dyn Progress> {
    if std::io::stderr().is_terminal() { Box::new(Spinner::new()) } else { Box::new(Silent) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_carry_step_outcome_and_note() {
        let mut out = Vec::new();
        let mut lines = Lines::new(&mut out);
        lines.begin("start the engine");
        lines.note("registry on 127.0.0.1:5000");
        lines.done("ready");
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.starts_with("==> start the engine\n    registry on 127.0.0.1:5000\n    ready ("),
            "{text}"
        );
    }
}
