//! A variable that steers the loader of every program, LD_PRELOAD or LD_DEBUG, works on what the launcher starts on the host
//! before any sandbox is there. LD_DEBUG_OUTPUT makes the loader write a file for each program that sees it.
//!   (threats: ENV-06)
use std::fs;

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does a program that the launcher starts see the caller's loader variables?",
    threats: &["ENV-06"],
    behind: &[Guard::EnvAllowlist],
    also_as_root: true,
    expect: Expect::Exactly(|_| Seen::one("loader variables", Act::saw(0))),
    attempt: |_| {
        let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
        Seen::one(
            "loader variables",
            Act::saw(names.filter(|name| name.starts_with("LD_")).count()),
        )
    },
    harmed: |bait| {
        let written = fs::read_dir(bait.loader.parent()?).ok()?.flatten();
        let written: Vec<_> = written.map(|entry| entry.path()).collect();
        (!written.is_empty()).then(|| format!("the loader wrote {written:?}"))
    },
    ..Probe::USUAL
};
