//! Owns the attempts to reach what a tier must not reach ([`super::addresses`]), and what each must give.
//!
//! No packet leaves this machine: the attempts are made in the lab of networks, or in a network namespace of the sandbox's own. In
//! that of this machine, where a guard was taken away, the neighbour on the loopback is all that they go for.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::MsgFlags;

use super::addresses::ADDRESSES;
pub use super::packets::{NO_ANSWER, SOON, tcp, udp};
use super::packets::{Prepare, echo, is_loopback, is_to_many, tcp_by, udp_by};
use crate::network_lab::map::{NEIGHBOURS, OWN, PUBLIC, parsed};
use crate::probe::{Act, Bait, Errno, Guard, Need, Probe, Resolver, Seen, Tier};

/// Other ways to write the loopback (inet_aton(3)).
pub const SPELLINGS: [&str; 5] = ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0"];

/// What all probes of `inet` share: they are made in the lab of networks.
pub const ON_INET: Probe = Probe {
    tiers: &[Tier::Inet],
    also_as_root: true,
    needs: &[Need::NetworkLab],
    networks: Some(Resolver::Stub),
    harmed: heard,
    ..Probe::USUAL
};

/// Those that are about what the fence alone keeps away: without it each reaches something by any helper, which
/// `tests/network/bare_helper.rs` shows.
pub const FENCED: Probe = Probe {
    behind: &[Guard::EgressFence],
    ..ON_INET
};

/// How the fence answers a connection.
pub const REFUSED: Errno = Errno::ECONNREFUSED;

/// How the fence answers an echo request, from a socket that needs no privilege (icmp(7)).
const ECHO: Errno = Errno::EPERM;

/// A refusal that takes longer is none at once (NET-06).
const AT_ONCE: Duration = Duration::from_millis(200);

/// The discard protocol (RFC 863): nobody listens.
const PORT: u16 = 9;

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
        "NET-22" if bait.ground.is_some() => parsed(&OWN),
        "NET-26" if bait.ground.is_some() => parsed(&NEIGHBOURS),
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

/// By TCP and by UDP, and in the lab of networks by an echo request.
fn each(bait: &Bait, row: &str, act: impl Fn(&str, IpAddr) -> Act) -> Seen {
    let ways: &[&str] = match bait.ground {
        Some(_) => &["tcp", "udp", "icmp"],
        None => &["tcp", "udp"],
    };
    let mut seen = Seen::default();
    for address in addresses(bait, row) {
        for way in ways {
            seen.add(format!("{way} {address}"), act(way, address));
        }
    }
    seen
}

