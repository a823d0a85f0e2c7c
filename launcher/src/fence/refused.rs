//! Owns reading what the fence turned away: the sets `refused4` and `refused6`, as `nft -j list table inet claudebox` prints them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Protocol;
use super::ruleset::REFUSED_LIMIT;

/// A target that something inside wanted to reach, and was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// The address.
    pub address: IpAddr,
    /// The protocol.
    pub protocol: Protocol,
    /// The port.
    pub port: u16,
}

/// What was refused, in order and each once. An element that is no target is passed over: the report is no guard.
#[must_use]
pub fn refusals(listing: &Value) -> Vec<Refusal> {
    let objects = listing["nftables"].as_array().into_iter().flatten();
    let sets = objects
        .map(|object| &object["set"])
        .filter(|set| ["refused4", "refused6"].contains(&set["name"].as_str().unwrap_or_default()));
    let elements = sets.flat_map(|set| set["elem"].as_array().into_iter().flatten());
    let limit = usize::try_from(2 * REFUSED_LIMIT).unwrap_or(usize::MAX);
    let found: BTreeSet<Refusal> = elements.filter_map(refusal).take(limit).collect();
    found.into_iter().collect()
}

fn refusal(element: &Value) -> Option<Refusal> {
    // An element with properties (a counter, a time) is wrapped once more (libnftables-json(5), ELEM).
    let element = element.pointer("/elem/val").unwrap_or(element);
    let [address, protocol, port] = element["concat"].as_array()?.as_slice() else {
        return None;
    };
    Some(Refusal {
        address: address.as_str()?.parse().ok()?,
        protocol: protocol_of(protocol)?,
        port: port.as_u64()?.try_into().ok()?,
    })
}

/// By name, or by number where the host has no /etc/protocols.
fn protocol_of(value: &Value) -> Option<Protocol> {
    Protocol::ALL
        .into_iter()
        .find(|protocol| *value == protocol.to_string() || *value == u64::from(protocol.number()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn targets_of_both_families_are_read_in_every_spelling() {
        let listing = json!({"nftables": [
            {"metainfo": {"version": "1.0.6"}},
            {"set": {"name": "denied4", "elem": [{"concat": ["10.0.0.9", "tcp", 1]}]}},
            {"set": {"name": "refused4", "elem": [
                {"concat": ["192.168.1.1", "tcp", 80]},
                {"elem": {"val": {"concat": ["10.0.0.1", 17, 53]}, "counter": {"packets": 2, "bytes": 9}}},
                {"concat": ["10.0.0.2", "icmp", 80]},
                {"concat": ["10.0.0.3", "tcp", 65536]},
                {"concat": ["not an address", "tcp", 80]},
                "10.0.0.4",
                {"concat": ["192.168.1.1", "tcp", 80]},
            ]}},
            {"set": {"name": "refused6", "elem": [{"concat": ["fd00::1", 6, 443]}]}},
        ]});
        let shown: Vec<String> = refusals(&listing)
            .iter()
            .map(|one| format!("{} {} {}", one.address, one.protocol, one.port))
            .collect();
        assert_eq!(
            shown,
            ["10.0.0.1 udp 53", "192.168.1.1 tcp 80", "fd00::1 tcp 443"]
        );
    }

    #[test]
    fn garbage_is_nothing_refused() {
        for garbage in [
            json!(null),
            json!([]),
            json!({"nftables": 7}),
            json!({"nftables": [1, {"set": []}]}),
        ] {
            assert_eq!(refusals(&garbage), [], "{garbage}");
        }
    }
}
