//! A packet from an address that is not the sandbox's, with a mark, or with a list of hops: rules that go by any of these see
//! another packet than they think (IP_FREEBIND, IP_TRANSPARENT, SO_MARK, RFC 791 source routes).   (threats: NET-23, NET-26)
use std::net::IpAddr;

use nix::libc;
use nix::sys::socket::{MsgFlags, SockaddrIn, SockaddrIn6, bind};
use std::net::{SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd;

use crate::harness::network::{FENCED, NO_ANSWER, answered_by, carried, reach_by, refused_by};
use crate::harness::packets::{Prepare, set, tcp_by, udp_by};
use crate::probe::*;

const ON: [u8; 4] = 1_i32.to_ne_bytes();

/// From an address of the host.
const FOREIGN: Prepare = |socket, address| {
    let number = socket.as_raw_fd();
    if address.is_ipv4() {
        set(socket, libc::IPPROTO_IP, libc::IP_FREEBIND, &ON)?;
        let own = SocketAddrV4::new([192, 168, 77, 10].into(), 0);
        bind(number, &SockaddrIn::from(own))?;
    } else {
        set(socket, libc::IPPROTO_IPV6, libc::IPV6_FREEBIND, &ON)?;
        let own = [0x2600, 0x1901, 0x77, 0, 0, 0, 0, 0x10].into();
        bind(number, &SockaddrIn6::from(SocketAddrV6::new(own, 0, 0, 0)))?;
    }
    Ok(())
};

const BY_HOPS: &str = "by hops";

/// Options that take a capability over the network namespace: the way, and whether there is one for IPv6.
const PRIVILEGED: [(&str, Prepare); 3] = [
    ("transparent", |socket, address| match address {
        IpAddr::V4(_) => set(socket, libc::IPPROTO_IP, libc::IP_TRANSPARENT, &ON),
        IpAddr::V6(_) => set(socket, libc::IPPROTO_IPV6, libc::IPV6_TRANSPARENT, &ON),
    }),
    ("marked", |socket, _| {
        set(socket, libc::SOL_SOCKET, libc::SO_MARK, &ON)
    }),
    (BY_HOPS, |socket, address| match address {
        // Loose source and record route by the router, and an end (RFC 791, 3.1).
        IpAddr::V4(_) => {
            let hops = [131, 7, 4, 192, 168, 77, 1, 0];
            set(socket, libc::IPPROTO_IP, libc::IP_OPTIONS, &hops)
        }
        // A routing header of type 0, which RFC 5095 took away.
        IpAddr::V6(_) => {
            let mut hops = vec![0, 2, 0, 1, 0, 0, 0, 0];
            hops.extend([0x26, 0, 0x19, 1, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
            set(socket, libc::IPPROTO_IPV6, libc::IPV6_RTHDR, &hops)
        }
    }),
];

pub const PROBE: Probe = Probe {
    asks: "does a packet with a foreign source, a mark or a list of hops pass the fence?",
    threats: &["NET-23", "NET-26"],
    expect: Expect::Exactly(|bait| {
        // IPv4 has no route for a source that no device has.
        let foreign = |to: IpAddr, errno| {
            if to.is_ipv4() {
                Errno::ENETUNREACH
            } else {
                errno
            }
        };
        // The fence resets the connection of somebody else.
        let mut seen = answered_by("tcp", |to| match to {
            IpAddr::V4(_) => Act::errno(Errno::ENETUNREACH),
            IpAddr::V6(_) => carried(bait, to, Act::saw(NO_ANSWER)),
        });
        seen.0
            .extend(refused_by(bait, "udp", |to| foreign(to, Errno::EPERM)).0);
        for (way, _) in PRIVILEGED {
            let errno = |to: IpAddr| match way {
                // A kernel has forgotten that type, and asks for no capability.
                BY_HOPS if to.is_ipv6() => Errno::EINVAL,
                _ => Errno::EPERM,
            };
            // Refused before a route is looked up.
            let refused = answered_by(way, |to| Act::errno(errno(to)));
            seen.0.extend(refused.0);
        }
        seen
    }),
    attempt: |bait| {
        let none = MsgFlags::empty();
        let mut seen = reach_by(bait, "tcp", |to, port| tcp_by(to, port, FOREIGN));
        let udp = reach_by(bait, "udp", |to, port| udp_by(to, port, none, FOREIGN));
        seen.0.extend(udp.0);
        for (way, prepare) in PRIVILEGED {
            let more = reach_by(bait, way, |to, port| udp_by(to, port, none, prepare));
            seen.0.extend(more.0);
        }
        seen
    },
    ..FENCED
};
