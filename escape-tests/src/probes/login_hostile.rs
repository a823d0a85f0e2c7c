//! In place of the login lies what a careless reader chokes on: a FIFO, a folder, JSON without an end to its depth, a file of
//! a gibibyte. Neither inside nor on the host does it hinder the next start.   (threats: CRED-05)
use std::fs::{self, File};
use std::io;
use std::path::Path;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::probe::*;

fn plant(home: &Path, settings: bool) -> io::Result<()> {
    let state = home.join(".claude");
    fs::create_dir_all(&state)?;
    for place in [".credentials.json", "settings.json", "history.jsonl"] {
        let _ = fs::remove_file(state.join(place));
    }
    mkfifo(
        &state.join(".credentials.json"),
        Mode::from_bits_truncate(0o600),
    )?;
    if settings {
        fs::create_dir(state.join("settings.json"))?;
    }
    fs::write(home.join(".claude.json"), "[".repeat(1 << 20))?;
    // With a hole in it: it takes no room.
    File::create(state.join("history.jsonl"))?.set_len(1 << 30)
}

pub const PROBE: Probe = Probe {
    asks: "does a hostile file in place of the login hinder the next start?",
    threats: &["CRED-05"],
    behind: &[Guard::HomeHidden],
    also_as_root: true,
    expect: Expect::Reached,
    attempt: |bait| Seen::one("planting", Act::of(plant(&bait.home, false))),
    then: &[
        Then::Host(|lab| {
            let fifo = lab.bait.home.join(".claude/.credentials.json");
            if fs::symlink_metadata(&fifo)?.is_file() {
                return plant(&lab.bait.home, true);
            }
            // It is there already, and that is the damage.
            fs::write(lab.bait.home.join("came-from-inside"), "")
        }),
        Then::Session(Session::USUAL),
    ],
    harmed: |bait| bait.there(&bait.home.join("came-from-inside")),
    ..Probe::USUAL
};
