//! Who joins a group hears it, and may say by which device it speaks to it (IP_MULTICAST_IF, IPV6_MULTICAST_IF).   (threats: NET-32)
use std::net::IpAddr;

use nix::libc;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::MsgFlags;

use crate::harness::network::FENCED;
use crate::harness::packets::{Prepare, device, set, udp_by};
use crate::probe::*;

/// mDNS and SSDP.
const GROUPS: [&str; 4] = ["224.0.0.251", "239.255.255.250", "ff02::fb", "ff02::c"];

const JOINED: Prepare = |socket, address| {
    let number = if_nametoindex(device().as_str())?.to_ne_bytes();
    match address {
        IpAddr::V4(four) => {
            // struct ip_mreqn.
            let join = [&four.octets()[..], &[0; 4], &number].concat();
            set(socket, libc::IPPROTO_IP, libc::IP_ADD_MEMBERSHIP, &join)?;
            set(socket, libc::IPPROTO_IP, libc::IP_MULTICAST_IF, &join)
        }
        IpAddr::V6(six) => {
            let join = [&six.octets()[..], &number].concat();
            set(socket, libc::IPPROTO_IPV6, libc::IPV6_ADD_MEMBERSHIP, &join)?;
            set(socket, libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_IF, &number)
        }
    }
};

pub const PROBE: Probe = Probe {
    asks: "does `inet` speak to a group that it joined?",
    threats: &["NET-32"],
    expect: Expect::Exactly(|_| Seen::each(GROUPS, |_| Act::errno(Errno::EPERM))),
    attempt: |bait| {
        Seen::each(GROUPS, |group| match (group.parse(), &bait.ground) {
            (Ok(group), Some(ground)) => udp_by(group, ground.port, MsgFlags::empty(), JOINED),
            _ => Act::Broken("the trial is not in the lab".into()),
        })
    },
    ..FENCED
};
