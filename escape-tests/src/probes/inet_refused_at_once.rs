//! A refusal that takes its time hangs a program: git, ssh and the like wait in connect(2), where an ICMP error that comes before
//! they wait is kept back until the first packet is sent again, a second later (tcp_v4_err, "soft" errors).   (threats: NET-22, NET-26)
use crate::harness::network::{FENCED, fence, reach_by, refused_by};
use crate::harness::packets::tcp_waiting;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does a program that waits in connect(2) hang on `inet`?",
    threats: &["NET-22", "NET-26"],
    expect: Expect::Exactly(|bait| refused_by(bait, "tcp", |address| fence("tcp", address))),
    attempt: |bait| reach_by(bait, "tcp", tcp_waiting),
    ..FENCED
};
