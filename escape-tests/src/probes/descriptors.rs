//! A descriptor that the caller left open is a door: from a folder of the host, `..` walks to the rest of it (M-06,
//! CVE-2024-21626).   (threats: PROC-05, PROC-06, MNT-11, NET-05)
use std::ffi::CString;
use std::fs;

use nix::libc;

use crate::harness::inside::{address, system_call};
use crate::harness::trial::LEFT_OPEN;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does any descriptor but 0, 1 and 2 cross?",
    threats: &["PROC-05", "PROC-06", "MNT-11", "NET-05"],
    behind: &[Guard::DescriptorsClosed],
    harmless: true,
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::one("open descriptors", Act::saw("0 1 2"))
            .and("a walk out of a folder", Act::errno(Errno::EBADF))
    }),
    attempt: |_| {
        // The walk comes first: then the folder of the listing below cannot take the number.
        let up = CString::new("../../..").expect("no NUL");
        let flags = i64::from(libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC);
        let walk = system_call(
            libc::SYS_openat,
            [i64::from(LEFT_OPEN), address(&up), flags, 0, 0, 0],
        );
        let listed = match fs::read_dir("/proc/self/fd") {
            Ok(entries) => entries
                .flatten()
                .map(|entry| entry.path())
                .collect::<Vec<_>>(),
            Err(error) => return Seen::one("/proc/self/fd", Act::of::<()>(Err(error))),
        };
        // The descriptor of the listing itself is gone by now.
        let mut open: Vec<u32> = listed
            .iter()
            .filter(|path| fs::read_link(path).is_ok())
            .filter_map(|path| path.file_name()?.to_str()?.parse().ok())
            .collect();
        open.sort_unstable();
        let open: Vec<String> = open.iter().map(u32::to_string).collect();
        Seen::one("open descriptors", Act::Saw(open.join(" "))).and("a walk out of a folder", walk)
    },
    ..Probe::USUAL
};
