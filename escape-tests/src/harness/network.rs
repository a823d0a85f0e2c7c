//! Owns the attempts to reach what a tier must not reach ([`super::addresses`]), and to be reached from there.
//!
//! No packet leaves this machine: the attempts are made in a network namespace of the sandbox's own. In that of the host, where
//! a guard was taken away, the neighbour on the loopback is all that they go for.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener, TcpStream, UdpSocket,
};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::{InterfaceFlags, if_nametoindex};

use super::addresses::ADDRESSES;
use super::bait::ATTACK;
use super::need::Unbuilt;
use crate::probe::{Act, Bait, Errno, Expect, Need, Probe, Seen, Tier};

/// Other ways to write the loopback (inet_aton(3)).
const SPELLINGS: [&str; 5] = ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0"];

/// What most inet probes share: they wait for the fence.
pub const FENCED: Probe = Probe {
    tiers: &[Tier::Inet],
    also_as_root: true,
    needs: &[Need::Unbuilt(Unbuilt::EgressFence)],
    expect: Expect::Refused(FENCE),
    harmed: heard,
    ..Probe::USUAL
};

/// How the fence answers (NET-06): at once, as a router without a way to there.
const FENCE: Errno = Errno::EHOSTUNREACH;

/// The discard protocol (RFC 863): nobody listens.
const PORT: u16 = 9;

/// Longer than an answer over the loopback takes.
const SOON: Duration = Duration::from_millis(300);

/// The addresses of this machine's devices, and the devices, but for the loopback.
///
/// # Errors
/// As getifaddrs(3).
pub fn of_this_host() -> io::Result<(Vec<IpAddr>, Vec<String>)> {
    let (mut addresses, mut devices) = (BTreeSet::new(), BTreeSet::new());
    for device in getifaddrs()? {
        let lives = device.flags.contains(InterfaceFlags::IFF_UP);
        if !lives || device.flags.contains(InterfaceFlags::IFF_LOOPBACK) {
            continue;
        }
        let address = device.address.and_then(|address| {
            let four = address.as_sockaddr_in().map(|four| IpAddr::V4(four.ip()));
            four.or_else(|| address.as_sockaddr_in6().map(|six| IpAddr::V6(six.ip())))
        });
        addresses.extend(address);
        devices.insert(device.interface_name);
    }
    Ok((
        addresses.into_iter().collect(),
        devices.into_iter().collect(),
    ))
}

/// Whether this process is in another network namespace than the caller.
#[must_use]
pub fn is_own(bait: &Bait) -> bool {
    let here = fs::read_link("/proc/self/ns/net").unwrap_or_default();
    Some(here.to_string_lossy().as_ref()) != bait.namespaces.get("net").map(String::as_str)
}

/// Every row that has addresses.
#[must_use]
pub fn rows() -> Vec<&'static str> {
    let of_the_host = ["NET-22", "NET-26"];
    let rows = ADDRESSES.iter().map(|(row, ..)| *row).chain(of_the_host);
    rows.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The addresses of `row`: listed ones, the host's own (NET-22), their neighbours on the same link (NET-26).
#[must_use]
pub fn addresses(bait: &Bait, row: &str) -> Vec<IpAddr> {
    let beside = |address: &IpAddr| match address {
        IpAddr::V4(four) => IpAddr::V4(Ipv4Addr::from(u32::from(*four) ^ 1)),
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from(u128::from(*six) ^ 1)),
    };
    match row {
        "NET-22" => bait.own_addresses.clone(),
        "NET-26" => bait.own_addresses.iter().map(beside).collect(),
        _ => {
            let of_row = ADDRESSES.iter().filter(|(of, ..)| *of == row);
            let parsed = of_row.map(|(_, address, _)| address.parse());
            parsed
                .map(|address| address.expect("the table holds addresses"))
                .collect()
        }
    }
}

/// Whether a packet to there stays on this namespace's loopback.
fn is_loopback(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => four.is_loopback() || four.is_unspecified(),
        IpAddr::V6(six) => {
            let mapped = six.to_ipv4_mapped().map(IpAddr::V4);
            six.is_loopback() || six.is_unspecified() || mapped.is_some_and(is_loopback)
        }
    }
}

fn each(bait: &Bait, row: &str, act: impl Fn(&str, IpAddr) -> Act) -> Seen {
    let mut seen = Seen::default();
    for address in addresses(bait, row) {
        for way in ["tcp", "udp"] {
            seen.add(format!("{way} {address}"), act(way, address));
        }
    }
    seen
}