/// Attempts to reach every address of `row`, in each way.
#[must_use]
pub fn reach(bait: &Bait, row: &str) -> Seen {
    if let Some(ground) = &bait.ground {
        return each(bait, row, |way, address| {
            timed(|| match way {
                "tcp" => tcp(address, ground.port),
                "udp" => udp(address, ground.port),
                _ => echo(address, &ground.word()),
            })
        });
    }
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

/// The act, unless it was a refusal that took its time.
pub fn timed(act: impl FnOnce() -> Act) -> Act {
    let began = Instant::now();
    let act = act();
    match (act, began.elapsed()) {
        (Act::Refused(number), took) if took > AT_ONCE => {
            Act::Broken(format!("refused with {number}, and only after {took:?}"))
        }
        (act, _) => act,
    }
}

/// Reaches every public address of the lab of networks, where the trial is there. Who listens tells whether it did.
pub fn reach_public(bait: &Bait) {
    if let (Some(ground), true) = (&bait.ground, bait.tier != Tier::None) {
        for address in parsed(&PUBLIC) {
            let _ = tcp(address, ground.port);
            // A datagram may be lost where a machine has much to do.
            for _ in 0..3 {
                if udp(address, ground.port) == Act::Reached {
                    break;
                }
            }
        }
    }
}

/// What [`reach`] must report where there is no network.
#[must_use]
pub fn nowhere(bait: &Bait, row: &str) -> Seen {
    each(bait, row, |way, address| {
        // On the sandbox's own loopback nobody listens.
        Act::errno(match way {
            // A new network namespace allows no group to make the socket (ping_group_range, icmp(7)).
            "icmp" => Errno::EACCES,
            _ if is_loopback(address) => Errno::ECONNREFUSED,
            _ => Errno::ENETUNREACH,
        })
    })
}

/// What [`reach`] must report behind the fence.
#[must_use]
pub fn fenced(bait: &Bait, row: &str) -> Seen {
    each(bait, row, |way, address| answered(bait, way, address))
}

/// What an attempt sees behind the fence. The kernel reports the refusal of an ICMPv6 packet to nobody, and the sandbox's own
/// loopback answers an echo request.
#[must_use]
pub fn answered(bait: &Bait, way: &str, address: IpAddr) -> Act {
    let six = bait.ground.as_ref().is_none_or(|ground| ground.six);
    if way == "icmp" && address == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && !six {
        // connect(2) takes it for the loopback, an echo request for an address like others.
        return Act::errno(Errno::ENETUNREACH);
    }
    carried(bait, address, behind_the_fence(way, address))
}

/// This act, or what comes of it where the helper brings no route to that address.
#[must_use]
pub fn carried(bait: &Bait, address: IpAddr, act: Act) -> Act {
    match &bait.ground {
        Some(ground) if !ground.carries(address) => Act::errno(Errno::ENETUNREACH),
        _ => act,
    }
}

/// What an attempt sees where both families are carried.
#[must_use]
pub fn behind_the_fence(way: &str, address: IpAddr) -> Act {
    let six =
        matches!(address, IpAddr::V6(six) if six.to_ipv4_mapped().is_none() && !six.is_loopback());
    match way {
        "icmp" if six => Act::saw(NO_ANSWER),
        "icmp" if is_loopback(address) => Act::Reached,
        _ => Act::errno(fence(way, address)),
    }
}

/// How the fence answers, at once: to a connection by [`REFUSED`], to a datagram as a filter does.
#[must_use]
pub fn fence(way: &str, address: IpAddr) -> Errno {
    match way {
        "icmp" => ECHO,
        // On the sandbox's own loopback nobody listens.
        _ if is_loopback(address) => Errno::ECONNREFUSED,
        "udp" => Errno::EPERM,
        // No connection is to many (tcp_v4_connect, tcp_v6_connect).
        _ if is_to_many(address) => Errno::ENETUNREACH,
        _ => REFUSED,
    }
}

/// What [`reach`] must report on the host of the lab, where everyone answers.
#[must_use]
pub fn open(bait: &Bait, row: &str) -> Seen {
    each(bait, row, |way, address| match fence(way, address) {
        // No connection is to many.
        Errno::ENETUNREACH => Act::errno(Errno::ENETUNREACH),
        _ => Act::Reached,
    })
}

/// Targets of each kind, for attacks that are about the way and not about the address.
const TARGETS: [&str; 11] = [
    "192.168.77.11",
    "192.168.77.10",
    "81.2.69.11",
    "45.83.64.9",
    "172.17.0.2",
    "10.0.0.1",
    "169.254.169.254",
    "2600:1901:77::11",
    "2a0b:f4c0:77::9",
    "fd00:ec2::254",
    "fe80::1",
];

/// Attempts to reach targets of each kind in ways that go round a table of routes: `way`, its port, and what it is called.
#[must_use]
pub fn reach_by(bait: &Bait, way: &str, act: impl Fn(IpAddr, u16) -> Act) -> Seen {
    let Some(ground) = &bait.ground else {
        return Seen::one(way, Act::Broken("the trial is not in the lab".into()));
    };
    let mut seen = Seen::default();
    for address in parsed(&TARGETS) {
        seen.add(
            format!("{way} {address}"),
            timed(|| act(address, ground.port)),
        );
    }
    seen
}

/// What [`reach_by`] must report, as the fence answers, or by this table.
#[must_use]
pub fn refused_by(bait: &Bait, way: &str, errno: impl Fn(IpAddr) -> Errno) -> Seen {
    answered_by(way, |address| {
        carried(bait, address, Act::errno(errno(address)))
    })
}

/// The same for each address as it is, whatever the helper carries.
#[must_use]
pub fn answered_by(way: &str, act: impl Fn(IpAddr) -> Act) -> Seen {
    let targets = parsed(&TARGETS).into_iter();
    let named = targets.map(|address| (format!("{way} {address}"), act(address)));
    Seen(named.collect())
}

/// Attempts by sockets that are prepared so, a connection and a datagram to targets of each kind.
#[must_use]
pub fn reach_prepared(bait: &Bait, prepare: Prepare) -> Seen {
    let mut seen = reach_by(bait, "tcp", |address, port| tcp_by(address, port, prepare));
    let datagrams = reach_by(bait, "udp", |address, port| {
        udp_by(address, port, MsgFlags::empty(), prepare)
    });
    seen.0.extend(datagrams.0);
    seen
}

/// What [`reach_prepared`] must report behind the fence.
#[must_use]
pub fn refused_prepared(bait: &Bait) -> Seen {
    let mut seen = refused_by(bait, "tcp", |address| fence("tcp", address));
    seen.0.extend(refused_by(bait, "udp", |_| Errno::EPERM).0);
    seen
}

/// What was heard of it: by the neighbour, or in the lab of networks anywhere but at the public addresses.
#[must_use]
pub fn heard(bait: &Bait) -> Option<String> {
    if let Some(ground) = &bait.ground {
        let out = ground.out_of_bounds();
        let first = out.first()?;
        return Some(format!("{} contacts in the lab, first: {first}", out.len()));
    }
    let over_tcp = bait.attack_heard("TCP port");
    over_tcp.or_else(|| bait.attack_heard("UDP port"))
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

/// Where a program of the system says that a name leads to. Not by the C library of this one: linked statically, it would have to
/// load the modules of the name service.
///
/// # Errors
/// What to report where there is no such name, or none that can be asked.
pub fn led_to(name: &str) -> Result<Vec<IpAddr>, Act> {
    let mut getent = Command::new("getent");
    getent.args(["ahosts", name]).stdin(Stdio::null());
    let found = getent.output().map_err(|error| Act::of::<()>(Err(error)))?;
    let found = String::from_utf8_lossy(&found.stdout);
    let addresses = found.lines().filter_map(|line| line.split(' ').next());
    let addresses = addresses.filter_map(|address| address.parse().ok());
    let addresses: BTreeSet<IpAddr> = addresses.collect();
    if addresses.is_empty() {
        return Err(Act::Absent);
    }
    Ok(addresses.into_iter().collect())
}
