//! Owns the launcher under a mutated plan: what a trial executes in place of `claudebox`.
//!
//! The trial itself ([`crate::harness::trial`]) is the usual one by command line: it shows that all bait is reachable, leaves
//! open what a caller leaves open, and executes a launcher with arguments. This is that launcher. It lies beside the
//! [`Order`] that names the mutation, and uses the library just as the trials by library do.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use claudebox::cli::{Args, Wish};
use claudebox::config::Config;
use claudebox::facts::{Facts, Query};
use claudebox::launch::{self, LaunchError, Pins};
use claudebox::plan::Plan;
use serde::{Deserialize, Serialize};

use super::{Listed, flags, liar};
use crate::harness::trial::{NO_TRIAL, Spec};
use crate::probes;

/// The name by which a program is this launcher.
pub const NAME: &str = "mutated-launcher";

/// The file of the [`Order`], beside the launcher. The one of the trial lies there too.
pub const ORDER: &str = "mutation.json";

/// What stands before the error of a launcher that was made and started nothing.
pub const REFUSED: &str = "no trial: the launcher: ";

/// What this launcher is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// What it does.
    pub task: Task,
    /// The real launcher, which is PID 1 inside.
    pub launcher: PathBuf,
    /// Whether inherited descriptors stay open.
    pub leaves_open: bool,
}

/// What this launcher does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// Lists the mutations of its plan on standard output.
    List,
    /// Starts under the plan as it is.
    Whole,
    /// Starts under the plan with the mutations of these names.
    Mutated(Vec<String>),
    /// Starts under the plan as it is, with a bwrap that carries out the mutation of this name and does not say so.
    Lied(String),
    /// Lists the flags of bwrap on standard output.
    ListFlags,
    /// Starts under the plan as it is, with a bwrap that leaves out the flag of this name.
    FlagLeftOut(String),
    /// Starts with this program, which is the text of a script, in the place of bwrap.
    Instead(String),
}

/// Whether this program was started as the launcher: then this is its exit status.
#[must_use]
pub fn run() -> Option<u8> {
    let mut arguments = std::env::args_os();
    let own = PathBuf::from(arguments.next()?);
    if own.file_name()? != NAME {
        return None;
    }
    let folder = own.parent()?;
    let ended = launch(folder, arguments.collect());
    Some(ended.unwrap_or_else(|why| {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "no trial: {why}");
        NO_TRIAL
    }))
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, String> {
    let text =
        fs::read_to_string(path).map_err(|error| format!("reading {}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("reading {}: {error}", path.display()))
}

fn launch(folder: &Path, arguments: Vec<OsString>) -> Result<u8, String> {
    let order: Order = read(&folder.join(ORDER))?;
    let spec: Spec = read(&folder.join("trial.json"))?;
    if !order.leaves_open {
        launch::close_inherited().map_err(|error| format!("closing descriptors: {error}"))?;
    }
    let arguments = std::iter::once("claudebox".into()).chain(arguments);
    let args = Args::try_parse_from(arguments).map_err(|error| error.to_string())?;
    let Wish::Enter(entry) = args.wish() else {
        return Err("these arguments start nothing".into());
    };
    let mut facts = Facts::read(&Query::of(&entry)).map_err(|error| error.to_string())?;
    facts.host.launcher = order.launcher.into();
    let config = Config::resolve(&entry, &facts).map_err(|error| error.to_string())?;
    let mut plan = Plan::new(&config, &facts).map_err(|error| error.to_string())?;
    let all = super::all(&plan, &spec.bait);
    let probe = probes::ALL.iter().find(|(name, _)| *name == spec.probe);
    if let Some(edit) = probe.and_then(|(_, probe)| probe.edited) {
        edit(&mut plan, &spec.bait);
    }
    let own = &spec.bait.beside;
    let list = |listed: Vec<Listed>| {
        use std::io::Write;
        let listed = serde_json::to_string(&listed).map_err(|error| error.to_string())?;
        let said = writeln!(std::io::stdout(), "{listed}").map(|()| 0);
        said.map_err(|error| error.to_string())
    };
    match &order.task {
        Task::List => return list(all.into_iter().map(|one| one.listed).collect()),
        Task::ListFlags => {
            let flags = flags::all(&plan, &spec.bait)?;
            return list(flags.into_iter().map(|one| one.listed).collect());
        }
        Task::Whole => {}
        Task::FlagLeftOut(name) => {
            let mut flags = flags::all(&plan, &spec.bait)?.into_iter();
            let flag = flags.find(|one| one.listed.name == *name);
            let flag = flag.ok_or_else(|| format!("this plan has no {name}"))?;
            liar::place(&mut plan, flag.without, own)
                .map_err(|error| format!("{name}: {error}"))?;
        }
        Task::Instead(script) => {
            let path = own.join("instead-of-bwrap");
            let written = fs::write(&path, script).and_then(|()| {
                fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            });
            written.map_err(|error| format!("writing {}: {error}", path.display()))?;
            plan.bwrap = path.as_path().into();
        }
        Task::Lied(name) => {
            let lie = all.iter().find(|one| one.listed.name == *name);
            let lie = lie.ok_or_else(|| format!("this plan has no mutation {name}"))?;
            let mut lied = plan.clone();
            lie.apply(&mut lied, &facts);
            let arguments =
                liar::arguments(&plan, &lied).map_err(|why| format!("{name}: {why}"))?;
            liar::place(&mut plan, arguments, own).map_err(|error| format!("{name}: {error}"))?;
        }
        Task::Mutated(names) => {
            let whole = plan.clone();
            // From the last to the first: a step that goes must not change the numbers of the others.
            let mut chosen: Vec<_> = all
                .iter()
                .filter(|one| names.contains(&one.listed.name))
                .collect();
            if chosen.len() != names.len() {
                return Err(format!("this plan has not all mutations of {names:?}"));
            }
            chosen.reverse();
            for mutation in chosen {
                mutation.apply(&mut plan, &facts);
            }
            if plan == whole {
                return Err(format!("{names:?} left the plan as it was"));
            }
        }
    }
    let refused =
        |error: LaunchError| format!("{}{error}", REFUSED.trim_start_matches("no trial: "));
    // What is kept of the project is there only where the plan says that it is made.
    let pins = Pins::hold(&plan).map_err(refused)?;
    if let Some(meddle) = probe.and_then(|(_, probe)| probe.meddle) {
        meddle(&spec.bait).map_err(|error| format!("meddling: {error}"))?;
    }
    match launch::launch_pinned(&plan, &facts, &pins) {
        Ok(outcome) => Ok(outcome.status),
        Err(error) => Err(refused(error)),
    }
}
