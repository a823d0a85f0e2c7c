//! A package manager links files of its store into the project. They are one file with two names: what is written inside is written
//! in the store, for every other project.   (threats: MNT-04)
use std::fs;

use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can a file outside be written by its other name in the project, and nobody was told?",
    threats: &["MNT-04"],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(|lab| {
        fs::hard_link(
            lab.bait.beside.join("file"),
            lab.bait.project.join("linked.js"),
        )
    }),
    reported: &["linked.js"],
    expect: Expect::Reached,
    attempt: |bait| {
        Seen::one(
            "write",
            inside::write(&bait.project.join("linked.js"), "written inside\n"),
        )
    },
    harmed: |bait| {
        let content = fs::read_to_string(bait.beside.join("file")).unwrap_or_default();
        (content != "as it was\n").then(|| format!("the file outside holds {content:?}"))
    },
    ..Probe::USUAL
};
