//! Containers of built images.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::{Finished, run};
use crate::{Lab, unique};

/// A container that runs in the background, and ends when this is dropped.
#[derive(Debug)]
pub struct Container {
    name: String,
}

impl Container {
    /// Starts a container of `image` with these options of `docker run`.
    #[must_use]
    pub fn start(image: &str, options: &[&str]) -> Self {
        Self::start_with(image, options, &[])
    }

    /// The same, with words for the program that it starts.
    #[must_use]
    pub fn start_with(image: &str, options: &[&str], words: &[&str]) -> Self {
        let name = format!("factory-tests-{}", unique());
        let mut command = Lab::get().docker();
        command.args(["run", "--detach", "--name", &name]).args(options).arg(image).args(words);
        let container = Self { name };
        let _ = run(&mut command).expect("docker run");
        container
    }

    /// Runs a program inside.
    #[must_use]
    pub fn exec(&self, words: &[&str]) -> Finished {
        run(self.command(&["exec", &self.name]).args(words))
    }

    /// Runs a program inside, again and again until it ends well.
    #[must_use]
    pub fn exec_until(&self, words: &[&str], limit: Duration) -> Finished {
        let deadline = Instant::now() + limit;
        loop {
            let finished = self.exec(words);
            if finished.status.success() || Instant::now() > deadline {
                return finished;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What it printed so far.
    #[must_use]
    pub fn logs(&self) -> String {
        let finished = run(&mut self.command(&["logs", &self.name]));
        finished.stdout + &finished.stderr
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Lab::get().docker();
        command.args(words);
        command
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.command(&["rm", "--force", "--volumes", &self.name]).output(); // it may have ended by itself
    }
}
