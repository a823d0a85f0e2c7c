//! Owns what the probes of survivors share: a lock that lasts as long as a process inside, and is looked at from outside.

use std::fs::File;
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};
use nix::libc;
use nix::sys::signal::{SigHandler, Signal, signal};

use crate::probe::Act;

/// Locks a new file. The lock belongs to the open file (flock(2)): it is free when the last process that has it open is gone.
/// It is never unlocked here, which would unlock it for every child too.
///
/// # Errors
/// Why there is no lock.
pub fn hold(file: &Path) -> Result<(), Act> {
    let broken = |why: String| Act::Broken(format!("a lock: {why}"));
    let file = File::create(file).map_err(|error| broken(error.to_string()))?;
    let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock);
    std::mem::forget(lock.map_err(|(_, errno)| broken(errno.to_string()))?);
    Ok(())
}

/// Lets the kernel kill this process in ten seconds, stopped or not: where a guard is taken away, nobody else does.
pub fn end_by_itself() {
    // SAFETY: all zero is a valid value of both structures; they live as long as the calls need them (timer_create(2)).
    unsafe {
        let mut event: libc::sigevent = std::mem::zeroed();
        event.sigev_notify = libc::SIGEV_SIGNAL;
        event.sigev_signo = libc::SIGKILL;
        let mut timer: libc::timer_t = std::mem::zeroed();
        let mut when: libc::itimerspec = std::mem::zeroed();
        when.it_value.tv_sec = 10;
        if libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) == 0 {
            libc::timer_settime(timer, 0, &raw const when, std::ptr::null_mut());
        }
    }
}

/// Closes everything but the lock: the pipe of a parent would keep that waiting.
pub fn close_all_but(lock: &str) {
    let listed = std::fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten();
    // Before any is closed, the list's own among them.
    let numbers: Vec<i32> = listed
        .filter(|entry| !std::fs::read_link(entry.path()).is_ok_and(|link| link.ends_with(lock)))
        .filter_map(|entry| entry.file_name().to_string_lossy().parse().ok())
        .collect();
    for number in numbers {
        // SAFETY: nothing of this process uses it any more.
        unsafe { libc::close(number) };
    }
}

/// Whoever asks this process to end asks in vain.
pub fn ignore_signals() {
    for number in [
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGPIPE,
    ] {
        // SAFETY: no handler is installed.
        let _ = unsafe { signal(number, SigHandler::SigIgn) };
    }
}

/// How the complaint begins that no lock was left, so that there was nobody to outlive anything.
pub const NO_TRACE: &str = "the process left no trace";

/// The damage, if a process that outlived its sandbox still holds the lock, or if it was never there.
#[must_use]
pub fn still_held(file: &Path, damage: &str) -> Option<String> {
    let file = match File::open(file) {
        Ok(file) => file,
        Err(error) => return Some(format!("{NO_TRACE}: {error}")),
    };
    let free = Flock::lock(file, FlockArg::LockExclusiveNonblock).is_ok();
    (!free).then(|| damage.to_owned())
}
