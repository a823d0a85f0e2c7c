//! A fixed-output derivation runs in the host's network: by the daemon the loopback and the local network are in reach where
//! the fence holds.   (threats: NIX-05)
use crate::harness::{inside, network};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does the Nix daemon lead round the fence?",
    threats: &["NIX-05"],
    expect: Expect::Absent,
    attempt: |bait| inside::knock_at_all(bait, "NIX-01"),
    harmed: Bait::word_heard,
    ..network::ON_INET
};
