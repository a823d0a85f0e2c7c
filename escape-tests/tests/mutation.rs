//! META-03: each part of the plan left out, or loosened, must turn at least one probe red: alone, or as the last of several walls
//! ([`LAST_WALLS`](escape_tests::harness::mutation::LAST_WALLS)). A survivor is a failure. And where bwrap leaves
//! something out by itself, PID 1 must find it out before the command starts.
//!
//! One trial is one tier and one user who starts the launcher. Started once more, this program is the trial, the launcher
//! under a mutated plan, the neighbour, or the inside half.

#![allow(
    clippy::disallowed_methods,
    reason = "tests are effects; the module boundaries are the launcher's"
)]
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

#[path = "mutation/attempt.rs"]
mod attempt;
#[path = "mutation/judge.rs"]
mod judge;
#[path = "mutation/lies.rs"]
mod lies;
#[path = "mutation/setting.rs"]
mod setting;

use std::process::ExitCode;

use escape_tests::harness::mutation::{LAST_WALLS, MISSED_AS_ROOT, UNMISSED, launcher, liar};
use escape_tests::harness::{batch, drive, keeper, neighbour, trial};
use escape_tests::probe::{Need, Probe, Tier};
use escape_tests::{is_root, probes};
use libtest_mimic::{Arguments, Trial};

use crate::setting::Setting;

/// The argument by which this program is a trial.
const TRIAL: &str = "--trial";

fn main() -> ExitCode {
    if let Some(status) = launcher::run() {
        return ExitCode::from(status);
    }
    if let Some(error) = liar::run() {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "lying-bwrap: {error}");
        return ExitCode::FAILURE;
    }
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let Some(status) = drive::trial_of(&given, TRIAL, trial_run) {
        return ExitCode::from(status);
    }
    let other = match given.first().map(String::as_str) {
        Some("--neighbour") => Some(neighbour::run()),
        Some("--keeper") => Some(keeper::run()),
        Some(batch::NAME) => Some(batch::run()),
        _ => None,
    };
    if let Some(ended) = other {
        return match ended {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                use std::io::Write;
                let _ = writeln!(std::io::stderr(), "{given:?}: {error}");
                ExitCode::FAILURE
            }
        };
    }
    escape_tests::live_in_memory();
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for as_root in [false, true] {
        if as_root && !is_root() {
            println!(
                "not made: mutations where uid 0 starts the launcher, as these tests do not run as root"
            );
            continue;
        }
        for tier in [Tier::None, Tier::Inet, Tier::Full] {
            // The fence and the helper are the same for either.
            if tier == Tier::Inet && (as_root || !has_lab()) {
                continue;
            }
            let setting = Setting { tier, as_root };
            trials.push(Trial::test(
                format!("mutation::{}", setting.name()),
                move || setting.run().map_err(Into::into),
            ));
            // The network is one flag: the others are the same.
            if tier == Tier::None {
                trials.push(Trial::test(
                    format!("flags::{}", setting.name()),
                    move || setting.flags().map_err(Into::into),
                ));
                trials.push(Trial::test(
                    format!("broken_bwrap::{}", setting.name()),
                    move || setting.broken().map_err(Into::into),
                ));
                trials.push(Trial::test(
                    format!("lying_bwrap::{}", setting.name()),
                    move || setting.lie().map_err(Into::into),
                ));
            }
        }
    }
    trials.push(Trial::test("walls::each_has_a_reason", || {
        let walls = LAST_WALLS.iter().map(|one| (one.name, one.why));
        let bare = walls
            .chain(MISSED_AS_ROOT.iter().copied())
            .chain(UNMISSED.iter().copied())
            .find(|(_, why)| why.len() < 20);
        bare.map_or(Ok(()), |(name, _)| {
            Err(format!("{name} has no reason").into())
        })
    }));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Whether the tier `inet` can be tried. Root's suite fails elsewhere where it cannot.
fn has_lab() -> bool {
    let missing = Need::NetworkLab.missing();
    if let Some(why) = &missing {
        println!("not made: mutations on `inet`: {why}");
    }
    missing.is_none()
}

/// The batch is no probe of the list.
fn trial_run(spec: &trial::Spec) -> Result<u8, String> {
    let listed = probes::ALL.iter().any(|(name, _)| *name == spec.probe);
    if listed {
        trial::run(spec)
    } else {
        trial::run_probe(spec, &Probe::USUAL)
    }
}
