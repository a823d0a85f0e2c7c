//! Owns the launcher under a plan with a step less, for what no probe of one session shows: a network that changes meanwhile, and a
//! helper that outlives its launcher.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use claudebox::launch;
use claudebox::plan::{Action, Plan, Step};
use escape_tests::claudebox_bin;
use escape_tests::harness::edited;

/// What is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Without {
    /// That the fence follows the host's network.
    Following,
    /// That the helper stays a child of the launcher.
    Foreground,
}

impl Without {
    /// The name by which this program is that launcher.
    fn name(self) -> &'static str {
        match self {
            Without::Following => "launcher-without-following",
            Without::Foreground => "launcher-without-foreground",
        }
    }

    fn is(self, step: &Step) -> bool {
        match (self, &step.action) {
            (Without::Following, Action::FollowNetwork) => true,
            (Without::Foreground, Action::HelperOption { words }) => {
                words.iter().map(ToString::to_string).eq(["--foreground"])
            }
            _ => false,
        }
    }

    /// Where it lies in a folder.
    pub(crate) fn place(self, folder: &Path) -> io::Result<PathBuf> {
        let at = folder.join(self.name());
        symlink(std::env::current_exe()?, &at)?;
        Ok(at)
    }
}

/// Whether this program was started as such a launcher: then this is how it ends.
pub(crate) fn run() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    let own = PathBuf::from(arguments.next()?);
    let all = [Without::Following, Without::Foreground];
    let without = all.into_iter().find(|one| own.ends_with(one.name()))?;
    let words = std::iter::once("claudebox".into()).chain(arguments);
    Some(match launch(without, words.collect()) {
        Ok(status) => ExitCode::from(status),
        Err(why) => {
            let _ = writeln!(io::stderr(), "{}: {why}", without.name());
            ExitCode::FAILURE
        }
    })
}

fn launch(without: Without, arguments: Vec<OsString>) -> Result<u8, String> {
    launch::close_inherited().map_err(|error| error.to_string())?;
    let edit = |plan: &mut Plan, _: &_| {
        let steps = plan.steps.len();
        plan.steps.retain(|step| !without.is(step));
        if plan.steps.len() + 1 == steps {
            return Ok(());
        }
        Err("this plan has not one such step".to_owned())
    };
    edited::launch(arguments, &claudebox_bin(), edit, || Ok(()))?
        .map_err(|error| edited::chain(&error))
}
