//! A repository that was the user's own when the first session started, and whose every door was set when it ended. Each command of
//! the launcher looks at it the next time.   (threats: CFG-18, CFG-17, PER-02)
use std::fs;

use crate::harness::launched::{NOTHING, launch};
use crate::harness::{detonator, inside};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does any command of the launcher run what a session left in the repository?",
    threats: &["CFG-18", "CFG-17", "PER-02"],
    // Nothing of the plan: the launcher does not run git. git itself is shown to run it at the end.
    behind: &[],
    tiers: &[Tier::None],
    also_as_root: true,
    // The session makes it a repository: what it is made of is there.
    before: Some(|lab| {
        detonator::repository(lab)?;
        let project = &lab.bait.project;
        fs::rename(project.join(".git"), project.join("kept"))
    }),
    expect: Expect::Reached,
    attempt: |bait| {
        let command = detonator::command(bait, "git");
        let git = bait.project.join(".git");
        let mut config =
            format!("[core]\n\tfsmonitor = \"{command}; :\"\n\tpager = \"{command}\"\n");
        config += &format!(
            "[filter \"a\"]\n\tclean = \"{command}; cat\"\n\tsmudge = \"{command}; cat\"\n\trequired = true\n"
        );
        let hook = git.join("hooks/post-index-change");
        let bare = bait.project.join("bare.git");
        let made = Act::of(fs::rename(bait.project.join("kept"), &git));
        Seen::one("the repository", made)
            .and(
                "the configuration",
                inside::append(&git.join("config"), &config),
            )
            .and(
                "attributes",
                inside::write(&bait.project.join(".gitattributes"), "* filter=a\n"),
            )
            .and(
                "a hook",
                inside::write_program(&hook, &detonator::program(bait, "git")),
            )
            .and(
                "a bare repository",
                inside::write(&bare.join("HEAD"), "ref: refs/heads/main\n"),
            )
            .and(
                "its configuration",
                inside::write(&bare.join("config"), &config),
            )
    },
    then: &[
        Then::Session(Session::USUAL),
        Then::Host(|lab| {
            let bare = lab.bait.project.join("bare.git");
            for folder in [&lab.bait.project, &bare] {
                launch(lab, folder, &NOTHING).started()?;
                launch(lab, folder, &["plan", "--explain"]).started()?;
                launch(lab, folder, &["plan", "--json"]).started()?;
                launch(lab, folder, &["trust"]).refused("there is no")?;
                launch(lab, folder, &["completions", "bash"]).started()?;
                launch(lab, folder, &["check"]).without_canary(lab)?;
            }
            // Only where nothing ran so far: git does run it.
            let ran = &lab.bait.ran;
            if fs::read_to_string(ran)?.is_empty() {
                detonator::git(lab, &["status"]);
                if fs::read_to_string(ran)?.is_empty() {
                    return Err(std::io::Error::other("git itself ran nothing of it"));
                }
                fs::write(ran, "")?;
            }
            Ok(())
        }),
    ],
    harmed: super::programs_of_path::ran,
    ..Probe::USUAL
};
