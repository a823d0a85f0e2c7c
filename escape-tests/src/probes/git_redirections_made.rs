//! `config.worktree` and `commondir` are not there in a usual repository, so there is nothing to be made read-only: a placeholder
//! would stay on the host. They are reported when they appear.   (threats: PER-04)
use super::git_redirections::{HOST, redirect, worktrees};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does git on the host follow a redirection that appeared in its folder, and nobody was told?",
    threats: &["PER-04"],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(worktrees),
    then: HOST,
    reported: &[
        ".git/worktrees/second/config.worktree",
        ".git/config.worktree",
        ".git/commondir",
    ],
    expect: Expect::Reached,
    attempt: redirect,
    harmed: super::programs_of_path::ran,
    ..Probe::USUAL
};
