//! On the system bus polkit, logind and the resolver answer to the user who started the sandbox.   (threats: SOCK-04)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it speak to the system bus?",
    threats: &["SOCK-04"],
    behind: &[Guard::HostHidden],
    also_as_root: true,
    expect: Expect::Absent,
    attempt: |bait| inside::knock_at_all(bait, "SOCK-04"),
    harmed: Bait::word_heard,
    ..Probe::USUAL
};
