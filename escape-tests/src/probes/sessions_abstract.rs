//! Abstract sockets have names and no paths. Those of a session are the business of that session alone: on `none` they are in
//! another network namespace; on `full` Landlock keeps each domain to itself.   (threats: SOCK-02, NET-40)
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};

use super::sessions_network::company;
use crate::harness::bait::ATTACK;
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it speak to an abstract socket of another session?",
    threats: &["SOCK-02", "NET-40"],
    behind: &[Guard::AbstractSockets, Guard::NetNamespace],
    walls: true,
    also_as_root: true,
    needs: &[Need::LandlockScopes],
    in_company: true,
    expect: Expect::Exactly(|bait| Seen::one("connect(2)", super::abstract_sockets::denied(bait))),
    attempt: |bait| {
        let connected = company(bait).map(|other| {
            let address = SocketAddr::from_abstract_name(&other.abstract_name);
            inside::converse(
                address.and_then(|address| UnixStream::connect_addr(&address)),
                ATTACK,
            )
        });
        Seen::one("connect(2)", connected.unwrap_or_else(|broken| broken))
    },
    harmed: Bait::company_heard,
    ..Probe::USUAL
};
