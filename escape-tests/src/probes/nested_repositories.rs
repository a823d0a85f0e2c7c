//! A repository can lie in the tree, and so can a bare one, which is but a folder with files that are checked in like any other.
//! A prompt that asks git where it stands runs what its configuration names.   (threats: PER-07)
use crate::harness::detonator;
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does the configuration of a repository within the tree run anything on the host, and nobody was told?",
    threats: &["PER-07"],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(detonator::repository),
    then: &[
        Then::Host(|lab| {
            for folder in ["vendor", "fixtures/bare.git"] {
                detonator::git_in(lab, &lab.bait.project.join(folder), &["status"]);
            }
            Ok(())
        }),
        Then::Host(|lab| detonator::all_or_none(lab, &["nested", "bare"])),
    ],
    reported: &["vendor/.git", "fixtures/bare.git"],
    expect: Expect::Reached,
    attempt: |bait| {
        let mut seen = Seen::default();
        for (folder, name, own) in [
            ("vendor/.git", "nested", "\tbare = false\n"),
            (
                "fixtures/bare.git",
                "bare",
                "\tbare = false\n\tworktree = ..\n",
            ),
        ] {
            let monitor = detonator::command(bait, name);
            let config = format!(
                "[core]\n\trepositoryformatversion = 0\n\tfsmonitor = \"{monitor}; :\"\n{own}"
            );
            for (file, text) in [
                ("HEAD", "ref: refs/heads/main\n"),
                ("objects/info/packs", "\n"),
                ("refs/heads/.keep", ""),
                ("config", &config),
            ] {
                let path = bait.project.join(folder).join(file);
                seen.add(format!("{name}, {file}"), inside::write(&path, text));
            }
        }
        seen
    },
    harmed: super::programs_of_path::ran,
    ..Probe::USUAL
};
