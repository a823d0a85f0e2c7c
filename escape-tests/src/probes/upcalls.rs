//! Some calls make the kernel, or a daemon behind a device, ask the network on the caller's behalf: a key that is requested,
//! a folder that is mounted when it is touched, a file system of a program.   (threats: NET-07)
use nix::libc;

use crate::harness::bait::KEY;
use crate::harness::inside::{self, address, c_path, system_call};
use crate::probe::*;

/// Where automounters mount what is named, and the devices behind which a program answers.
const PLACES: [&str; 6] = [
    "/net/host.example",
    "/misc/host.example",
    "/afs/example.org",
    "/ncp/host.example",
    "/dev/fuse",
    "/dev/autofs",
];

pub const PROBE: Probe = Probe {
    asks: "can it have the host's kernel ask the network?",
    threats: &["NET-07"],
    behind: &[Guard::KeyringCalls, Guard::FreshKeyring],
    needs: &[Need::Keyrings],
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        let places = Seen::each(PLACES, |_| Act::Absent);
        places.and("request_key(2)", Act::errno(Errno::EPERM))
    }),
    attempt: |_| {
        // The key that the caller has: no program of the host is started for one that is found, or without a last argument.
        let (kind, name) = (c_path("user"), c_path(KEY));
        let requested = system_call(
            libc::SYS_request_key,
            [address(&kind), address(&name), 0, 0, 0, 0],
        );
        Seen::each(PLACES, |place| inside::read(place.as_ref())).and("request_key(2)", requested)
    },
    ..Probe::USUAL
};
