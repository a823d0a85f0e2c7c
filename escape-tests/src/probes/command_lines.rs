//! Arguments are for all to see: inside in /proc/PID/cmdline, outside in the process list of every user. bwrap's would name
//! each path of the host that enters (M-03).   (threats: ENV-05)
use std::fs;
use std::thread;
use std::time::Duration;

use crate::harness::inside;
use crate::probe::*;

fn shown(what: &[u8], bait: &Bait) -> bool {
    // Of this start alone: others may run beside it.
    let grant = bait.granted.as_os_str().as_encoded_bytes();
    what.windows(grant.len()).any(|window| window == grant)
}

pub const PROBE: Probe = Probe {
    asks: "do the arguments of a process tell what enters?",
    threats: &["ENV-05"],
    behind: &[Guard::ArgumentsHidden],
    harmless: true,
    expect: Expect::Exactly(|_| Seen::one("processes inside that name a grant", Act::saw(0))),
    attempt: |bait| {
        let pids = inside::pids().unwrap_or_default();
        let lines = pids
            .iter()
            .flat_map(|pid| fs::read(format!("/proc/{pid}/cmdline")));
        let lines: Vec<_> = lines.collect();
        let showing = lines.iter().filter(|line| shown(line, bait)).count();
        // Time for the look from outside.
        thread::sleep(Duration::from_millis(200));
        if lines.is_empty() {
            return Seen::one(
                "/proc",
                Act::Broken("no argument list could be read".into()),
            );
        }
        Seen::one("processes inside that name a grant", Act::saw(showing))
    },
    meanwhile: |bait| {
        let is_bwrap = |pid: &u32| {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "bwrap\n")
        };
        let showing = inside::pids()
            .ok()?
            .into_iter()
            .filter(is_bwrap)
            .find(|pid| {
                fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| shown(&line, bait))
            });
        showing.map(|pid| {
            format!("the process list of the host showed the arguments of bwrap, PID {pid}")
        })
    },
    also_as_root: true,
    ..Probe::USUAL
};
