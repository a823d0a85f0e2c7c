//! Owns the end: bwrap, and whatever it left, are gone when the launcher returns (RUN-04).

use std::os::fd::AsFd;
use std::process::Child;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::signalfd::SignalFd;
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, getpgid};

use super::processes;

/// How long bwrap may take to end after PID 1 did, or after it lost its launcher.
const LIMIT: Duration = Duration::from_secs(1);

/// What bwrap may leave behind: of the children that this process did not have before, those of its group, and those in a PID
/// namespace below.
pub(super) struct Orphans {
    before: Vec<Pid>,
}

impl Orphans {
    /// Makes this process the one that inherits them (prctl(2), PR_SET_CHILD_SUBREAPER).
    ///
    /// A bwrap that is killed right after its clone(2) leaves a child that waits for it without end: `--die-with-parent` is
    /// not yet in force there. One that is killed later leaves PID 1, which is in a group of its own.
    pub(super) fn inherit() -> nix::Result<Self> {
        nix::sys::prctl::set_child_subreaper(true)?;
        let before = processes::children();
        Ok(Self { before })
    }

    /// Waits until bwrap ends, which it does when PID 1 does or hears that the launcher let go, and sees to what is left.
    pub(super) fn end(self, child: &mut Child, signals: &SignalFd) {
        if !ends_in_time(child, signals) {
            // Stopped, or hanging.
            let _ = child.kill();
            let _ = child.wait();
        }
        self.sweep(Pid::from_raw(
            i32::try_from(child.id()).expect("a PID fits"),
        ));
    }

    /// Kills and reaps them. PID 1 is waited for by the kernel until all in its namespace are gone (pid_namespaces(7)).
    fn sweep(&self, group: Pid) {
        let is_left = |pid: &Pid| {
            !self.before.contains(pid)
                && (getpgid(Some(*pid)) == Ok(group) || processes::is_in_namespace_below(*pid))
        };
        for pid in processes::children().into_iter().filter(is_left) {
            let _ = kill(pid, Signal::SIGKILL);
            while waitpid(pid, None) == Err(Errno::EINTR) {}
        }
    }
}

/// Whether bwrap ends within [`LIMIT`].
pub(super) fn ends_in_time(child: &mut Child, signals: &SignalFd) -> bool {
    let deadline = Instant::now() + LIMIT;
    while matches!(child.try_wait(), Ok(None)) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        let mut ready = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        let _ = poll(
            &mut ready,
            PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO),
        );
        while let Ok(Some(_)) = signals.read_signal() {}
    }
    true
}
