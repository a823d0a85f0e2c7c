//! An environment of Python, the programs of npm and what a build left behind lie in the project and are run from there by hand,
//! by an editor, by a language server. They are in no diff, as git ignores them.   (threats: PER-14)
use std::fs;

use crate::harness::detonator;
use crate::harness::inside;
use crate::probe::*;

const PROGRAMS: [&str; 3] = [
    ".venv/bin/python",
    "node_modules/.bin/eslint",
    "target/debug/app",
];

pub const PROBE: Probe = Probe {
    asks: "does the host run an interpreter that was replaced inside, and nobody was told?",
    threats: &["PER-14"],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(|lab| {
        PROGRAMS.iter().try_for_each(|program| {
            let path = lab.bait.project.join(program);
            detonator::write(lab, &path, "#!/bin/sh\nexit 0\n")?;
            fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        })
    }),
    then: &[
        Then::Host(|lab| {
            let run = |program| detonator::shell(lab, &format!("./{program} --version"));
            PROGRAMS.iter().for_each(run);
            Ok(())
        }),
        Then::Host(|lab| detonator::all_or_none(lab, &PROGRAMS)),
    ],
    reported: &PROGRAMS,
    expect: Expect::Reached,
    attempt: |bait| {
        Seen::each(PROGRAMS, |program| {
            inside::write_program(
                &bait.project.join(program),
                &detonator::program(bait, program),
            )
        })
    },
    harmed: super::programs_of_path::ran,
    ..Probe::USUAL
};
