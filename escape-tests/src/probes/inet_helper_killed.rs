//! The helper that carries the packets dies while the session runs, as any process may. What is then reachable must be nothing:
//! neither the fence nor the namespace may fall with it.   (threats: NET-37)
use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::network;
use crate::probe::*;

/// How long it tries. The helper is killed in that time.
const LONG: Duration = Duration::from_secs(2);

pub const PROBE: Probe = Probe {
    asks: "does more come into reach when the helper of the network is killed?",
    threats: &["NET-37"],
    expect: Expect::Exactly(|_| Seen::one("reached on the host", Act::saw(0))),
    attempt: |bait| {
        let addresses = network::addresses(bait, "NET-22");
        let end = Instant::now() + LONG;
        let mut reached = 0;
        while Instant::now() < end {
            let answers = addresses.iter();
            let answers = answers.map(|address| network::tcp(*address, bait.neighbour.port));
            reached += answers.filter(|act| *act == Act::Reached).count();
        }
        match addresses.is_empty() {
            true => Seen::one(
                "reached on the host",
                Act::Broken("it has no address".into()),
            ),
            false => Seen::one("reached on the host", Act::saw(reached)),
        }
    },
    meanwhile: |bait| {
        for helper in helpers(bait) {
            let _ = kill(helper, Signal::SIGKILL);
        }
        None
    },
    ..network::FENCED
};

/// The helpers of this very session: they work in the folder of its bait.
fn helpers(bait: &Bait) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is_helper = |pid: &i32| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        let folder = fs::read_link(format!("/proc/{pid}/cwd"));
        ["pasta", "passt", "slirp4netns"].contains(&name.trim())
            && folder.is_ok_and(|folder| folder.starts_with(&bait.folder))
    };
    pids.filter(is_helper).map(Pid::from_raw).collect()
}
