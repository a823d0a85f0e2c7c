//! A folder was granted to be written once. The next time only a folder in it is granted, to be read, and in its place the first
//! session left a link to the caller's keys.   (threats: MNT-02, MNT-01)
use std::fs;
use std::os::unix::fs::symlink;

use crate::harness::tree::Part;
use crate::harness::{detonator, inside};
use crate::probe::*;

const LINKS: [(&str, &str); 4] = [
    ("keys", ".ssh"),
    ("file", ".netrc"),
    ("history", ".bash_history"),
    ("home", ""),
];

fn places(bait: &Bait) -> std::path::PathBuf {
    bait.folder.join("shared")
}

const fn refused(grants: fn(&Bait) -> Vec<std::ffi::OsString>) -> Then {
    Then::Session(Session {
        grants,
        refused: Some("cannot enter"),
        expect: Expect::Absent,
        in_other_project: false,
        attempt: |bait| Seen::one("a key", inside::read(&bait.home.join(".ssh/id_ed25519"))),
    })
}

fn grant(bait: &Bait, name: &str) -> Vec<std::ffi::OsString> {
    vec!["--mount".into(), places(bait).join(name).into()]
}

pub const PROBE: Probe = Probe {
    asks: "does a secret enter by a grant whose place an earlier session made a link?",
    threats: &["MNT-02", "MNT-01"],
    // Nothing of the plan: the launcher judges the end of a grant, not its name.
    behind: &[],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(|lab| {
        for (name, _) in LINKS {
            detonator::write(
                lab,
                &places(&lab.bait).join(name).join("text"),
                "as it was\n",
            )?;
        }
        let shared = places(&lab.bait);
        lab.give(&shared)?;
        for (name, _) in LINKS {
            lab.give(&shared.join(name))?;
        }
        Part::Outside.take(&lab.bait)
    }),
    grants: |bait| {
        vec![
            "--mount".into(),
            format!("{}:rw", places(bait).display()).into(),
        ]
    },
    expect: Expect::Reached,
    attempt: |bait| {
        Seen::each(LINKS.map(|(name, _)| name), |name| {
            let target = LINKS
                .iter()
                .find(|(link, _)| link == name)
                .map_or("", |(_, target)| target);
            let at = places(bait).join(name);
            Act::of(fs::remove_dir_all(&at).and_then(|()| symlink(bait.home.join(target), &at)))
        })
    },
    then: &[
        refused(|bait| grant(bait, "keys")),
        refused(|bait| grant(bait, "file")),
        refused(|bait| grant(bait, "history")),
        refused(|bait| grant(bait, "home")),
        // Granted above the links, read-only: they lead nowhere inside.
        Then::Session(Session {
            grants: |bait| grant(bait, ""),
            expect: Expect::Absent,
            attempt: |bait| {
                let keys = places(bait).join("keys/id_ed25519");
                Seen::one("a key", inside::read(&keys))
                    .and("a file", inside::read(&places(bait).join("file")))
            },
            ..Session::USUAL
        }),
    ],
    harmed: |bait| Part::Outside.changed(bait),
    ..Probe::USUAL
};
