//! Owns becoming an ordinary user on a machine of the lab, which root has entered: `as_user UID PROGRAM [ARGUMENTS]`.
//!
//! Not every machine has a program for that, and those of the host do not run there. This one is linked statically.
#![allow(
    clippy::disallowed_methods,
    reason = "tests are effects; the module boundaries are the launcher's"
)]

use std::error::Error;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let uid = arguments.next().ok_or("no uid")?;
    let uid: u32 = uid.to_str().ok_or("a uid is a number")?.parse()?;
    let program = arguments.next().ok_or("no program")?;
    setgroups(&[])?;
    setgid(Gid::from_raw(uid))?;
    setuid(Uid::from_raw(uid))?;
    Err(Command::new(program).args(arguments).exec().into())
}
