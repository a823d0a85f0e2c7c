//! A guard for each repository of the tree is a mount each, and a list of arguments has an end: with five thousand of them a
//! launcher drops some, or itself.   (threats: RES-11, PER-06)
use std::fs;

use crate::harness::detonator;
use crate::harness::launched::{NOTHING, launch};
use crate::probe::*;

/// So many that their mounts alone exceed what bwrap takes (9000 arguments).
const MANY: usize = 5000;

/// Every tenth lies in the tree, the others are those of submodules. They share one HEAD.
fn plant(bait: &Bait) -> std::io::Result<()> {
    let head = bait.project.join("HEAD");
    fs::write(&head, "ref: refs/heads/main\n")?;
    for number in 0..MANY {
        let folder = if number % 10 == 0 {
            format!("vendor/v{number}/.git")
        } else {
            format!(".git/modules/m{number}")
        };
        let folder = bait.project.join(folder);
        fs::create_dir_all(&folder)?;
        fs::hard_link(&head, folder.join("HEAD"))?;
    }
    Ok(())
}

pub const PROBE: Probe = Probe {
    asks: "do five thousand git folders stop or slow the next start?",
    threats: &["RES-11", "PER-06"],
    behind: &[],
    tiers: &[Tier::None],
    // Planting takes longest, so it is done as seldom as can be: on no terminal, where nothing of it is different.
    streams: Streams::Files,
    before: Some(detonator::nothing_guarded),
    expect: Expect::Reached,
    attempt: |bait| Seen::one("the repositories", Act::of(plant(bait))),
    then: &[Then::Host(|lab| {
        launch(lab, &lab.bait.project, &NOTHING).started()?;
        launch(lab, &lab.bait.project.join("vendor/v0"), &NOTHING).started()?;
        Ok(())
    })],
    ..Probe::USUAL
};
