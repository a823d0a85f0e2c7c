//! The tables of a network namespace name its addresses, devices and neighbours: those of the host tell where it stands.
//!   (threats: NET-47)
use crate::harness::network_outside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "are the host's addresses and devices listed on `none`?",
    threats: &["NET-47"],
    behind: &[Guard::NetNamespace],
    tiers: &[Tier::None],
    also_as_root: true,
    expect: Expect::Exactly(|_| network_outside::nothing_listed()),
    attempt: network_outside::listed,
    ..Probe::USUAL
};
