//! The helper that carries the packets dies while the session runs, as any process may. What is then reachable must be nothing:
//! neither the fence nor the namespace may fall with it.   (threats: NET-37)
use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::network;
use crate::network_lab::map::{PUBLIC, parsed};
use crate::probe::*;

/// How long it tries. The helper is killed in that time.
const LONG: Duration = Duration::from_secs(2);

pub const PROBE: Probe = Probe {
    asks: "does more come into reach when the helper of the network is killed?",
    threats: &["NET-37"],
    expect: Expect::Exactly(|_| {
        // With the helper went the device and every route.
        let public = parsed(&PUBLIC).into_iter();
        let gone = public.map(|one| (format!("public {one}"), Act::errno(Errno::ENETUNREACH)));
        Seen(gone.collect()).and("reached of the host and its neighbours", Act::saw(0))
    }),
    attempt: |bait| {
        let port = bait.ground.as_ref().map_or(0, |ground| ground.port);
        let mut addresses = network::addresses(bait, "NET-22");
        addresses.extend(network::addresses(bait, "NET-26"));
        let end = Instant::now() + LONG;
        let mut reached = 0;
        while Instant::now() < end {
            let answers = addresses.iter().map(|address| network::tcp(*address, port));
            reached += answers.filter(|act| *act == Act::Reached).count();
        }
        let public = parsed(&PUBLIC).into_iter();
        let public = public.map(|one| (format!("public {one}"), network::tcp(one, port)));
        Seen(public.collect()).and("reached of the host and its neighbours", Act::saw(reached))
    },
    meanwhile: |bait| {
        // Not before it has carried something.
        let ground = bait.ground.as_ref()?;
        if ground.public_that_was_silent().is_empty() {
            for helper in helpers(bait) {
                let _ = kill(helper, Signal::SIGKILL);
            }
        }
        None
    },
    ..network::ON_INET
};

/// The helpers of this very session: they, or who started them, work in the folder of its bait. pasta itself has no folder left.
fn helpers(bait: &Bait) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let works_here = |pid: i32| {
        let folder = fs::read_link(format!("/proc/{pid}/cwd"));
        folder.is_ok_and(|folder| folder.starts_with(&bait.folder))
    };
    let is_helper = |pid: &i32| {
        // Also where a loader starts it, whose name it has then.
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0);
        let known: [&[u8]; 2] = [b"pasta", b"slirp4netns"];
        words.any(|word| known.contains(&word))
            && (works_here(*pid) || parent(*pid).is_some_and(works_here))
    };
    pids.filter(is_helper).map(Pid::from_raw).collect()
}

/// The fourth field of proc_pid_stat(5); the second, a name in brackets, may hold anything.
fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields = stat.rsplit_once(") ")?.1;
    fields.split(' ').nth(1)?.parse().ok()
}
