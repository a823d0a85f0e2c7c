//! The useful twin of refused modes: every ordinary mode is set and kept, as build tools, editors and git do it.
use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "are ordinary modes set?",
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::one("a program", Act::saw("755"))
            .and("a secret", Act::saw("600"))
            .and("a file made with its mode", Act::saw("640"))
            .and("a shared folder", Act::saw("1777"))
            .and("a private folder", Act::saw("700"))
    }),
    attempt: |bait| {
        let at = |name: &str| bait.project.join(name);
        let mode = |made: std::io::Result<()>, path: &Path| {
            let mode = made.and_then(|()| fs::metadata(path));
            mode.map_or_else(
                |error| Act::of::<()>(Err(error)),
                |metadata| Act::saw(format!("{:o}", metadata.mode() & 0o7777)),
            )
        };
        let chmod = |name: &str, bits| {
            let path = at(name);
            let made = fs::write(&path, "")
                .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(bits)));
            mode(made, &path)
        };
        let opened = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o640)
            .open(at("opened"));
        let shared = fs::create_dir(at("shared"))
            .and_then(|()| fs::set_permissions(at("shared"), Permissions::from_mode(0o1777)));
        let private = fs::DirBuilder::new().mode(0o700).create(at("private"));
        Seen::one("a program", chmod("program", 0o755))
            .and("a secret", chmod("secret", 0o600))
            .and(
                "a file made with its mode",
                mode(opened.map(drop), &at("opened")),
            )
            .and("a shared folder", mode(shared, &at("shared")))
            .and("a private folder", mode(private, &at("private")))
    },
    ..Probe::USUAL
};
