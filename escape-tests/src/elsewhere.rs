//! Owns measuring any sandbox by the probes of claudebox, so that what is said about others is a measurement.
//!
//! `escape-tests --sandbox 'CMD …'` starts CMD once for each probe, with the same bait, the same proof that all bait is
//! reachable outside, and the same look at the damage as for claudebox. What differs is the judgement: the tables of the
//! probes name claudebox's own errors, and another sandbox may refuse by another one ([`verdict`]).
//!
//! This program is also what CMD starts, the trial that becomes CMD, and the neighbour: it needs no other file.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the table is what this program is for"
)]

pub mod attempt;
pub mod cli;
pub mod command;
pub mod judge;
pub mod look;
mod output;
pub mod run;
pub mod select;
mod traces;
pub mod verdict;

use std::fmt;
use std::io::Write;

use clap::Parser;
use clap::error::ErrorKind;

use self::cli::Args;
use crate::harness::{drive, inside, keeper, neighbour};

/// The word by which this program is the inside half. It begins with no dash: a CMD that has no `--` would take it for its own.
pub const INSIDE: &str = "inside";

/// The argument by which this program is a trial.
pub(crate) const TRIAL: &str = "--trial";

/// Nothing could be measured.
pub const COULD_NOT_RUN: u8 = 125;

/// Why nothing could be measured, and what helps.
#[derive(Debug)]
pub struct Complaint {
    /// What was tried, and what came of it.
    pub what: String,
    /// What helps.
    pub hint: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nhint: {}", self.what, self.hint)
    }
}

/// Everything. Returns the exit status.
#[must_use]
pub fn main() -> u8 {
    let given: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    if let Some(status) = drive::trial_of(&given, TRIAL, attempt::trial) {
        return status;
    }
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    let half = match given[..] {
        ["--neighbour", _] => Some(neighbour::run()),
        ["--keeper"] => Some(keeper::run()),
        [INSIDE, look::NAME] => Some(look::run()),
        [INSIDE, name] => Some(inside::run(name, None)),
        _ => None,
    };
    if let Some(ended) = half {
        return match ended {
            Ok(()) => 0,
            Err(error) => {
                let _ = writeln!(std::io::stderr(), "escape-tests {given:?}: {error}");
                1
            }
        };
    }
    match Args::try_parse() {
        Ok(args) => run::run(&args).unwrap_or_else(|complaint| {
            eprintln!("escape-tests: {complaint}");
            COULD_NOT_RUN
        }),
        Err(error) => {
            let asked = matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            );
            let _ = error.print();
            if asked { 0 } else { COULD_NOT_RUN }
        }
    }
}
