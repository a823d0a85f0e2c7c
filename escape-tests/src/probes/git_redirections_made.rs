//! `config.worktree` and `commondir` are not there in a usual repository, so there is nothing to be made read-only: a placeholder
//! would stay on the host. They are reported when they appear.   (threats: PER-04)
use crate::harness::detonator;
use crate::harness::inside;
use crate::probe::*;

use super::git_redirections::{copied, monitor};

pub const PROBE: Probe = Probe {
    asks: "does git on the host follow a redirection that appeared in its folder, and nobody was told?",
    threats: &["PER-04"],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(|lab| {
        detonator::repository(lab)?;
        detonator::git(lab, &["config", "extensions.worktreeConfig", "true"]);
        detonator::git(lab, &["worktree", "add", "--quiet", "../second"]);
        Ok(())
    }),
    then: &[
        Then::Host(|lab| {
            let second = lab.bait.project.with_file_name("second");
            detonator::git_in(lab, &second, &["status"]);
            detonator::git(lab, &["status"]);
            detonator::git(
                lab,
                &["commit", "--quiet", "--allow-empty", "--message=two"],
            );
            Ok(())
        }),
        Then::Host(|lab| {
            detonator::all_or_none(lab, &["worktree", "config.worktree", "commondir"])
        }),
    ],
    reported: &[
        ".git/worktrees/second/config.worktree",
        ".git/config.worktree",
        ".git/commondir",
    ],
    expect: Expect::Reached,
    attempt: |bait| {
        let git = bait.project.join(".git");
        let shared = bait.project.join(".shared");
        let prepared = copied(&git, &shared).map(|()| {
            inside::write_program(
                &shared.join("hooks/post-commit"),
                &detonator::program(bait, "commondir"),
            )
        });
        if !matches!(prepared, Ok(Act::Reached)) {
            return Seen::one(
                "a copy of the git folder",
                Act::Broken(format!("{prepared:?}")),
            );
        }
        Seen::one(
            "the configuration of a linked worktree",
            inside::write(
                &git.join("worktrees/second/config.worktree"),
                &monitor(bait, "worktree"),
            ),
        )
        .and(
            "the configuration of the main worktree",
            inside::write(
                &git.join("config.worktree"),
                &monitor(bait, "config.worktree"),
            ),
        )
        .and(
            "commondir",
            inside::write(&git.join("commondir"), "../.shared\n"),
        )
    },
    harmed: super::programs_of_path::ran,
    ..Probe::USUAL
};
