//! Owns a bwrap that does less than it is asked, and says nothing: PID 1 must find that out before the command starts (HARD-05).
//!
//! The launcher believes in its whole plan. What it starts as bwrap is this program, which hands the real one the arguments of a
//! mutated plan in place of those that it was given.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use claudebox::bwrap::{ARGUMENTS, Invocation};
use claudebox::plan::Plan;
use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};
use serde::{Deserialize, Serialize};

/// The name by which a program is this bwrap.
const NAME: &str = "lying-bwrap";

/// The file of the [`Lie`], beside it.
const LIE: &str = "lie.json";

#[derive(Debug, Serialize, Deserialize)]
struct Lie {
    bwrap: PathBuf,
    arguments: Vec<u8>,
}

/// The arguments by which `plan` is carried out as `lied`. Its contents keep their descriptors: no step that has one may be missing.
///
/// # Errors
/// Where nothing would differ.
pub fn arguments(plan: &Plan, lied: &Plan) -> Result<Vec<u8>, String> {
    let (whole, lied) = (Invocation::of(plan), Invocation::of(lied));
    if whole.hidden_arguments == lied.hidden_arguments || whole.contents != lied.contents {
        return Err("that lie changes nothing that can be told".into());
    }
    Ok(lied.hidden_arguments)
}

/// Has `plan` be carried out by these arguments.
///
/// # Errors
/// Where the liar cannot be placed in `folder`, which is the caller's.
pub fn place(plan: &mut Plan, arguments: Vec<u8>, folder: &Path) -> io::Result<()> {
    let lie = Lie {
        bwrap: plan.bwrap.path().to_owned(),
        arguments,
    };
    fs::write(folder.join(LIE), serde_json::to_vec(&lie)?)?;
    let liar = folder.join(NAME);
    symlink(std::env::current_exe()?, &liar)?;
    plan.bwrap = liar.as_path().into();
    Ok(())
}

/// Whether this program was started as bwrap: then it becomes the real one, or this is why it did not.
#[must_use]
pub fn run() -> Option<io::Error> {
    let mut arguments = std::env::args_os();
    let own = PathBuf::from(arguments.next()?);
    if own.file_name()? != NAME {
        return None;
    }
    Some(lie(own.parent()?, arguments.collect()).unwrap_or_else(|error| error))
}

fn lie(folder: &Path, arguments: Vec<OsString>) -> io::Result<io::Error> {
    let lie: Lie = serde_json::from_slice(&fs::read(folder.join(LIE))?)?;
    let mut file = File::from(memfd_create("lie", MFdFlags::empty())?);
    file.write_all(&lie.arguments)?;
    file.rewind()?;
    // SAFETY: the number is that of the launcher's own arguments, which nothing here uses.
    let moved = unsafe { libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&file), ARGUMENTS) };
    if moved != ARGUMENTS {
        return Err(io::Error::last_os_error());
    }
    // Else PID 1 would have one more.
    drop(file);
    Ok(Command::new(lie.bwrap).args(arguments).exec())
}
