//! A mount needs a place, and a launcher that makes one in the project leaves it there, or removes at the end what it takes for it:
//! by then it may be another thing. The tree is as it was, however the session ended.   (threats: MNT-15, MNT-17)
use std::fs;
use std::os::unix::fs::symlink;

use crate::harness::detonator;
use crate::harness::tree::Part;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "is anything of the project or the host made or removed by a session that was killed?",
    threats: &["MNT-15", "MNT-17"],
    behind: &[Guard::HomeHidden],
    tiers: &[Tier::None],
    also_as_root: true,
    ending: Ending::LauncherKilled,
    before: Some(|lab| {
        detonator::repository(lab)?;
        detonator::write(lab, &lab.bait.project.join(".claude/settings.json"), "{}\n")?;
        Part::Project.take(&lab.bait)?;
        Part::Outside.take(&lab.bait)
    }),
    expect: Expect::Reached,
    attempt: |bait| {
        // Whoever cleans up by walking through these walks out of them.
        let private = [
            bait.home.clone(),
            "/tmp".into(),
            "/var/tmp".into(),
            "/dev/shm".into(),
        ];
        Seen::each(private.iter().map(|folder| folder.display()), |folder| {
            let folder = std::path::PathBuf::from(folder.to_string()).join("left");
            let made = fs::create_dir(&folder);
            let linked = made.and_then(|()| symlink(&bait.project, folder.join("project")));
            Act::of(linked.and_then(|()| symlink("../../../..", folder.join("up"))))
        })
    },
    harmed: |bait| {
        Part::Project
            .changed(bait)
            .or_else(|| Part::Outside.changed(bait))
    },
    ..Probe::USUAL
};