/// Attempts to reach every address of `row`, by TCP and by UDP.
#[must_use]
pub fn reach(bait: &Bait, row: &str) -> Seen {
    let own = is_own(bait);
    let lab: IpAddr = Ipv4Addr::LOCALHOST.into();
    let (tcp_port, udp_port) = (bait.neighbour.port, bait.neighbour.udp_port);
    let mut seen = each(bait, row, |way, address| match way {
        _ if !own && address != lab => Act::Absent,
        "tcp" => tcp(address, if is_loopback(address) { tcp_port } else { PORT }),
        _ => udp(address, if is_loopback(address) { udp_port } else { PORT }),
    });
    if !own {
        // Of what was not tried nothing is said.
        seen.0.retain(|_, act| *act != Act::Absent);
    }
    seen
}

/// What [`reach`] must report where there is no network.
#[must_use]
pub fn nowhere(bait: &Bait, row: &str) -> Seen {
    refused(bait, row, Errno::ENETUNREACH)
}

/// What [`reach`] must report behind the fence.
#[must_use]
pub fn fenced(bait: &Bait, row: &str) -> Seen {
    refused(bait, row, FENCE)
}

fn refused(bait: &Bait, row: &str, errno: Errno) -> Seen {
    each(bait, row, |_, address| {
        // On the sandbox's own loopback nobody listens.
        Act::errno(if is_loopback(address) {
            Errno::ECONNREFUSED
        } else {
            errno
        })
    })
}

/// What the neighbour heard of it.
#[must_use]
pub fn heard(bait: &Bait) -> Option<String> {
    let over_tcp = bait.attack_heard("TCP port");
    over_tcp.or_else(|| bait.attack_heard("UDP port"))
}

/// By its device where the address says nothing without one.
fn place(address: IpAddr, port: u16) -> SocketAddr {
    match address {
        IpAddr::V6(six) if six.is_unicast_link_local() || six.is_multicast() => {
            let devices = of_this_host()
                .map(|(_, devices)| devices)
                .unwrap_or_default();
            let device = devices.first().map_or("lo", String::as_str);
            SocketAddrV6::new(six, port, 0, if_nametoindex(device).unwrap_or(1)).into()
        }
        _ => SocketAddr::new(address, port),
    }
}

/// A connection.
#[must_use]
pub fn tcp(address: IpAddr, port: u16) -> Act {
    let answer = || {
        let mut stream = TcpStream::connect_timeout(&place(address, port), SOON)?;
        stream.write_all(ATTACK.as_bytes())?;
        stream.read(&mut [0; 16])
    };
    no_answer(answer())
}

/// A datagram, also to a group or to all.
#[must_use]
pub fn udp(address: IpAddr, port: u16) -> Act {
    let place = place(address, port);
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let answer = || {
        let mut socket = UdpSocket::bind((any, 0))?;
        if socket.local_addr()?.port() == port {
            // It would answer itself. The first one still has that port, so this one gets another.
            let own = socket;
            socket = UdpSocket::bind((any, 0))?;
            drop(own);
        }
        socket.set_broadcast(true)?;
        if !is_loopback(address) {
            socket.send_to(ATTACK.as_bytes(), place)?;
        }
        // Connected, the socket hears that nobody listens.
        socket.connect(place)?;
        socket.set_read_timeout(Some(SOON))?;
        socket.send(ATTACK.as_bytes())?;
        socket.recv(&mut [0; 16])
    };
    no_answer(answer())
}

/// A packet that went and brought no answer went all the same.
fn no_answer(answer: io::Result<usize>) -> Act {
    match answer {
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Act::saw("sent, and no answer"),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Act::saw("sent, and no answer"),
        answer => Act::of(answer),
    }
}

/// The loopback by other spellings, as the C library reads them.
#[must_use]
pub fn spelled(bait: &Bait) -> Seen {
    use std::net::ToSocketAddrs;
    Seen::each(SPELLINGS, |spelling| {
        let port = bait.neighbour.port;
        match (*spelling, port).to_socket_addrs() {
            Ok(mut found) => found
                .next()
                .map_or(Act::Absent, |found| tcp(found.ip(), port)),
            Err(error) => Act::Broken(error.to_string()),
        }
    })
}

/// What a program of the system makes of names: addresses, or nothing.
#[must_use]
pub fn names(names: impl IntoIterator<Item = String>) -> Seen {
    Seen::each(names, |name| {
        let mut getent = Command::new("getent");
        getent.args(["ahosts", name]).stdin(Stdio::null());
        match getent.output() {
            Ok(found) => Act::Saw(String::from_utf8_lossy(&found.stdout).into_owned()),
            Err(error) => Act::of::<()>(Err(error)),
        }
    })
}

