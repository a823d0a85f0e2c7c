//! What a profile or a root of the garbage collector names stays in the store, and is on the user's PATH: the folders for
//! them belong to the user.   (threats: NIX-13)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it reach a profile or a garbage collector root of Nix?",
    threats: &["NIX-13"],
    behind: &[Guard::HostHidden],
    also_as_root: true,
    expect: Expect::Absent,
    attempt: |bait| {
        let files = bait.files_of("NIX-13");
        let folders = files.iter().filter_map(|file| file.parent());
        let seen = inside::read_all(bait, "NIX-13");
        folders.fold(seen, |seen, folder| {
            let new = folder.join(bait.new_name());
            seen.and(new.display(), inside::create(&new))
        })
    },
    harmed: |bait| {
        let files = bait.files_of("NIX-13");
        bait.made_beside(&files)
    },
    ..Probe::USUAL
};
