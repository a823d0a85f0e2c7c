//! Owns asking the kernel for links, addresses and routes (rtnetlink(7)), bounded in number and time.
//!
//! Only the attributes that are needed are taken apart: a new one of a newer kernel must not stop the launch.

use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkBuffer, NetlinkHeader, NlaBuffer,
    NlasIterator, Parseable, ParseableParametrized,
};
use netlink_packet_route::AddressFamily as Family;
use netlink_packet_route::address::{AddressAttribute, AddressHeader};
use netlink_packet_route::link::{LinkFlags, LinkHeader};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteLwEnCapType, RouteType, RouteVia,
};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, sendto,
    setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use super::{Address, Hop, Link, Network, Route, RouteKind};

/// The most entries of one kind. A router of the internet's core has a million routes; whoever works on one needs no fence
/// that would deny a million prefixes.
const ENTRIES: usize = 20_000;
/// The longest that all of it may take.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How often a dump is begun anew because the kernel says that it changed meanwhile (NLM_F_DUMP_INTR).
const ATTEMPTS: usize = 5;
/// The kernel fills what the reader offers, up to 32 KiB a message (netlink_dump() in net/netlink/af_netlink.c).
const BUFFER: usize = 64 * 1024;

/// Message types of rtnetlink(7).
const GET_LINK: (u16, u16) = (18, 16);
const GET_ADDRESS: (u16, u16) = (22, 20);
const GET_ROUTE: (u16, u16) = (26, 24);
/// Ends of a dump (netlink(7)).
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// Lengths of the fixed headers, which is where the attributes begin: ifinfomsg, ifaddrmsg, rtmsg (rtnetlink(7)).
const LINK_HEADER: usize = 16;
const ADDRESS_HEADER: usize = 8;
const ROUTE_HEADER: usize = 12;
const IFLA_IFNAME: u16 = 3;
/// Attributes of routes that matter here.
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_MULTIPATH: u16 = 9;
const RTA_TABLE: u16 = 15;
const RTA_VIA: u16 = 18;
/// Attributes of addresses that matter here.
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;

type Failure = String;

/// Everything; what could not be read is told.
pub(super) fn read() -> Network {
    let mut network = Network::default();
    if let Err(why) = fill(&mut network) {
        network.unread = Some(why);
    }
    network.links.sort();
    network.addresses.sort();
    network.routes.sort();
    network.routes.dedup();
    network
}

fn fill(network: &mut Network) -> Result<(), Failure> {
    let mut netlink = Netlink::open()?;
    network.links = netlink.dump("links", GET_LINK, Family::Unspec, link)?;
    network.addresses = netlink.dump("addresses", GET_ADDRESS, Family::Unspec, address)?;
    for family in [Family::Inet, Family::Inet6] {
        let routes = netlink.dump("routes", GET_ROUTE, family, route)?;
        network.routes.extend(routes);
    }
    Ok(())
}

