//! Owns looking at the processes of this user on the host, in `/proc` (proc_pid_stat(5)): for who holds the terminal, and for
//! what bwrap left.

use std::fs;
use std::io;
use std::path::Path;

use nix::unistd::{Pid, getpgid};

/// The processes of a group that can be seen.
pub(super) fn of_group(group: Pid) -> Vec<Pid> {
    let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
    numbers
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .map(Pid::from_raw)
        .filter(|pid| getpgid(Some(*pid)) == Ok(group))
        .collect()
}

/// Whether a process was started by this one, or by one that was.
pub(super) fn is_below_this(pid: Pid) -> bool {
    let mut at = pid;
    while let Some(parent) = parent(at) {
        if parent == Pid::this() {
            return true;
        }
        at = parent;
    }
    false
}

fn parent(pid: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, brackets too: its end is the last one.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(1);
    let parent = fields.next()?.parse().ok()?;
    (parent > 0).then_some(Pid::from_raw(parent))
}

/// Whether a process is in a PID namespace below this one: it has a number in each (proc_pid_status(5), NSpid).
pub(super) fn is_in_namespace_below(pid: Pid) -> bool {
    let depth = |status: io::Result<String>| {
        let status = status.unwrap_or_default();
        let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        numbers.map_or(0, |numbers| numbers.split_whitespace().count())
    };
    let own = depth(fs::read_to_string("/proc/self/status"));
    depth(fs::read_to_string(format!("/proc/{pid}/status"))) > own
}

/// Whether the standard input of a process is what a link of `/proc/self/fd` names.
pub(super) fn reads(pid: Pid, named: &Path) -> bool {
    fs::read_link(format!("/proc/{pid}/fd/0")).is_ok_and(|link| link == named)
}

/// The children of every thread of this process (proc(5), /proc/pid/task/tid/children).
pub(super) fn children() -> Vec<Pid> {
    let threads = fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    let lists =
        threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let pids = lists.flat_map(|list| list.split_whitespace().map(str::parse).collect::<Vec<_>>());
    pids.flatten().map(Pid::from_raw).collect()
}
