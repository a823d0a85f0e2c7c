//! A project is deleted and another one is made at its path, or the path is another spelling of it. What was approved for one
//! content counts for that one, under every name, and for no other.   (threats: MNT-16, CFG-01)
use std::fs;
use std::os::unix::fs::symlink;

use crate::harness::launched::{NOTHING, launch};
use crate::harness::{detonator, inside};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does a new project inherit what was approved for the old one at its path?",
    threats: &["MNT-16", "CFG-01"],
    // Nothing of the plan: trust is kept by real path and content.
    behind: &[],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(|lab| {
        let (project, alias) = (&lab.bait.project, lab.bait.home.join("src/alias"));
        detonator::write(lab, &project.join(".claudebox.env"), "MODE=approved\n")?;
        symlink(project, &alias)?;
        // Approved under one name.
        launch(lab, &alias, &["trust"]).started().map(drop)
    }),
    expect: Expect::Exactly(|_| {
        Seen::one("MODE", Act::saw("approved")).and("another file", Act::Reached)
    }),
    attempt: |bait| {
        let mode = std::env::var("MODE").unwrap_or_default();
        Seen::one("MODE", Act::saw(mode)).and(
            "another file",
            inside::write(&bait.project.join("sub/.claudebox.env"), "MODE=evil\n"),
        )
    },
    then: &[Then::Host(|lab| {
        let (project, home) = (&lab.bait.project, &lab.bait.home);
        // The file of a folder below is nobody's.
        launch(lab, &project.join("sub"), &NOTHING).started()?;
        let again = home.join("src/again");
        fs::rename(project, &again)?;
        launch(lab, &again, &NOTHING).refused("nobody approved it")?;
        fs::create_dir(project)?;
        lab.give(project)?;
        detonator::write(lab, &project.join(".claudebox.env"), "MODE=of another\n")?;
        let alias = home.join("src/alias");
        launch(lab, &alias, &NOTHING).refused("changed since it was approved")?;
        launch(lab, project, &NOTHING).refused("changed since it was approved")?;
        detonator::write(lab, &project.join(".claudebox.env"), "MODE=approved\n")?;
        launch(lab, project, &NOTHING).started()?;
        Ok(())
    })],
    ..Probe::USUAL
};
