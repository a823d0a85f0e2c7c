//! The sound server hands out the microphone, the screen and the camera.   (threats: SOCK-09)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it speak to a sound server?",
    threats: &["SOCK-09"],
    behind: &[Guard::HomeHidden, Guard::HostHidden, Guard::TmpPrivate],
    also_as_root: true,
    expect: Expect::Absent,
    attempt: |bait| inside::knock_at_all(bait, "SOCK-09"),
    harmed: Bait::word_heard,
    ..Probe::USUAL
};
