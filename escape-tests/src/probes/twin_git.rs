//! The useful twin of the empty home folder: git knows that the project is trusted, and nothing else of the caller's
//! configuration, which names helpers and hooks.
use std::fs;

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does git trust the project, and know nothing else of the caller's?",
    also_as_root: true,
    expect: Expect::Exactly(|bait| {
        Seen::one("sections", Act::saw("[safe] [repack]"))
            .and("the project is trusted", Act::saw(true))
            .and(
                "at",
                Act::saw(bait.home.join(".config/git/config").display()),
            )
    }),
    attempt: |bait| {
        let path = bait.home.join(".config/git/config");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => return Seen::one("sections", Act::of::<()>(Err(error))),
        };
        let sections: Vec<&str> = text.lines().filter(|line| line.starts_with('[')).collect();
        let trusted = format!("\tdirectory = \"{}\"", bait.project.display());
        Seen::one("sections", Act::saw(sections.join(" ")))
            .and(
                "the project is trusted",
                Act::saw(text.lines().any(|line| line == trusted)),
            )
            .and("at", Act::saw(path.display()))
    },
    ..Probe::USUAL
};
