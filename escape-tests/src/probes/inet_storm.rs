//! Connections through a helper take ports and memory of the host: many are held open at a time, and a listener of the host must
//! still be served.   (threats: NET-48)
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::harness::{network, network_outside};
use crate::network_lab::map::{PUBLIC, parsed};
use crate::probe::*;

/// Connections at a time: fewer than a process may have descriptors, and more than a backlog holds.
const MANY: usize = 400;

/// Longer than a busy helper takes for one.
const LONG: Duration = Duration::from_secs(5);

pub const PROBE: Probe = Probe {
    asks: "does a storm of connections take the host's network away?",
    threats: &["NET-48"],
    expect: Expect::Exactly(|_| Seen::one("connections at a time", Act::saw(MANY))),
    attempt: |bait| {
        let port = bait.ground.as_ref().map_or(0, |ground| ground.port);
        let carries = |to: &IpAddr| bait.ground.as_ref().is_some_and(|one| one.carries(*to));
        let public: Vec<IpAddr> = parsed(&PUBLIC).into_iter().filter(carries).collect();
        let open = (0..MANY).map(|number| {
            let place = SocketAddr::new(public[number % public.len()], port);
            TcpStream::connect_timeout(&place, LONG)
        });
        let open: Vec<TcpStream> = open.flatten().collect();
        Seen::one("connections at a time", Act::saw(open.len()))
    },
    meanwhile: |bait| {
        let address = SocketAddr::from(([127, 0, 0, 1], bait.neighbour.port));
        let served =
            network_outside::on_the_host(bait, || TcpStream::connect_timeout(&address, LONG));
        let error = served.err()?;
        Some(format!("a listener of the host is not served: {error}"))
    },
    ..network::ON_INET
};
