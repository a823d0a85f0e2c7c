//! The git folders of submodules lie in `.git/modules`, each with a configuration and hooks of its own, and a new one can be made
//! during the session.   (threats: PER-06)
use crate::harness::detonator;
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does what was written into the git folder of a submodule run on the host?",
    threats: &["PER-06"],
    behind: &[Guard::HostRunGuarded],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(|lab| {
        detonator::repository(lab)?;
        detonator::repository_in(lab, &lab.bait.project.join("lib"))?;
        detonator::shell(
            lab,
            "mkdir .git/modules && mv lib/.git .git/modules/lib && echo 'gitdir: ../.git/modules/lib' >lib/.git && \
             git config -f .git/modules/lib/config core.worktree ../../../lib",
        );
        Ok(())
    }),
    then: &[
        Then::Host(|lab| {
            let project = &lab.bait.project;
            let commit = ["commit", "--quiet", "--allow-empty", "--message=two"];
            detonator::git_in(lab, &project.join("lib"), &commit);
            detonator::git_in(lab, &project.join("new"), &["status"]);
            Ok(())
        }),
        Then::Host(|lab| detonator::all_or_none(lab, &["hook", "configuration", "new"])),
    ],
    expect: Expect::Refused(Errno::EROFS),
    attempt: |bait| {
        let modules = bait.project.join(".git/modules");
        let monitor = |name: &str| {
            format!(
                "\n[core]\n\tfsmonitor = \"{}; :\"\n",
                detonator::command(bait, name)
            )
        };
        let pointer = inside::write(
            &bait.project.join("new/.git"),
            "gitdir: ../.git/modules/new\n",
        );
        if pointer != Act::Reached {
            return Seen::one("a working tree", Act::Broken(pointer.to_string()));
        }
        let mut seen = Seen::one(
            "a hook",
            inside::write_program(
                &modules.join("lib/hooks/post-commit"),
                &detonator::program(bait, "hook"),
            ),
        )
        .and(
            "a configuration",
            inside::append(&modules.join("lib/config"), &monitor("configuration")),
        );
        for (file, text) in [
            ("HEAD", "ref: refs/heads/main\n".to_owned()),
            ("objects/info/packs", "\n".to_owned()),
            ("refs/heads/.keep", String::new()),
            ("config", monitor("new") + "\tworktree = ../../../new\n"),
        ] {
            let path = modules.join("new").join(file);
            seen.add(format!("a new module, {file}"), inside::write(&path, &text));
        }
        seen
    },
    harmed: super::programs_of_path::ran,
    ..Probe::USUAL
};
