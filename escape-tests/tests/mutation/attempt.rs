//! Owns one start of the launcher, whole or mutated, with one probe or with many: what was said, and the bait.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

use escape_tests::claudebox_bin;
use escape_tests::harness::batch;
use escape_tests::harness::lab::Lab;
use escape_tests::harness::mutation::launcher;
use escape_tests::harness::start::{LIMIT, Start, Told, limit};
use escape_tests::harness::trial::{Role, Spec, Way};
use escape_tests::probe::{Guard, Probe};

use crate::TRIAL;
use crate::setting::Setting;

/// What is attempted inside.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What<'a> {
    /// These probes, by name, in one sandbox.
    Many(&'a [&'a str]),
    /// This probe, in a sandbox of its own.
    One(&'a str, &'a Probe),
}

/// What a start told, and the bait.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) told: Told,
    pub(crate) lab: Lab,
}

/// A batch finds everything planted that any probe could want.
const EVERYTHING: Probe = Probe {
    behind: Guard::ALL,
    ..Probe::USUAL
};

/// Starts the launcher once.
pub(crate) fn start(
    setting: Setting,
    what: What<'_>,
    task: &launcher::Task,
    leaves_open: bool,
) -> Result<Attempt, String> {
    let most = match what {
        What::Many(_) => LIMIT,
        What::One(_, probe) => limit(probe),
    };
    start_within(setting, what, task, leaves_open, most)
}

/// As [`start`], with another limit.
pub(crate) fn start_within(
    setting: Setting,
    what: What<'_>,
    task: &launcher::Task,
    leaves_open: bool,
    limit: Duration,
) -> Result<Attempt, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let (name, probe, inside) = match what {
        What::Many(_) => (batch::NAME, &EVERYTHING, this.clone()),
        What::One(name, probe) => (
            name,
            probe,
            PathBuf::from(env!("CARGO_BIN_EXE_probe-inside")),
        ),
    };
    let failed = |what: &str, error: io::Error| format!("{what}: {error}");
    let lab = Lab::new(probe, setting.tier, setting.as_root, &inside)
        .map_err(|error| failed("planting the bait", error))?;
    let bait = &lab.bait;
    let mutated = lab.caller.folder().join(launcher::NAME);
    symlink(&this, &mutated).map_err(|error| failed("linking the launcher", error))?;
    let spec = Spec {
        probe: name.to_owned(),
        way: Way::CommandLine,
        role: Role::Attempt,
        bait_in_file: probe.streams.is_terminal(),
        bait: bait.clone(),
        launcher: mutated,
        inside,
    };
    let order = launcher::Order {
        task: task.clone(),
        launcher: claudebox_bin(),
        leaves_open,
    };
    let spec_file = lab.caller.folder().join("trial.json");
    let json = |value: serde_json::Result<String>| value.map_err(|error| error.to_string());
    let (spec, order) = (
        json(serde_json::to_string(&spec))?,
        json(serde_json::to_string(&order))?,
    );
    fs::write(&spec_file, spec)
        .and_then(|()| fs::write(lab.caller.folder().join(launcher::ORDER), order))
        .map_err(|error| failed("writing the orders", error))?;

    let input = match what {
        What::Many(names) => serde_json::to_vec(&batch::Order {
            bait: bait.clone(),
            probes: names.iter().map(|name| (*name).to_owned()).collect(),
        }),
        What::One(..) => serde_json::to_vec(bait),
    };
    let start = Start {
        program: (&this, &[TRIAL.to_owned(), spec_file.display().to_string()]),
        as_root: setting.as_root,
        probe,
        input: &input.map_err(|error| error.to_string())?,
        limit,
        folder: &lab.bait.project,
    };
    let told = start
        .run(&lab)
        .map_err(|error| failed("starting the trial", error))?;
    Ok(Attempt { told, lab })
}
