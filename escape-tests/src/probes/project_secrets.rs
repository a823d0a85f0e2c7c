//! A file of the project that is hidden by its name has other names: a hard link, the place where it is moved to, the place where
//! the folder around it is moved to. Hiding does not exist yet; once it does, `grants` asks for it.   (threats: FS-17)
use std::fs;

use crate::harness::detonator;
use crate::harness::inside;
use crate::harness::need::Unbuilt;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can a secret in the project be read by its own or another name?",
    threats: &["FS-17"],
    needs: &[Need::Unbuilt(Unbuilt::ProjectSecretsHidden)],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(|lab| {
        let secret = lab.bait.project.join("config/.env");
        detonator::write(lab, &secret, &format!("SECRET={}\n", lab.bait.mark))
    }),
    expect: Expect::Exactly(|_| {
        Seen::one("by its name", Act::errno(Errno::EACCES))
            .and("by a hard link", Act::errno(Errno::EXDEV))
            .and("moved", Act::errno(Errno::EBUSY))
            .and("in a folder that was moved", Act::errno(Errno::EBUSY))
    }),
    attempt: |bait| {
        let folder = bait.project.join("config");
        let (secret, linked, moved) = (
            folder.join(".env"),
            folder.join("linked"),
            folder.join("moved"),
        );
        let elsewhere = bait.project.join("elsewhere");
        let then_read = |made: std::io::Result<()>, path: &std::path::Path| match made {
            Ok(()) => inside::read(path),
            Err(error) => Act::of::<()>(Err(error)),
        };
        Seen::one("by its name", inside::read(&secret))
            .and(
                "by a hard link",
                then_read(fs::hard_link(&secret, &linked), &linked),
            )
            .and("moved", then_read(fs::rename(&secret, &moved), &moved))
            .and(
                "in a folder that was moved",
                then_read(fs::rename(&folder, &elsewhere), &elsewhere.join("moved")),
            )
    },
    ..Probe::USUAL
};
