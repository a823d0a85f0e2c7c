//! Owns looking at the network from outside, on the host where the launcher was started, this machine or that of the lab of networks:
//! who reaches what listens inside, what of the host is listed inside, what a session left behind. The inside half listens and lists.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use super::network::is_own;
use super::packets::{SOON, place};
use crate::network_lab;
use crate::network_lab::map::{ON_LINK, Site, parsed};
use crate::probe::{Act, Bait, Seen, Tier};

/// Does `act` where the launcher was started: on this machine, or on the host of the lab of networks.
///
/// # Panics
/// Where the lab of a trial is gone.
pub fn on_the_host<T: Send>(bait: &Bait, act: impl FnOnce() -> T + Send) -> T {
    at(bait, Site::Host, act)
}

/// Does `act` in a site of the lab of networks; on this machine where the trial is not in the lab.
///
/// # Panics
/// Where the lab of a trial is gone.
pub fn at<T: Send>(bait: &Bait, site: Site, act: impl FnOnce() -> T + Send) -> T {
    if bait.ground.is_none() {
        return act();
    }
    let lab = network_lab::shared().expect("the trial is in the lab");
    let done = lab.at(site).within(|| Ok(act()));
    done.expect("the namespaces are there as long as the lab")
}

/// A port that nobody else listens at, the same inside and outside.
fn port_of(bait: &Bait) -> u16 {
    if let Some(ground) = &bait.ground {
        // At that of the trial everyone listens.
        return ground.port - 10000;
    }
    let digits = &bait.mark[bait.mark.len() - 4..];
    let number = u16::from_str_radix(digits, 16).unwrap_or(0);
    // Between the well-known ones and those that the kernel hands out (ip_local_port_range).
    16384 + number % 16384
}

/// Listens for a moment, and tells how many called. Whoever sends a datagram gets one back. In the host's namespace on the loopback
/// alone.
#[must_use]
pub fn listen(bait: &Bait) -> Seen {
    let places: [IpAddr; 2] = if is_own(bait) {
        [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()]
    } else {
        [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
    };
    // IPv6 takes the port for both.
    let places = places.map(|place| SocketAddr::new(place, port_of(bait)));
    let listeners = places.map(TcpListener::bind).into_iter().flatten();
    let listeners: Vec<TcpListener> = listeners.collect();
    let sockets = places.map(UdpSocket::bind).into_iter().flatten();
    let sockets: Vec<UdpSocket> = sockets.collect();
    let waits = |done: std::io::Result<()>| done.is_err();
    let mut all = listeners.iter().map(|one| one.set_nonblocking(true));
    let mut all_udp = sockets.iter().map(|one| one.set_nonblocking(true));
    if listeners.is_empty() || sockets.is_empty() || all.any(waits) || all_udp.any(waits) {
        return Seen::one("callers", Act::Broken("nothing could listen".into()));
    }
    let long = match bait.tier {
        // A helper looks every second what listens inside (pasta(1), `--tcp-ports auto`).
        Tier::Inet => 6 * SOON,
        Tier::None | Tier::Full => SOON,
    };
    let end = Instant::now() + long;
    let (mut called, mut datagrams) = (0, 0);
    while Instant::now() < end {
        called += listeners.iter().filter(|one| one.accept().is_ok()).count();
        for socket in &sockets {
            if let Ok((_, sender)) = socket.recv_from(&mut [0; 8]) {
                datagrams += 1;
                let _ = socket.send_to(b"here", sender);
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Seen::one("callers", Act::saw(called)).and("datagrams", Act::saw(datagrams))
}

/// What [`listen`] must report.
#[must_use]
pub fn nobody_called() -> Seen {
    Seen::one("callers", Act::saw(0)).and("datagrams", Act::saw(0))
}

/// Calls from outside at every address of the host, by TCP and by UDP: from there, and from its local network.
#[must_use]
pub fn call(bait: &Bait) -> Option<String> {
    let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let own = bait.own_addresses.iter().copied();
    let called = |addresses: Vec<IpAddr>| {
        let places = addresses
            .iter()
            .map(|address| place(*address, port_of(bait)));
        let mut called = places.filter(|place| {
            TcpStream::connect_timeout(place, SOON).is_ok() || echoes(place).unwrap_or(false)
        });
        called.next()
    };
    let here = loopback.into_iter().chain(own).collect();
    let called_here = on_the_host(bait, || called(here));
    let near = || match bait.ground {
        Some(_) => at(bait, Site::Lan, || called(parsed(&ON_LINK))),
        None => None,
    };
    let called = called_here.or_else(near);
    called.map(|place| format!("what listens inside answers at {place}"))
}

/// Whether a datagram to there is answered. Where nobody listens the kernel says so at once.
fn echoes(place: &SocketAddr) -> std::io::Result<bool> {
    let from: IpAddr = match place {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((from, 0))?;
    socket.set_read_timeout(Some(SOON / 6))?;
    socket.connect(place)?;
    socket.send(b"call")?;
    Ok(socket.recv(&mut [0; 8])? > 0)
}

/// Whether the tables of this namespace name what is the host's.
#[must_use]
pub fn listed(bait: &Bait) -> Seen {
    let text = |table: &&str| {
        fs::read_to_string(format!("/proc/thread-self/net/{table}")).unwrap_or_default()
    };
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
    let devices = read("/proc/thread-self/net/dev");
    let names = devices.lines().filter_map(|line| line.split_once(':'));
    let mut state: Vec<String> = names.map(|(name, _)| name.trim().to_owned()).collect();
    for file in [
        "/proc/thread-self/net/fib_trie",
        "/proc/thread-self/net/if_inet6",
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
    let now = on_the_host(bait, of_the_host);
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
