//! The useful twin of the network probes: on `full` a server of the host is reachable, and it hears this.   (threats: NET-46)
use crate::harness::bait::ATTACK;
use crate::harness::{inside, trial};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "is a server on the host's loopback reachable on `full`?",
    threats: &["NET-46"],
    tiers: &[Tier::Full],
    expect: Expect::Reached,
    attempt: |bait| Seen::one("connect(2)", inside::converse(trial::tcp(bait), ATTACK)),
    harmed: |bait| match bait.attack_heard("TCP port") {
        Some(_) => None,
        None => Some("the neighbour heard nothing".to_owned()),
    },
    ..Probe::USUAL
};
