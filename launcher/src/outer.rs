//! Owns what happens in the outer namespaces of the tier `inet`: a user namespace and a network namespace around those of bwrap,
//! over which nothing inside has a capability (user_namespaces(7)).
//!
//! Two stages of this binary, each entered by exec, alone in its process, and gone by exec:
//!
//! - [`make`] makes the namespaces, puts the fence up, reads it back, hands the namespaces to the launcher, becomes bwrap.
//! - [`join`] enters them again for the launcher, and becomes the helper that carries packets, or nft(8).
//!
//! No packet can leave before the fence stands: until the helper attaches there is no device, and the launcher starts the
//! helper after it was handed the namespaces.
#![expect(
    clippy::disallowed_methods,
    reason = "a stage acts, in namespaces of its own"
)]

pub mod join;
pub mod make;

use std::io;

use nix::sys::signal::Signal;
use rustix::thread::CapabilitySet;

/// Where a stage finds its order, in a memory file. Each stage has descriptors of its own below this one.
pub const ORDER: std::os::fd::RawFd = 7;

/// Has this process killed when the launcher ends. Whatever changes the credentials undoes it (prctl(2), `PR_SET_PDEATHSIG`), so
/// it comes after that; the launcher may be gone by then.
fn end_with(launcher: nix::libc::pid_t) -> io::Result<()> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
    if nix::unistd::getppid().as_raw() == launcher {
        Ok(())
    } else {
        Err(io::Error::other("the launcher is gone"))
    }
}

/// Lets programs that this process starts have these capabilities of its user namespace: else an ordinary user's are gone with
/// execve(2) (capabilities(7), ambient set).
fn pass_on(capabilities: &[CapabilitySet]) -> io::Result<()> {
    let mut sets = rustix::thread::capabilities(None)?;
    for capability in capabilities {
        sets.inheritable |= *capability;
    }
    rustix::thread::set_capabilities(None, sets)?;
    for capability in capabilities {
        rustix::thread::configure_capability_in_ambient_set(*capability, true)?;
    }
    Ok(())
}

/// The last line of what a stage says where it fails.
fn failed(what: &str, error: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("cannot {what}: {error}"))
}
