//! TEST-C, CFG-15: the closed world. One sweep from inside over everything visible, compared with the plan that is printed.
//!
//! `holds` under the real launcher; `bites` with one guard taken away, where the sweep must see the difference; `unseen` for
//! the guards that no look can miss, each with its reason. Started once more with `--trial`, this program is the trial.

#![allow(
    clippy::disallowed_methods,
    reason = "tests are effects; the module boundaries are the launcher's"
)]
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

#[path = "sweep/attempt.rs"]
mod attempt;
#[path = "sweep/self_tests.rs"]
mod self_tests;
#[path = "sweep/unseen.rs"]
mod unseen;

use std::process::ExitCode;
use std::slice;

use escape_tests::harness::breaking::breaking;
use escape_tests::harness::drive;
use escape_tests::harness::trial::Way;
use escape_tests::is_root;
use escape_tests::probe::{Guard, Streams, Tier};
use libtest_mimic::{Arguments, Trial};

use crate::attempt::{Extra, Setting};
use crate::unseen::UNSEEN;

/// The argument by which this program is a trial.
const TRIAL: &str = "--trial";

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let Some(status) = drive::trial_of(&given, TRIAL, attempt::trial) {
        return ExitCode::from(status);
    }
    let arguments = Arguments::from_args();
    let mut trials = self_tests::trials();
    for as_root in [false, true] {
        if as_root && !is_root() {
            println!("not made: sweeps where uid 0 starts the launcher, as these tests do not run as root");
            continue;
        }
        trials.extend(holds(as_root));
        trials.extend(bites(as_root));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn holds(as_root: bool) -> Vec<Trial> {
    let mut trials = Vec::new();
    let kinds = [
        (Streams::Pipes, Extra::None),
        (Streams::Files, Extra::ReadOnly),
        (Streams::Pipes, Extra::Writable),
    ];
    for tier in [Tier::None, Tier::Full] {
        for (streams, extra) in kinds {
            let setting = Setting {
                tier,
                as_root,
                streams,
                extra,
                way: Way::CommandLine,
                gone: &[],
            };
            trials.push(Trial::test(
                format!("holds::{}::{streams:?}::{extra:?}", setting.name()),
                move || setting.holds().map_err(Into::into),
            ));
        }
    }
    trials
}

/// Without a user namespace of its own the sandbox keeps a bounding set, which the launcher refuses to start with: only with
/// the guard that says so gone as well is there something to look at.
fn together(guard: &'static Guard) -> &'static [Guard] {
    match guard {
        Guard::UserNamespace => &[Guard::UserNamespace, Guard::NoCapabilities],
        guard => slice::from_ref(guard),
    }
}

/// As an ordinary user where the guard can be taken away there, else as uid 0.
fn bites(as_root: bool) -> Vec<Trial> {
    let mut trials = Vec::new();
    for guard in Guard::ALL {
        let goes = |uid| breaking(*guard).edit(uid).is_ok();
        if !goes(u32::from(!as_root)) || (as_root && goes(1)) {
            continue;
        }
        let setting = Setting {
            tier: Tier::None,
            as_root,
            streams: match guard {
                Guard::StdioRelay => Streams::Files,
                _ => Streams::Pipes,
            },
            extra: Extra::None,
            way: Way::Bites,
            gone: together(guard),
        };
        let unseen = UNSEEN.iter().any(|(unseen, _)| unseen == guard);
        let word = if unseen { "unseen" } else { "bites" };
        trials.push(Trial::test(
            format!("{word}::{}::{}", guard.name(), setting.name()),
            move || {
                let outcome = if unseen { setting.holds() } else { setting.bites() };
                outcome.map_err(Into::into)
            },
        ));
    }
    trials
}
