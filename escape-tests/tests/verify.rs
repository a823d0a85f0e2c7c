//! `claudebox verify` (HARD-05): it proves what holds, and says of each guard that is gone that it is broken. Whatever keeps it
//! from trying proves nothing, and it leaves nothing behind.
//!
//! Started once more under another name, this program is a launcher without one guard.

#![allow(
    clippy::disallowed_methods,
    reason = "tests are effects; the module boundaries are the launcher's"
)]

#[path = "verify/broken.rs"]
mod broken;
#[path = "verify/healthy.rs"]
mod healthy;
#[path = "verify/misfits.rs"]
mod misfits;
#[path = "verify/person.rs"]
mod person;
#[path = "verify/weakened.rs"]
mod weakened;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use escape_tests::verify::ground::PREFIX;
use escape_tests::{claudebox_bin, is_root};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    if let Some(status) = weakened::run() {
        return ExitCode::from(status);
    }
    let arguments = Arguments::from_args();
    // Built before anything is timed.
    let _ = claudebox_bin();
    let before = left_outside();
    if !is_root() {
        let what = "where uid 0 starts the launcher, as these tests do not run as root";
        let _ = writeln!(std::io::stderr(), "not made: trials {what}");
    }
    let mut trials = healthy::trials();
    trials.extend(broken::trials());
    trials.extend(misfits::trials());
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Of all of them at once: each plants under random names, and they run side by side.
    let left: Vec<PathBuf> = left_outside().difference(&before).cloned().collect();
    if !left.is_empty() {
        let _ = writeln!(std::io::stderr(), "left on the host: {left:?}");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

/// What lies in the host's temporary folders under the names that `verify` gives.
fn left_outside() -> BTreeSet<PathBuf> {
    let folders = ["/tmp", "/var/tmp", "/dev/shm"].into_iter();
    let entries = folders.flat_map(fs::read_dir).flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX))
        .map(|entry| entry.path())
        .collect()
}

/// A test that fails by panicking, as the helpers do.
fn test(name: impl Into<String>, run: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, move || -> Result<(), Failed> {
        run();
        Ok(())
    })
}
