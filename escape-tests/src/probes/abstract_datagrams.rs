//! Loggers and service managers listen at abstract names for datagrams: no connection is made, so a guard at connect(2) alone
//! would miss it.   (threats: SOCK-02, SOCK-17)
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::harness::bait::{ATTACK, DATAGRAMS};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it send a datagram to an abstract socket of the host?",
    threats: &["SOCK-02", "SOCK-17"],
    behind: &[Guard::AbstractSockets, Guard::NetNamespace],
    harmless: true,
    walls: true,
    needs: &[Need::LandlockScopes],
    expect: Expect::Exactly(|bait| {
        let denied = || super::abstract_sockets::denied(bait);
        Seen::one("sendto(2)", denied()).and("connect(2)", denied())
    }),
    attempt: |bait| {
        let name = format!("{}{DATAGRAMS}", bait.neighbour.abstract_name);
        let sent = |connected: bool| {
            let address = SocketAddr::from_abstract_name(&name)?;
            let socket = UnixDatagram::unbound()?;
            if connected {
                socket.connect_addr(&address)?;
                return socket.send(ATTACK.as_bytes());
            }
            socket.send_to_addr(ATTACK.as_bytes(), &address)
        };
        Seen::one("sendto(2)", Act::of(sent(false))).and("connect(2)", Act::of(sent(true)))
    },
    harmed: |bait| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        bait.attack_heard("datagrams")
    },
    ..Probe::USUAL
};
