//! The fence and the helper of `inet` are made for one session: devices, routes, tables and switches of the host are after it
//! what they were before.   (threats: NET-41)
use crate::harness::{network, network_outside};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does `inet` leave anything in the host's network?",
    threats: &["NET-41"],
    ending: Ending::LauncherKilled,
    expect: Expect::Reached,
    attempt: |_| Seen::one("a session", Act::Reached),
    harmed: network_outside::changed,
    ..network::ON_INET
};
