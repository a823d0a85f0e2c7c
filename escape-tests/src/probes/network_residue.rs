//! A device, a route or a switch that a session leaves behind changes the host's network for good. The launcher is killed, so
//! that nobody tidies up.   (threats: NET-41)
use crate::harness::network_outside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "is the host's network as it was when the launcher was killed?",
    threats: &["NET-41"],
    also_as_root: true,
    ending: Ending::LauncherKilled,
    expect: Expect::Reached,
    attempt: |_| Seen::one("a session", Act::Reached),
    harmed: network_outside::changed,
    ..Probe::USUAL
};
