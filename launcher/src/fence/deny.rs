//! Owns which addresses the fence refuses on this host, and why each.
//!
//! The [registry](super::registry), and what the host's addresses and routes add. Each fact adds its own prefixes and takes none away, so one
//! more route or address never opens anything. Only a route that is for everywhere ([`Route::is_default`]) adds no prefix: what
//! it leads to is the internet.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use super::registry::REGISTRY;
use crate::facts::{Network, Route, RouteKind, is_everywhere};

/// Why a prefix is refused. In the order in which a person would rather read it, where several are true.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// It stands in the [registry](super::registry), by this name.
    Special(String),
    /// It is an address of the host itself, on this link.
    Own(String),
    /// It is on-link: a neighbour of the host, on this link.
    OnLink(String),
    /// The host routes it by this link, not by a default route.
    Routed(String),
    /// The host refuses it itself, by a route of its own.
    Unroutable,
    /// It is a router that the host uses.
    Gateway,
    /// It is a resolver that the host asks.
    Resolver,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Special(name) => f.write_str(name),
            Why::Own(link) => write!(f, "the host's own address on {link}"),
            Why::OnLink(link) => write!(f, "the host's network on {link}"),
            Why::Routed(link) => write!(f, "routed by the host to {link}"),
            Why::Unroutable => f.write_str("refused by a route of the host"),
            Why::Gateway => f.write_str("a router of the host"),
            Why::Resolver => f.write_str("a resolver of the host"),
        }
    }
}

/// What is refused: each prefix with its reason, and the same addresses in as few prefixes as they take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denied {
    /// Every prefix that a fact gave, in order, with the first of its reasons.
    reasons: BTreeMap<IpNet, Why>,
    v4: Vec<Ipv4Net>,
    v6: Vec<Ipv6Net>,
}

/// The host's network is not known whole, so neither is what must be refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the host's network cannot be read whole, so no fence can be made: {0}")]
pub struct Unread(pub String);

impl crate::hint::Hint for Unread {
    fn hint(&self) -> Option<String> {
        Some("start with `--network none`, or with `--network full` for no fence at all".into())
    }
}

impl Denied {
    /// What is refused on a host with that network.
    ///
    /// # Errors
    /// Where the network could not be read whole.
    pub fn of(network: &Network) -> Result<Self, Unread> {
        if let Some(why) = &network.unread {
            return Err(Unread(why.clone()));
        }
        let mut reasons = BTreeMap::new();
        let mut add = |prefix: IpNet, why: Why| {
            let known = reasons.entry(prefix.trunc()).or_insert_with(|| why.clone());
            *known = why.min(known.clone());
        };
        for special in REGISTRY {
            add(special.prefix, Why::Special(special.name.into()));
        }
        for address in &network.addresses {
            let link = network.link_name(address.link);
            add(address.address.into(), Why::Own(link.clone()));
            let on_link = address.peer.unwrap_or(address.address);
            add(on_link.into(), Why::OnLink(link.clone()));
            if let Ok(prefix) = IpNet::new(on_link, address.prefix)
                && !is_everywhere(prefix)
            {
                add(prefix, Why::OnLink(link));
            }
        }
        for route in &network.routes {
            if !route.is_default() {
                add(route.to, why(network, route));
            }
            for gateway in route.hops.iter().filter_map(|hop| hop.gateway) {
                add(gateway.into(), Why::Gateway);
            }
        }
        for resolver in &network.resolvers {
            add((*resolver).into(), Why::Resolver);
        }
        Ok(Self::from_reasons(reasons))
    }

    fn from_reasons(reasons: BTreeMap<IpNet, Why>) -> Self {
        let v4 = reasons.keys().filter_map(|prefix| match prefix {
            IpNet::V4(prefix) => Some(*prefix),
            IpNet::V6(_) => None,
        });
        let v6 = reasons.keys().filter_map(|prefix| match prefix {
            IpNet::V6(prefix) => Some(*prefix),
            IpNet::V4(_) => None,
        });
        let (v4, v6) = (
            Ipv4Net::aggregate(&v4.collect()),
            Ipv6Net::aggregate(&v6.collect()),
        );
        Self { reasons, v4, v6 }
    }

    /// What is refused of IPv4, in as few prefixes as it takes, in order.
    #[must_use]
    pub fn v4(&self) -> &[Ipv4Net] {
        &self.v4
    }

    /// What is refused of IPv6, in as few prefixes as it takes, in order.
    #[must_use]
    pub fn v6(&self) -> &[Ipv6Net] {
        &self.v6
    }

    /// Every prefix that a fact gave, with its reason.
    pub fn reasons(&self) -> impl Iterator<Item = (&IpNet, &Why)> {
        self.reasons.iter()
    }

    /// Whether `address` is refused.
    #[must_use]
    pub fn covers(&self, address: IpAddr) -> bool {
        // The prefixes are in order and apart: only the last one that begins at or before the address can hold it.
        match address {
            IpAddr::V4(address) => {
                let after = self.v4.partition_point(|net| net.network() <= address);
                self.v4[..after]
                    .last()
                    .is_some_and(|net| net.contains(&address))
            }
            IpAddr::V6(address) => {
                let after = self.v6.partition_point(|net| net.network() <= address);
                self.v6[..after]
                    .last()
                    .is_some_and(|net| net.contains(&address))
            }
        }
    }

