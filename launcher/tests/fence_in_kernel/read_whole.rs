//! Owns that the network of a host is read whole: the test starts itself anew in a namespace that it has furnished.

use claudebox::facts::{Address, Hop, Link, Network, Route, RouteKind};

use crate::namespace::Namespace;
use crate::{INSIDE, address};

#[test]
fn the_network_is_read_whole() {
    if std::env::var_os(INSIDE).is_some() {
        let network = serde_json::to_string(&Network::read(&[])).expect("JSON");
        println!("\n{network}");
        return;
    }
    let Some(namespace) = Namespace::with_tun() else {
        return;
    };
    let this = std::env::current_exe().expect("this test");
    let this = this.to_str().expect("a path in UTF-8");
    let read = || {
        let mut inside = namespace.enter(&[
            this,
            "--exact",
            "read_whole::the_network_is_read_whole",
            "--nocapture",
        ]);
        let output = inside.env(INSIDE, "1").output().expect("this test");
        let said = String::from_utf8(output.stdout).expect("text");
        let line = said.lines().find(|line| line.starts_with('{'));
        serde_json::from_str::<Network>(line.unwrap_or_else(|| panic!("{said}"))).expect("facts")
    };
    namespace.must(
        "ip tuntap add mode tap name tap0 && ip link set tap0 up \
         && ip addr add 203.0.113.9/25 dev tap0 && ip addr add 198.51.100.1 peer 198.51.100.2/32 dev lo \
         && ip addr add 2001:db8:7::9/64 dev tap0 nodad \
         && ip route add 192.0.2.0/24 dev lo table 52 && ip route add blackhole 192.0.3.0/24 \
         && ip route add 2001:db8:5::/48 dev tap0 table 1000 && ip route add unreachable 2001:db8:6::/48 \
         && ip route add 192.0.4.0/24 nexthop via 203.0.113.1 dev tap0 nexthop via 203.0.113.2 dev tap0 \
         && ip route add 192.0.5.0/24 via inet6 2001:db8:7::1 dev tap0 \
         && ip route add default via 203.0.113.1 dev tap0 table 7",
    );
    let network = read();
    assert_eq!(network.unread, None);
    let link = |index, name: &str, loopback| Link {
        index,
        name: name.into(),
        loopback,
    };
    assert_eq!(network.links, [link(1, "lo", true), link(2, "tap0", false)]);
    assert_eq!(network.default_links(), [&network.links[1]]);
    let owned = |own: &str, prefix, peer: Option<&str>, link| Address {
        address: address(own),
        prefix,
        peer: peer.map(address),
        link,
    };
    for expected in [
        owned("127.0.0.1", 8, None, 1),
        owned("203.0.113.9", 25, None, 2),
        owned("198.51.100.1", 32, Some("198.51.100.2"), 1),
        owned("2001:db8:7::9", 64, None, 2),
        owned("::1", 128, None, 1),
    ] {
        let found = &network.addresses;
        assert!(found.contains(&expected), "{expected:?} of {found:?}");
    }
    let routed = |to: &str, table, kind, hops: &[(Option<&str>, u32)]| Route {
        to: to.parse().expect("a prefix"),
        table,
        kind,
        hops: hops
            .iter()
            .map(|(gateway, link)| Hop {
                gateway: gateway.map(address),
                link: Some(*link),
            })
            .collect(),
    };
    use RouteKind::{Blackhole, Broadcast, Local, Unicast, Unreachable};
    for expected in [
        routed("0.0.0.0/0", 255, Local, &[(None, 1)]),
        routed("0.0.0.0/0", 7, Unicast, &[(Some("203.0.113.1"), 2)]),
        routed("192.0.2.0/24", 52, Unicast, &[(None, 1)]),
        routed("192.0.3.0/24", 254, Blackhole, &[]),
        routed(
            "192.0.4.0/24",
            254,
            Unicast,
            &[(Some("203.0.113.1"), 2), (Some("203.0.113.2"), 2)],
        ),
        routed("192.0.5.0/24", 254, Unicast, &[(Some("2001:db8:7::1"), 2)]),
        routed("203.0.113.0/25", 254, Unicast, &[(None, 2)]),
        routed("203.0.113.9/32", 255, Local, &[(None, 2)]),
        routed("203.0.113.127/32", 255, Broadcast, &[(None, 2)]),
        routed("2001:db8:5::/48", 1000, Unicast, &[(None, 2)]),
        routed("2001:db8:6::/48", 254, Unreachable, &[(None, 1)]),
        routed("2001:db8:7::9/128", 255, Local, &[(None, 2)]),
    ] {
        assert!(
            network.routes.contains(&expected),
            "{expected:?} of {:#?}",
            network.routes
        );
    }
    namespace.must("for a in $(seq 0 80); do for b in $(seq 0 255); do echo route add blackhole 20.$a.$b.0/24; done; done | ip -batch -");
    let unread = read().unread;
    assert_eq!(unread.as_deref(), Some("there are more than 20000 routes"));
}
