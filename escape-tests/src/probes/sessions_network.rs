//! Two sessions of one user run at once, in two projects. On `none` each has a loopback of its own, so a server in the one is not
//! one for the other.   (threats: NET-40, PROC-02)
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;

use crate::harness::bait::{ATTACK, Neighbour};
use crate::harness::inside;
use crate::probe::*;

/// How the other session is reached. Without it there was no other, and the attempt was none.
pub(super) fn company(bait: &Bait) -> Result<&Neighbour, Act> {
    let there = bait.company.as_ref();
    there.ok_or_else(|| Act::Broken("there is no other session".into()))
}

pub const PROBE: Probe = Probe {
    asks: "can it speak to a server of another session?",
    threats: &["NET-40", "PROC-02"],
    behind: &[Guard::NetNamespace],
    tiers: &[Tier::None],
    also_as_root: true,
    in_company: true,
    expect: Expect::Refused(Errno::ECONNREFUSED),
    attempt: |bait| {
        let (tcp, udp) = match company(bait) {
            Ok(other) => (over_tcp(other.port), over_udp(other.udp_port)),
            Err(broken) => (broken.clone(), broken),
        };
        Seen::one("TCP", tcp).and("UDP", udp)
    },
    harmed: Bait::company_heard,
    ..Probe::USUAL
};

fn over_tcp(port: u16) -> Act {
    let address = ([127, 0, 0, 1], port).into();
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(2));
    inside::converse(stream, ATTACK)
}

fn over_udp(port: u16) -> Act {
    let asked = || -> std::io::Result<()> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(("127.0.0.1", port))?;
        socket.set_read_timeout(Some(Duration::from_secs(2)))?;
        socket.send(ATTACK.as_bytes())?;
        socket.recv(&mut [0; 64])?;
        Ok(())
    };
    Act::of(asked())
}
