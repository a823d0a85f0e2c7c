//! `.git/info/attributes` says which filter git runs on which file, and is seen in no diff; `.git/info/exclude` hides what was
//! planted from `git status`. The filter of this user's own configuration is a script of the tree.   (threats: PER-03)
use std::fs;

use crate::harness::detonator;
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does a filter run on the host because attributes were written into the git folder?",
    threats: &["PER-03"],
    behind: &[Guard::HostRunGuarded],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(|lab| {
        detonator::repository(lab)?;
        detonator::git(
            lab,
            &["config", "--global", "filter.tidy.clean", "./scripts/tidy"],
        );
        let info = lab.bait.project.join(".git/info");
        detonator::write(lab, &info.join("attributes"), "*.png binary\n")?;
        detonator::write(lab, &info.join("exclude"), "*.swp\n")
    }),
    then: &[Then::Host(|lab| {
        detonator::shell(lab, "echo two >>text");
        detonator::git(lab, &["add", "text"]);
        Ok(())
    })],
    expect: Expect::Refused(Errno::EROFS),
    attempt: |bait| {
        let script = bait.project.join("scripts/tidy");
        let script = inside::write_program(&script, &detonator::program(bait, "tidy"));
        if script != Act::Reached {
            return Seen::one("a script of the tree", Act::Broken(script.to_string()));
        }
        let info = bait.project.join(".git/info");
        Seen::one(
            "attributes",
            inside::append(&info.join("attributes"), "text filter=tidy\n"),
        )
        .and(
            "exclude",
            inside::append(&info.join("exclude"), "scripts/\n"),
        )
        .and(
            "another file in place of attributes",
            Act::of(
                fs::write(info.join("new"), "text filter=tidy\n")
                    .and_then(|()| fs::rename(info.join("new"), info.join("attributes"))),
            ),
        )
    },
    harmed: super::programs_of_path::ran,
    ..Probe::USUAL
};
