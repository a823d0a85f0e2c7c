//! A socket that is standard input stays in the host's network, whatever the tier: a TCP socket is led elsewhere by connect(2), first
//! to nowhere (AF_UNSPEC), then to any address.   (threats: PROC-07)
use std::net::TcpStream;
use std::os::fd::AsFd;

use nix::libc;

use crate::harness::bait::PROOF;
use crate::harness::inside::{converse, kind_of, system_call};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it lead the socket that is its standard input elsewhere?",
    threats: &["PROC-07"],
    behind: &[Guard::StdioRelay],
    also_as_root: true,
    streams: Streams::Socket,
    expect: Expect::Exactly(|_| Seen::one("standard input", Act::saw("pipe"))),
    attempt: |bait| {
        let kind = Seen::one("standard input", kind_of(&std::io::stdin()));
        if kind.0.values().any(|kind| *kind == Act::saw("pipe")) {
            return kind;
        }
        let nowhere = libc::sockaddr {
            sa_family: libc::AF_UNSPEC as u16,
            sa_data: [0; 14],
        };
        let size = size_of::<libc::sockaddr>() as i64;
        let let_go = system_call(
            libc::SYS_connect,
            [0, &raw const nowhere as i64, size, 0, 0, 0],
        );
        let neighbour = libc::sockaddr_in {
            sin_family: libc::AF_INET as u16,
            sin_port: bait.neighbour.port.to_be(),
            sin_addr: libc::in_addr {
                s_addr: u32::from_ne_bytes([127, 0, 0, 1]),
            },
            sin_zero: [0; 8],
        };
        let size = size_of::<libc::sockaddr_in>() as i64;
        let led = system_call(
            libc::SYS_connect,
            [0, &raw const neighbour as i64, size, 0, 0, 0],
        );
        let stream = std::io::stdin().as_fd().try_clone_to_owned();
        kind.and("connect(2) to nowhere", let_go)
            .and("connect(2) to the neighbour", led)
            .and(
                "the neighbour",
                converse(stream.map(TcpStream::from), PROOF),
            )
    },
    ..Probe::USUAL
};
