//! Every probe, each in its real sandbox: `holds` through the launcher's own arguments, `bites` by its library with the guards taken
//! away, `by_library` without that, `terminal` on a terminal. Then the tables.
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
use std::time::Instant;

use escape_tests::harness::breaking::bites_by;
use escape_tests::harness::drive;
use escape_tests::harness::start::limit;
use escape_tests::harness::trial::{self, Way};
use escape_tests::probe::{Ending, Guard, Probe, Streams, Tier};
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
    escape_tests::live_in_memory();
    let mut arguments = Arguments::from_args();
    // A trial waits as much as it works.
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    arguments.test_threads.get_or_insert(4 * cores);
    let table = Table::default();
    let mut trials = Vec::new();
    for (name, probe) in probes::ALL {
        trials.extend(trials_of(name, probe, &table));
    }
    trials.extend(registry::trials());
    trials.extend(self_tests::trials());
    trials.extend(self_tests::examples());
    let conclusion = libtest_mimic::run(&arguments, trials);
    if arguments.list {
        return conclusion.exit_code();
    }
    let whole = arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.ignored;
    table.print(whole);
    if let Err(why) = table.write() {
        println!("FAILED: {why}");
        return ExitCode::FAILURE;
    }
    let not_missed = table.not_missed();
    if whole && !not_missed.is_empty() {
        println!("FAILED: no probe misses {}", not_missed.join(", "));
        return ExitCode::FAILURE;
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
        limit: limit(probe),
    }
}

/// Every trial of a probe: as an ordinary user and, where root runs this, as uid 0; on each of its tiers; in each way.
fn trials_of(name: &'static str, probe: &'static Probe, table: &Table) -> Vec<Trial> {
    let mut trials = Vec::new();
    for as_root in [false, true] {
        if as_root && !(probe.also_as_root && is_root()) {
            continue;
        }
        for (number, tier) in probe.tiers.iter().enumerate() {
            for way in ways(probe, *tier, as_root) {
                // As whom it is missed does not hang on the tier: once is enough.
                let holds = matches!(way, Way::Holds | Way::CommandLine);
                if holds || number == 0 || !as_root {
                    trials.push((way, *tier, as_root, false));
                }
            }
            // On a terminal it must hold as well (TTY-09). Once is enough: it changes nothing of the plan but the streams.
            let on_terminal = probe.meddle.is_none()
                && probe.edited.is_none()
                && probe.ending == Ending::ByItself
                && probe.streams == Streams::Pipes;
            if on_terminal && number == 0 && !as_root {
                trials.push((Way::CommandLine, *tier, as_root, true));
            }
        }
    }
    let trials = trials.into_iter().map(|(way, tier, as_root, on_terminal)| {
        let mut one = trial(name, probe, way);
        (one.tier, one.as_root) = (tier, as_root);
        if on_terminal {
            one.probe.streams = Streams::Terminal;
        }
        let word = match way {
            Way::CommandLine if on_terminal => "terminal".to_owned(),
            Way::Holds => "by_library".to_owned(),
            Way::Bites | Way::Outside => "bites".to_owned(),
            Way::CommandLine => "holds".to_owned(),
            Way::Alone(kept) => format!("alone_{}", kept.name()),
        };
        let who = if as_root { "::uid0" } else { "" };
        let full_name = format!("{word}::{name}::{}{who}", tier.name());
        let table = table.clone();
        Trial::ignorable_test(full_name, move || {
            let began = Instant::now();
            let (outcome, noted) = make(&one);
            table.note(&one, noted, began.elapsed());
            outcome
        })
    });
    trials.collect()
}

fn ways(probe: &Probe, tier: Tier, as_root: bool) -> Vec<Way> {
    let mut ways = Vec::new();
    // Nobody can meddle with the plan of a launcher that has a process of its own, or between its audit and its start.
    let by_itself = probe.meddle.is_none() && probe.edited.is_none();
    if by_itself {
        ways.push(Way::CommandLine);
    }
    // The whole plan by the library is what `bites` is compared with. The mutation run (tests/mutation) begins with that for every
    // probe that takes one session.
    if !by_itself || probe.is_apart() {
        ways.push(Way::Holds);
    }
    let behind: Vec<Guard> = probe.behind_on(tier).collect();
    let bites = bites_by(&behind, u32::from(!as_root));
    ways.extend(bites);
    if bites == Some(Way::Bites) && probe.walls && behind.len() > 1 {
        ways.extend(behind.iter().map(|kept| Way::Alone(*kept)));
    }
    ways
}

/// Makes one trial, or skips it with the reason.
fn make(one: &drive::Trial) -> (Result<Completion, libtest_mimic::Failed>, Outcome) {
    let needs = one.probe.needs;
    let missing: Vec<String> = needs.iter().filter_map(|need| need.missing()).collect();
    if !missing.is_empty() {
        let missing = missing.join("; ");
        if needs.iter().any(|need| need.is_not_promised()) {
            let skipped = Completion::ignored_with(missing.clone());
            return (Ok(skipped), Outcome::Skipped(missing));
        }
        return (skip(&missing), Outcome::Skipped(missing));
    }
    match one.run() {
        Ok(()) => (Ok(Completion::Completed), Outcome::AsItShould),
        Err(why) => (Err(why.into()), Outcome::Failed),
    }
}

/// A skip with its reason, which is a failure where the host promised everything.
pub(crate) fn skip(reason: &str) -> Result<Completion, libtest_mimic::Failed> {
    if std::env::var_os("CLAUDEBOX_TESTS_STRICT").is_some_and(|strict| strict == "1") {
        return Err(format!("skipped under CLAUDEBOX_TESTS_STRICT: {reason}").into());
    }
    Ok(Completion::ignored_with(reason))
}
