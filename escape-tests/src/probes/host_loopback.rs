//! On the host's loopback listen databases, debuggers and development servers that ask for no password. On `none` and
//! `inet` there is another loopback, on which nobody listens: the listener is the judge.   (threats: NET-01)
use crate::harness::bait::ATTACK;
use crate::harness::{inside, trial};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it reach the host's loopback?",
    threats: &["NET-01"],
    behind: &[Guard::NetNamespace],
    harmless: true,
    tiers: &[Tier::None, Tier::Inet],
    also_as_root: true,
    expect: Expect::Refused(Errno::ECONNREFUSED),
    attempt: |bait| Seen::one("connect(2)", inside::converse(trial::tcp(bait), ATTACK)),
    harmed: |bait| bait.attack_heard("TCP port"),
    ..Probe::USUAL
};
