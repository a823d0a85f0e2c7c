//! Owns what the tier `inet` reaches: everything public, nothing of the host's surroundings, and what a person opened.
//!
//! Pure data. [`Fence::accepts`] is the model; [`ruleset`] says it in nftables' JSON, [`readback`] holds what the kernel has
//! against it, and [`refused`] reads what was turned away. Nothing here runs nft, and nothing here knows a helper.
//!
//! 1. A packet to loopback stays inside and passes.
//! 2. An exception wins over everything below, for exactly its address, protocol and port.
//! 3. What is [denied](deny) is refused, whatever connection it belongs to: a flow to an address that becomes denied stops.
//! 4. TCP, UDP and echo requests to what is left of IPv4, and of 2000::/3 in IPv6, pass.
//! 5. All else is refused.

pub mod deny;
pub mod readback;
pub mod refused;
pub mod registry;
pub mod ruleset;

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::Ipv6Net;
use serde::{Deserialize, Serialize};

pub use self::deny::{Denied, Unread, Why};
pub use self::refused::Refusal;
use crate::config::Origin;

/// All of IPv6 that is handed out as global unicast (RFC 4291, IANA's registry of IPv6 address space).
pub const GLOBAL_UNICAST: Ipv6Net =
    Ipv6Net::new_assert(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// A protocol with ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// Both.
    pub const ALL: [Protocol; 2] = [Protocol::Tcp, Protocol::Udp];

    /// Its number (IANA's registry of protocol numbers).
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        })
    }
}

/// One address, protocol and port that is reachable although it is denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The address.
    pub address: IpAddr,
    /// TCP or UDP, each by itself.
    pub protocol: Protocol,
    /// The port.
    pub port: u16,
    /// Who opened it.
    pub origin: Origin,
}

/// What the tier `inet` reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fence {
    /// What is refused.
    pub denied: Denied,
    /// What is open all the same, in order and each once.
    pub exceptions: Vec<Exception>,
}

impl Fence {
    /// A fence that refuses `denied` but for `exceptions`.
    #[must_use]
    pub fn new(denied: Denied, mut exceptions: Vec<Exception>) -> Self {
        for exception in &mut exceptions {
            // ::ffff:192.0.2.1 leaves as IPv4 (RFC 4291, 2.5.5.2).
            exception.address = exception.address.to_canonical();
        }
        let key = |one: &Exception| (one.address, one.protocol, one.port);
        exceptions.sort_by_key(key);
        exceptions.dedup_by_key(|one| key(one));
        Self { denied, exceptions }
    }

    /// Whether a packet to `port` of `to` leaves. Addresses as they stand in the packet.
    #[must_use]
    pub fn accepts(&self, to: IpAddr, protocol: Protocol, port: u16) -> bool {
        let excepted = self
            .exceptions
            .iter()
            .any(|one| (one.address, one.protocol, one.port) == (to, protocol, port));
        excepted || self.accepts_echo(to)
    }

    /// Whether an echo request of ICMP to `to` leaves.
    #[must_use]
    pub fn accepts_echo(&self, to: IpAddr) -> bool {
        let unicast = match to {
            IpAddr::V4(_) => true,
            IpAddr::V6(to) => GLOBAL_UNICAST.contains(&to),
        };
        unicast && !self.denied.covers(to)
    }
}
