//! TEST-C, CFG-15: the closed world. One sweep from inside over everything visible, compared with the plan that is printed.
//!
//! `holds` under the real launcher; `bites` with one guard taken away, where the sweep must see that very loss; `unseen` for
//! the guards whose loss no look can see. Started once more with `--trial`, this program is the trial.

#![allow(
    clippy::disallowed_methods,
    reason = "tests are effects; the module boundaries are the launcher's"
)]
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

#[path = "sweep/attempt.rs"]
mod attempt;
#[path = "sweep/self_tests.rs"]
mod self_tests;
#[path = "sweep/sight.rs"]
mod sight;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::slice;
use std::sync::{Arc, Mutex};

use escape_tests::harness::breaking::breaking;
use escape_tests::harness::drive;
use escape_tests::harness::need::Need;
use escape_tests::harness::trial::Way;
use escape_tests::is_root;
use escape_tests::probe::{Guard, Streams, Tier};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::attempt::{Extra, Setting};
use crate::sight::{Sight, sight};

/// The argument by which this program is a trial.
const TRIAL: &str = "--trial";

/// What was seen of each guard that was gone. Clones share it.
type Table = Arc<Mutex<BTreeMap<Guard, String>>>;

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let Some(status) = drive::trial_of(&given, TRIAL, attempt::trial) {
        return ExitCode::from(status);
    }
    escape_tests::live_in_memory();
    let arguments = Arguments::from_args();
    let table = Table::default();
    let mut trials = self_tests::trials();
    for as_root in [false, true] {
        if as_root && !is_root() {
            println!(
                "not made: sweeps where uid 0 starts the launcher, as these tests do not run as root"
            );
            continue;
        }
        trials.extend(holds(as_root));
        trials.extend(guards(as_root, &table));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    let seen = table.lock().expect("no trial panics while it notes");
    if !seen.is_empty() {
        println!("what the sweep saw when a guard was gone:");
    }
    for (guard, seen) in seen.iter() {
        println!("  {:<20} {seen}", guard.name());
    }
    conclusion.exit_code()
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
            let name = format!("holds::{}::{streams:?}::{extra:?}", setting.name());
            trials.push(Trial::test(name, move || {
                setting.sweep()?.nothing().map_err(Into::into)
            }));
        }
    }
    trials
}

/// Each guard taken away: as an ordinary user where that can be, else as uid 0.
fn guards(as_root: bool, table: &Table) -> Vec<Trial> {
    let mut trials = Vec::new();
    for guard in Guard::ALL {
        let goes = |uid| breaking(*guard).edit(uid).is_ok();
        // The tier that is swept has no fence and no helper.
        if matches!(guard, Guard::EgressFence | Guard::HelperClosed) {
            continue;
        }
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
        let word = match sight(*guard) {
            Sight::Unseen(_) => "unseen",
            Sight::By(_) | Sight::NeverGone => "bites",
        };
        let name = format!("{word}::{}::{}", guard.name(), setting.name());
        let table = Arc::clone(table);
        trials.push(Trial::ignorable_test(name, move || {
            taken_away(*guard, setting, &table)
        }));
    }
    trials
}

fn taken_away(guard: Guard, setting: Setting, table: &Table) -> Result<Completion, Failed> {
    let scoped = matches!(guard, Guard::AbstractSockets | Guard::SignalScope);
    if let Some(reason) = Need::LandlockScopes.missing().filter(|_| scoped) {
        escape_tests::skipped(&reason);
        return Ok(Completion::ignored_with(reason));
    }
    let swept = setting.sweep()?;
    let seen = match sight(guard) {
        Sight::By(word) => swept.something(&word(&swept.bait))?,
        Sight::Unseen(why) => swept.nothing().map(|()| format!("nothing: {why}"))?,
        Sight::NeverGone => return Err("it can be taken away after all".into()),
    };
    let mut table = table.lock().expect("no trial panics while it notes");
    table.insert(guard, seen.chars().take(140).collect());
    Ok(Completion::Completed)
}

/// Without a user namespace of its own the sandbox keeps a bounding set, which the launcher refuses to start with: only with
/// the guard that says so gone as well is there something to look at.
fn together(guard: &'static Guard) -> &'static [Guard] {
    match guard {
        Guard::UserNamespace => &[Guard::UserNamespace, Guard::NoCapabilities],
        guard => slice::from_ref(guard),
    }
}
