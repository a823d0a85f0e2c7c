//! Owns the launcher without one of its guards, for tests that start it beside the whole one:
//! `without_guard GUARD LAUNCHER ARGUMENTS…`, where the guard is called as in `claudebox plan --json`.
#![allow(
    clippy::disallowed_methods,
    reason = "tests are effects; the module boundaries are the launcher's"
)]

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use claudebox::guard::Guard;
use escape_tests::harness::edited::{chain, launch};

fn main() -> Result<ExitCode, String> {
    let mut arguments = std::env::args_os().skip(1);
    let guard = arguments.next().unwrap_or_default();
    let guard = serde_json::json!(guard.to_string_lossy());
    let guard: Guard = serde_json::from_value(guard).map_err(|error| error.to_string())?;
    let launcher: PathBuf = arguments.next().ok_or("no launcher")?.into();
    let mut line: Vec<OsString> = vec!["claudebox".into()];
    line.extend(arguments);
    let without = |plan: &mut claudebox::plan::Plan, _: &_| {
        let before = plan.steps.len();
        plan.steps.retain(|step| step.guard != guard);
        let left_out = plan.steps.len() < before;
        left_out.then_some(()).ok_or("no such step".into())
    };
    let ended = launch(line, &launcher, without, || Ok(()))?;
    ended.map(ExitCode::from).map_err(|error| chain(&error))
}
