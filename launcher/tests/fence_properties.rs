//! Owns the laws of the fence, for any host: what is denied stays denied, what nobody denies passes, one more fact opens nothing, and
//! the rules say what the model says.
//!
//! The oracle here counts bits by itself, and the interpreter reads the rules as nft would: neither knows how the launcher does it.

use std::net::IpAddr;

use claudebox::config::Origin;
use claudebox::facts::{Address, Hop, Network, Route, RouteKind};
use claudebox::fence::registry::REGISTRY;
use claudebox::fence::{Denied, Exception, Fence, Protocol};
use ipnet::IpNet;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

fn an_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())),
        // Half of IPv6 where it is public: elsewhere nothing passes anyway.
        any::<u128>().prop_map(|bits| IpAddr::V6((bits >> 3 | 1 << 125).into())),
        any::<u128>().prop_map(|bits| IpAddr::V6(bits.into())),
    ]
}

fn a_prefix() -> impl Strategy<Value = IpNet> {
    (an_address(), any::<u8>()).prop_map(|(address, length)| {
        let longest = if address.is_ipv4() { 32 } else { 128 };
        IpNet::new(address, length % (longest + 1))
            .expect("a length that fits")
            .trunc()
    })
}

fn a_kind() -> impl Strategy<Value = RouteKind> {
    use RouteKind::{
        Anycast, Blackhole, Broadcast, Local, Multicast, Other, Prohibit, Throw, Unicast,
        Unreachable,
    };
    prop::sample::select(vec![
        Unicast,
        Unicast,
        Unicast,
        Local,
        Broadcast,
        Anycast,
        Multicast,
        Blackhole,
        Unreachable,
        Prohibit,
        Throw,
        Other,
    ])
}

prop_compose! {
    fn a_route()(
        to in a_prefix(),
        table in any::<u32>(),
        kind in a_kind(),
        hops in vec((proptest::option::of(an_address()), proptest::option::of(1..9_u32)), 0..3),
    ) -> Route {
        let hops = hops.into_iter().map(|(gateway, link)| Hop { gateway, link }).collect();
        Route { to, table, kind, hops }
    }
}

prop_compose! {
    fn an_own_address()(
        address in an_address(),
        peer in proptest::option::weighted(0.2, an_address()),
        length in any::<u8>(),
        link in 1..9_u32,
    ) -> Address {
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let peer = peer.filter(|peer| peer.is_ipv4() == address.is_ipv4());
        Address { address, prefix: length % (longest + 1), peer, link }
    }
}

prop_compose! {
    fn a_network()(
        routes in vec(a_route(), 0..12),
        addresses in vec(an_own_address(), 0..6),
        resolvers in vec(an_address(), 0..3),
    ) -> Network {
        Network { routes, addresses, resolvers, ..Network::default() }
    }
}

fn denied(network: &Network) -> Denied {
    Denied::of(network).expect("it is whole")
}

/// Family, and the bits at the top of 128.
fn bits(address: IpAddr) -> (bool, u128) {
    match address {
        IpAddr::V4(address) => (true, u128::from(u32::from(address)) << 96),
        IpAddr::V6(address) => (false, u128::from(address)),
    }
}

/// Whether the first `length` bits are the same.
fn within(address: IpAddr, base: IpAddr, length: u8) -> bool {
    let ((family, address), (of, base)) = (bits(address), bits(base));
    family == of && (address ^ base).leading_zeros() >= u32::from(length)
}

/// Whether some fact of the host, or the registry, is about `address`.
fn spoken_of(network: &Network, address: IpAddr) -> bool {
    let wide = |base: IpAddr, length: u8| length <= if base.is_ipv4() { 1 } else { 4 };
    REGISTRY
        .iter()
        .any(|special| within(address, special.prefix.addr(), special.prefix.prefix_len()))
        || network.resolvers.contains(&address)
        || network.addresses.iter().any(|own| {
            let there = own.peer.unwrap_or(own.address);
            address == own.address
                || address == there
                || (!wide(there, own.prefix) && within(address, there, own.prefix))
        })
        || network.routes.iter().any(|route| {
            let (to, length) = (route.to.addr(), route.to.prefix_len());
            (!wide(to, length) && within(address, to, length))
                || route.hops.iter().any(|hop| hop.gateway == Some(address))
        })
}

