//! Behind a user-mode stack the sandbox has addresses of its own; those of the host, and who is near it, are nobody's
//! business.   (threats: NET-47)
use crate::harness::{network, network_outside};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "are the host's addresses and devices listed on `inet`?",
    threats: &["NET-47"],
    expect: Expect::Exactly(|_| network_outside::nothing_listed()),
    attempt: network_outside::listed,
    ..network::ON_INET
};
