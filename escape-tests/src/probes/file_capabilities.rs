//! A capability can be stored in a file, and whoever runs the file on the host has it (capabilities(7), File capabilities).
//!   (threats: PER-16, KRN-01)
use std::fs;

use nix::libc;

use crate::harness::inside::{address, c_path, system_call};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it give a capability to a file of the project?",
    threats: &["PER-16", "KRN-01"],
    behind: &[Guard::NoCapabilities],
    also_as_root: true,
    expect: Expect::Refused(Errno::EPERM),
    attempt: |bait| {
        let program = bait.project.join("program");
        if let Err(error) = fs::write(&program, "#!/bin/sh\n") {
            return Seen::one("a file", Act::Broken(error.to_string()));
        }
        let (path, name) = (c_path(&program), c_path("security.capability"));
        // vfs_cap_data, revision 2: CAP_NET_RAW, permitted and effective.
        let data: [u32; 5] = [0x0200_0001, 1 << 13, 0, 0, 0];
        let set = |number| {
            system_call(
                number,
                [
                    address(&path),
                    address(&name),
                    data.as_ptr() as i64,
                    20,
                    0,
                    0,
                ],
            )
        };
        Seen::one("setxattr(2)", set(libc::SYS_setxattr))
            .and("lsetxattr(2)", set(libc::SYS_lsetxattr))
    },
    ..Probe::USUAL
};
