//! The metadata service of a cloud gives the machine's credentials to whoever asks, some at a public address.   (threats: NET-24)
use crate::harness::network;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does `inet` reach a metadata service?",
    threats: &["NET-24"],
    expect: Expect::Exactly(|bait| network::fenced(bait, "NET-24")),
    attempt: |bait| network::reach(bait, "NET-24"),
    ..network::FENCED
};
