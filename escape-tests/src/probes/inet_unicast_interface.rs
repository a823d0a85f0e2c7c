//! A socket may name the device of what it sends to one host (IP_UNICAST_IF, IPV6_UNICAST_IF).   (threats: NET-23, NET-26)
use nix::libc;
use nix::net::if_::if_nametoindex;

use crate::harness::network::{FENCED, reach_prepared, refused_prepared};
use crate::harness::packets::{Prepare, device, set};
use crate::probe::*;

const NAMED: Prepare = |socket, address| {
    // In network byte order (ip(7)).
    let number = if_nametoindex(device().as_str())?.to_be_bytes();
    match address.is_ipv4() {
        true => set(socket, libc::IPPROTO_IP, libc::IP_UNICAST_IF, &number),
        false => set(socket, libc::IPPROTO_IPV6, libc::IPV6_UNICAST_IF, &number),
    }
};

pub const PROBE: Probe = Probe {
    asks: "does a socket that names its device pass the fence?",
    threats: &["NET-23", "NET-26"],
    expect: Expect::Exactly(refused_prepared),
    attempt: |bait| reach_prepared(bait, NAMED),
    ..FENCED
};