/// Addresses at the edges of what the host knows, where mistakes are, besides any.
fn edges(network: &Network) -> Vec<IpAddr> {
    let special = REGISTRY.iter().map(|special| special.prefix);
    let routed = network.routes.iter().map(|route| route.to);
    let on_link = network
        .addresses
        .iter()
        .filter_map(|own| IpNet::new(own.address, own.prefix).ok());
    let beside = |address: IpAddr, up: bool| match address {
        IpAddr::V4(address) => {
            let bits = u32::from(address);
            IpAddr::V4(
                if up {
                    bits.wrapping_add(1)
                } else {
                    bits.wrapping_sub(1)
                }
                .into(),
            )
        }
        IpAddr::V6(address) => {
            let bits = u128::from(address);
            IpAddr::V6(
                if up {
                    bits.wrapping_add(1)
                } else {
                    bits.wrapping_sub(1)
                }
                .into(),
            )
        }
    };
    special
        .chain(routed)
        .chain(on_link)
        .flat_map(|net| {
            let (first, last) = (net.network(), net.broadcast());
            [first, last, beside(first, false), beside(last, true)]
        })
        .collect()
}

proptest! {
    #[test]
    fn what_is_spoken_of_is_refused_and_all_else_passes(
        network in a_network(),
        others in vec(an_address(), 1..20),
        port in any::<u16>(),
    ) {
        let fence = Fence::new(denied(&network), Vec::new());
        for address in edges(&network).into_iter().chain(others) {
            let passes = !spoken_of(&network, address);
            for protocol in Protocol::ALL {
                prop_assert_eq!(fence.accepts(address, protocol, port), passes, "{}", address);
            }
            prop_assert_eq!(fence.accepts_echo(address), passes, "{}", address);
            prop_assert_eq!(fence.denied.why(address).is_some(), !passes, "{}", address);
        }
    }

    #[test]
    fn one_more_fact_opens_nothing(
        network in a_network(),
        route in a_route(),
        own in an_own_address(),
        resolver in an_address(),
    ) {
        let before = denied(&network);
        let mut more = [network.clone(), network.clone(), network];
        more[0].routes.push(route);
        more[1].addresses.push(own);
        more[2].resolvers.push(resolver);
        for network in more {
            let after = denied(&network);
            // In its fewest prefixes, a set that holds a prefix has it whole in one of them.
            let kept = |net: &IpNet| match net {
                IpNet::V4(net) => after.v4().iter().any(|wider| wider.contains(net)),
                IpNet::V6(net) => after.v6().iter().any(|wider| wider.contains(net)),
            };
            let v4 = before.v4().iter().map(|net| IpNet::from(*net));
            let v6 = before.v6().iter().map(|net| IpNet::from(*net));
            for net in v4.chain(v6) {
                prop_assert!(kept(&net), "{} was opened", net);
            }
        }
    }

    #[test]
    fn an_exception_opens_itself_and_nothing_else(
        network in a_network(),
        address in an_address(),
        port in any::<u16>(),
        other in an_address(),
    ) {
        let opened = Exception { address, protocol: Protocol::Tcp, port, origin: Origin::Default };
        let shut = Fence::new(denied(&network), Vec::new());
        let open = Fence::new(denied(&network), vec![opened]);
        let canonical = address.to_canonical();
        prop_assert!(open.accepts(canonical, Protocol::Tcp, port));
        for (to, protocol, port) in [
            (canonical, Protocol::Udp, port),
            (canonical, Protocol::Tcp, port.wrapping_add(1)),
            (other, Protocol::Udp, port),
            (other, Protocol::Tcp, port.wrapping_add(1)),
        ] {
            prop_assert_eq!(open.accepts(to, protocol, port), shut.accepts(to, protocol, port));
        }
        prop_assert_eq!(open.accepts_echo(canonical), shut.accepts_echo(canonical));
    }

}

