//! `escape-tests --sandbox CMD`: that it tells a sandbox from none, and never takes what did not run for what held.

#![allow(
    clippy::disallowed_methods,
    reason = "tests are effects; the module boundaries are the launcher's"
)]

mod bad_input;
mod errors;
mod judging;
mod known;
mod traces;

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use escape_tests::{Ran, run};
use serde_json::Value;

/// Longer than any measurement of these tests on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

/// The real program.
fn escape_tests() -> Command {
    Command::new(env!("CARGO_BIN_EXE_escape-tests"))
}

/// A measurement that was made.
#[derive(Debug)]
struct Measured {
    ran: Ran,
    json: Value,
    /// Verdict and detail of each probe.
    probes: BTreeMap<String, (String, String)>,
}

impl Measured {
    fn status(&self) -> Option<i32> {
        self.ran.status.code()
    }

    fn verdict(&self, probe: &str) -> &str {
        match self.probes.get(probe) {
            Some((verdict, _)) => verdict,
            None => panic!("{probe} was not measured:{}", self.ran),
        }
    }

    /// The probes of this verdict.
    fn of(&self, verdict: &str) -> Vec<&str> {
        let of_it = self.probes.iter().filter(|(_, (of, _))| of == verdict);
        of_it.map(|(name, _)| name.as_str()).collect()
    }
}

/// Measures CMD with more arguments, as JSON.
fn measure(command: &str, more: &[&str]) -> Measured {
    let mut program = escape_tests();
    program
        .args(["--json", "-", "--sandbox", command])
        .args(more);
    let ran = run(&mut program, LIMIT);
    let json: Value = serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|error| panic!("the output is no JSON: {error}:{ran}"));
    let probes = json["probes"].as_array().expect("there are probes");
    let text = |value: &Value| value.as_str().expect("it is text").to_owned();
    let probes = probes
        .iter()
        .map(|one| {
            let judged = (text(&one["verdict"]), text(&one["detail"]));
            (text(&one["probe"]), judged)
        })
        .collect();
    Measured { ran, json, probes }
}

/// Nothing is measured: exit 125, no table, a hint. Returns what was said.
fn refused(arguments: &[&str]) -> String {
    let ran = run(escape_tests().args(arguments), LIMIT);
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    assert_eq!(ran.stdout, "", "{ran}");
    assert!(!ran.stderr.contains("panicked"), "{ran}");
    ran.stderr
}
