//! SOCK_SEQPACKET is the third kind of socket: device managers and container shims listen at abstract names for it
//! (CVE-2020-15257).   (threats: SOCK-02, SOCK-17)
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use nix::sys::socket::{UnixAddr, connect};

use crate::harness::bait::{ATTACK, PACKETS};
use crate::harness::inside;
use crate::harness::neighbour::packet_socket;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it connect to an abstract socket of the host that takes packets?",
    threats: &["SOCK-02", "SOCK-17"],
    behind: &[Guard::AbstractSockets, Guard::NetNamespace],
    harmless: true,
    walls: true,
    needs: &[Need::LandlockScopes],
    expect: Expect::Exactly(|bait| Seen::one("connect(2)", super::abstract_sockets::denied(bait))),
    attempt: |bait| {
        let name = format!("{}{PACKETS}", bait.neighbour.abstract_name);
        let connected = packet_socket().and_then(|socket| {
            connect(
                socket.as_raw_fd(),
                &UnixAddr::new_abstract(name.as_bytes())?,
            )?;
            // Of a connection, std's type for streams reads and writes packets as well.
            Ok(UnixStream::from(socket))
        });
        let connected = connected.map_err(std::io::Error::from);
        Seen::one("connect(2)", inside::converse(connected, ATTACK))
    },
    harmed: |bait| bait.attack_heard("packets"),
    ..Probe::USUAL
};
