//! A user-mode stack answers at addresses that it made up, and leads from them to the host (CVE-2021-20199 class).   (threats: NET-21)
use crate::harness::network;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does `inet` reach the host through the gateway?",
    threats: &["NET-21"],
    expect: Expect::Exactly(|bait| network::fenced(bait, "NET-21")),
    attempt: |bait| network::reach(bait, "NET-21"),
    ..network::FENCED
};
