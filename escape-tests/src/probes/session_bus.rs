//! Who reaches the session bus has systemd start a program outside, or a terminal type one, or gvfs read a file. The bus is
//! found by its path, with or without the variable.   (threats: SOCK-03)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it speak to the session bus?",
    threats: &["SOCK-03"],
    behind: &[Guard::HostHidden, Guard::TmpPrivate, Guard::EnvAllowlist],
    also_as_root: true,
    expect: Expect::Absent,
    attempt: |bait| {
        inside::knock_at_all(bait, "SOCK-03").and(
            "DBUS_SESSION_BUS_ADDRESS",
            inside::variable("DBUS_SESSION_BUS_ADDRESS"),
        )
    },
    harmed: Bait::word_heard,
    ..Probe::USUAL
};
