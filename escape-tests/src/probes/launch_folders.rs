//! The folder in which a session is started enters read-write. Started in the home folder, above it, in a folder of secrets or of
//! the system, by whatever spelling or link, that would be all of it.   (threats: FS-13)
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::harness::launched::{NOTHING, launch};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does a session start in a folder that is no project?",
    threats: &["FS-13"],
    // Nothing of the plan: the launcher refuses before there is one.
    behind: &[],
    tiers: &[Tier::None],
    also_as_root: true,
    expect: Expect::Reached,
    attempt: |_| Seen::one("in the project", Act::Reached),
    then: &[Then::Host(|lab| {
        let (home, project) = (&lab.bait.home, &lab.bait.project);
        let mut folders: Vec<PathBuf> = ["/", "/etc", "/usr/share", "/tmp", "/var", "/proc/self"]
            .map(PathBuf::from)
            .into();
        let below = [
            ".ssh",
            ".config",
            ".config/gh",
            ".claude",
            ".claudebox",
            ".gnupg",
            ".password-store",
        ];
        folders.extend(below.map(|name| home.join(name)));
        folders.extend([
            home.clone(),
            home.join("src/.."),
            home.parent().unwrap_or(home).to_owned(),
        ]);
        let links = home.join("src/links");
        fs::create_dir(&links)?;
        for (name, target) in [
            ("home", home.clone()),
            ("keys", home.join(".ssh")),
            ("root", "/".into()),
        ] {
            let link = links.join(name);
            symlink(target, &link)?;
            folders.push(link);
        }
        for folder in &folders {
            launch(lab, folder, &NOTHING).refused("cannot be a project")?;
        }
        // The twin: the same launcher starts in a project, and by a link to one.
        symlink(project, links.join("project"))?;
        launch(lab, &links.join("project"), &NOTHING).started()?;
        Ok(())
    })],
    ..Probe::USUAL
};
