//! Deleting, emptying or moving the login logs the host out.   (threats: CRED-06)
use std::fs::{self, OpenOptions};

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it log the host out?",
    threats: &["CRED-06"],
    behind: &[Guard::HomeHidden],
    also_as_root: true,
    // What is there is the state of this project, and a link to its file.
    expect: Expect::Exactly(|_| {
        Seen::one("emptied", Act::Absent)
            .and("moved", Act::Absent)
            .and("deleted", Act::Reached)
            .and("with all of it", Act::errno(Errno::EBUSY))
    }),
    attempt: |bait| {
        let login = bait.home.join(".claude/.credentials.json");
        let emptied = OpenOptions::new().write(true).truncate(true).open(&login);
        Seen::one("emptied", Act::of(emptied))
            .and(
                "moved",
                Act::of(fs::rename(&login, login.with_extension("old"))),
            )
            .and(
                "deleted",
                Act::of(fs::remove_file(bait.home.join(".claude.json"))),
            )
            .and(
                "with all of it",
                Act::of(fs::rename(
                    bait.home.join(".claude"),
                    bait.home.join("gone"),
                )),
            )
    },
    harmed: Bait::claude_state_changed,
    ..Probe::USUAL
};
