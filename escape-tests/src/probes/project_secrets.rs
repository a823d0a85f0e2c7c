//! A file of the project that is hidden by its name has other names: hard links, links, the place where it is moved to, the place
//! where the folder around it is moved to, procfs, a grant. What lies in a folder that is hidden has them too.   (threats: FS-17)
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::harness::detonator;
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can a secret in the project be read by its own or another name?",
    threats: &["FS-17"],
    behind: &[Guard::ProjectSecretsHidden],
    tiers: &[Tier::None],
    also_as_root: true,
    grants: |bait| {
        let hide = ["--hide", ".env", "--hide", "keys/"].map(OsString::from);
        let grant = ["--mount".into(), bait.home.join("shelf-of-links").into()];
        hide.into_iter().chain(grant).collect()
    },
    before: Some(|lab| {
        let project = &lab.bait.project;
        let secret = format!("SECRET={}\n", lab.bait.mark);
        for file in ["config/.env", "keys/deep/key"] {
            detonator::write(lab, &project.join(file), &secret)?;
        }
        // Names that they had before: in the project, and in what is granted.
        let shelf = lab.bait.home.join("shelf-of-links");
        detonator::write(lab, &shelf.join("file"), "\n")?;
        fs::hard_link(project.join("config/.env"), project.join("linked before"))?;
        fs::hard_link(project.join("config/.env"), shelf.join("granted"))?;
        fs::hard_link(project.join("keys/deep/key"), project.join("config/key"))?;
        symlink("config/.env", project.join("link"))
    }),
    expect: Expect::Exactly(|_| {
        let denied = || Act::errno(Errno::EACCES);
        Seen::one("by its name", denied())
            .and("by a link", denied())
            .and("by a new link", denied())
            .and("by an older hard link", denied())
            .and("by its name in a grant", denied())
            .and("through the root of PID 1", denied())
            .and("through the working folder", denied())
            .and("through a folder that is held open", denied())
            .and("in a folder that is hidden", denied())
            .and("by a hard link out of that folder", denied())
            .and("by a hard link", Act::errno(Errno::EXDEV))
            .and("moved", Act::errno(Errno::EBUSY))
            .and("in a folder that was moved", Act::errno(Errno::EBUSY))
            .and("written anew", Act::errno(Errno::EBUSY))
    }),
    attempt: |bait| {
        let project = &bait.project;
        let folder = project.join("config");
        let secret = folder.join(".env");
        let (linked, moved) = (folder.join("linked"), folder.join("moved"));
        let then_read = |made: std::io::Result<()>, path: &Path| match made {
            Ok(()) => inside::read(path),
            Err(error) => Act::of::<()>(Err(error)),
        };
        let below = |top: &str| Path::new(top).join(secret.strip_prefix("/").unwrap_or(&secret));
        let new = symlink(&secret, project.join("new link"));
        let held = fs::File::open(&folder).map(|held| {
            use std::os::fd::AsRawFd;
            inside::read(Path::new(&format!(
                "/proc/self/fd/{}/.env",
                held.as_raw_fd()
            )))
        });
        Seen::one("by its name", inside::read(&secret))
            .and("by a link", inside::read(&project.join("link")))
            .and("by a new link", then_read(new, &project.join("new link")))
            .and(
                "by an older hard link",
                inside::read(&project.join("linked before")),
            )
            .and(
                "by its name in a grant",
                inside::read(&bait.home.join("shelf-of-links/granted")),
            )
            .and(
                "through the root of PID 1",
                inside::read(&below("/proc/self/root")),
            )
            .and(
                "through the working folder",
                inside::read(Path::new("/proc/self/cwd/config/.env")),
            )
            .and(
                "through a folder that is held open",
                held.unwrap_or_else(|error| Act::of::<()>(Err(error))),
            )
            .and(
                "in a folder that is hidden",
                inside::read(&project.join("keys/deep/key")),
            )
            .and(
                "by a hard link out of that folder",
                inside::read(&folder.join("key")),
            )
            .and(
                "by a hard link",
                then_read(fs::hard_link(&secret, &linked), &linked),
            )
            .and(
                "in a folder that was moved",
                then_read(
                    fs::rename(&folder, project.join("elsewhere")),
                    &project.join("elsewhere/.env"),
                ),
            )
            .and("moved", then_read(fs::rename(&secret, &moved), &moved))
            .and("written anew", Act::of(fs::remove_file(&secret)))
    },
    ..Probe::USUAL
};
