//! Owns observing a network namespace: from inside, and of the host from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

use super::Seen;

/// The tables of sockets (proc(5), /proc/net). Their first line is a heading.
const TABLES: [&str; 13] = [
    "tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6", "unix",
    "packet", "netlink",
];

/// The end of the name of what says where somebody waits.
pub const LISTENS: &str = " listens on";

/// How a table marks a socket that waits for somebody: TCP_LISTEN, and TCP_CLOSE where there is no connection.
const WAITING: [(&str, &str); 4] = [("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")];

/// Observes devices with their addresses, routes, and sockets.
pub fn look(seen: &mut Seen) {
    // The tables first: asking for addresses opens a socket.
    for table in TABLES {
        let Some(lines) = rows(table, 1) else {
            continue;
        };
        // The kernel has sockets of its own there, of no process.
        let of_processes = lines
            .iter()
            .filter(|line| table != "netlink" || line.get(2).is_none_or(|pid| pid != "0"));
        seen.add(
            format!("sockets in /proc/net/{table}"),
            of_processes.count().to_string(),
        );
        if let Some((_, state)) = WAITING.iter().find(|(waiting, _)| *waiting == table) {
            let waiting = lines
                .iter()
                .filter(|line| line.get(3).is_some_and(|seen| seen == state));
            let addresses: BTreeSet<&str> = waiting
                .filter_map(|line| line.get(1).map(String::as_str))
                .collect();
            let addresses: Vec<&str> = addresses.into_iter().collect();
            seen.add(format!("{table}{LISTENS}"), addresses.join(" "));
        }
    }
    routes(seen, "route", 1, &[0, 1, 2, 7]);
    routes(seen, "ipv6_route", 0, &[0, 1, 4, 9]);
    match getifaddrs() {
        Ok(found) => {
            let mut devices: BTreeMap<String, (InterfaceFlags, BTreeSet<String>)> = BTreeMap::new();
            for one in found {
                let (flags, addresses) = devices
                    .entry(one.interface_name)
                    .or_insert((one.flags, BTreeSet::new()));
                *flags |= one.flags;
                let address = one.address.filter(|address| {
                    address.as_sockaddr_in().is_some() || address.as_sockaddr_in6().is_some()
                });
                addresses.extend(address.map(|address| address.to_string()));
            }
            for (name, (flags, addresses)) in devices {
                let addresses: Vec<String> = addresses.into_iter().collect();
                seen.add(
                    format!("network device {name}"),
                    format!("{:#x} {}", flags.bits(), addresses.join(" ")),
                );
            }
        }
        Err(errno) => seen.add("network devices", errno.to_string()),
    }
}

fn rows(table: &str, heading: usize) -> Option<Vec<Vec<String>>> {
    let text = fs::read_to_string(format!("/proc/net/{table}")).ok()?;
    let lines = text.lines().skip(heading);
    let fields = |line: &str| line.split_ascii_whitespace().map(str::to_owned).collect();
    Some(lines.map(fields).collect())
}

/// What of a route stays as it is from one look to the next.
fn routes(seen: &mut Seen, table: &str, heading: usize, columns: &[usize]) {
    let Some(rows) = rows(table, heading) else {
        return;
    };
    let route = |row: Vec<String>| {
        let kept = columns.iter().filter_map(|column| row.get(*column));
        kept.cloned().collect::<Vec<_>>().join(" ")
    };
    let routes: BTreeSet<String> = rows.into_iter().map(route).collect();
    let routes: Vec<String> = routes.into_iter().collect();
    seen.add(format!("routes in /proc/net/{table}"), routes.join("; "));
}