/// A socket to the kernel, and until when it is asked.
struct Netlink {
    socket: OwnedFd,
    until: Instant,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Netlink {
    fn open() -> Result<Self, Failure> {
        let failed = |what: &str| {
            let what = what.to_owned();
            move |error| format!("netlink: {what}: {error}")
        };
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkRoute,
        )
        .map_err(failed("socket"))?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0)).map_err(failed("bind"))?;
        let patience = TimeVal::milliseconds(i64::try_from(PATIENCE.as_millis()).unwrap_or(1500));
        setsockopt(&socket, sockopt::ReceiveTimeout, &patience).map_err(failed("time limit"))?;
        Ok(Self {
            socket,
            until: Instant::now() + PATIENCE,
            sequence: 0,
            buffer: vec![0; BUFFER],
        })
    }

    /// All entries of one kind; begun anew where they changed while they were read.
    fn dump<T>(
        &mut self,
        what: &str,
        (get, new): (u16, u16),
        family: Family,
        parse: fn(&[u8]) -> Result<Option<T>, Failure>,
    ) -> Result<Vec<T>, Failure> {
        for _ in 0..ATTEMPTS {
            self.ask(get, family)
                .map_err(|error| format!("netlink: {what}: {error}"))?;
            if let Some(entries) = self.answer(what, new, parse)? {
                return Ok(entries);
            }
        }
        Err(format!("the {what} changed each time they were read"))
    }

    fn ask(&mut self, get: u16, family: Family) -> nix::Result<()> {
        self.sequence += 1;
        // The rest of each request's header is zero, and longest in a link's.
        let mut message = [0; 16 + LINK_HEADER];
        let length = message.len();
        let mut packet = NetlinkBuffer::new(&mut message[..]);
        packet.set_length(u32::try_from(length).unwrap_or(u32::MAX));
        packet.set_message_type(get);
        packet.set_flags(NLM_F_REQUEST | NLM_F_DUMP);
        packet.set_sequence_number(self.sequence);
        packet.payload_mut()[0] = family.into();
        let kernel = NetlinkAddr::new(0, 0);
        sendto(
            self.socket.as_raw_fd(),
            &message,
            &kernel,
            MsgFlags::empty(),
        )
        .map(drop)
    }

    /// The entries, or `None` where they changed meanwhile.
    fn answer<T>(
        &mut self,
        what: &str,
        new: u16,
        parse: fn(&[u8]) -> Result<Option<T>, Failure>,
    ) -> Result<Option<Vec<T>>, Failure> {
        let mut entries = Vec::new();
        let mut consistent = true;
        loop {
            if Instant::now() > self.until {
                return Err(format!("the {what} could not be read in time"));
            }
            let length = recv(
                self.socket.as_raw_fd(),
                &mut self.buffer,
                MsgFlags::MSG_TRUNC,
            )
            .map_err(|error| format!("netlink: {what}: {error}"))?;
            let mut rest = self
                .buffer
                .get(..length)
                .ok_or_else(|| format!("netlink: {what}: a message is cut off"))?;
            while !rest.is_empty() {
                let packet = NetlinkBuffer::new_checked(rest)
                    .map_err(|error| format!("netlink: {what}: {error}"))?;
                let header = NetlinkHeader::parse(&packet)
                    .map_err(|error| format!("netlink: {what}: {error}"))?;
                let next = usize::try_from(header.length)
                    .unwrap_or(usize::MAX)
                    .next_multiple_of(4);
                // What was left of a dump that was given up is not this one's.
                if header.sequence_number == self.sequence {
                    consistent &= header.flags & NLM_F_DUMP_INTR == 0;
                    match header.message_type {
                        NLMSG_DONE => {
                            done(packet.payload())
                                .map_err(|errno| format!("netlink: {what}: {errno}"))?;
                            return Ok(consistent.then_some(entries));
                        }
                        NLMSG_ERROR => return Err(format!("netlink: {what}: the kernel refuses")),
                        kind if kind == new => entries.extend(
                            parse(packet.payload()).map_err(|error| format!("{what}: {error}"))?,
                        ),
                        _ => {}
                    }
                    if entries.len() > ENTRIES {
                        return Err(format!("there are more than {ENTRIES} {what}"));
                    }
                }
                rest = rest.get(next..).unwrap_or_default();
            }
        }
    }
}

/// The end of a dump carries its error, negative, as an error message does (netlink(7)).
fn done(payload: &[u8]) -> nix::Result<()> {
    match payload.first_chunk().map(|code| i32::from_ne_bytes(*code)) {
        Some(code) if code < 0 => Err(nix::errno::Errno::from_raw(-code)),
        _ => Ok(()),
    }
}

/// The attributes of `payload` behind its fixed header whose kind is in `wanted`.
fn attributes<'a>(
    payload: &'a [u8],
    header: usize,
    wanted: &[u16],
) -> Result<Vec<NlaBuffer<&'a [u8]>>, Failure> {
    let rest = payload.get(header..).ok_or("a message is too short")?;
    let mut found = Vec::new();
    for attribute in NlasIterator::new(rest) {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if wanted.contains(&attribute.kind()) {
            found.push(attribute);
        }
    }
    Ok(found)
}

fn link(payload: &[u8]) -> Result<Option<Link>, Failure> {
    let header = LinkHeader::parse(payload).map_err(|error| error.to_string())?;
    let mut name = format!("link {}", header.index);
    for attribute in attributes(payload, LINK_HEADER, &[IFLA_IFNAME])? {
        let value = attribute.value();
        let value = value.strip_suffix(&[0]).unwrap_or(value);
        name = value.escape_ascii().to_string();
    }
    Ok(Some(Link {
        index: header.index,
        name,
        loopback: header.flags.contains(LinkFlags::Loopback),
    }))
}

