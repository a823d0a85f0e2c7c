//! A name service on a socket resolves in the host's network, for whoever may ask: names of the local network leak, and a name
//! that is asked for is heard outside. On `inet` one forwarder does, and no socket of the host.   (threats: SOCK-12)
use crate::harness::inside;
use crate::harness::network::{ON_INET, heard};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "is a name service of the host reachable by its socket on `inet`?",
    threats: &["SOCK-12"],
    expect: Expect::Absent,
    attempt: |bait| inside::knock_at_all(bait, "SOCK-12"),
    harmed: |bait| bait.word_heard().or_else(|| heard(bait)),
    ..ON_INET
};
