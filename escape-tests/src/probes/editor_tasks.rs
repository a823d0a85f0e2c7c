//! An editor runs the tasks of a folder when it is opened, once its user has said that the folder is trusted: long ago.
//!   (threats: PER-11)
use crate::harness::detonator;
use crate::harness::inside;
use crate::probe::*;

const GUARDED: [&str; 3] = [
    ".vscode/tasks.json",
    ".vscode/settings.json",
    ".idea/workspace.xml",
];

pub const PROBE: Probe = Probe {
    asks: "does an editor on the host run a task that was changed inside?",
    threats: &["PER-11"],
    behind: &[Guard::HostRunGuarded],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(|lab| {
        GUARDED
            .iter()
            .try_for_each(|file| detonator::write(lab, &lab.bait.project.join(file), "{}\n"))
    }),
    then: &[Then::Host(detonator::open_editor)],
    expect: Expect::Refused(Errno::EROFS),
    attempt: |bait| {
        let task = detonator::editor_task(&detonator::command(bait, "task"));
        Seen::each(GUARDED, |file| {
            inside::write(&bait.project.join(file), &task)
        })
    },
    harmed: super::programs_of_path::ran,
    ..Probe::USUAL
};
