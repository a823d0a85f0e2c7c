//! Who asks for no routes takes everyone for a neighbour: the answer is asked on the link, and a user-mode stack answers for
//! anyone (SO_DONTROUTE, MSG_DONTROUTE; with SO_BINDTODEVICE IPv4 looks no route up at all).   (threats: NET-23, NET-26)
use nix::sys::socket::sockopt::{BindToDevice, DontRoute};
use nix::sys::socket::{MsgFlags, setsockopt};

use crate::harness::network::{FENCED, fence, reach_by, refused_by};
use crate::harness::packets::{Prepare, device, tcp_by, udp_by};
use crate::probe::*;

const UNROUTED: Prepare = |socket, _| Ok(setsockopt(socket, DontRoute, &true)?);

/// `nix` has no name for it.
const UNROUTED_FLAG: MsgFlags = MsgFlags::from_bits_retain(nix::libc::MSG_DONTROUTE);

const BOUND: Prepare = |socket, address| {
    setsockopt(socket, BindToDevice, &device().into())?;
    UNROUTED(socket, address)
};

pub const PROBE: Probe = Probe {
    asks: "does a socket without routes pass the fence?",
    threats: &["NET-23", "NET-26"],
    expect: Expect::Exactly(|bait| {
        // No target is on the link of the sandbox, and IPv6 does not ask.
        let unrouted = |four: bool, errno| if four { Errno::ENETUNREACH } else { errno };
        let mut seen = refused_by(bait, "tcp", |to| unrouted(to.is_ipv4(), fence("tcp", to)));
        let udp = |to: std::net::IpAddr| unrouted(to.is_ipv4(), Errno::EPERM);
        seen.0.extend(refused_by(bait, "udp", udp).0);
        seen.0.extend(refused_by(bait, "one datagram", udp).0);
        seen.0
            .extend(refused_by(bait, "tcp bound", |to| fence("tcp", to)).0);
        seen.0
            .extend(refused_by(bait, "udp bound", |_| Errno::EPERM).0);
        seen
    }),
    attempt: |bait| {
        let none = MsgFlags::empty();
        let mut seen = reach_by(bait, "tcp", |to, port| tcp_by(to, port, UNROUTED));
        for more in [
            reach_by(bait, "udp", |to, port| udp_by(to, port, none, UNROUTED)),
            reach_by(bait, "one datagram", |to, port| {
                udp_by(to, port, UNROUTED_FLAG, |_, _| Ok(()))
            }),
            reach_by(bait, "tcp bound", |to, port| tcp_by(to, port, BOUND)),
            reach_by(bait, "udp bound", |to, port| udp_by(to, port, none, BOUND)),
        ] {
            seen.0.extend(more.0);
        }
        seen
    },
    ..FENCED
};
