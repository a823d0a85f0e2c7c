//! A daemon for containers or machines mounts any folder of the host for whoever may talk to it.   (threats: SOCK-06)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it speak to a daemon for containers?",
    threats: &["SOCK-06"],
    behind: &[Guard::HomeHidden, Guard::HostHidden, Guard::EnvAllowlist],
    also_as_root: true,
    expect: Expect::Absent,
    attempt: |bait| {
        inside::knock_at_all(bait, "SOCK-06").and("DOCKER_HOST", inside::variable("DOCKER_HOST"))
    },
    harmed: Bait::word_heard,
    ..Probe::USUAL
};
