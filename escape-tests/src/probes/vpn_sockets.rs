//! The daemon of a mesh or a VPN opens routes and hands out keys of the machine.   (threats: SOCK-15)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it speak to the daemon of a VPN?",
    threats: &["SOCK-15"],
    behind: &[Guard::HomeHidden, Guard::HostHidden],
    also_as_root: true,
    expect: Expect::Absent,
    attempt: |bait| inside::knock_at_all(bait, "SOCK-15"),
    harmed: Bait::word_heard,
    ..Probe::USUAL
};
