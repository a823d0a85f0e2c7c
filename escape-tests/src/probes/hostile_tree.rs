//! The launcher looks at the project before it starts. Loops of links, names as long as they can be, folders that nobody may open
//! and twenty thousand entries must neither stop nor slow it: it opens the few names that it knows.   (threats: RES-10, PER-18)
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::harness::detonator;
use crate::harness::launched::{NOTHING, launch};
use crate::probe::*;

fn plant(bait: &Bait) -> std::io::Result<()> {
    let project = &bait.project;
    // All names that the launcher looks for, each a link to the next, in a ring; and a folder that is its own.
    let ring = [
        ".envrc",
        ".mcp.json",
        ".idea",
        ".claude",
        ".vscode",
        ".husky",
        ".devcontainer",
    ];
    for (number, name) in ring.iter().enumerate() {
        symlink(ring[(number + 1) % ring.len()], project.join(name))?;
    }
    let mut deep = project.join("deep");
    // Each name is as long as one can be; from inside the path is built step by step (ENAMETOOLONG).
    std::env::set_current_dir(project)?;
    for _ in 0..40 {
        let name = "n".repeat(255);
        fs::create_dir(&name)?;
        std::env::set_current_dir(&name)?;
    }
    std::env::set_current_dir(project)?;
    let many = project.join("many");
    fs::create_dir(&many)?;
    fs::write(many.join("first"), "")?;
    for number in 0..20_000 {
        fs::hard_link(many.join("first"), many.join(number.to_string()))?;
    }
    deep.set_extension("closed");
    fs::create_dir(&deep)?;
    fs::set_permissions(&deep, Permissions::from_mode(0o000))?;
    fs::create_dir_all(project.join(".git/hooks"))?;
    fs::set_permissions(project.join(".git/hooks"), Permissions::from_mode(0o000))
}

pub const PROBE: Probe = Probe {
    asks: "does a tree that was made to be hard to read stop or slow the next start?",
    threats: &["RES-10", "PER-18"],
    // Nothing of the plan: the launcher walks through no tree.
    behind: &[],
    tiers: &[Tier::None],
    // Planting takes longest, so it is done as seldom as can be: on no terminal, where nothing of it is different.
    streams: Streams::Files,
    before: Some(detonator::nothing_guarded),
    expect: Expect::Reached,
    attempt: |bait| Seen::one("the tree", Act::of(plant(bait))),
    then: &[
        Then::Host(|lab| {
            launch(lab, &lab.bait.project, &NOTHING).started()?;
            launch(lab, &lab.bait.project, &["plan", "--json"]).started()?;
            launch(lab, &lab.bait.project.join("many"), &NOTHING).started()?;
            Ok(())
        }),
        // Else nobody but root can take it away.
        Then::Host(|lab| {
            for closed in ["deep.closed", ".git/hooks"] {
                fs::set_permissions(lab.bait.project.join(closed), Permissions::from_mode(0o755))?;
            }
            Ok(())
        }),
    ],
    ..Probe::USUAL
};
