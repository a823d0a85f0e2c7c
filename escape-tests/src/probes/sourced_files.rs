//! direnv runs an `.envrc` only as it was approved. What that one sources was approved by nobody, and neither was what version
//! managers look for.   (threats: PER-10)
use crate::harness::detonator;
use crate::harness::inside;
use crate::probe::*;

const OTHERS: [&str; 4] = [".mise.toml", ".tool-versions", "flake.nix", "shell.nix"];

pub const PROBE: Probe = Probe {
    asks: "does the user's shell source what was written inside, and nobody was told?",
    threats: &["PER-10"],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(|lab| {
        let project = &lab.bait.project;
        detonator::write(lab, &project.join(".env"), "MODE=development\n")?;
        detonator::write(lab, &project.join(".envrc"), ". ./.env\n")?;
        detonator::direnv_allow(lab)
    }),
    then: &[Then::Host(detonator::direnv)],
    reported: &[
        ".env",
        ".mise.toml",
        ".tool-versions",
        "flake.nix",
        "shell.nix",
    ],
    expect: Expect::Exactly(|_| {
        let seen = Seen::each(OTHERS, |_| Act::Reached);
        seen.and(".env", Act::Reached)
            .and(".envrc", Act::errno(Errno::EROFS))
    }),
    attempt: |bait| {
        let write = |file: &str, text: &str| inside::append(&bait.project.join(file), text);
        let line = detonator::command(bait, "sourced") + "\n";
        let seen = Seen::each(OTHERS, |file| inside::write(&bait.project.join(file), "\n"));
        // Nothing is added to it, so that it stays approved where it can be written.
        seen.and(".env", write(".env", &line))
            .and(".envrc", write(".envrc", ""))
    },
    harmed: super::programs_of_path::ran,
    ..Probe::USUAL
};
