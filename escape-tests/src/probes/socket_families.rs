//! Each family of sockets is a part of the kernel that an attack can begin in, and some leave every namespace: AF_VSOCK speaks to
//! the hypervisor (moby#44562). Sockets are made, and never connected.   (threats: KRN-09, NET-04, NET-47)
use nix::libc;

use crate::harness::inside::{in_child, system_call};
use crate::probe::*;

/// Name, family, type, protocol (socket(2), linux/socket.h).
const FAMILIES: [(&str, i32, i32, i32); 15] = [
    ("AF_VSOCK", libc::AF_VSOCK, libc::SOCK_STREAM, 0),
    ("AF_PACKET", libc::AF_PACKET, libc::SOCK_RAW, 0),
    ("AF_ALG", libc::AF_ALG, libc::SOCK_SEQPACKET, 0),
    ("AF_BLUETOOTH", libc::AF_BLUETOOTH, libc::SOCK_RAW, 1),
    ("AF_CAN", libc::AF_CAN, libc::SOCK_RAW, 1),
    ("AF_TIPC", libc::AF_TIPC, libc::SOCK_STREAM, 0),
    ("AF_RDS", libc::AF_RDS, libc::SOCK_SEQPACKET, 0),
    ("AF_XDP", libc::AF_XDP, libc::SOCK_RAW, 0),
    ("AF_KEY", libc::AF_KEY, libc::SOCK_RAW, 2),
    ("AF_NFC", libc::AF_NFC, libc::SOCK_SEQPACKET, 0),
    ("AF_KCM", 41, libc::SOCK_SEQPACKET, 0),
    ("AF_QIPCRTR", 42, libc::SOCK_DGRAM, 0),
    ("AF_SMC", 43, libc::SOCK_STREAM, 0),
    ("AF_NETLINK audit", libc::AF_NETLINK, libc::SOCK_RAW, 9),
    ("AF_NETLINK netfilter", libc::AF_NETLINK, libc::SOCK_RAW, 12),
];

pub const PROBE: Probe = Probe {
    asks: "can it make a socket of a family that no program here needs?",
    threats: &["KRN-09", "NET-04", "NET-47"],
    behind: &[Guard::SocketFamilies],
    harmless: true,
    also_as_root: true,
    // What a kernel without the family says too, so that programs take it for one.
    expect: Expect::Refused(Errno::EAFNOSUPPORT),
    attempt: |_| {
        let mut seen = Seen::default();
        for (name, family, kind, protocol) in FAMILIES {
            let [family, kind, protocol] = [family, kind, protocol].map(i64::from);
            let make = || system_call(libc::SYS_socket, [family, kind, protocol, 0, 0, 0]);
            seen.add(name, in_child(make));
        }
        seen
    },
    ..Probe::USUAL
};
