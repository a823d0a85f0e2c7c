//! The folders are real ones, and what lies in them is not: each file that a launcher may cover, read or write within `.git`,
//! `.claude` and their like is a link when the next session starts, and what is written through it lands where it leads.
//!   (threats: MNT-01, MNT-15)
use super::planted_in_project::link_each;
use crate::harness::inside;
use crate::probe::*;

const NAMES: [&str; 14] = [
    ".git/hooks",
    ".git/config",
    ".git/HEAD",
    ".git/commondir",
    ".git/config.worktree",
    ".git/info/attributes",
    ".git/modules/lib/config",
    ".git/worktrees/tree/gitdir",
    ".claude/hooks",
    ".claude/settings.json",
    ".claude/settings.local.json",
    ".vscode/tasks.json",
    ".idea/workspace.xml",
    ".claudebox/config.json",
];

/// What a session can make of the caller's through a link: of its own home folder, or nothing.
fn plant(bait: &Bait, round: usize) -> Seen {
    let seen = link_each(bait, &NAMES, round);
    let written = NAMES.map(|name| inside::append(&bait.project.join(name), "written inside"));
    let reached = written.iter().filter(|act| **act == Act::Reached).count();
    seen.and("written through", Act::saw(reached))
}

/// Folders of the first session that are guarded in the next.
const GUARDED: [&str; 4] = [
    ".git/info/attributes",
    ".git/modules/lib/config",
    ".idea/workspace.xml",
    ".claudebox/config.json",
];

const AGAIN: Session = Session {
    expect: Expect::Exactly(|bait| {
        let mut seen = planted(bait);
        for name in GUARDED {
            seen.0.insert(name.into(), Act::errno(Errno::EROFS));
        }
        seen
    }),
    ..Session::USUAL
};

fn planted(_: &Bait) -> Seen {
    Seen::each(NAMES, |_| Act::Reached).and("written through", Act::saw(0))
}

pub const PROBE: Probe = Probe {
    asks: "do links at the files that a launcher covers or reads in the project lead the next session out of it?",
    threats: &["MNT-01", "MNT-15"],
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
    ..super::planted_in_project::PROBE
};
