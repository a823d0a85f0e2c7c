//! A socket that is bound to a device passes by the table of routes: a fence of routes is none for it (SO_BINDTODEVICE).
//!   (threats: NET-23, NET-26)
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::BindToDevice;

use crate::harness::network::{FENCED, reach_prepared, refused_prepared};
use crate::harness::packets::{Prepare, device};
use crate::probe::*;

const BOUND: Prepare = |socket, _| Ok(setsockopt(socket, BindToDevice, &device().into())?);

pub const PROBE: Probe = Probe {
    asks: "does a socket that is bound to the device pass the fence?",
    threats: &["NET-23", "NET-26"],
    expect: Expect::Exactly(refused_prepared),
    attempt: |bait| reach_prepared(bait, BOUND),
    ..FENCED
};
