//! The lab of networks and what is tried in the whole of it: that it does not lie, that attacks of the tier `inet` work through a
//! helper without a fence, and what changes the lab itself or takes many sessions.
//!
//! Started once more, this program is a trial, or makes a lab and waits to be killed.

#![allow(
    clippy::disallowed_methods,
    reason = "tests are effects; the module boundaries are the launcher's"
)]

#[path = "network/bare_helper.rs"]
mod bare_helper;
#[path = "network/broken.rs"]
mod broken;
#[path = "network/client.rs"]
mod client;
#[path = "network/drivers.rs"]
mod drivers;
#[path = "network/helpers.rs"]
mod helpers;
#[path = "network/honest.rs"]
mod honest;
#[path = "network/ports.rs"]
mod ports;
#[path = "network/scene.rs"]
mod scene;
#[path = "network/weaker.rs"]
mod weaker;

use std::path::PathBuf;
use std::process::ExitCode;

use escape_tests::harness::drive;
use escape_tests::harness::start::limit;
use escape_tests::harness::trial::{self, Way};
use escape_tests::probe::{Need, Probe};
use escape_tests::{claudebox_bin, is_root};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

/// The argument by which this program is a trial.
const TRIAL: &str = "--trial";

/// The argument by which it makes a lab and waits.
const WAITS: &str = "--lab-that-waits";

fn main() -> ExitCode {
    if let Some(ended) = weaker::run() {
        return ended;
    }
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let Some(status) = drive::trial_of(&given, TRIAL, trial::run) {
        return ExitCode::from(status);
    }
    if given.first().is_some_and(|word| word == WAITS) {
        return honest::wait_with_a_lab();
    }
    escape_tests::live_in_memory();
    let mut arguments = Arguments::from_args();
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    arguments.test_threads.get_or_insert(2 * cores);
    let mut trials = honest::trials();
    trials.extend(bare_helper::trials());
    trials.extend(client::trials());
    trials.extend(drivers::trials());
    trials.extend(helpers::trials());
    trials.extend(broken::trials());
    trials.extend(ports::trials());
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A test in the lab of networks. Where nobody but root could make one, it is skipped; where root cannot, that is a skip that
/// fails under CLAUDEBOX_TESTS_STRICT.
fn in_the_lab(
    name: impl Into<String>,
    test: impl FnOnce() -> Result<(), Failed> + Send + 'static,
) -> Trial {
    Trial::ignorable_test(name, move || match Need::NetworkLab.missing() {
        None => test().map(|()| Completion::Completed),
        Some(why) => skip(&why),
    })
}

fn skip(why: &str) -> Result<Completion, Failed> {
    let strict = std::env::var_os("CLAUDEBOX_TESTS_STRICT").is_some_and(|strict| strict == "1");
    match strict && is_root() {
        true => Err(format!("skipped under CLAUDEBOX_TESTS_STRICT: {why}").into()),
        false => Ok(Completion::ignored_with(why)),
    }
}

/// A trial of this probe on `inet`, by the command line of the launcher.
fn trial_of(name: &str, probe: &Probe) -> drive::Trial {
    drive::Trial {
        name: name.to_owned(),
        probe: *probe,
        way: Way::CommandLine,
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
