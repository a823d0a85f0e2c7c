//! The launcher at a terminal: who asks, who gets the keys, how it ends and what is left (RUN-03, RUN-04, AUD-C, HARD-06).
#![allow(
    clippy::disallowed_methods,
    reason = "tests are effects; the module boundaries are the launcher's"
)]

mod agent;
mod ends;
mod given_back;
mod jobs;
mod keys;
mod lifecycle;
mod question;
mod starts;

use std::ffi::OsString;
use std::thread::sleep;
use std::time::{Duration, Instant};

use escape_tests::terminal::{Process, Terminal};
use escape_tests::{Caller, claudebox_bin};
use rustix::process::{Pid, Signal, kill_process};

/// What the launcher asks after the audit.
pub(crate) const QUESTION: &str = "Proceed? [Y/n]";

/// `claudebox ARGUMENTS` as the words of a command line.
pub(crate) fn claudebox(arguments: &[&str]) -> Vec<OsString> {
    let arguments = arguments.iter().map(OsString::from);
    [claudebox_bin().into_os_string()]
        .into_iter()
        .chain(arguments)
        .collect()
}

/// `claudebox exec -y ... -- sh -c SCRIPT` on a terminal. The audit shows the script too: what a test waits for must not
/// stand in it letter by letter, hence the `""` in the words.
pub(crate) fn sh(caller: &Caller, script: &str) -> Terminal {
    Terminal::start(
        caller,
        &claudebox(&["exec", "-y", "--network", "none", "--", "sh", "-c", script]),
        |_| {},
    )
}

pub(crate) fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.cast_signed()).expect("a process has an id");
    kill_process(pid, signal).expect("sending a signal");
}

/// Asserts that 2 s later nothing is left of what `look` finds (RUN-04).
pub(crate) fn nothing_is_left(look: impl Fn() -> Vec<Process>) {
    let end = Instant::now() + Duration::from_secs(2);
    while !look().is_empty() {
        assert!(Instant::now() < end, "left after 2 s: {:#?}", look());
        sleep(Duration::from_millis(20));
    }
}
