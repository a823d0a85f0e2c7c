//! Over the state of a project lie mounts, and bwrap makes the place of each: a link that a session left there would lead it out of
//! the sandbox (M-05, CVE-2026-87766). So every place, the folder around them and every other name there is attacked, by rename,
//! removal and links of each kind, and the session is started again.   (threats: MNT-01, MNT-02, CRED-03)
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use claudebox::instance::SHOWN;

use crate::harness::tree::Part;
use crate::probe::*;

/// Names that the launcher, or one to come, reads or makes there.
const OTHERS: [&str; 6] = [
    ".claude.json",
    ".credentials.json",
    "projects",
    "todos",
    "hooks",
    "statsig",
];

/// Links of each kind to the host, by number.
fn target(bait: &Bait, number: usize) -> PathBuf {
    let folder = bait.beside.join("made");
    let inner = |path: &Path| path.strip_prefix("/").unwrap_or(path).to_owned();
    match number % 4 {
        0 => bait.beside.join("file"),
        1 => bait.beside.clone(),
        2 => folder,
        _ => Path::new("/oldroot").join(inner(&folder)),
    }
}

fn plant(bait: &Bait, round: usize) -> Seen {
    let claude = bait.home.join(".claude");
    let mut seen = Seen::one(
        "moving ~/.claude",
        Act::of(fs::rename(&claude, bait.home.join("moved"))),
    );
    for (number, shown) in SHOWN.iter().enumerate() {
        let place = claude.join(shown.name);
        let moved = fs::rename(&place, claude.join(format!("moved-{round}")));
        seen.add(format!("moving {}", shown.name), Act::of(moved));
        let removed = if shown.folder {
            fs::remove_dir(&place)
        } else {
            fs::remove_file(&place)
        };
        seen.add(format!("removing {}", shown.name), Act::of(removed));
        seen.add(
            format!("a link at {}", shown.name),
            Act::of(symlink(target(bait, number + round), &place)),
        );
    }
    for (number, name) in OTHERS.iter().enumerate() {
        let place = claude.join(name);
        let _ = fs::remove_dir_all(&place);
        let _ = fs::remove_file(&place);
        seen.add(
            format!("a link at {name}"),
            Act::of(symlink(target(bait, number + round), place)),
        );
    }
    seen
}

fn expected(_: &Bait) -> Seen {
    let busy = Act::errno(Errno::EBUSY);
    let mut seen = Seen::one("moving ~/.claude", busy.clone());
    for shown in SHOWN {
        seen.add(format!("moving {}", shown.name), busy.clone());
        seen.add(format!("removing {}", shown.name), busy.clone());
        seen.add(
            format!("a link at {}", shown.name),
            Act::errno(Errno::EEXIST),
        );
    }
    for name in OTHERS {
        seen.add(format!("a link at {name}"), Act::Reached);
    }
    seen
}

pub const PROBE: Probe = Probe {
    asks: "does a link in the state of a project change anything on the host the next time?",
    threats: &["MNT-01", "MNT-02", "CRED-03"],
    behind: &[Guard::HomeHidden],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(|lab| Part::Outside.take(&lab.bait)),
    expect: Expect::Exactly(expected),
    attempt: |bait| plant(bait, 0),
    then: &[
        Then::Session(Session {
            expect: Expect::Exactly(expected),
            attempt: |bait| plant(bait, 1),
            ..Session::USUAL
        }),
        Then::Session(Session {
            expect: Expect::Exactly(expected),
            attempt: |bait| plant(bait, 3),
            ..Session::USUAL
        }),
        Then::Session(Session::USUAL),
    ],
    harmed: |bait| Part::Outside.changed(bait),
    ..Probe::USUAL
};
