//! `.claudebox.env` lies in the project: whoever writes it inside sets the environment of the next session, unless a person read it
//! first. Names that steer the launcher, the loader or a tool are refused even then.   (threats: CFG-01, CFG-02)
use std::fs;

use crate::harness::launched::{NOTHING, launch};
use crate::harness::{detonator, inside};
use crate::probe::*;

/// What a person could be made to approve.
const REFUSED: [&str; 14] = [
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "PATH",
    "HOME",
    "BASH_ENV",
    "NODE_OPTIONS",
    "PYTHONPATH",
    "GIT_SSH_COMMAND",
    "NIX_CONFIG",
    "SSH_ASKPASS",
    "CLAUDEBOX_NETWORK",
    "CLAUDEBOX_PROFILE",
    "CLAUDEBOX_HOME",
    "CLAUDEBOX_EXTRA_ENV",
];

fn file(bait: &Bait) -> std::path::PathBuf {
    bait.project.join(".claudebox.env")
}

/// What is in force inside.
fn in_force(bait: &Bait) -> Seen {
    let preload = std::env::var_os("LD_PRELOAD").is_some();
    let mode = std::env::var("MODE").unwrap_or_default();
    Seen::one("LD_PRELOAD", Act::saw(preload))
        .and("MODE", Act::saw(mode))
        .and(
            "the tier",
            Act::saw(std::env::var("CLAUDEBOX").unwrap_or_default()),
        )
        .and(
            "another MODE for the next",
            inside::write(&file(bait), "MODE=evil\n"),
        )
}

pub const PROBE: Probe = Probe {
    asks: "does the next session take variables from a file that was written inside?",
    threats: &["CFG-01", "CFG-02"],
    // Nothing of the plan: the launcher takes nothing that is not approved byte for byte.
    behind: &[],
    tiers: &[Tier::None],
    also_as_root: true,
    expect: Expect::Reached,
    attempt: |bait| {
        let text = format!(
            "LD_PRELOAD={0}/x.so\nPATH={0}\nCLAUDEBOX_NETWORK=full\n",
            bait.project.display()
        );
        Seen::one("the file", inside::write(&file(bait), &text))
    },
    then: &[
        Then::Session(Session {
            refused: Some("nobody approved it"),
            ..Session::USUAL
        }),
        Then::Host(|lab| {
            let project = &lab.bait.project;
            launch(lab, project, &["plan"]).refused("nobody approved it")?;
            // A person approves whatever there is.
            for name in REFUSED {
                fs::write(file(&lab.bait), format!("{name}=/x\n"))?;
                launch(lab, project, &["trust"]).refused(name)?;
                launch(lab, project, &NOTHING).refused("nobody approved it")?;
            }
            detonator::write(lab, &file(&lab.bait), "MODE=$(touch pwned)`touch pwned`\n")?;
            launch(lab, project, &["trust"]).started()?;
            Ok(())
        }),
        Then::Session(Session {
            expect: Expect::Exactly(|bait| {
                Seen::one("LD_PRELOAD", Act::saw(false))
                    .and("MODE", Act::saw("$(touch pwned)`touch pwned`"))
                    .and("the tier", Act::saw(bait.tier.name()))
                    .and("another MODE for the next", Act::errno(Errno::EROFS))
            }),
            attempt: in_force,
            ..Session::USUAL
        }),
        Then::Host(|lab| detonator::write(lab, &file(&lab.bait), "MODE=evil\n")),
        Then::Session(Session {
            refused: Some("changed since it was approved"),
            ..Session::USUAL
        }),
    ],
    harmed: |bait| bait.there(&bait.project.join("pwned")),
    ..Probe::USUAL
};
