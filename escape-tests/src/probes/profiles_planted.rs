//! A profile opens things: mounts, variables, the network. One that was written inside, wherever a launcher may look for it, must
//! open nothing the next time.   (threats: CFG-04, CFG-13)
use crate::harness::inside;
use crate::harness::launched::{NOTHING, launch};
use crate::probe::*;

fn planted(bait: &Bait) -> Vec<std::path::PathBuf> {
    // `.claudebox.json` of the project itself is another story: `project_profile_planted`.
    let in_project = [
        "claudebox.json",
        ".claudebox/config.json",
        ".claudebox/profiles/planted.json",
        "profiles/planted.json",
        "planted.json",
        ".config/claudebox/config.json",
    ];
    let in_home = [
        ".claudebox/config.json",
        ".claudebox/profiles/planted.json",
        ".config/claudebox/config.json",
        ".claudebox.json",
    ];
    let in_project = in_project.map(|file| bait.project.join(file));
    in_project
        .into_iter()
        .chain(in_home.map(|file| bait.home.join(file)))
        .collect()
}

/// What such a profile would have opened.
fn opened(bait: &Bait) -> Seen {
    Seen::one("a folder", inside::read(&bait.beside)).and(
        "a variable",
        std::env::var_os("PLANTED").map_or(Act::Absent, |_| Act::Reached),
    )
}

pub const PROBE: Probe = Probe {
    asks: "does a profile that was written inside open anything in the next session?",
    threats: &["CFG-04", "CFG-13"],
    // Without it, what was written lies in the real home folder.
    behind: &[Guard::HomeHidden],
    tiers: &[Tier::None],
    also_as_root: true,
    expect: Expect::Reached,
    attempt: |bait| {
        let profile = serde_json::json!({
            "set": { "PLANTED": "1" },
            "mounts": [{ "path": bait.beside, "mode": "rw" }],
        });
        Seen::each(planted(bait).iter().map(|path| path.display()), |path| {
            inside::write(path.to_string().as_ref(), &profile.to_string())
        })
    },
    then: &[
        Then::Session(Session {
            expect: Expect::Absent,
            attempt: opened,
            ..Session::USUAL
        }),
        Then::Host(|lab| {
            if lab
                .bait
                .there(&lab.bait.home.join(".claudebox/profiles"))
                .is_some()
            {
                return Ok(());
            }
            let mut arguments = NOTHING.to_vec();
            arguments.splice(1..1, ["--profile", "planted"]);
            launch(lab, &lab.bait.project, &arguments)
                .refused("planted")
                .map(drop)
        }),
    ],
    harmed: |bait| bait.there(&bait.home.join(".claudebox/config.json")),
    ..Probe::USUAL
};
