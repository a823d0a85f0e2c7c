//! Owns turning bytes into the network of a host, and the laws of the fence that follows from it.
//!
//! Two forms. JSON is for people, and for regressions: facts of a network, or else a listing of nft. Anything else is a chain of
//! entries: which kind, then a family, a length, and the bytes of an address.

use std::net::IpAddr;

use claudebox::facts::Network;
use claudebox::fence::refused::refusals;
use claudebox::fence::{Denied, Fence, Protocol};
use serde_json::{Value, json};

const KINDS: [&str; 10] = [
    "unicast",
    "local",
    "broadcast",
    "anycast",
    "multicast",
    "blackhole",
    "unreachable",
    "prohibit",
    "throw",
    "other",
];

/// A fence of any network is one that nft's own listing of it agrees with, and each of its facts is refused.
pub(crate) fn fence(data: &[u8]) {
    if data.first() == Some(&b'{') {
        let Ok(json) = serde_json::from_slice::<Value>(data) else {
            return;
        };
        // A listing can say anything: it is compared, and does not make anything panic.
        let _ = refusals(&json);
        if let Ok(network) = serde_json::from_value::<Network>(json.clone()) {
            keeps(&network);
        } else if let Ok(denied) = Denied::of(&Network::default()) {
            let _ = Fence::new(denied, Vec::new()).verify(&json);
        }
        return;
    }
    keeps(&chosen(data));
}

fn chosen(data: &[u8]) -> Network {
    let mut bytes = data.iter().copied();
    let (mut addresses, mut routes, mut resolvers) = (Vec::new(), Vec::new(), Vec::new());
    while let (Some(entry), Some(length)) = (bytes.next(), bytes.next()) {
        let mut address = [0; 16];
        address.fill_with(|| bytes.next().unwrap_or(0));
        let (address, longest) = if entry & 1 == 0 {
            let [a, b, c, d, ..] = address;
            (IpAddr::from([a, b, c, d]), 32)
        } else {
            (IpAddr::from(address), 128)
        };
        let length = length % (longest + 1);
        match entry >> 1 & 3 {
            0 => addresses.push(json!({"address": address, "prefix": length, "link": 2})),
            1 => resolvers.push(json!(address)),
            way => routes.push(json!({
                "to": format!("{address}/{length}"),
                "table": entry,
                "kind": KINDS[usize::from(entry >> 3) % KINDS.len()],
                "hops": [{"gateway": (way == 3).then_some(address), "link": 2}],
            })),
        }
    }
    let network =
        json!({"links": [], "addresses": addresses, "routes": routes, "resolvers": resolvers});
    serde_json::from_value(network).expect("facts of a network")
}

fn keeps(network: &Network) {
    let Ok(denied) = Denied::of(network) else {
        assert!(network.unread.is_some());
        return;
    };
    let fence = Fence::new(denied, Vec::new());
    let own = network.addresses.iter().map(|own| own.address);
    let routed = network.routes.iter().filter(|route| !route.is_default());
    let routed = routed.flat_map(|route| [route.to.network(), route.to.broadcast()]);
    let routers = network.routes.iter().flat_map(|route| route.hops.iter());
    let routers = routers.filter_map(|hop| hop.gateway);
    for address in own
        .chain(routed)
        .chain(routers)
        .chain(network.resolvers.iter().copied())
    {
        assert!(
            !fence.accepts(address, Protocol::Tcp, 443),
            "{address} is open"
        );
    }
    let asked = fence.to_nft();
    let commands = asked["nftables"].as_array().expect("commands").iter();
    let listing: Vec<&Value> = commands.map(|command| &command["add"]).collect();
    assert_eq!(fence.verify(&json!({"nftables": listing})), Ok(()));
    let bare = Fence::new(Denied::of(&Network::default()).expect("whole"), Vec::new());
    let same = bare.denied.v4() == fence.denied.v4() && bare.denied.v6() == fence.denied.v6();
    assert_eq!(bare.verify(&json!({"nftables": listing})).is_ok(), same);
    for (prefix, _) in bare.denied.reasons() {
        for address in [prefix.network(), prefix.broadcast()] {
            assert!(fence.denied.covers(address), "{address} was opened");
        }
    }
}
