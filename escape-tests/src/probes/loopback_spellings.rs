//! The host's loopback has more names than 127.0.0.1.   (threats: NET-01, NET-28)
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::harness::bait::ATTACK;
use crate::harness::inside;
use crate::probe::*;

const SPELLINGS: [&str; 4] = ["0.0.0.0", "::ffff:127.0.0.1", "::ffff:0.0.0.0", "127.0.0.1"];

pub const PROBE: Probe = Probe {
    asks: "can it reach the host's loopback by another spelling?",
    threats: &["NET-01", "NET-28"],
    behind: &[Guard::NetNamespace],
    tiers: &[Tier::None],
    expect: Expect::Refused(Errno::ECONNREFUSED),
    attempt: |bait| {
        Seen::each(SPELLINGS, |spelling| {
            let address = spelling.parse().expect("an address");
            let address = SocketAddr::new(address, bait.neighbour.port);
            let stream = TcpStream::connect_timeout(&address, Duration::from_secs(2));
            inside::converse(stream, ATTACK)
        })
    },
    harmed: |bait| bait.attack_heard("TCP port"),
    ..Probe::USUAL
};
