//! The folders that lead to the project, the home folder and the grants are made for the sandbox. What is planted in one of
//! them lies above the project, where build tools and version managers look for their configuration.
//!   (threats: FS-07, FS-12, FS-19)
use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::harness::inside;
use crate::probe::*;

/// What a version manager reads.
pub(crate) const PLANTED: &str = ".mise.toml";

pub(crate) fn parents(bait: &Bait) -> BTreeSet<PathBuf> {
    let ends = [&bait.home, &bait.granted, &bait.inside];
    ends.into_iter()
        .flat_map(|end| end.ancestors().skip(1))
        .map(PathBuf::from)
        .collect()
}

pub const PROBE: Probe = Probe {
    asks: "can it plant or move anything in the folders above its own?",
    threats: &["FS-07", "FS-12", "FS-19"],
    behind: &[Guard::RootReadOnly],
    also_as_root: true,
    expect: Expect::Refused(Errno::EROFS),
    attempt: |bait| {
        let parents = parents(bait);
        let mut seen = Seen::each(parents.iter().map(|parent| parent.display()), |parent| {
            inside::create(&PathBuf::from(parent.to_string()).join(PLANTED))
        });
        let top = bait.home.parent().unwrap_or(&bait.home);
        seen.add(
            "move the folder around the home folder",
            Act::of(std::fs::rename(top, top.with_extension("old"))),
        );
        seen
    },
    ..Probe::USUAL
};
