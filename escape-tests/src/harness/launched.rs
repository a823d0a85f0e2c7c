//! Owns a start of the launcher as a step of the host: from any folder, with any arguments, with what it said and how long it
//! took. For what no session can show: a refusal from another folder, a command that starts nothing.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::lab::Lab;
use crate::{Ran, SOON, claudebox_bin, run};

/// The arguments of a session that does nothing.
pub const NOTHING: [&str; 6] = ["exec", "--yes", "--network", "none", "--", "true"];

/// A launch on a hostile project may take this long: a start and what the search of the project may cost (RES-10, RES-11).
const IN_TIME: Duration = Duration::from_secs(2);

/// What a start of the launcher gave.
#[derive(Debug)]
pub struct Launched {
    ran: Ran,
    took: Duration,
}

/// Starts the launcher in `cwd`, as who starts it in this trial.
#[must_use]
pub fn launch(lab: &Lab, cwd: &Path, arguments: &[&str]) -> Launched {
    let mut command = lab.command(claudebox_bin());
    // `plan` is about an agent, which must be found.
    let agent = lab.bait.agent.parent().unwrap_or(cwd).display();
    command.env("PATH", format!("{agent}:/usr/local/bin:/usr/bin:/bin"));
    command.current_dir(cwd);
    let (first, rest) = arguments.split_at(arguments.len().min(1));
    command.args(first);
    let enters = ["run", "shell", "exec", "plan"];
    if lab.bait.uid == 0 && first.iter().any(|word| enters.contains(word)) {
        command.arg("--allow-root");
    }
    command.args(rest);
    let began = Instant::now();
    let ran = run(&mut command, SOON);
    let took = began.elapsed();
    Launched { ran, took }
}

impl Launched {
    /// All that it said.
    #[must_use]
    pub fn said(&self) -> String {
        format!("{}{}", self.ran.stdout, self.ran.stderr)
    }

    /// It started, in time.
    ///
    /// # Errors
    /// It did not.
    pub fn started(self) -> io::Result<Self> {
        if !self.ran.status.success() {
            return Err(self.failure("it did not start"));
        }
        self.in_time()
    }

    /// It refused with 125 and these words, in time.
    ///
    /// # Errors
    /// It did not.
    pub fn refused(self, words: &str) -> io::Result<Self> {
        if self.ran.status.code() != Some(125) || !self.ran.stderr.contains(words) {
            return Err(self.failure(&format!("it did not refuse: {words}")));
        }
        self.in_time()
    }

    /// No canary was said.
    ///
    /// # Errors
    /// One was.
    pub fn without_canary(self, lab: &Lab) -> io::Result<Self> {
        if lab.bait.canaries_in(self.said().as_bytes()) > 0 {
            return Err(self.failure("a canary was said aloud"));
        }
        Ok(self)
    }

    fn in_time(self) -> io::Result<Self> {
        if self.took > IN_TIME {
            return Err(self.failure(&format!("it took {:?}", self.took)));
        }
        Ok(self)
    }

    fn failure(&self, why: &str) -> io::Error {
        io::Error::other(format!("{why}{}", self.ran))
    }
}