    /// Why `address` is refused: the reason of the narrowest prefix around it.
    #[must_use]
    pub fn why(&self, address: IpAddr) -> Option<(&IpNet, &Why)> {
        self.reasons
            .iter()
            .filter(|(prefix, _)| prefix.contains(&address))
            .max_by_key(|(prefix, _)| prefix.prefix_len())
    }
}

fn why(network: &Network, route: &Route) -> Why {
    let link = route.hops.iter().find_map(|hop| hop.link);
    let link = link.map_or_else(|| "another network".into(), |link| network.link_name(link));
    match route.kind {
        RouteKind::Local | RouteKind::Anycast => Why::Own(link),
        RouteKind::Broadcast | RouteKind::Multicast => Why::OnLink(link),
        RouteKind::Unicast if route.hops.iter().all(|hop| hop.gateway.is_none()) => {
            Why::OnLink(link)
        }
        RouteKind::Unicast | RouteKind::Other => Why::Routed(link),
        RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit | RouteKind::Throw => {
            Why::Unroutable
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Address, Hop, Link};

    fn network(
        own: &[(&str, u8, Option<&str>)],
        routes: &[(&str, RouteKind, Option<&str>)],
    ) -> Network {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        Network {
            links: vec![Link {
                index: 7,
                name: "eth0".into(),
                loopback: false,
            }],
            addresses: own
                .iter()
                .map(|(own, prefix, peer)| Address {
                    address: address(own),
                    prefix: *prefix,
                    peer: peer.map(address),
                    link: 7,
                })
                .collect(),
            routes: routes
                .iter()
                .map(|(to, kind, gateway)| Route {
                    to: to.parse().expect("a prefix"),
                    table: 52,
                    kind: *kind,
                    hops: vec![Hop {
                        gateway: gateway.map(address),
                        link: Some(7),
                    }],
                })
                .collect(),
            ..Network::default()
        }
    }

    /// Why `address` is refused on that host; empty where it is not.
    fn told(network: &Network, address: &str) -> String {
        let denied = Denied::of(network).expect("it is whole");
        let address = address.parse().expect("an address");
        let why = denied.why(address);
        assert_eq!(denied.covers(address), why.is_some(), "{address}");
        why.map(|(prefix, why)| format!("{prefix}: {why}"))
            .unwrap_or_default()
    }

    #[test]
    fn what_the_host_is_and_what_it_sees_is_refused_with_its_reason() {
        use RouteKind::{Blackhole, Local, Throw, Unicast};
        let host = network(
            &[
                ("198.41.0.77", 26, None),
                ("2600:1f00:1:2::77", 64, None),
                ("8.8.0.1", 32, Some("9.9.0.1")),
                ("1.2.3.4", 0, None),
            ],
            &[
                ("0.0.0.0/0", Unicast, Some("11.0.0.1")),
                ("0.0.0.0/1", Unicast, Some("fe80::1")),
                ("130.89.0.0/16", Unicast, Some("198.41.0.65")),
                ("2a02:898::/32", Unicast, None),
                ("20.0.0.0/24", Blackhole, None),
                ("20.0.1.0/24", Throw, None),
                ("20.0.2.0/24", Local, None),
            ],
        );
        for (address, why) in [
            (
                "198.41.0.77",
                "198.41.0.77/32: the host's own address on eth0",
            ),
            ("198.41.0.64", "198.41.0.64/26: the host's network on eth0"),
            ("198.41.0.128", ""),
            (
                "2600:1f00:1:2::77",
                "2600:1f00:1:2::77/128: the host's own address on eth0",
            ),
            (
                "2600:1f00:1:2::1",
                "2600:1f00:1:2::/64: the host's network on eth0",
            ),
            ("2600:1f00:1:3::1", ""),
            ("8.8.0.1", "8.8.0.1/32: the host's own address on eth0"),
            ("9.9.0.1", "9.9.0.1/32: the host's network on eth0"),
            ("9.9.0.2", ""),
            ("1.2.3.4", "1.2.3.4/32: the host's own address on eth0"),
            ("1.2.3.5", ""),
            ("11.0.0.1", "11.0.0.1/32: a router of the host"),
            ("11.0.0.2", ""),
            ("130.89.1.1", "130.89.0.0/16: routed by the host to eth0"),
            ("2a02:898::1", "2a02:898::/32: the host's network on eth0"),
            ("20.0.0.1", "20.0.0.0/24: refused by a route of the host"),
            ("20.0.1.1", "20.0.1.0/24: refused by a route of the host"),
            ("20.0.2.1", "20.0.2.0/24: the host's own address on eth0"),
            (
                "169.254.169.254",
                "169.254.169.254/32: metadata of most clouds",
            ),
            ("10.1.1.1", "10.0.0.0/8: private use"),
        ] {
            assert_eq!(told(&host, address), why, "{address}");
        }
    }

    #[test]
    fn resolvers_are_refused_wherever_they_are() {
        let host = Network {
            resolvers: vec![IpAddr::from([130, 89, 1, 3])],
            ..Network::default()
        };
        assert_eq!(
            told(&host, "130.89.1.3"),
            "130.89.1.3/32: a resolver of the host"
        );
        assert_eq!(told(&host, "130.89.1.2"), "");
    }

    #[test]
    fn of_a_network_that_is_not_known_whole_nothing_is_made() {
        let host = Network {
            unread: Some("there are more than 20000 routes".into()),
            ..Network::default()
        };
        let error = Denied::of(&host).expect_err("no fence");
        assert_eq!(
            error.to_string(),
            "the host's network cannot be read whole, so no fence can be made: there are more than 20000 routes"
        );
    }
}
