//! A logger takes lines from whoever connects: forged records, and escape sequences for the terminal of who reads them.   (threats: SOCK-13)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it write to a log of the host?",
    threats: &["SOCK-13"],
    behind: &[Guard::HostHidden],
    also_as_root: true,
    expect: Expect::Absent,
    attempt: |bait| inside::knock_at_all(bait, "SOCK-13"),
    harmed: Bait::word_heard,
    ..Probe::USUAL
};
