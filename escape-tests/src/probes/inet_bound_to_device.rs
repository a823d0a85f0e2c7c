//! A socket that is bound to a device passes by the table of routes: a fence of routes is none for it (SO_BINDTODEVICE).
//!   (threats: NET-23, NET-26)
use nix::sys::socket::sockopt::BindToDevice;
use nix::sys::socket::{MsgFlags, setsockopt};

use crate::harness::network::{FENCED, fence, reach_by, refused_by};
use crate::harness::packets::{Prepare, device, tcp_by, udp_by};
use crate::probe::*;

const BOUND: Prepare = |socket, _| Ok(setsockopt(socket, BindToDevice, &device().into())?);

pub const PROBE: Probe = Probe {
    asks: "does a socket that is bound to the device pass the fence?",
    threats: &["NET-23", "NET-26"],
    expect: Expect::Exactly(|_| {
        let mut seen = refused_by("tcp", |address| fence("tcp", address));
        seen.0.extend(refused_by("udp", |_| Errno::EPERM).0);
        seen
    }),
    attempt: |bait| {
        let mut seen = reach_by(bait, "tcp", |address, port| tcp_by(address, port, BOUND));
        let udp = reach_by(bait, "udp", |address, port| {
            udp_by(address, port, MsgFlags::empty(), BOUND)
        });
        seen.0.extend(udp.0);
        seen
    },
    ..FENCED
};
