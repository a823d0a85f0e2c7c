//! Connections through a helper take ports and memory of the host: many at a time, and a listener of the host must still be
//! served.   (threats: NET-48)
use crate::harness::network;
use crate::probe::*;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

pub const PROBE: Probe = Probe {
    asks: "does a storm of connections take the host's network away?",
    threats: &["NET-48"],
    expect: Expect::Refused(Errno::EHOSTUNREACH),
    attempt: |_| {
        // TEST-NET-1 (RFC 5737): nobody is there.
        let nobody = Ipv4Addr::new(192, 0, 2, 1).into();
        Seen::each(0..512, |_| network::tcp(nobody, 9))
    },
    harmed: |bait| {
        let address = SocketAddr::from(([127, 0, 0, 1], bait.neighbour.port));
        let served = TcpStream::connect_timeout(&address, Duration::from_secs(1));
        let error = served.err()?;
        Some(format!("a listener of the host is not served: {error}"))
    },
    ..network::FENCED
};
