//! Who has no network asks somebody who has: a print or mail queue, a job for later, a daemon for packages.
//!   (threats: NET-03)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it leave a request for somebody with a network?",
    threats: &["NET-03"],
    behind: &[Guard::HostHidden],
    also_as_root: true,
    expect: Expect::Absent,
    attempt: |bait| {
        let mut seen = inside::knock_at_all(bait, "NET-03");
        seen.0.extend(inside::read_all(bait, "NET-03").0);
        let files = bait.files_of("NET-03");
        let folders = files.iter().filter_map(|file| file.parent());
        folders.fold(seen, |seen, folder| {
            let new = folder.join(bait.new_name());
            seen.and(new.display(), inside::create(&new))
        })
    },
    harmed: |bait| {
        let files = bait.files_of("NET-03");
        bait.made_beside(&files).or_else(|| bait.word_heard())
    },
    ..Probe::USUAL
};
