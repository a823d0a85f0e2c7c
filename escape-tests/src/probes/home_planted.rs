//! A process leaves a file in the user's home, for a later shell to run.   (threats: FS-08)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it leave a file behind in the real home?",
    threats: &["FS-08"],
    behind: &[Guard::HomeHidden],
    also_as_root: true,
    // The write lands in a throwaway home.
    expect: Expect::Reached,
    attempt: |bait| {
        Seen::one(
            "a new ~/.profile",
            inside::create(&bait.home.join(".profile")),
        )
    },
    harmed: |bait| bait.there(&bait.home.join(".profile")),
    ..Probe::USUAL
};