fn address(payload: &[u8]) -> Result<Option<Address>, Failure> {
    let header = AddressHeader::parse(payload).map_err(|error| error.to_string())?;
    if ![Family::Inet, Family::Inet6].contains(&header.family) {
        return Ok(None);
    }
    let (mut local, mut there) = (None, None);
    for attribute in attributes(payload, ADDRESS_HEADER, &[IFA_ADDRESS, IFA_LOCAL])? {
        match AddressAttribute::parse(&attribute).map_err(|error| error.to_string())? {
            AddressAttribute::Local(address) => local = Some(address),
            AddressAttribute::Address(address) => there = Some(address),
            _ => {}
        }
    }
    // IFA_ADDRESS is the address itself, or the other end where IFA_LOCAL differs (linux/if_addr.h).
    let own = local.or(there).ok_or("an address without an address")?;
    Ok(Some(Address {
        address: own,
        prefix: header.prefix_len,
        peer: there.filter(|there| *there != own),
        link: header.index,
    }))
}

fn route(payload: &[u8]) -> Result<Option<Route>, Failure> {
    const WANTED: [u16; 6] = [
        RTA_DST,
        RTA_OIF,
        RTA_GATEWAY,
        RTA_MULTIPATH,
        RTA_TABLE,
        RTA_VIA,
    ];
    let header = RouteHeader::parse(payload).map_err(|error| error.to_string())?;
    let family = header.address_family;
    let mut to = match family {
        Family::Inet => IpAddr::from([0; 4]),
        Family::Inet6 => IpAddr::from([0; 16]),
        _ => return Ok(None),
    };
    let mut table = u32::from(header.table);
    let mut hop = Hop {
        gateway: None,
        link: None,
    };
    let mut hops = Vec::new();
    for attribute in attributes(payload, ROUTE_HEADER, &WANTED)? {
        let parsed = RouteAttribute::parse_with_param(
            &attribute,
            (family, header.kind, RouteLwEnCapType::None),
        )
        .map_err(|error| error.to_string())?;
        match parsed {
            RouteAttribute::Destination(RouteAddress::Inet(address)) => to = address.into(),
            RouteAttribute::Destination(RouteAddress::Inet6(address)) => to = address.into(),
            RouteAttribute::Table(number) => table = number,
            RouteAttribute::MultiPath(several) => {
                hops.extend(several.iter().map(|one| Hop {
                    gateway: one.attributes.iter().find_map(gateway),
                    link: Some(one.interface_index),
                }));
            }
            RouteAttribute::Oif(index) => hop.link = Some(index),
            other => hop.gateway = gateway(&other).or(hop.gateway),
        }
    }
    if hop.link.is_some() || hop.gateway.is_some() {
        hops.push(hop);
    }
    let to = IpNet::new(to, header.destination_prefix_length).map_err(|error| error.to_string())?;
    Ok(Some(Route {
        to: to.trunc(),
        table,
        kind: kind(header.kind),
        hops,
    }))
}

/// The router that an attribute names; of another family it stands in RTA_VIA (RFC 5549).
fn gateway(attribute: &RouteAttribute) -> Option<IpAddr> {
    match attribute {
        RouteAttribute::Gateway(RouteAddress::Inet(address))
        | RouteAttribute::Via(RouteVia::Inet(address)) => Some((*address).into()),
        RouteAttribute::Gateway(RouteAddress::Inet6(address))
        | RouteAttribute::Via(RouteVia::Inet6(address)) => Some((*address).into()),
        _ => None,
    }
}

fn kind(kind: RouteType) -> RouteKind {
    match kind {
        RouteType::Unicast => RouteKind::Unicast,
        RouteType::Local => RouteKind::Local,
        RouteType::Broadcast => RouteKind::Broadcast,
        RouteType::Anycast => RouteKind::Anycast,
        RouteType::Multicast => RouteKind::Multicast,
        RouteType::BlackHole => RouteKind::Blackhole,
        RouteType::Unreachable => RouteKind::Unreachable,
        RouteType::Prohibit => RouteKind::Prohibit,
        RouteType::Throw => RouteKind::Throw,
        _ => RouteKind::Other,
    }
}
