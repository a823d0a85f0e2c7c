//! More calls that change a file or a folder, and ways to a file that were opened for something else.
//!   (threats: FS-06, SOCK-18)
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixListener;

use nix::libc;

use crate::harness::inside::{address, c_path, in_child, system_call};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it change a read-only grant by a rarer call?",
    threats: &["FS-06", "SOCK-18"],
    behind: &[Guard::RootReadOnly],
    also_as_root: true,
    expect: Expect::Refused(Errno::EROFS),
    attempt: |bait| {
        let file = bait.granted.join("file");
        let (path, folder) = (c_path(&file), c_path(&bait.granted));
        let (hard, pipe) = (
            c_path(bait.granted.join("hard")),
            c_path(bait.granted.join("pipe")),
        );
        let name = c_path("user.claudebox");
        let (path, folder, name) = (address(&path), address(&folder), address(&name));
        let at = i64::from(libc::AT_FDCWD);
        let reopened = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_PATH)
            .open(&file)
            .and_then(|opened| {
                let again = format!("/proc/self/fd/{}", opened.as_raw_fd());
                OpenOptions::new().append(true).open(again)
            });
        let cut = system_call(
            libc::SYS_openat,
            [at, path, i64::from(libc::O_RDONLY | libc::O_TRUNC), 0, 0, 0],
        );
        let nameless = OpenOptions::new()
            .write(true)
            .custom_flags(libc::O_TMPFILE)
            .open(&bait.granted);
        let flags = File::open(&file).map_or_else(
            |error| Act::Broken(error.to_string()),
            |file| {
                // FS_NODUMP_FL, by FS_IOC_SETFLAGS.
                let flags = 0x40_u64;
                let request = 0x4008_6602;
                system_call(
                    libc::SYS_ioctl,
                    [
                        i64::from(file.as_raw_fd()),
                        request,
                        &raw const flags as i64,
                        0,
                        0,
                        0,
                    ],
                )
            },
        );
        // The path is longer than the address of a socket may be.
        let bound = in_child(|| match std::env::set_current_dir(&bait.granted) {
            Ok(()) => Act::of(UnixListener::bind("s")),
            Err(error) => Act::Broken(error.to_string()),
        });
        Seen::one("open(2) O_RDONLY|O_TRUNC", cut)
            .and("open again what was opened with O_PATH", Act::of(reopened))
            .and("open(2) O_TMPFILE", Act::of(nameless))
            .and(
                "setxattr(2)",
                system_call(libc::SYS_setxattr, [path, name, name, 1, 0, 0]),
            )
            .and(
                "removexattr(2)",
                system_call(libc::SYS_removexattr, [path, name, 0, 0, 0, 0]),
            )
            .and(
                "linkat(2)",
                system_call(libc::SYS_linkat, [at, path, at, address(&hard), 0, 0]),
            )
            .and(
                "mknodat(2) a FIFO",
                system_call(
                    libc::SYS_mknodat,
                    [
                        at,
                        address(&pipe),
                        i64::from(libc::S_IFIFO | 0o600),
                        0,
                        0,
                        0,
                    ],
                ),
            )
            .and(
                "renameat2(2) RENAME_EXCHANGE",
                system_call(
                    libc::SYS_renameat2,
                    [at, path, at, path, i64::from(libc::RENAME_EXCHANGE), 0],
                ),
            )
            .and(
                "chmod of the folder",
                system_call(libc::SYS_fchmodat, [at, folder, 0o777, 0, 0, 0]),
            )
            .and("ioctl(2) FS_IOC_SETFLAGS", flags)
            .and("bind(2) a socket", bound)
    },
    harmed: |bait| bait.there(&bait.granted.join("s")),
    ..Probe::USUAL
};
