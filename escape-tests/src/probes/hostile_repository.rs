//! The git configuration of a project is the agent's to write, and each of a dozen keys in it names a program that git runs.
//! Nothing that starts a session may ask git.   (threats: CFG-18, CFG-09, PER-01, PER-02)
use std::fs;

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does the start of a session run what the project's git configuration names?",
    threats: &["CFG-18", "CFG-09", "PER-01", "PER-02"],
    // Nothing of the plan: the launcher does not run git. The programs are shown to work when they are planted.
    behind: &[],
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::one("programs in the configuration", Act::saw(6)).and("hooks", Act::saw(3))
    }),
    attempt: |bait| {
        let config = fs::read_to_string(bait.project.join(".git/config")).unwrap_or_default();
        let hooks = fs::read_dir(bait.project.join("hooks")).map_or(0, Iterator::count);
        Seen::one(
            "programs in the configuration",
            Act::saw(config.matches("/fakes/git").count()),
        )
        .and("hooks", Act::saw(hooks))
    },
    harmed: super::programs_of_path::ran,
    ..Probe::USUAL
};
