//! Owns the end: bwrap, and whatever it left, are gone when the launcher returns (RUN-04).

use std::fs;
use std::os::fd::AsFd;
use std::process::Child;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::signalfd::SignalFd;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

/// How long bwrap may take to end after PID 1 did, or after it lost its launcher.
const LIMIT: Duration = Duration::from_secs(1);

/// Makes this process the one that inherits what bwrap leaves behind (prctl(2), PR_SET_CHILD_SUBREAPER).
///
/// A bwrap that is killed right after its clone(2) leaves a child that waits for it without end: `--die-with-parent` is not
/// yet in force there.
pub(super) fn inherit_orphans() -> nix::Result<()> {
    nix::sys::prctl::set_child_subreaper(true)
}

/// Waits until bwrap ends, which it does when PID 1 does or hears that the launcher let go. Unless that was because the
/// command ended (`orderly`), sees to what is left.
pub(super) fn end(child: &mut Child, signals: &SignalFd, orderly: bool) {
    let by_itself = ends_in_time(child, signals);
    if !by_itself {
        // Stopped, or hanging.
        let _ = child.kill();
        let _ = child.wait();
    }
    if !(by_itself && orderly) {
        sweep(Pid::from_raw(
            i32::try_from(child.id()).expect("a PID fits"),
        ));
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

/// Kills and reaps the children that are left of bwrap's process group.
fn sweep(group: Pid) {
    let of_group = |pid: &Pid| nix::unistd::getpgid(Some(*pid)) == Ok(group);
    for pid in children().into_iter().filter(of_group) {
        let _ = kill(pid, Signal::SIGKILL);
        while waitpid(pid, None) == Err(Errno::EINTR) {}
    }
}

/// The children of every thread of this process (proc(5), /proc/pid/task/tid/children).
fn children() -> Vec<Pid> {
    let threads = fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    let lists =
        threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let pids = lists.flat_map(|list| list.split_whitespace().map(str::parse).collect::<Vec<_>>());
    pids.flatten().map(Pid::from_raw).collect()
}