proptest! {
    // Each case asks some thousand packets of rules that are text.
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_rules_say_what_the_model_says(
        network in a_network(),
        others in vec(an_address(), 1..10),
        excepted in vec((an_address(), any::<bool>(), 52..55_u16), 0..4),
    ) {
        let exceptions = excepted.iter().map(|(address, tcp, port)| Exception {
            address: *address,
            protocol: if *tcp { Protocol::Tcp } else { Protocol::Udp },
            port: *port,
            origin: Origin::Default,
        });
        let fence = Fence::new(denied(&network), exceptions.collect());
        let rules = Rules(fence.to_nft());
        let excepted = excepted.iter().map(|(address, ..)| address.to_canonical());
        for peer in edges(&network).into_iter().chain(others).chain(excepted) {
            let echo = if peer.is_ipv4() { 1 } else { 58 };
            let ports = Protocol::ALL.into_iter().flat_map(|protocol| [52, 53, 54].map(|port| (Some(protocol), port)));
            for (protocol, port) in ports.chain([(None, 0)]) {
                let passes = match protocol {
                    Some(protocol) => fence.accepts(peer, protocol, port),
                    None => fence.accepts_echo(peer),
                };
                let protocol = protocol.map_or(echo, Protocol::number);
                for state in ["new", "established"] {
                    let packet = Packet { peer, protocol, port, state, detour: false };
                    // What leaves is judged alike, whatever it belongs to.
                    prop_assert_eq!(rules.pass("output", &packet), passes, "to {:?}", packet);
                    // What comes in is an answer of somebody who may be asked.
                    let answers = passes && state == "established";
                    prop_assert_eq!(rules.pass("input", &packet), answers, "from {:?}", packet);
                    let detour = Packet { detour: true, ..packet };
                    prop_assert!(!rules.pass("output", &detour), "{:?}", detour);
                    prop_assert!(!rules.pass("forward", &detour), "{:?}", detour);
                }
            }
            let error = Packet { peer, protocol: echo, port: 0, state: "related", detour: false };
            prop_assert!(rules.pass("input", &error), "{:?}", error);
            let sctp = Packet { protocol: 132, state: "established", ..error };
            prop_assert!(!rules.pass("output", &sctp), "{:?}", sctp);
        }
    }
}

/// A packet to or from somebody behind the helper's link.
#[derive(Debug, Clone, Copy)]
struct Packet {
    peer: IpAddr,
    protocol: u8,
    /// The other end's.
    port: u16,
    /// What it is to connection tracking.
    state: &'static str,
    /// Whether it has IPv4 options, or a routing header of IPv6.
    detour: bool,
}

/// A ruleset as it is handed to nft.
struct Rules(Value);

