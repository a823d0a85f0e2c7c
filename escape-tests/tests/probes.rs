//! Every probe, each in its real sandbox: `holds` under the real plan, `bites` with its guards taken away, `command_line`
//! through the launcher's own arguments. Then the table of guards.
//!
//! Started once more with `--trial`, this program is a trial.

#![allow(
    clippy::disallowed_methods,
    reason = "tests are effects; the module boundaries are the launcher's"
)]
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

#[path = "probes/registry.rs"]
mod registry;
#[path = "probes/self_tests.rs"]
mod self_tests;
#[path = "probes/table.rs"]
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use escape_tests::harness::breaking::breaking;
use escape_tests::harness::drive;
use escape_tests::harness::start::LIMIT;
use escape_tests::harness::trial::{self, Way};
use escape_tests::probe::{Guard, Probe};
use escape_tests::{claudebox_bin, is_root, probes};
use libtest_mimic::{Arguments, Completion, Trial};

use crate::table::{Outcome, Table};

/// The argument by which this program is a trial.
const TRIAL: &str = "--trial";

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let Some(status) = drive::trial_of(&given, TRIAL, trial::run) {
        return ExitCode::from(status);
    }
    let arguments = Arguments::from_args();
    let table = Table::default();
    let mut trials = Vec::new();
    for (name, probe) in probes::ALL {
        trials.extend(trials_of(name, probe, &table));
    }
    trials.extend(registry::trials());
    trials.extend(self_tests::trials());
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !arguments.list {
        table.print();
    }
    conclusion.exit_code()
}

/// A trial of the probe `name`, started by this program.
fn trial(name: &str, probe: &Probe, way: Way) -> drive::Trial {
    drive::Trial {
        name: name.to_owned(),
        probe: *probe,
        way,
        tier: probe.tiers[0],
        as_root: false,
        launcher: claudebox_bin(),
        inside: PathBuf::from(env!("CARGO_BIN_EXE_probe-inside")),
        again: (
            std::env::current_exe().expect("a running program has a path"),
            vec![TRIAL.to_owned()],
        ),
        limit: LIMIT,
    }
}

fn trials_of(name: &'static str, probe: &'static Probe, table: &Table) -> Vec<Trial> {
    let mut trials = Vec::new();
    for as_root in [false, true] {
        if as_root && !(probe.also_as_root && is_root()) {
            continue;
        }
        let can_go = |guard: Guard| breaking(guard).edit(if as_root { 0 } else { 1 }).is_ok();
        for tier in probe.tiers {
            let behind: Vec<Guard> = probe.behind_on(*tier).collect();
            let mut ways = vec![("holds".to_owned(), Way::Holds)];
            // Nobody can meddle between audit and start of a launcher that has a process of its own.
            if probe.meddle.is_none() {
                ways.push(("command_line".to_owned(), Way::CommandLine));
            }
            if !behind.is_empty() && behind.iter().all(|guard| can_go(*guard)) {
                ways.push(("bites".to_owned(), Way::Bites));
                if probe.walls && behind.len() > 1 {
                    ways.extend(
                        behind
                            .iter()
                            .map(|kept| (format!("alone_{}", kept.name()), Way::Alone(*kept))),
                    );
                }
            }
            for (word, way) in ways {
                let mut one = trial(name, probe, way);
                (one.tier, one.as_root) = (*tier, as_root);
                let full_name = format!(
                    "{word}::{name}::{}{}",
                    tier.name(),
                    if as_root { "::uid0" } else { "" }
                );
                let table = table.clone();
                trials.push(Trial::ignorable_test(full_name, move || {
                    let missing: Vec<String> = probe
                        .needs
                        .iter()
                        .filter_map(|need| need.missing())
                        .collect();
                    if !missing.is_empty() {
                        table.note(
                            name,
                            probe,
                            *tier,
                            way,
                            Outcome::Skipped(missing.join("; ")),
                        );
                        return skip(&missing.join("; "));
                    }
                    let outcome = one.run();
                    let noted = if outcome.is_ok() {
                        Outcome::AsItShould
                    } else {
                        Outcome::Failed
                    };
                    table.note(name, probe, *tier, way, noted);
                    outcome.map(|()| Completion::Completed).map_err(Into::into)
                }));
            }
        }
    }
    trials
}

/// A skip with its reason, which is a failure where the host promised everything.
fn skip(reason: &str) -> Result<Completion, libtest_mimic::Failed> {
    if std::env::var_os("CLAUDEBOX_TESTS_STRICT").is_some_and(|strict| strict == "1") {
        return Err(format!("skipped under CLAUDEBOX_TESTS_STRICT: {reason}").into());
    }
    Ok(Completion::ignored_with(reason))
}
