//! The environment of the caller is full of tokens, and a program reads its own first.   (threats: ENV-01, ENV-02)
use std::fs;

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does it have a variable of the caller in its own environment?",
    threats: &["ENV-01", "ENV-02"],
    behind: &[Guard::EnvAllowlist],
    also_as_root: true,
    harmless: true,
    expect: Expect::Exactly(|_| {
        Seen::one("canaries among the variables", Act::saw(0))
            .and("canaries in /proc/self/environ", Act::saw(0))
    }),
    attempt: |bait| {
        let all: Vec<u8> = std::env::vars_os()
            .flat_map(|(_, value)| value.into_encoded_bytes())
            .collect();
        let file = fs::read("/proc/self/environ").map(|environment| bait.canaries_in(&environment));
        Seen::one(
            "canaries among the variables",
            Act::saw(bait.canaries_in(&all)),
        )
        .and(
            "canaries in /proc/self/environ",
            file.map_or_else(|error| Act::of::<()>(Err(error)), Act::saw),
        )
    },
    ..Probe::USUAL
};
