//! The useful twin of everything that refuses to write: the project is writable, and what is written is on the host, as
//! the caller's own.
use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::probe::*;

const CONTENT: &str = "made inside\n";

pub const PROBE: Probe = Probe {
    asks: "does work in the project stay?",
    also_as_root: true,
    expect: Expect::Reached,
    attempt: |bait| {
        let made = bait.project.join("made");
        Seen::one("a file in the project", Act::of(fs::write(&made, CONTENT)))
            .and(
                "renamed",
                Act::of(fs::rename(&made, bait.project.join("kept"))),
            )
            .and("the working folder", Act::of(fs::read("kept")))
            .and(
                "a temporary file",
                Act::of(fs::write(std::env::temp_dir().join(&bait.mark), CONTENT)),
            )
            .and(
                "a file in the home folder",
                Act::of(fs::write(bait.home.join(".made"), CONTENT)),
            )
    },
    harmed: |bait| {
        let kept = bait.project.join("kept");
        match (
            fs::read_to_string(&kept),
            fs::metadata(&kept).map(|kept| kept.uid()),
        ) {
            (Ok(content), Ok(uid)) if content == CONTENT && uid == bait.uid => None,
            other => Some(format!(
                "the file is not on the host as it was made: {other:?}"
            )),
        }
    },
    ..Probe::USUAL
};
