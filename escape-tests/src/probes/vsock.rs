//! A socket of the family VSOCK goes to the hypervisor, or to this very machine, and no network namespace holds it back: to
//! make one must be refused.   (threats: NET-04)
use nix::libc;

use crate::harness::inside::system_call;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it make a socket to the hypervisor?",
    threats: &["NET-04"],
    tiers: &[Tier::None],
    behind: &[Guard::SocketFamilies],
    harmless: true,
    also_as_root: true,
    expect: Expect::Refused(Errno::EAFNOSUPPORT),
    attempt: |_| {
        let kinds = [
            ("stream", libc::SOCK_STREAM),
            ("datagrams", libc::SOCK_DGRAM),
        ];
        kinds
            .into_iter()
            .fold(Seen::default(), |seen, (name, kind)| {
                let (family, kind) = (i64::from(libc::AF_VSOCK), i64::from(kind));
                let made = system_call(libc::SYS_socket, [family, kind, 0, 0, 0, 0]);
                seen.and(name, made)
            })
    },
    ..Probe::USUAL
};
