//! A socket may name the device of what it sends to one host (IP_UNICAST_IF, IPV6_UNICAST_IF).   (threats: NET-23, NET-26)
use nix::libc;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::MsgFlags;

use crate::harness::network::{FENCED, fence, reach_by, refused_by};
use crate::harness::packets::{Prepare, device, set, tcp_by, udp_by};
use crate::probe::*;

const NAMED: Prepare = |socket, address| {
    // In network byte order (ip(7)).
    let number = if_nametoindex(device().as_str())?.to_be_bytes();
    match address.is_ipv4() {
        true => set(socket, libc::IPPROTO_IP, libc::IP_UNICAST_IF, &number),
        false => set(socket, libc::IPPROTO_IPV6, libc::IPV6_UNICAST_IF, &number),
    }
};

pub const PROBE: Probe = Probe {
    asks: "does a socket that names its device pass the fence?",
    threats: &["NET-23", "NET-26"],
    expect: Expect::Exactly(|_| {
        let mut seen = refused_by("tcp", |address| fence("tcp", address));
        seen.0.extend(refused_by("udp", |_| Errno::EPERM).0);
        seen
    }),
    attempt: |bait| {
        let mut seen = reach_by(bait, "tcp", |address, port| tcp_by(address, port, NAMED));
        let udp = reach_by(bait, "udp", |address, port| {
            udp_by(address, port, MsgFlags::empty(), NAMED)
        });
        seen.0.extend(udp.0);
        seen
    },
    ..FENCED
};
