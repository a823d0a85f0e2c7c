//! A folder that is shown read-only could still be changed by the many calls that are not write(2).   (threats: FS-06, MNT-05)
use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::harness::inside::{self, address, c_path, system_call};
use crate::probe::*;
use nix::libc;

/// What became of the granted folder, if anything did.
pub(super) fn changed(bait: &Bait) -> Option<String> {
    let content = fs::read_to_string(bait.granted.join("file")).unwrap_or_default();
    let entries = fs::read_dir(&bait.granted)
        .map(Iterator::count)
        .unwrap_or(0);
    (content != "as it was\n" || entries != 1)
        .then(|| format!("the folder has {entries} entries, its file {content:?}"))
}

pub const PROBE: Probe = Probe {
    asks: "can it change a folder that was granted read-only?",
    threats: &["FS-06", "MNT-05"],
    behind: &[Guard::RootReadOnly],
    harmless: true,
    also_as_root: true,
    expect: Expect::Refused(Errno::EROFS),
    attempt: |bait| {
        let file = bait.granted.join("file");
        let path = c_path(&file);
        let at = i64::from(libc::AT_FDCWD);
        Seen::one(
            "truncate",
            Act::of(OpenOptions::new().write(true).truncate(true).open(&file)),
        )
        .and(
            "append",
            Act::of(OpenOptions::new().append(true).open(&file)),
        )
        .and("create", inside::create(&bait.granted.join("new")))
        .and(
            "make a folder",
            Act::of(fs::create_dir(bait.granted.join("folder"))),
        )
        .and("link", Act::of(symlink("/", bait.granted.join("link"))))
        .and(
            "chmod",
            Act::of(fs::set_permissions(&file, Permissions::from_mode(0o777))),
        )
        .and(
            "chown",
            Act::of(std::os::unix::fs::chown(&file, Some(bait.inside_uid), None)),
        )
        .and(
            "utimes",
            system_call(libc::SYS_utimensat, [at, address(&path), 0, 0, 0, 0]),
        )
        .and(
            "truncate by path",
            system_call(libc::SYS_truncate, [address(&path), 0, 0, 0, 0, 0]),
        )
        .and(
            "rename",
            Act::of(fs::rename(&file, bait.granted.join("renamed"))),
        )
        .and("unlink", Act::of(fs::remove_file(&file)))
        .and(
            "write into it by /proc",
            Act::of(File::open(&bait.granted).and_then(|folder| {
                use std::os::fd::AsRawFd;
                File::create(format!("/proc/self/fd/{}/by-proc", folder.as_raw_fd()))
            })),
        )
    },
    harmed: changed,
    ..Probe::USUAL
};
