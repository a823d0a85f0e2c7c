//! An echo request tells who is there, and carries data in it: raw sockets are refused. Those for echo requests can be made, so that
//! ping works, and are fenced: every probe that goes for addresses tries them too.   (threats: NET-33)
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

use crate::harness::network;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it make a raw socket on `inet`?",
    threats: &["NET-33"],
    expect: Expect::Exactly(|_| {
        Seen::one("raw", Act::errno(Errno::EPERM)).and("echo requests", Act::Reached)
    }),
    attempt: |_| {
        let made = |kind, family, protocol| {
            Act::of_nix(socket(family, kind, SockFlag::SOCK_CLOEXEC, Some(protocol)))
        };
        let (inet, icmp) = (AddressFamily::Inet, SockProtocol::Icmp);
        Seen::one("raw", made(SockType::Raw, inet, icmp))
            .and("echo requests", made(SockType::Datagram, inet, icmp))
    },
    ..network::ON_INET
};
