//! Somewhere on every host lies a file that matters and that no list knows. An attacker looks into each folder at the top.
//!   (threats: FS-02)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it read a file of the host that nobody listed?",
    threats: &["FS-02"],
    behind: &[Guard::HostHidden],
    harmless: true,
    also_as_root: true,
    expect: Expect::Absent,
    attempt: |bait| {
        Seen::each(bait.host_files.iter().map(|path| path.display()), |path| {
            inside::read(path.to_string().as_ref())
        })
    },
    ..Probe::USUAL
};
