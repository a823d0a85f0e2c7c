//! In a linked worktree or a submodule the launcher shows a git folder to be written, which the agent's own `.git` file names. It
//! counts only where that folder names the project back. Here a session that may write folders called `worktrees` and `modules`
//! registers the project there, so that the folder around is "the repository" the next time, when nothing is granted.
//!   (threats: PER-05, MNT-01)
use std::fs;
use std::path::PathBuf;

use crate::harness::detonator;
use crate::harness::inside;
use crate::probe::*;

fn at(bait: &Bait, name: &str) -> PathBuf {
    bait.folder.join("elsewhere").join(name)
}

fn point_to(bait: &Bait, folder: &str) -> Act {
    let pointer = format!("gitdir: {}\n", at(bait, folder).display());
    inside::write(&bait.project.join(".git"), &pointer)
}

pub const PROBE: Probe = Probe {
    asks: "does a pointer of the agent's own open a folder that nobody granted, the next time?",
    threats: &["PER-05", "MNT-01"],
    behind: &[Guard::HostHidden],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(|lab| {
        detonator::nothing_guarded(lab)?;
        for folder in ["worktrees", "modules"] {
            fs::create_dir(at(&lab.bait, folder))?;
            lab.give(&at(&lab.bait, folder))?;
        }
        lab.give(&at(&lab.bait, ""))
    }),
    grants: |bait| {
        ["worktrees", "modules"]
            .iter()
            .flat_map(|folder| {
                let grant = format!("{}:rw", at(bait, folder).display());
                ["--mount".into(), grant.into()]
            })
            .collect()
    },
    expect: Expect::Reached,
    attempt: |bait| {
        let git = bait.project.join(".git");
        let config = format!("[core]\n\tworktree = {}\n", bait.project.display());
        let mut seen = Seen::one("a pointer", point_to(bait, "worktrees/mine"));
        for (file, text) in [
            ("worktrees/mine/gitdir", format!("{}\n", git.display())),
            ("worktrees/mine/commondir", "../..\n".to_owned()),
            ("worktrees/mine/HEAD", "ref: refs/heads/main\n".to_owned()),
            ("modules/mine/config", config),
        ] {
            seen.add(file, inside::write(&at(bait, file), &text));
        }
        seen
    },
    then: &[
        Then::Session(Session {
            expect: Expect::Exactly(|_| {
                Seen::one("a secret of the other project", Act::Absent)
                    .and("a new file beside it", Act::Absent)
                    // It is guarded by now.
                    .and("another pointer", Act::errno(Errno::EROFS))
            }),
            attempt: |bait| {
                let secret = inside::read(&bait.other_projects[1]);
                Seen::one("a secret of the other project", secret)
                    .and("a new file beside it", inside::create(&at(bait, "planted")))
                    .and("another pointer", point_to(bait, "modules/mine"))
            },
            ..Session::USUAL
        }),
        // As if a session had, where there was none.
        Then::Host(|lab| {
            let pointer = format!("gitdir: {}\n", at(&lab.bait, "modules/mine").display());
            detonator::write(lab, &lab.bait.project.join(".git"), &pointer)
        }),
        Then::Session(Session {
            expect: Expect::Absent,
            attempt: |bait| {
                Seen::one(
                    "a new file",
                    inside::create(&at(bait, "modules/mine/planted")),
                )
            },
            ..Session::USUAL
        }),
    ],
    harmed: |bait| {
        let planted = ["planted", "modules/mine/planted"];
        planted.iter().find_map(|file| bait.there(&at(bait, file)))
    },
    ..Probe::USUAL
};
