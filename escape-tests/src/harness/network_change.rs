//! Owns attempts to change the network from inside (M-13): routes, devices, addresses, the fence, the kernel's switches. What is
//! asked for changes nothing where it is refused, and nothing of the host where it is the sandbox's own.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::AsRawFd;

use nix::libc;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

use crate::probe::{Act, Bait, Errno, Seen};

/// nfnetlink(7): a batch begins, a batch ends, and nf_tables makes a table (linux/netfilter/nfnetlink.h, nf_tables.h).
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const NEW_TABLE: u16 = 10 << 8;

/// Each change by its name, as netlink messages, and to whom.
fn changes() -> Vec<(&'static str, SockProtocol, Vec<u8>)> {
    use SockProtocol::{NetlinkNetFilter, NetlinkRoute};
    let create = (libc::NLM_F_CREATE | libc::NLM_F_EXCL) as u16;
    let lo = 1_u32.to_ne_bytes();
    // struct ifaddrmsg, and IFA_LOCAL (rtnetlink(7)): 127.0.0.97 on the loopback.
    let mut new_address = vec![libc::AF_INET as u8, 32, 0, 0];
    new_address.extend(lo);
    new_address.extend(attribute(libc::IFA_LOCAL, &[127, 0, 0, 97]));
    // struct rtmsg, RTA_DST and RTA_OIF: a route to TEST-NET-1 (RFC 5737) by the loopback.
    let unicast = [
        libc::RT_TABLE_MAIN,
        libc::RTPROT_STATIC,
        0,
        libc::RTN_UNICAST,
    ];
    let mut new_route = vec![libc::AF_INET as u8, 24, 0, 0];
    new_route.extend(unicast);
    new_route.extend([0; 4]);
    new_route.extend(attribute(libc::RTA_DST, &[192, 0, 2, 0]));
    new_route.extend(attribute(libc::RTA_OIF, &lo));
    // struct ifinfomsg: a name more for the loopback.
    let mut rename = vec![libc::AF_UNSPEC as u8, 0, 0, 0];
    rename.extend(lo);
    rename.extend([0; 8]);
    rename.extend(attribute(libc::IFLA_IFALIAS, b"claudebox"));
    // struct nfgenmsg; the subsystem of a batch is that of nf_tables, in network order.
    let batch = [0, 0, 0, 10];
    let mut table = vec![libc::AF_INET as u8, 0, 0, 0];
    table.extend(attribute(1, b"claudebox\0"));
    let mut new_table = message(BATCH_BEGIN, 0, &batch);
    new_table.extend(message(NEW_TABLE, create, &table));
    new_table.extend(message(BATCH_END, 0, &batch));
    vec![
        (
            "an address",
            NetlinkRoute,
            message(libc::RTM_NEWADDR, create, &new_address),
        ),
        (
            "a route",
            NetlinkRoute,
            message(libc::RTM_NEWROUTE, create, &new_route),
        ),
        (
            "a device",
            NetlinkRoute,
            message(libc::RTM_SETLINK, 0, &rename),
        ),
        ("a table of nftables", NetlinkNetFilter, new_table),
    ]
}

/// Attempts every change.
#[must_use]
pub fn attempt(_: &Bait) -> Seen {
    let mut seen = Seen::default();
    for (what, protocol, messages) in changes() {
        seen.add(what, ask(protocol, &messages).unwrap_or_else(Act::errno));
    }
    let forward = OpenOptions::new()
        .write(true)
        .open("/proc/sys/net/ipv4/ip_forward");
    seen.and("a switch", Act::of(forward))
}

/// What [`attempt`] must report.
#[must_use]
pub fn refused(bait: &Bait) -> Seen {
    // A socket to nftables is of a protocol that the filter refuses.
    let denied = |protocol: &SockProtocol| match protocol {
        SockProtocol::NetlinkRoute => Act::errno(Errno::EPERM),
        _ => Act::errno(Errno::EAFNOSUPPORT),
    };
    // Where uid 0 started it, /proc is read-only.
    let switch = if bait.uid == 0 {
        Errno::EROFS
    } else {
        Errno::EACCES
    };
    let asked = changes().into_iter();
    let asked = asked.fold(Seen::default(), |seen, (what, protocol, _)| {
        seen.and(what, denied(&protocol))
    });
    asked.and("a switch", Act::errno(switch))
}

/// Asks, and waits for the kernel's acknowledgement.
fn ask(protocol: SockProtocol, messages: &[u8]) -> nix::Result<Act> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol)?;
    let kernel = NetlinkAddr::new(0, 0);
    sendto(socket.as_raw_fd(), messages, &kernel, MsgFlags::empty())?;
    let mut answer = [0; 256];
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    // struct nlmsgerr behind the header: the number, negated, and 0 for success.
    let number = answer[..length]
        .get(16..20)
        .and_then(|number| number.try_into().ok());
    Ok(match number.map(i32::from_ne_bytes) {
        Some(0) => Act::Reached,
        Some(number) => Act::errno(Errno::from_raw(-number)),
        None => Act::of::<()>(Err(io::Error::other("no acknowledgement"))),
    })
}

/// A netlink message that wants to be acknowledged (netlink(7)).
fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    // The ends of a batch are acknowledged by what lies between.
    let acknowledged = if [BATCH_BEGIN, BATCH_END].contains(&kind) {
        0
    } else {
        libc::NLM_F_ACK
    };
    let flags = flags | (libc::NLM_F_REQUEST | acknowledged) as u16;
    let mut message = Vec::from((16 + body.len() as u32).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    message
}

/// An attribute, with its padding.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut attribute = Vec::from((4 + value.len() as u16).to_ne_bytes());
    attribute.extend(kind.to_ne_bytes());
    attribute.extend(value);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}
