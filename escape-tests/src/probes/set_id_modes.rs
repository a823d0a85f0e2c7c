//! A set-user-ID program in the project is the caller's on the host: whoever runs it there is the caller, and root where uid 0
//! started the launcher (M-18). Each call that takes a mode is tried; what takes it in memory that no filter can read is
//! absent.   (threats: PER-16, SOCK-17)
use std::ffi::CString;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;

use nix::libc;

use crate::harness::inside::{address, c_path, system_call};
use crate::probe::*;

const MODES: [(&str, i64); 3] = [
    ("set-user-ID", 0o4755),
    ("set-group-ID", 0o2755),
    ("both, with high bits", 0o6755 | 1 << 32),
];

fn name(bait: &Bait, call: &str) -> CString {
    c_path(bait.shared.join(format!("made-by-{call}")))
}

pub const PROBE: Probe = Probe {
    asks: "can it leave a set-user-ID program in the project?",
    threats: &["PER-16", "SOCK-17"],
    behind: &[Guard::SetIdModes],
    harmless: true,
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        let mut seen = Seen::default();
        for (what, _) in MODES {
            for call in CALLS {
                seen.add(format!("{call}, {what}"), Act::errno(Errno::EPERM));
            }
        }
        seen.and("openat2", Act::errno(Errno::ENOSYS))
            .and("io_uring_setup", Act::errno(Errno::ENOSYS))
    }),
    attempt: |bait| {
        let mut seen = Seen::default();
        let at = i64::from(libc::AT_FDCWD);
        for (what, mode) in MODES {
            for call in CALLS {
                let path = name(bait, &format!("{call} {what}"));
                let act = attempt(call, &path, mode);
                seen.add(format!("{call}, {what}"), act);
            }
        }
        let path = name(bait, "openat2");
        // struct open_how: flags, mode, resolve.
        let how = [(libc::O_CREAT | libc::O_WRONLY) as u64, 0o4755, 0];
        let opened = system_call(
            libc::SYS_openat2,
            [at, address(&path), how.as_ptr() as i64, 24, 0, 0],
        );
        let mut parameters = [0_u32; 30];
        let ring = system_call(
            libc::SYS_io_uring_setup,
            [1, parameters.as_mut_ptr() as i64, 0, 0, 0, 0],
        );
        seen.and("openat2", opened).and("io_uring_setup", ring)
    },
    harmed: |bait| {
        let entries = fs::read_dir(&bait.shared).ok()?.flatten();
        let marked = entries
            .filter(|entry| entry.metadata().is_ok_and(|file| file.mode() & 0o6000 != 0))
            .map(|entry| entry.file_name())
            .collect::<Vec<_>>();
        (!marked.is_empty()).then(|| format!("on the host there are {marked:?}"))
    },
    ..Probe::USUAL
};

#[cfg(target_arch = "x86_64")]
const CALLS: [&str; 9] = [
    "chmod",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "open",
    "openat",
    "creat",
    "mknod",
    "mknodat",
];
#[cfg(not(target_arch = "x86_64"))]
const CALLS: [&str; 5] = ["fchmod", "fchmodat", "fchmodat2", "openat", "mknodat"];

fn attempt(call: &str, path: &CString, mode: i64) -> Act {
    let at = i64::from(libc::AT_FDCWD);
    let make = i64::from(libc::O_CREAT | libc::O_WRONLY);
    let text = path.to_string_lossy().into_owned();
    let there = || File::create(&text).map_err(|error| Act::Broken(error.to_string()));
    let path = address(path);
    match call {
        #[cfg(target_arch = "x86_64")]
        "open" => system_call(libc::SYS_open, [path, make, mode, 0, 0, 0]),
        #[cfg(target_arch = "x86_64")]
        "creat" => system_call(libc::SYS_creat, [path, mode, 0, 0, 0, 0]),
        #[cfg(target_arch = "x86_64")]
        "mknod" => {
            let mode = i64::from(libc::S_IFREG) | mode;
            system_call(libc::SYS_mknod, [path, mode, 0, 0, 0, 0])
        }
        "openat" => system_call(libc::SYS_openat, [at, path, make, mode, 0, 0]),
        "mknodat" => {
            let mode = i64::from(libc::S_IFREG) | mode;
            system_call(libc::SYS_mknodat, [at, path, mode, 0, 0, 0])
        }
        _ => match there() {
            Err(broken) => broken,
            Ok(file) => match call {
                #[cfg(target_arch = "x86_64")]
                "chmod" => system_call(libc::SYS_chmod, [path, mode, 0, 0, 0, 0]),
                "fchmod" => system_call(
                    libc::SYS_fchmod,
                    [i64::from(file.as_raw_fd()), mode, 0, 0, 0, 0],
                ),
                "fchmodat" => system_call(libc::SYS_fchmodat, [at, path, mode, 0, 0, 0]),
                // fchmodat2, since Linux 6.6.
                _ => system_call(452, [at, path, mode, 0, 0, 0]),
            },
        },
    }
}
