//! A socket may be told the device, the source or the next hop, and so pass by the table of routes.   (threats: NET-01, NET-33)
use std::net::{Ipv4Addr, UdpSocket};

use nix::libc;
use nix::sys::socket::sockopt::{BindToDevice, DontRoute, Mark};
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, sendmsg,
    setsockopt, socket,
};
use std::io::IoSlice;
use std::os::fd::AsRawFd;

use crate::harness::network;
use crate::probe::*;

/// RFC 5737: nobody has it.
const NOBODY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// Larger than the number of any device.
const NO_DEVICE: i32 = 0x7fff;

fn udp() -> std::io::Result<UdpSocket> {
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))
}

/// What sends: in a namespace of its own alone.
fn sent() -> Seen {
    let to = |socket: &UdpSocket| socket.send_to(b"x", (NOBODY, 9));
    let unrouted = udp().and_then(|socket| {
        setsockopt(&socket, DontRoute, &true)?;
        to(&socket)
    });
    let by_number = udp().and_then(|socket| {
        let information = libc::in_pktinfo {
            ipi_ifindex: NO_DEVICE,
            ipi_spec_dst: libc::in_addr { s_addr: 0 },
            ipi_addr: libc::in_addr { s_addr: 0 },
        };
        let control = [ControlMessage::Ipv4PacketInfo(&information)];
        let address = SockaddrIn::from(std::net::SocketAddrV4::new(NOBODY, 9));
        let (data, none) = ([IoSlice::new(b"x")], MsgFlags::empty());
        Ok(sendmsg(
            socket.as_raw_fd(),
            &data,
            &control,
            none,
            Some(&address),
        )?)
    });
    let from_loopback = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| to(&socket));
    let joined = udp().and_then(|socket| {
        socket.join_multicast_v4(&Ipv4Addr::new(224, 0, 0, 251), &Ipv4Addr::UNSPECIFIED)
    });
    Seen::one("without a route", Act::of(unrouted))
        .and("by the number of a device", Act::of(by_number))
        .and("from the loopback", Act::of(from_loopback))
        .and("joined a group", Act::of(joined))
}

/// A socket of that type: to make it is what counts.
fn made(family: AddressFamily, kind: SockType, protocol: Option<SockProtocol>) -> Act {
    Act::of_nix(socket(family, kind, SockFlag::SOCK_CLOEXEC, protocol))
}

pub const PROBE: Probe = Probe {
    asks: "can a socket option or a raw socket lead out on `none`?",
    threats: &["NET-01", "NET-33"],
    behind: &[Guard::NetNamespace],
    tiers: &[Tier::None],
    also_as_root: true,
    expect: Expect::Exactly(|bait| {
        let devices = bait
            .own_devices
            .iter()
            .map(|device| format!("bound to {device}"));
        Seen::each(devices, |_| Act::errno(Errno::ENODEV))
            .and("without a route", Act::errno(Errno::ENETUNREACH))
            .and("by the number of a device", Act::errno(Errno::ENODEV))
            .and("from the loopback", Act::errno(Errno::ENETUNREACH))
            .and("joined a group", Act::errno(Errno::ENODEV))
            .and("a mark", Act::errno(Errno::EPERM))
            .and("raw", Act::errno(Errno::EPERM))
            .and("packets", Act::errno(Errno::EAFNOSUPPORT))
            // The range of groups that may is that of a new namespace: none (icmp(7), ping_group_range).
            .and("echo requests", Act::errno(Errno::EACCES))
            .and("the namespace is its own", Act::saw(true))
    }),
    attempt: |bait| {
        use SockProtocol::{Icmp, Raw};
        let own = network::is_own(bait);
        let mut seen = if own { sent() } else { Seen::default() };
        for device in &bait.own_devices {
            let bound =
                udp().and_then(|socket| Ok(setsockopt(&socket, BindToDevice, &device.into())?));
            seen.add(format!("bound to {device}"), Act::of(bound));
        }
        let mark = udp().and_then(|socket| Ok(setsockopt(&socket, Mark, &1)?));
        seen.and("a mark", Act::of(mark))
            .and("raw", made(AddressFamily::Inet, SockType::Raw, Some(Icmp)))
            .and(
                "packets",
                made(AddressFamily::Packet, SockType::Datagram, Some(Raw)),
            )
            .and(
                "echo requests",
                made(AddressFamily::Inet, SockType::Datagram, Some(Icmp)),
            )
            .and("the namespace is its own", Act::saw(own))
    },
    ..Probe::USUAL
};
