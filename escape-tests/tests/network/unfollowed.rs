//! Owns the launcher under a plan without the step that follows the host's network: what it keeps away takes a network that changes
//! while the session runs, which no probe has.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use claudebox::launch;
use claudebox::plan::{Action, Plan, Step};
use escape_tests::claudebox_bin;
use escape_tests::harness::edited;

/// The name by which this program is that launcher.
const NAME: &str = "launcher-that-follows-nothing";

/// Where it lies in a folder.
pub(crate) fn place(folder: &Path) -> io::Result<PathBuf> {
    let at = folder.join(NAME);
    symlink(std::env::current_exe()?, &at)?;
    Ok(at)
}

/// Whether this program was started as that launcher: then this is how it ends.
pub(crate) fn run() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    if Path::new(&arguments.next()?).file_name()? != NAME {
        return None;
    }
    let words = std::iter::once("claudebox".into()).chain(arguments);
    Some(match launch(words.collect()) {
        Ok(status) => ExitCode::from(status),
        Err(why) => {
            let _ = writeln!(io::stderr(), "{NAME}: {why}");
            ExitCode::FAILURE
        }
    })
}

fn launch(arguments: Vec<OsString>) -> Result<u8, String> {
    launch::close_inherited().map_err(|error| error.to_string())?;
    let without = |plan: &mut Plan, _: &_| {
        let steps = plan.steps.len();
        let others = |step: &Step| step.action != Action::FollowNetwork;
        plan.steps.retain(others);
        if plan.steps.len() + 1 == steps {
            return Ok(());
        }
        Err("this plan does not follow the network once".to_owned())
    };
    edited::launch(arguments, &claudebox_bin(), without, || Ok(()))?
        .map_err(|error| edited::chain(&error))
}
