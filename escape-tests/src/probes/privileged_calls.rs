//! What a capability would allow, beyond mounting. Each call changes nothing even where it works: a clock is not set, a name
//! stays what it was.   (threats: KRN-01, FS-15, NET-06, PROC-04, PROC-17)
use std::fs::File;
use std::os::fd::AsRawFd;

use nix::libc;

use crate::harness::inside::{address, c_path, in_child, system_call};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does any call work that needs a capability?",
    threats: &["KRN-01", "FS-15", "NET-06", "PROC-04", "PROC-17"],
    // With one of them left, there is no capability over anything of the host.
    behind: &[
        Guard::UserNamespace,
        Guard::NoCapabilities,
        Guard::SyscallFilter,
    ],
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        Seen::each(CALLS, |_| Act::errno(Errno::EPERM))
            .and("set the user id", Act::errno(Errno::EINVAL))
    }),
    attempt: |bait| {
        let mut seen = Seen::default();
        for call in CALLS {
            seen.add(call, in_child(|| attempt(call, bait)));
        }
        // No uid but its own exists in its user namespace.
        let other = i64::from(bait.inside_uid) + 1;
        seen.and(
            "set the user id",
            in_child(|| system_call(libc::SYS_setresuid, [other, other, other, 0, 0, 0])),
        )
    },
    ..Probe::USUAL
};

const CALLS: [&str; 11] = [
    "set the clock",
    "set the hostname",
    "set the domain name",
    "open a file by its handle",
    "set the groups",
    "drop a capability",
    "raise a hard limit",
    "listen to all file events",
    "join its own user namespace's mounts",
    "set the root",
    "hang up a terminal of others",
];

fn attempt(call: &str, bait: &Bait) -> Act {
    let name = c_path("claudebox");
    match call {
        // Without a time and a zone, settimeofday(2) asks for permission and sets nothing.
        "set the clock" => system_call(libc::SYS_settimeofday, [0; 6]),
        "set the hostname" => system_call(libc::SYS_sethostname, [address(&name), 9, 0, 0, 0, 0]),
        "set the domain name" => {
            system_call(libc::SYS_setdomainname, [address(&name), 9, 0, 0, 0, 0])
        }
        "open a file by its handle" => by_handle(bait),
        "set the groups" => system_call(libc::SYS_setgroups, [0; 6]),
        "drop a capability" => system_call(
            libc::SYS_prctl,
            [i64::from(libc::PR_CAPBSET_DROP), 0, 0, 0, 0, 0],
        ),
        "raise a hard limit" => {
            let most = [u64::MAX, u64::MAX];
            let limit = i64::from(libc::RLIMIT_NICE);
            system_call(
                libc::SYS_prlimit64,
                [0, limit, most.as_ptr() as i64, 0, 0, 0],
            )
        }
        // FAN_CLASS_CONTENT
        "listen to all file events" => system_call(libc::SYS_fanotify_init, [4, 0, 0, 0, 0, 0]),
        "join its own user namespace's mounts" => match File::open("/proc/self/ns/mnt") {
            Ok(own) => system_call(
                libc::SYS_setns,
                [
                    i64::from(own.as_raw_fd()),
                    i64::from(libc::CLONE_NEWNS),
                    0,
                    0,
                    0,
                    0,
                ],
            ),
            Err(error) => Act::Broken(error.to_string()),
        },
        "set the root" => {
            let root = c_path("/");
            system_call(libc::SYS_chroot, [address(&root), 0, 0, 0, 0, 0])
        }
        "hang up a terminal of others" => system_call(libc::SYS_vhangup, [0; 6]),
        other => Act::Broken(format!("nobody knows how to {other}")),
    }
}

/// The project, by the handle of its inode: no path and no mount is asked (CVE-2014-9357 class, `shocker`).
fn by_handle(bait: &Bait) -> Act {
    let path = c_path(&bait.project);
    // struct file_handle: length, type, then at most 128 bytes.
    let mut handle = [0_u32; 34];
    handle[0] = 128;
    let (handle, mut mount) = (handle.as_mut_ptr() as i64, 0_i32);
    let at = i64::from(libc::AT_FDCWD);
    let named = system_call(
        libc::SYS_name_to_handle_at,
        [at, address(&path), handle, &raw mut mount as i64, 0, 0],
    );
    if named != Act::Reached {
        return named;
    }
    let folder = match File::open(&bait.project) {
        Ok(folder) => folder,
        Err(error) => return Act::Broken(error.to_string()),
    };
    system_call(
        libc::SYS_open_by_handle_at,
        [
            i64::from(folder.as_raw_fd()),
            handle,
            i64::from(libc::O_DIRECTORY),
            0,
            0,
            0,
        ],
    )
}
