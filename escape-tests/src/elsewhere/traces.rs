//! Owns leaving the host as it was: a sandbox that holds nothing lets the probes plant files outside of the lab, and leave
//! processes behind.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::harness::bait::Bait;
use crate::harness::inside::pids;
use crate::harness::keeper;
use crate::probes::{parents_of_mounts, root_planted};

/// Where every user may write.
const SHARED: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// What one trial may leave outside of its lab. It is taken away with this value.
#[derive(Debug)]
pub(super) struct Traces {
    mark: String,
    /// Files with a fixed name that were not there before.
    planted: Vec<PathBuf>,
}

impl Traces {
    pub(super) fn of(bait: &Bait, path: &OsStr) -> Self {
        let parents = parents_of_mounts::parents(bait);
        let parents = parents
            .iter()
            .map(|parent| parent.join(parents_of_mounts::PLANTED));
        let folders = root_planted::FOLDERS.iter().map(PathBuf::from);
        let folders = folders.chain(env::split_paths(path));
        let planted = parents.chain(folders.map(|folder| folder.join(root_planted::PLANTED)));
        let planted =
            planted.filter(|path| path.is_absolute() && fs::symlink_metadata(path).is_err());
        Self {
            mark: bait.mark.clone(),
            planted: planted.collect(),
        }
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        for path in &self.planted {
            let _ = fs::remove_file(path);
        }
        for entry in SHARED.iter().flat_map(fs::read_dir).flatten().flatten() {
            // The mark is random: nobody else has a name with it.
            if entry.file_name().to_string_lossy().contains(&self.mark) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Everything that CMD started. What loses its parent becomes a child of this process, and can be found.
#[derive(Debug)]
pub(super) struct Processes;

impl Processes {
    pub(super) fn watch() -> nix::Result<Self> {
        set_child_subreaper(true)?;
        Ok(Self)
    }
}

impl Drop for Processes {
    /// Ends what is left. No trial runs any more.
    fn drop(&mut self) {
        keeper::end();
        for _ in 0..50 {
            for pid in descendants() {
                // Each is a descendant that nobody has waited for: the number is its own.
                let _ = kill(pid, Signal::SIGKILL);
            }
            while let Ok(ended) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                if ended == WaitStatus::StillAlive {
                    break;
                }
            }
            if descendants().is_empty() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        eprintln!(
            "escape-tests: what CMD started could not be ended: {:?}",
            descendants()
        );
    }
}

fn descendants() -> Vec<Pid> {
    let all: Vec<(i32, i32)> = pids()
        .unwrap_or_default()
        .into_iter()
        .filter_map(|pid| Some((i32::try_from(pid).ok()?, parent(pid)?)))
        .collect();
    let mut found = vec![Pid::this().as_raw()];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(
            all.iter()
                .filter(|(_, of)| *of == parent)
                .map(|(pid, _)| *pid),
        );
        next += 1;
    }
    found.into_iter().skip(1).map(Pid::from_raw).collect()
}

fn parent(pid: u32) -> Option<i32> {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    // The name, in brackets, may hold anything: the fields are counted after the last of them.
    stat.rsplit_once(')')?
        .1
        .split_ascii_whitespace()
        .nth(1)?
        .parse()
        .ok()
}
