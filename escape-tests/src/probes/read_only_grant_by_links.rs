//! A link in the project is the agent's own, and leads where it likes: what is written through it lands in the mount that it
//! leads to, read-only or not.   (threats: FS-06, FS-04, PER-15)
use std::fs::{self, OpenOptions};
use std::os::unix::fs::symlink;

use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it write to a read-only grant through a link in the project?",
    threats: &["FS-06", "FS-04", "PER-15"],
    behind: &[Guard::RootReadOnly],
    also_as_root: true,
    expect: Expect::Refused(Errno::EROFS),
    attempt: |bait| {
        let (file, folder) = (bait.project.join("file"), bait.project.join("folder"));
        let planted = symlink(bait.granted.join("file"), &file)
            .and_then(|()| symlink(&bait.granted, &folder));
        if let Err(error) = planted {
            return Seen::one("links", Act::Broken(error.to_string()));
        }
        let cut = OpenOptions::new().write(true).truncate(true).open(&file);
        Seen::one("cut a file through a link", Act::of(cut))
            .and(
                "make a file through a link",
                inside::create(&folder.join("new")),
            )
            .and(
                "make a folder through /proc/self/cwd",
                Act::of(fs::create_dir("/proc/self/cwd/folder/made")),
            )
            .and(
                "remove through a link",
                Act::of(fs::remove_file(folder.join("file"))),
            )
    },
    harmed: |bait| {
        let content = fs::read_to_string(bait.granted.join("file")).unwrap_or_default();
        (content != "as it was\n").then(|| format!("the file on the host holds {content:?}"))
    },
    ..Probe::USUAL
};