impl Rules {
    fn objects<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        let commands = self.0["nftables"].as_array().expect("commands").iter();
        commands.filter_map(move |command| command["add"].get(kind))
    }

    fn pass(&self, hook: &str, packet: &Packet) -> bool {
        self.chain(hook, packet).unwrap_or_else(|| {
            let base = self.objects("chain").find(|chain| chain["name"] == hook);
            base.expect("a base chain")["policy"] == "accept"
        })
    }

    fn chain(&self, name: &str, packet: &Packet) -> Option<bool> {
        'rules: for rule in self.objects("rule").filter(|rule| rule["chain"] == name) {
            for statement in rule["expr"].as_array().expect("statements") {
                let (kind, says) = statement
                    .as_object()
                    .expect("a statement")
                    .iter()
                    .next()
                    .expect("one");
                match kind.as_str() {
                    "match" if self.matches(says, packet) => {}
                    "match" => continue 'rules,
                    "accept" => return Some(true),
                    "drop" | "reject" => return Some(false),
                    "goto" => return self.chain(says["target"].as_str().expect("a chain"), packet),
                    "counter" | "set" => {}
                    other => panic!("an unknown statement: {other}"),
                }
            }
        }
        None
    }

    fn matches(&self, says: &Value, packet: &Packet) -> bool {
        let (left, right) = (&says["left"], &says["right"]);
        if left["exthdr"]["name"] == "rt" {
            return packet.peer.is_ipv6() && packet.detour;
        }
        if left["payload"]["field"] == "hdrlength" {
            assert_eq!((says["op"].as_str(), right), (Some(">"), &Value::from(5)));
            return packet.peer.is_ipv4() && packet.detour;
        }
        if left["ct"]["key"] == "state" {
            let states = right
                .as_array()
                .map_or(std::slice::from_ref(right), Vec::as_slice);
            return states.iter().any(|state| state == packet.state);
        }
        if let Some(fields) = left["concat"].as_array() {
            let values: Option<Vec<String>> =
                fields.iter().map(|field| value(field, packet)).collect();
            let wanted = |element: &Value| {
                let parts = element["concat"].as_array().expect("parts").iter();
                Some(parts.map(plain).collect::<Vec<_>>()) == values
            };
            return self.elements(right).iter().any(wanted);
        }
        let Some(found) = value(left, packet) else {
            return false;
        };
        if right.as_str().is_some_and(|right| right.starts_with('@')) {
            return self
                .elements(right)
                .iter()
                .any(|element| holds(element, &found));
        }
        match right["set"].as_array() {
            Some(several) => several.iter().any(|one| plain(one) == found),
            None => holds(right, &found),
        }
    }

    fn elements(&self, set: &Value) -> Vec<Value> {
        let name = set.as_str().expect("a set").trim_start_matches('@');
        let found = self
            .objects("set")
            .find(|set| set["name"] == name)
            .expect("the set is there");
        found["elem"].as_array().cloned().unwrap_or_default()
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// What a packet has there; `None` where it has no such thing.
fn value(field: &Value, packet: &Packet) -> Option<String> {
    let v4 = packet.peer.is_ipv4();
    if let Some(key) = field["meta"]["key"].as_str() {
        return Some(match key {
            "oifname" | "iifname" => "tap0".into(),
            "nfproto" => (if v4 { "ipv4" } else { "ipv6" }).into(),
            "l4proto" => packet.protocol.to_string(),
            other => panic!("an unknown key: {other}"),
        });
    }
    let of = (
        field["payload"]["protocol"].as_str()?,
        field["payload"]["field"].as_str()?,
    );
    match of {
        ("ip", "daddr" | "saddr") => v4.then(|| packet.peer.to_string()),
        ("ip6", "daddr" | "saddr") => (!v4).then(|| packet.peer.to_string()),
        ("ip6", "hoplimit") => (!v4).then(|| "64".into()),
        ("icmp", "type") => (v4 && packet.protocol == 1).then(|| "echo-request".into()),
        ("icmpv6", "type") => (!v4 && packet.protocol == 58).then(|| "echo-request".into()),
        ("th", "dport" | "sport") => Some(packet.port.to_string()),
        other => panic!("an unknown field: {other:?}"),
    }
}

/// Whether `element` is `found`, or a prefix around it.
fn holds(element: &Value, found: &str) -> bool {
    let Some(prefix) = element.get("prefix") else {
        return plain(element) == found;
    };
    let base: IpAddr = prefix["addr"]
        .as_str()
        .expect("an address")
        .parse()
        .expect("an address");
    let length = u8::try_from(prefix["len"].as_u64().expect("a length")).expect("a length");
    found.parse().is_ok_and(|found| within(found, base, length))
}
