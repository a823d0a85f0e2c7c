//! Owns the launcher by its library, with its plan edited before it is carried out: what `main` of the launcher does, and one
//! step between.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

use clap::Parser;
use claudebox::cli::{Args, Wish};
use claudebox::config::Config;
use claudebox::facts::{Facts, Query};
use claudebox::launch::{self, LaunchError, Pins};
use claudebox::plan::Plan;

/// Starts what `arguments` ask for, the program's name first, with `launcher` as PID 1. `edit` changes the plan; `meddle` is
/// what happens between audit and start.
///
/// # Errors
/// Why nothing was planned or edited; inside, how the launch ended.
pub fn launch(
    arguments: Vec<OsString>,
    launcher: &Path,
    edit: impl FnOnce(&mut Plan, &Facts) -> Result<(), String>,
    meddle: impl FnOnce() -> Result<(), String>,
) -> Result<Result<u8, LaunchError>, String> {
    let args = Args::try_parse_from(arguments).map_err(|error| error.to_string())?;
    let Wish::Enter(entry) = args.wish() else {
        return Err("these arguments start nothing".into());
    };
    let mut facts = Facts::read(&Query::of(&entry)).map_err(|error| error.to_string())?;
    facts.host.launcher = launcher.into();
    let config = Config::resolve(&entry, &facts).map_err(|error| error.to_string())?;
    let mut plan = Plan::new(&config, &facts).map_err(|error| error.to_string())?;
    edit(&mut plan, &facts)?;
    let pins = Pins::hold(&plan).map_err(|error| error.to_string())?;
    meddle()?;
    let (outcome, report) = launch::launch_reported(&plan, &facts, &pins, config.scan);
    let _ = io::stderr().write_all(report.render(false).as_bytes());
    Ok(outcome.map(|outcome| outcome.status))
}

/// An error with its causes.
#[must_use]
pub fn chain(error: &LaunchError) -> String {
    let mut said = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        said += &format!(": {cause}");
        source = cause.source();
    }
    said
}
