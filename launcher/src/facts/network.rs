//! Owns what the host's network looks like: its links, addresses, and the routes of all tables and both families.
//!
//! Plain data; [`rtnetlink`] reads it. What could not be read whole says so in [`Network::unread`], and whoever builds a fence
//! on it must then refuse. Nothing here decides what is reachable. Policy rules (ip-rule(8)) only choose between tables, and
//! every table is read whatever chooses it.

mod rtnetlink;

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// What the host's network looks like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Every link, by index.
    pub links: Vec<Link>,
    /// Every address of every link.
    pub addresses: Vec<Address>,
    /// Every route of every table.
    pub routes: Vec<Route>,
    /// The resolvers that the host asks (resolv.conf(5)).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolvers: Vec<IpAddr>,
    /// Why this is not all there is. `Some` means that nothing may be concluded from what is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Its index (netdevice(7)).
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Whether it is a loopback link.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub loopback: bool,
}

/// An address of a link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// The host's own address.
    pub address: IpAddr,
    /// Length of the prefix that is on-link: of [`Address::peer`] where there is one, else of the address (rtnetlink(7)).
    pub prefix: u8,
    /// The other end of a point-to-point link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
    /// Index of the link.
    pub link: u32,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The prefix that it is for.
    pub to: IpNet,
    /// The table that it stands in: 254 is main, 255 local (ip-route(8)).
    pub table: u32,
    /// What happens to a packet.
    pub kind: RouteKind,
    /// Where it goes: one hop, or several that share the load, or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<Hop>,
}

/// Where a route leads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hop {
    /// The router, where what is routed is not on-link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// Index of the output link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<u32>,
}

/// `rtm_type` of rtnetlink(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteKind {
    /// A gateway or direct route.
    Unicast,
    /// The host's own.
    Local,
    /// To all of a link.
    Broadcast,
    /// The host's own, shared with others.
    Anycast,
    /// To a group.
    Multicast,
    /// Dropped in silence.
    Blackhole,
    /// Refused as unreachable.
    Unreachable,
    /// Refused as prohibited.
    Prohibit,
    /// The next table is asked.
    Throw,
    /// A kind that this version does not know.
    Other,
}

impl Network {
    /// Reads the network of the namespace that this process is in. `resolvers` are lines of resolv.conf(5).
    ///
    /// Never fails: what cannot be read, or takes too long, is told in [`Network::unread`].
    #[must_use]
    pub fn read(resolvers: &[String]) -> Self {
        let mut network = rtnetlink::read();
        network.resolvers = addresses(resolvers);
        network
    }

    /// The links that a default route leads to, whatever its table.
    #[must_use]
    pub fn default_links(&self) -> Vec<&Link> {
        let indices: BTreeSet<u32> = self
            .routes
            .iter()
            .filter(|route| route.kind == RouteKind::Unicast && route.is_default())
            .flat_map(|route| route.hops.iter().filter_map(|hop| hop.link))
            .collect();
        self.links
            .iter()
            .filter(|link| indices.contains(&link.index) && !link.loopback)
            .collect()
    }

    /// The name of the link with that index; the index itself for one that has gone since.
    #[must_use]
    pub fn link_name(&self, index: u32) -> String {
        let link = self.links.iter().find(|link| link.index == index);
        link.map_or_else(|| format!("link {index}"), |link| link.name.clone())
    }
}

impl Route {
    /// Whether it is for [everywhere](is_everywhere).
    #[must_use]
    pub fn is_default(&self) -> bool {
        is_everywhere(self.to)
    }
}

/// The addresses of the `nameserver` lines; a zone (RFC 4007) belongs to the link, not to the address.
fn addresses(lines: &[String]) -> Vec<IpAddr> {
    let named = lines
        .iter()
        .filter_map(|line| line.strip_prefix("nameserver "));
    named
        .filter_map(|name| name.split('%').next()?.trim().parse().ok())
        .collect()
}

/// Whether a prefix is so wide that "everywhere" is meant, or a share of it, and no network of somebody's own.
///
/// OpenVPN replaces the default route by 0.0.0.0/1 and 128.0.0.0/1, and in IPv6 by ::/3, 2000::/4 and 3000::/4 (openvpn(8),
/// `--redirect-gateway def1 ipv6`). IANA has handed out IPv4 by /8 and hands out IPv6 by /12 (its registries of address space):
/// nobody's own network is wider. Each prefix is judged alone: were it judged by what others cover, one more route could open what was closed.
#[must_use]
pub fn is_everywhere(prefix: IpNet) -> bool {
    match prefix {
        IpNet::V4(prefix) => prefix.prefix_len() <= 1,
        IpNet::V6(prefix) => prefix.prefix_len() <= 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(to: &str, table: u32, link: u32) -> Route {
        Route {
            to: to.parse().expect("a prefix"),
            table,
            kind: RouteKind::Unicast,
            hops: vec![Hop {
                gateway: None,
                link: Some(link),
            }],
        }
    }

    #[test]
    fn default_links_are_those_of_any_table_and_of_split_defaults() {
        let link = |index, name: &str| Link {
            index,
            name: name.into(),
            loopback: name == "lo",
        };
        let network = Network {
            links: vec![
                link(1, "lo"),
                link(2, "eth0"),
                link(3, "wg0"),
                link(4, "tun0"),
                link(5, "docker0"),
            ],
            routes: vec![
                route("0.0.0.0/0", 254, 2),
                route("::/0", 51820, 3),
                route("128.0.0.0/1", 254, 4),
                route("172.17.0.0/16", 254, 5),
                route("::/0", 255, 1),
            ],
            ..Network::default()
        };
        let names: Vec<&str> = network
            .default_links()
            .into_iter()
            .map(|link| link.name.as_str())
            .collect();
        assert_eq!(names, ["eth0", "wg0", "tun0"]);
    }

    #[test]
    fn wide_routes_are_defaults_and_the_widest_networks_are_not() {
        for (to, default) in [
            ("0.0.0.0/0", true),
            ("0.0.0.0/1", true),
            ("64.0.0.0/2", false),
            ("10.0.0.0/8", false),
            ("::/0", true),
            ("8000::/1", true),
            ("::/3", true),
            ("3000::/4", true),
            ("2000::/5", false),
            ("2400::/12", false),
        ] {
            assert_eq!(route(to, 254, 2).is_default(), default, "{to}");
        }
    }

    #[test]
    fn resolvers_are_the_addresses_of_the_nameserver_lines() {
        let lines = [
            "nameserver 10.0.0.1",
            "nameserver fe80::1%eth0",
            "options edns0",
            "nameserver x",
        ];
        let read = addresses(&lines.map(str::to_owned));
        let expected: [IpAddr; 2] = [[10, 0, 0, 1].into(), "fe80::1".parse().expect("an address")];
        assert_eq!(read, expected);
    }

    #[test]
    fn it_is_read_back_as_it_was_written() {
        let network = Network {
            routes: vec![route("10.0.0.0/8", 52, 3)],
            unread: Some("why".into()),
            ..Network::default()
        };
        let json = serde_json::to_string(&network).expect("it serialises");
        assert!(json.contains(r#""to":"10.0.0.0/8""#), "{json}");
        assert_eq!(
            serde_json::from_str::<Network>(&json).expect("it is read"),
            network
        );
    }
}
