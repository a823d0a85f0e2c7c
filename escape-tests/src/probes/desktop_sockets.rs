//! A display shows every window, takes every key and lets a client type; the abstract name beside the path is tried in
//! `abstract_sockets`.   (threats: SOCK-08)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it speak to a display of the desktop?",
    threats: &["SOCK-08"],
    behind: &[
        Guard::HomeHidden,
        Guard::HostHidden,
        Guard::TmpPrivate,
        Guard::EnvAllowlist,
    ],
    also_as_root: true,
    expect: Expect::Absent,
    attempt: |bait| {
        inside::knock_at_all(bait, "SOCK-08")
            .and("DISPLAY", inside::variable("DISPLAY"))
            .and("WAYLAND_DISPLAY", inside::variable("WAYLAND_DISPLAY"))
            .and("XAUTHORITY", inside::variable("XAUTHORITY"))
    },
    harmed: Bait::word_heard,
    ..Probe::USUAL
};
