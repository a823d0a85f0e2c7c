//! Whoever may talk to the Nix daemon has its network (a fixed-output derivation, a substitution that asks for a name), its
//! bugs, and a store to write to. It is not there.   (threats: NIX-01, NIX-04, NIX-06, NIX-07, NIX-09, NIX-10)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it speak to the Nix daemon?",
    threats: &["NIX-01", "NIX-04", "NIX-06", "NIX-07", "NIX-09", "NIX-10"],
    behind: &[Guard::HostHidden],
    also_as_root: true,
    expect: Expect::Absent,
    attempt: |bait| {
        inside::knock_at_all(bait, "NIX-01").and("NIX_REMOTE", inside::variable("NIX_REMOTE"))
    },
    harmed: Bait::word_heard,
    ..Probe::USUAL
};