/// A port that nobody else listens at, the same inside and outside.
fn port_of(bait: &Bait) -> u16 {
    let digits = &bait.mark[bait.mark.len() - 4..];
    let number = u16::from_str_radix(digits, 16).unwrap_or(0);
    // Between the well-known ones and those that the kernel hands out (ip_local_port_range).
    16384 + number % 16384
}

/// Listens for a moment, and tells who called. In the host's namespace on the loopback alone.
#[must_use]
pub fn listen(bait: &Bait) -> Seen {
    let places: [IpAddr; 2] = if is_own(bait) {
        [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()]
    } else {
        [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
    };
    let listeners = places.map(|place| {
        let listener = TcpListener::bind((place, port_of(bait)));
        // IPv6 takes the port for both.
        listener.and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
    });
    let mut listeners: Vec<TcpListener> = listeners.into_iter().flatten().collect();
    if listeners.is_empty() {
        return Seen::one("callers", Act::Broken("nothing could listen".into()));
    }
    std::thread::sleep(SOON);
    let called = listeners
        .drain(..)
        .filter(|listener| listener.accept().is_ok());
    Seen::one("callers", Act::saw(called.count()))
}

/// What [`listen`] must report.
#[must_use]
pub fn nobody_called() -> Seen {
    Seen::one("callers", Act::saw(0))
}

/// Calls from outside at every address of the host.
#[must_use]
pub fn call(bait: &Bait) -> Option<String> {
    let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let mut addresses = loopback.iter().chain(&bait.own_addresses);
    let called = addresses.find(|address| {
        let place = place(**address, port_of(bait));
        TcpStream::connect_timeout(&place, SOON).is_ok()
    });
    called.map(|address| format!("what listens inside answers at {address}"))
}

/// Whether the tables of this namespace name what is the host's.
#[must_use]
pub fn listed(bait: &Bait) -> Seen {
    let text = |table: &&str| fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default();
    let tables: Vec<String> = TABLES.iter().map(text).collect();
    let words: BTreeSet<&str> = tables
        .iter()
        .flat_map(|table| table.split(|one: char| one.is_whitespace() || one == ':'))
        .collect();
    let spelled = |address: &IpAddr| match address {
        IpAddr::V4(four) => four.to_string(),
        // As if_inet6 has it.
        IpAddr::V6(six) => format!("{:032x}", u128::from(*six)),
    };
    let addresses = bait
        .own_addresses
        .iter()
        .filter(|one| words.contains(spelled(one).as_str()));
    let devices = bait
        .own_devices
        .iter()
        .filter(|one| words.contains(one.as_str()));
    Seen::one("addresses", Act::saw(addresses.count())).and("devices", Act::saw(devices.count()))
}

/// What [`listed`] must report.
#[must_use]
pub fn nothing_listed() -> Seen {
    Seen::one("addresses", Act::saw(0)).and("devices", Act::saw(0))
}

/// Where the kernel lists addresses, devices and neighbours (proc(5)).
const TABLES: [&str; 6] = ["dev", "route", "arp", "fib_trie", "if_inet6", "ipv6_route"];

/// What a session could leave behind in the host's network.
#[must_use]
pub fn of_the_host() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let devices = read("/proc/net/dev");
    let names = devices.lines().filter_map(|line| line.split_once(':'));
    let mut state: Vec<String> = names.map(|(name, _)| name.trim().to_owned()).collect();
    for file in [
        "/proc/net/fib_trie",
        "/proc/net/if_inet6",
        "/proc/sys/net/ipv4/ip_forward",
        "/proc/sys/net/ipv4/conf/all/route_localnet",
        "/proc/sys/net/ipv6/conf/all/forwarding",
        "/proc/sys/net/ipv4/ping_group_range",
        "/etc/resolv.conf",
    ] {
        state.push(read(file));
    }
    state.join("\n")
}

/// What of the host's network is not as it was.
#[must_use]
pub fn changed(bait: &Bait) -> Option<String> {
    let now = of_the_host();
    let new = now
        .lines()
        .find(|line| !bait.network.lines().any(|before| before == *line));
    let gone = bait
        .network
        .lines()
        .find(|line| !now.lines().any(|after| after == *line));
    let line = new.or(gone)?;
    Some(format!("the host's network is not as it was: {line}"))
}
