//! Every name of the project that a launcher may read, cover or clean up is a link to somewhere else when the next session starts:
//! to a file, a folder, nothing, up and out, into bwrap's own `/oldroot`. And with a link of its own a session cannot get out.
//!   (threats: MNT-01, MNT-15, MNT-17, MNT-02)
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::harness::detonator;
use crate::harness::inside;
use crate::harness::tree::Part;
use crate::probe::*;

const NAMES: [&str; 16] = [
    ".git",
    ".claude",
    ".claudebox",
    ".claudebox.toml",
    ".mcp.json",
    ".envrc",
    ".vscode",
    ".idea",
    ".husky",
    ".devcontainer",
    ".mise.toml",
    "CLAUDE.md",
    "folder/.git",
    "folder/.claude/settings.json",
    "hooks",
    "claude",
];

fn target(bait: &Bait, kind: usize) -> PathBuf {
    let inner = |path: &Path| path.strip_prefix("/").unwrap_or(path).to_owned();
    let up: PathBuf = std::iter::repeat_n("..", 14).collect();
    match kind % 5 {
        0 => bait.home.join(".netrc"),
        1 => bait.home.join(".ssh"),
        2 => bait.home.join(".made"),
        3 => up.join(inner(&bait.home.join(".made"))),
        _ => Path::new("/oldroot").join(inner(&bait.home.join(".made"))),
    }
}

/// Puts a link in place of each name, after whatever stands there, of the kind that `round` gives it.
pub(super) fn link_each(bait: &Bait, names: &[&str], round: usize) -> Seen {
    let mut seen = Seen::default();
    for (number, name) in names.iter().enumerate() {
        let at = bait.project.join(name);
        let planted = fs::create_dir_all(at.parent().unwrap_or(&at))
            .and_then(|()| match fs::symlink_metadata(&at) {
                Ok(there) if there.is_dir() => fs::remove_dir_all(&at),
                Ok(_) => fs::remove_file(&at),
                Err(_) => Ok(()),
            })
            .and_then(|()| symlink(target(bait, number + round), &at));
        seen.add(name, Act::of(planted));
    }
    seen
}

/// Then reads through one. Nothing of the caller's is behind it, in here.
fn plant(bait: &Bait, round: usize) -> Seen {
    let mut seen = link_each(bait, &NAMES, round);
    let _ = symlink(&bait.home, bait.project.join("out"));
    for name in [".netrc", ".ssh/id_ed25519"] {
        let through = bait.project.join("out").join(name);
        seen.add(
            format!("read ~/{name} through a link"),
            inside::read(&through),
        );
    }
    seen
}

fn planted(_: &Bait) -> Seen {
    let seen = Seen::each(NAMES, |_| Act::Reached);
    seen.and("read ~/.netrc through a link", Act::Absent)
        .and("read ~/.ssh/id_ed25519 through a link", Act::Absent)
}

const AGAIN: Session = Session {
    expect: Expect::Exactly(planted),
    ..Session::USUAL
};

pub const PROBE: Probe = Probe {
    asks: "do links at the names of the project that a launcher knows lead the next session, or its end, out of it?",
    threats: &["MNT-01", "MNT-15", "MNT-17", "MNT-02"],
    behind: &[Guard::HomeHidden],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(|lab| {
        detonator::nothing_guarded(lab)?;
        Part::Outside.take(&lab.bait)
    }),
    expect: Expect::Exactly(planted),
    attempt: |bait| plant(bait, 0),
    then: &[
        Then::Session(Session {
            attempt: |bait| plant(bait, 1),
            ..AGAIN
        }),
        Then::Session(Session {
            attempt: |bait| plant(bait, 2),
            ..AGAIN
        }),
        Then::Session(Session {
            attempt: |bait| plant(bait, 3),
            ..AGAIN
        }),
        Then::Session(Session {
            attempt: |bait| plant(bait, 4),
            ..AGAIN
        }),
        Then::Session(Session::USUAL),
    ],
    harmed: |bait| Part::Outside.changed(bait),
    ..Probe::USUAL
};
