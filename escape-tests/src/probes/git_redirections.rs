//! Three small files lead git to another configuration and other hooks: `config.worktree`, `commondir`, and those of a linked
//! worktree. Where they are not there when the session starts, see `git_redirections_made`.   (threats: PER-04)
use std::fs;
use std::path::Path;

use crate::harness::detonator;
use crate::harness::inside;
use crate::probe::*;

fn copied(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)?.flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copied(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

fn monitor(bait: &Bait, name: &str) -> String {
    format!(
        "[core]\n\tfsmonitor = \"{}; :\"\n",
        detonator::command(bait, name)
    )
}

/// A repository with a linked worktree, and each has a configuration of its own.
pub(super) fn worktrees(lab: &Lab) -> std::io::Result<()> {
    detonator::repository(lab)?;
    detonator::git(lab, &["config", "extensions.worktreeConfig", "true"]);
    detonator::git(lab, &["worktree", "add", "--quiet", "../second"]);
    Ok(())
}

/// What a person does afterwards in both worktrees.
pub(super) const HOST: &[Then] = &[
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
    Then::Host(|lab| detonator::all_or_none(lab, &["worktree", "config.worktree", "commondir"])),
];

/// Writes each of the three.
pub(super) fn redirect(bait: &Bait) -> Seen {
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
}

pub const PROBE: Probe = Probe {
    asks: "does git on the host follow a redirection that was written into its folder?",
    threats: &["PER-04"],
    behind: &[Guard::HostRunGuarded],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(|lab| {
        worktrees(lab)?;
        let git = lab.bait.project.join(".git");
        for folder in [&git, &git.join("worktrees/second")] {
            detonator::write(lab, &folder.join("config.worktree"), "[core]\n")?;
        }
        // It leads to itself.
        detonator::write(lab, &git.join("commondir"), ".\n")
    }),
    then: HOST,
    expect: Expect::Refused(Errno::EROFS),
    attempt: redirect,
    harmed: super::programs_of_path::ran,
    ..Probe::USUAL
};
