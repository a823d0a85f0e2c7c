//! Owns which addresses the fence refuses on this host, and why each.
//!
//! The [registry], and what the host's addresses and routes add. Each fact adds its own prefixes and takes none away, so one
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
    /// It stands in the [registry], by this name.
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

impl Denied {
    /// What is refused on a host with that network.
    #[must_use]
    pub fn of(network: &Network) -> Self {
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
        Self::from_reasons(reasons)
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
