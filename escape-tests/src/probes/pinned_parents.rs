//! A file that is read-only stays so at the place where it is mounted. Whoever renames the folder above and makes another of its
//! name has a file there that is not.   (threats: FS-19)
use std::fs;

use crate::harness::detonator;
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can a folder with guarded files be put aside, and another in its place?",
    threats: &["FS-19"],
    behind: &[Guard::HostRunGuarded],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(|lab| {
        detonator::repository(lab)?;
        let file = |name: &str| lab.bait.project.join(name);
        detonator::write(lab, &file(".vscode/tasks.json"), "{}\n")?;
        detonator::write(lab, &file(".claude/settings.json"), "{}\n")
    }),
    then: &[
        Then::Host(detonator::open_editor),
        Then::Host(detonator::day_of_git),
        Then::Host(|lab| detonator::all_or_none(lab, &["hook", "task"])),
    ],
    expect: Expect::Refused(Errno::EBUSY),
    attempt: |bait| {
        let folders = [".git", ".vscode", ".claude"];
        let seen = Seen::each(folders, |folder| {
            let at = bait.project.join(folder);
            Act::of(fs::rename(&at, at.with_extension("old")))
        });
        if seen.0.values().all(|act| *act == Act::Reached) {
            // The other folder: what was there, and one thing more.
            let made = fs::rename(bait.project.join(".git.old"), bait.project.join(".git"));
            let hook = bait.project.join(".git/hooks/post-commit");
            let task = detonator::editor_task(&detonator::command(bait, "task"));
            let _ = made.map(|()| inside::write_program(&hook, &detonator::program(bait, "hook")));
            let _ = inside::write(&bait.project.join(".vscode/tasks.json"), &task);
        }
        seen
    },
    harmed: super::programs_of_path::ran,
    ..Probe::USUAL
};
