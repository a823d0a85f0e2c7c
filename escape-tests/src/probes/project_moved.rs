//! Whoever renames a folder above the project makes another of its name, and the next program that is told the path finds
//! what was planted there. The mount itself does not move, and nothing of it reaches the host.   (threats: FS-19, FS-11)
use std::fs;

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does moving the project, or a folder above it, move anything on the host?",
    threats: &["FS-19", "FS-11"],
    behind: &[Guard::HomeHidden],
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::one("move the project", Act::errno(Errno::EBUSY))
            .and("remove the project", Act::errno(Errno::EBUSY))
            .and("move the folder above", Act::Reached)
            .and("make another", Act::Reached)
    }),
    attempt: |bait| {
        let above = bait.project.parent().unwrap_or(&bait.project);
        Seen::one(
            "move the project",
            Act::of(fs::rename(
                &bait.project,
                bait.project.with_extension("moved"),
            )),
        )
        .and("remove the project", Act::of(fs::remove_dir(&bait.project)))
        .and(
            "move the folder above",
            Act::of(fs::rename(above, above.with_extension("moved"))),
        )
        .and("make another", Act::of(fs::create_dir_all(&bait.project)))
    },
    harmed: |bait| {
        let above = bait.project.parent()?;
        let moved = bait.there(&above.with_extension("moved"));
        let gone = || {
            (!bait.project.join(".git/config").exists()).then(|| "the project is gone".to_owned())
        };
        moved.or_else(gone)
    },
    ..Probe::USUAL
};
