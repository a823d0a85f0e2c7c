//! Resolvers, DHCP and telemetry of the host listen on datagrams, which need no connection.   (threats: NET-01, NET-02)
use std::net::UdpSocket;
use std::time::Duration;

use crate::harness::bait::ATTACK;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does a datagram reach the host's loopback on `none`?",
    threats: &["NET-01", "NET-02"],
    behind: &[Guard::NetNamespace],
    tiers: &[Tier::None],
    also_as_root: true,
    expect: Expect::Refused(Errno::ECONNREFUSED),
    attempt: |bait| {
        let answer = || {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            socket.set_read_timeout(Some(Duration::from_secs(2)))?;
            socket.connect(("127.0.0.1", bait.neighbour.udp_port))?;
            socket.send(ATTACK.as_bytes())?;
            socket.recv(&mut [0; 64])
        };
        Seen::one("an answer", Act::of(answer()))
    },
    harmed: |bait| bait.attack_heard("UDP port"),
    ..Probe::USUAL
};
