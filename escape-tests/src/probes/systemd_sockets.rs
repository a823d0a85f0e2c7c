//! systemd listens beside the bus as well: for its own client, for readiness messages, for varlink.   (threats: SOCK-05)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it speak to a socket of systemd?",
    threats: &["SOCK-05"],
    behind: &[Guard::HostHidden],
    also_as_root: true,
    expect: Expect::Absent,
    attempt: |bait| inside::knock_at_all(bait, "SOCK-05"),
    harmed: Bait::word_heard,
    ..Probe::USUAL
};
