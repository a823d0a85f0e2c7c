//! A team keeps its hooks in the tree, and its members tell git where: `core.hooksPath`. Then whoever writes the tree writes
//! programs that git runs.   (threats: PER-08)
use crate::harness::detonator;
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does a hook run on the host that was written into the folder that the user's git configuration names?",
    threats: &["PER-08"],
    behind: &[Guard::HostRunGuarded],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(|lab| {
        detonator::repository(lab)?;
        detonator::git(lab, &["config", "core.hooksPath", ".githooks"]);
        let hook = lab.bait.project.join(".githooks/pre-commit");
        detonator::write(lab, &hook, "#!/bin/sh\nexit 0\n")
    }),
    then: &[
        Then::Host(detonator::day_of_git),
        Then::Host(|lab| detonator::all_or_none(lab, &["pre-commit", "post-commit"])),
    ],
    expect: Expect::Refused(Errno::EROFS),
    attempt: |bait| {
        Seen::each(["pre-commit", "post-commit"], |name| {
            let hook = bait.project.join(".githooks").join(name);
            inside::write_program(&hook, &detonator::program(bait, name))
        })
    },
    harmed: super::programs_of_path::ran,
    ..Probe::USUAL
};
