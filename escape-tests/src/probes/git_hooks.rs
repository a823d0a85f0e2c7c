//! A hook is a program that git runs on the host at the next commit. One is written, one is changed, one is a link into the
//! project, and at last the whole folder is another one.   (threats: PER-01)
use std::fs;
use std::os::unix::fs::symlink;

use crate::harness::detonator;
use crate::harness::inside;
use crate::probe::*;

const PLANTED: [&str; 4] = [
    "post-commit",
    "pre-commit",
    "post-checkout",
    "prepare-commit-msg",
];

pub const PROBE: Probe = Probe {
    asks: "does a git hook that was written inside run on the host?",
    threats: &["PER-01"],
    behind: &[Guard::HostRunGuarded],
    also_as_root: true,
    before: Some(|lab| {
        detonator::repository(lab)?;
        let hook = lab.bait.project.join(".git/hooks/pre-commit");
        detonator::write(lab, &hook, "#!/bin/sh\nexit 0\n")
    }),
    then: &[
        Then::Host(detonator::day_of_git),
        Then::Host(|lab| detonator::all_or_none(lab, &PLANTED)),
    ],
    expect: Expect::Exactly(|_| {
        Seen::one("a new hook", Act::errno(Errno::EROFS))
            .and("a hook that is there", Act::errno(Errno::EROFS))
            .and("a link to a program", Act::errno(Errno::EROFS))
            // A place where something is mounted cannot be moved.
            .and("another folder in its place", Act::errno(Errno::EBUSY))
    }),
    attempt: |bait| {
        let hooks = bait.project.join(".git/hooks");
        let mine = bait.project.join(".git/mine");
        let hook = |name: &str| detonator::program(bait, name);
        let linked = bait.project.join("linked");
        let target = inside::write_program(&linked, &hook("post-checkout"));
        let linked = match target {
            Act::Reached => Act::of(symlink(&linked, hooks.join("post-checkout"))),
            broken => Act::Broken(broken.to_string()),
        };
        Seen::one(
            "a new hook",
            inside::write_program(&hooks.join("post-commit"), &hook("post-commit")),
        )
        .and(
            "a hook that is there",
            inside::write_program(&hooks.join("pre-commit"), &hook("pre-commit")),
        )
        .and("a link to a program", linked)
        .and(
            "another folder in its place",
            Act::of(
                fs::rename(&hooks, &mine)
                    .and_then(|()| symlink("mine", &hooks))
                    .map(|()| {
                        inside::write_program(
                            &mine.join("prepare-commit-msg"),
                            &hook("prepare-commit-msg"),
                        )
                    }),
            ),
        )
    },
    harmed: super::programs_of_path::ran,
    ..Probe::USUAL
};
