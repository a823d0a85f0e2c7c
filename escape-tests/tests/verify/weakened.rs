//! Owns a launcher without one guard: what a test gives the companion in place of the real one. Its arguments are the real
//! one's; the plan that they make is edited as the bites of probes are ([`breaking`]).

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use claudebox::launch;
use escape_tests::claudebox_bin;
use escape_tests::harness::breaking::{breaking, with_second_walls};
use escape_tests::harness::edited;
use escape_tests::probe::Guard;
use escape_tests::verify::session;
use serde::{Deserialize, Serialize};

/// The name by which this program is that launcher.
const NAME: &str = "weakened-launcher";

/// What it is told, in a file beside it.
#[derive(Serialize, Deserialize)]
struct Order {
    without: Guard,
    /// The real launcher, which is PID 1 inside.
    launcher: PathBuf,
    /// The folder of the agent, which counts as bait.
    agent: PathBuf,
}

/// A launcher without the guard `without`, in `folder`.
pub(crate) fn launcher(folder: &Path, without: Guard) -> PathBuf {
    let path = folder.join(NAME);
    let this = std::env::current_exe().expect("a running program has a path");
    symlink(this, &path).expect("linking the launcher");
    let order = Order {
        without,
        launcher: claudebox_bin(),
        agent: folder.join("agent"),
    };
    let order = serde_json::to_string(&order).expect("an order");
    fs::write(path.with_extension("json"), order).expect("writing the order");
    path
}

/// Whether this program was started as that launcher: then this is its exit status.
pub(crate) fn run() -> Option<u8> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let own = PathBuf::from(arguments.first()?);
    if own.file_name()? != NAME {
        return None;
    }
    Some(start(&own, arguments).unwrap_or_else(|why| {
        let _ = writeln!(
            std::io::stderr(),
            "claudebox: {why}\nhint: this is a launcher of the tests"
        );
        125
    }))
}

fn start(own: &Path, arguments: Vec<OsString>) -> Result<u8, String> {
    let read = |path: &Path| {
        fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let order: Order = serde_json::from_str(&read(&own.with_extension("json"))?)
        .map_err(|error| error.to_string())?;
    // The companion mounts bait, and its order lies in the folder of that.
    let granted = arguments.iter().map(Path::new).flat_map(Path::ancestors);
    let spec = granted
        .map(|folder| folder.join(session::ORDER))
        .find(|path| path.is_file());
    let spec: session::Order = serde_json::from_str(&read(&spec.ok_or("no bait is mounted")?)?)
        .map_err(|error| error.to_string())?;
    let mut bait = spec.bait;
    if order.without == Guard::AgentReadOnly {
        bait.folder = order.agent;
    }
    if order.without != Guard::DescriptorsClosed {
        launch::close_inherited().map_err(|error| error.to_string())?;
    }
    let gone = with_second_walls([order.without]);
    let edits = gone.iter().map(|guard| breaking(*guard).edit(bait.uid));
    let edits = edits.collect::<Result<Vec<_>, _>>()?;
    let ended = edited::launch(
        arguments,
        &order.launcher,
        |plan, facts| {
            let whole = plan.clone();
            for edit in edits {
                edit(plan, &bait, facts);
            }
            // Streams make steps of their own.
            let may_be_whole = order.without == Guard::StdioRelay;
            if *plan == whole && !may_be_whole {
                Err("the plan is as it was".into())
            } else {
                Ok(())
            }
        },
        // In the place of the audit, which is told when the sources are held.
        || {
            let audit = "audit\n".repeat(2000);
            let told = std::io::stderr().write_all(audit.as_bytes());
            told.map_err(|error| error.to_string())
        },
    )?;
    ended.map_err(|error| edited::chain(&error))
}
