//! What a person approved stands in `trust.json`. A session that could write there would approve its own file for the next one.
//!   (threats: CFG-13, CFG-01)
use std::fs;

use crate::harness::launched::launch;
use crate::harness::{detonator, inside};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it see or write what the launcher remembers?",
    threats: &["CFG-13", "CFG-01"],
    behind: &[Guard::HomeHidden],
    also_as_root: true,
    tiers: &[Tier::None],
    before: Some(|lab| {
        let file = lab.bait.project.join(".claudebox.env");
        detonator::write(lab, &file, "MODE=approved\n")?;
        launch(lab, &lab.bait.project, &["trust"])
            .started()
            .map(drop)
    }),
    expect: Expect::Exactly(|_| {
        Seen::one("read it", Act::Absent)
            .and("list its folder", Act::Absent)
            // A throwaway home.
            .and("another one", Act::Reached)
            .and("what it knows of this file", Act::Absent)
            // It is guarded where it is there.
            .and("the file of the next session", Act::errno(Errno::EROFS))
    }),
    attempt: |bait| {
        let state = bait.home.join(".claudebox");
        let trust = state.join("trust.json");
        let known = fs::read_to_string(&trust);
        let seen =
            Seen::one("read it", inside::read(&trust)).and("list its folder", inside::read(&state));
        seen.and(
            "another one",
            inside::write(&trust, "{\"version\":\"1\",\"approved\":{}}\n"),
        )
        .and("what it knows of this file", Act::of(known))
        .and(
            "the file of the next session",
            inside::write(&bait.project.join(".claudebox.env"), "MODE=evil\n"),
        )
    },
    then: &[
        Then::Host(|lab| {
            let file = lab.bait.project.join(".claudebox.env");
            detonator::write(lab, &file, "MODE=evil\n")
        }),
        Then::Session(Session {
            refused: Some("changed since it was approved"),
            ..Session::USUAL
        }),
    ],
    harmed: |bait| {
        let text = fs::read_to_string(bait.home.join(".claudebox/trust.json")).unwrap_or_default();
        (!text.contains(".claudebox.env")).then(|| format!("what was approved is now {text:?}"))
    },
    ..Probe::USUAL
};
