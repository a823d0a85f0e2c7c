//! NixOS keeps set-user-ID wrappers, the whole system and decrypted secrets in /run.   (threats: NIX-12)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it read what NixOS keeps in /run?",
    threats: &["NIX-12"],
    behind: &[Guard::HostHidden],
    also_as_root: true,
    expect: Expect::Absent,
    attempt: |bait| inside::read_all(bait, "NIX-12"),
    ..Probe::USUAL
};
