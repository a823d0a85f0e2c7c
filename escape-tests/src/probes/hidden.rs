//! What is hidden is an empty file or folder that cannot be opened, written or opened up, and the folder around it stays in its
//! place. Only asked: nothing is read to anywhere, and a folder that is not empty cannot be removed.   (threats: FS-17)
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::probe::*;

const NOTHING: &str = "nothing is hidden";

pub const PROBE: Probe = Probe {
    asks: "can what is hidden be opened, opened up, or its folder be put aside?",
    threats: &["FS-17"],
    behind: &[Guard::ProjectSecretsHidden],
    harmless: true,
    also_as_root: true,
    expect: Expect::Exactly(|bait| {
        let mut seen = Seen::one(NOTHING, Act::saw(bait.hidden.is_empty()));
        for path in &bait.hidden {
            let path = path.display();
            seen.add(format!("open {path}"), Act::errno(Errno::EACCES));
            seen.add(format!("open up {path}"), Act::errno(Errno::EROFS));
        }
        for folder in &bait.kept {
            // A place where something is mounted cannot be removed (rmdir(2)).
            seen.add(
                format!("remove {}", folder.display()),
                Act::errno(Errno::EBUSY),
            );
        }
        seen
    }),
    attempt: |bait| {
        let mut seen = Seen::one(NOTHING, Act::saw(bait.hidden.is_empty()));
        for path in &bait.hidden {
            let shown = path.display();
            seen.add(format!("open {shown}"), Act::of(File::open(path)));
            // The mode that it has: where it is not hidden, nothing changes.
            let mode = fs::symlink_metadata(path).map_or(0, |there| there.permissions().mode());
            let mode = Permissions::from_mode(mode & 0o7777);
            seen.add(
                format!("open up {shown}"),
                Act::of(fs::set_permissions(path, mode)),
            );
        }
        for folder in &bait.kept {
            let removed = fs::remove_dir(folder);
            seen.add(format!("remove {}", folder.display()), Act::of(removed));
        }
        seen
    },
    ..Probe::USUAL
};
