//! Owns that the kernel has the fence that was asked for, does what its model says, and that nothing less passes for it.
//!
//! Everything happens in network namespaces of user namespaces that these tests make, as an ordinary user. They have a loopback
//! link and nothing else: a route makes every address of the internet local to it, so that what a fence lets pass comes back.
#![allow(
    clippy::disallowed_methods,
    reason = "tests are effects; the module boundaries are the launcher's"
)]

#[path = "../common/mod.rs"]
mod common;
mod flow;
mod namespace;
mod read_whole;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::process::Stdio;

use claudebox::config::Origin;
use claudebox::facts::{Address, Hop, Link, Network, Route, RouteKind};
use claudebox::fence::refused::refusals;
use claudebox::fence::{Denied, Exception, Fence, Protocol, Refusal};
use serde_json::json;

use self::namespace::Namespace;

fn address(address: &str) -> IpAddr {
    address.parse().expect("an address")
}

fn exception(to: &str, protocol: Protocol, port: u16) -> Exception {
    Exception {
        address: address(to),
        protocol,
        port,
        origin: Origin::Flag("--allow".into()),
    }
}

/// A host with a LAN of public addresses, a VPN and a split default route.
fn host() -> Network {
    let route = |to: &str, link, gateway: Option<&str>| Route {
        to: to.parse().expect("a prefix"),
        table: 254,
        kind: RouteKind::Unicast,
        hops: vec![Hop {
            gateway: gateway.map(address),
            link: Some(link),
        }],
    };
    let of = |own: &str, prefix, link| Address {
        address: address(own),
        prefix,
        peer: None,
        link,
    };
    let link = |index, name: &str| Link {
        index,
        name: name.into(),
        loopback: name == "lo",
    };
    Network {
        links: vec![link(1, "lo"), link(2, "eth0"), link(3, "tun0")],
        addresses: vec![
            of("198.41.0.77", 26, 2),
            of("2600:1f00:1:2::77", 64, 2),
            of("10.8.0.2", 24, 3),
        ],
        routes: vec![
            route("0.0.0.0/0", 2, Some("198.41.0.65")),
            route("0.0.0.0/1", 3, Some("10.8.0.1")),
            route("128.0.0.0/1", 3, Some("10.8.0.1")),
            route("::/0", 2, Some("fe80::1")),
            route("130.89.0.0/16", 3, Some("10.8.0.1")),
            route("2a02:898::/32", 3, None),
        ],
        resolvers: vec![address("9.9.9.9")],
        unread: None,
    }
}

fn denied(network: &Network) -> Denied {
    Denied::of(network).expect("it is whole")
}

fn fence() -> Fence {
    let allowed = vec![
        exception("10.0.0.5", Protocol::Tcp, 5432),
        exception("192.168.7.7", Protocol::Udp, 53),
        exception("192.168.7.7", Protocol::Tcp, 53),
        exception("fd00::5", Protocol::Udp, 53),
    ];
    Fence::new(denied(&host()), allowed)
}

/// What this process reads of its own namespace, where the test starts itself anew inside one.
const INSIDE: &str = "CLAUDEBOX_TEST_READS_THE_NETWORK";

#[test]
fn the_kernel_has_what_was_asked_for() {
    let Some(namespace) = Namespace::new() else {
        return;
    };
    for fence in [fence(), Fence::new(denied(&Network::default()), Vec::new())] {
        assert_eq!(
            fence.verify(&namespace.listing()),
            Err("chain inet claudebox forward is missing".into())
        );
        namespace.apply(&fence.to_nft());
        assert_eq!(fence.verify(&namespace.listing()), Ok(()));
        namespace.must("nft flush ruleset");
    }
}

#[test]
fn each_tampering_is_found() {
    let Some(namespace) = Namespace::new() else {
        return;
    };
    let fence = fence();
    namespace.load(&fence);
    let listing = namespace.listing();
    let rules = listing["nftables"]
        .as_array()
        .expect("objects")
        .iter()
        .filter_map(|object| object.get("rule"));
    let mut tamperings: Vec<String> = rules
        .map(|rule| {
            format!(
                "delete rule inet claudebox {} handle {}",
                rule["chain"].as_str().expect("a chain"),
                rule["handle"]
            )
        })
        .collect();
    assert_eq!(tamperings.len(), 36, "each rule is taken away once");
    tamperings.extend(
        [
            "delete element inet claudebox denied4 { 10.0.0.0/8 }",
            "delete element inet claudebox denied4 { 9.9.9.9 }",
            "delete element inet claudebox denied6 { 2600:1f00:1:2::/64 }",
            "delete element inet claudebox denied6 { 8000::/1 }",
            "delete element inet claudebox allowed4 { 10.0.0.5 . tcp . 5432 }",
            "add element inet claudebox allowed4 { 10.0.0.5 . udp . 5432 }",
            "add element inet claudebox allowed6 { fd00::5 . tcp . 53 }",
            "add element inet claudebox denied4 { 8.8.8.8 }",
            "flush set inet claudebox denied4",
            "flush chain inet claudebox output4",
            "chain inet claudebox output { policy accept; }",
            "chain inet claudebox input { policy accept; }",
            "chain inet claudebox forward { policy accept; }",
            "delete chain inet claudebox forward",
            "insert rule inet claudebox output accept",
            "add rule inet claudebox refuse4 accept",
            "insert rule inet claudebox output4 ip daddr 10.0.0.0/8 accept",
            "add chain inet claudebox another { type filter hook output priority -5; policy accept; }",
            "add set inet claudebox another { type ipv4_addr; }",
            "add counter inet claudebox another",
            "add table inet claudebox { flags dormant; }",
            "add table ip another",
            "add table inet another { chain output { type nat hook output priority -100; dnat ip to 10.0.0.1; }; }",
        ]
        .map(str::to_owned),
    );
    for tampering in tamperings {
        namespace.load(&fence);
        // Between loads the handles stay: a flushed table counts anew.
        assert_eq!(
            fence.verify(&namespace.listing()),
            Ok(()),
            "before: {tampering}"
        );
        namespace.must(&format!("nft '{tampering}'"));
        assert!(
            fence.verify(&namespace.listing()).is_err(),
            "not found: {tampering}"
        );
    }
}

#[test]
fn a_fence_that_is_not_whole_is_no_fence() {
    let Some(namespace) = Namespace::new() else {
        return;
    };
    let fence = fence();
    let mut commands = fence.to_nft();
    commands["nftables"].as_array_mut().expect("commands").push(json!({"add": {"rule": {"family": "inet", "table": "claudebox", "chain": "nowhere", "expr": [{"accept": null}]}}}));
    assert!(!namespace.nft(&commands).status.success());
    assert_eq!(
        namespace.must("nft list ruleset"),
        "",
        "one bad command undoes all"
    );
}

#[test]
fn an_update_is_whole_or_nothing() {
    let Some(namespace) = Namespace::new() else {
        return;
    };
    let before = fence();
    let mut network = host();
    network.addresses.push(Address {
        address: address("185.199.108.5"),
        prefix: 24,
        peer: None,
        link: 2,
    });
    let after = Fence::new(denied(&network), before.exceptions.clone());
    namespace.load(&before);
    let mut broken = after.update();
    broken["nftables"].as_array_mut().expect("commands").push(
        json!({"flush": {"set": {"family": "inet", "table": "claudebox", "name": "nowhere"}}}),
    );
    assert!(!namespace.nft(&broken).status.success());
    assert_eq!(
        before.verify(&namespace.listing()),
        Ok(()),
        "nothing was done"
    );
    namespace.apply(&after.update());
    assert_eq!(after.verify(&namespace.listing()), Ok(()));
    assert!(before.verify(&namespace.listing()).is_err());
    namespace.apply(&before.update());
    assert_eq!(before.verify(&namespace.listing()), Ok(()), "and back");
}

/// Sends without end to an address that is denied before and after, and says each packet that left.
const SENDER: &str = "exec 3<>/dev/udp/10.9.9.9/9; echo sending; while :; do if echo x >&3; then echo sent; else echo refused; fi; done 2>/dev/null";

#[test]
fn an_update_is_never_open_for_a_moment() {
    let Some(namespace) = Namespace::new() else {
        return;
    };
    let fence = fence();
    for guarded in [true, false] {
        namespace.load(&fence);
        let mut sender = namespace
            .enter(&["bash", "-c", SENDER])
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash");
        let mut lines = BufReader::new(sender.stdout.take().expect("its output")).lines();
        assert_eq!(lines.next().expect("a line").expect("text"), "sending");
        let reader = std::thread::spawn(move || {
            let (mut sent, mut refused) = (0, 0);
            for line in lines.map_while(Result::ok) {
                if line == "sent" {
                    sent += 1
                } else {
                    refused += 1
                }
            }
            (sent, refused)
        });
        for _ in 0..60 {
            if guarded {
                namespace.apply(&fence.update());
            } else {
                // What the one transaction is for: the same in two.
                let update = fence.update();
                for command in update["nftables"].as_array().expect("commands") {
                    namespace.apply(&json!({"nftables": [command]}));
                }
            }
        }
        sender.kill().expect("kill");
        sender.wait().expect("its end");
        let (sent, refused) = reader.join().expect("the reader");
        assert!(refused > 1000, "it hardly ran: {refused}");
        assert_eq!(sent == 0, guarded, "{sent} left, {refused} were refused");
    }
}

/// Everything that is special about an address, each once, and its neighbours.
const TARGETS: [&str; 40] = [
    "0.0.0.1",
    "1.1.1.1",
    "8.8.8.8",
    "9.9.9.9",
    "9.9.9.10",
    "9.255.255.255",
    "10.0.0.5",
    "10.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.64.0.0",
    "100.100.100.200",
    "126.255.255.255",
    "127.0.0.1",
    "130.89.5.5",
    "168.63.129.15",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.32.0.1",
    "192.168.7.7",
    "198.41.0.63",
    "198.41.0.64",
    "198.41.0.127",
    "198.41.0.128",
    "203.0.113.9",
    "223.255.255.255",
    "::1",
    "2600:1f00:1:2::1",
    "2600:1f00:1:3::1",
    "2606:4700::1111",
    "2a02:898::5",
    "2001::1",
    "2001:db8::1",
    "2002:a00:1::1",
    "3ffe::1",
    "64:ff9b::a00:1",
    "fd00::5",
    "fd00:ec2::254",
    "fec0::1",
];

#[test]
fn the_kernel_does_what_the_model_says() {
    let Some(namespace) = Namespace::new() else {
        return;
    };
    let fence = fence();
    namespace.load(&fence);
    let mut script = String::new();
    for target in TARGETS {
        for port in [53, 54] {
            // A packet that leaves comes back to a port that nobody listens on: that, too, shows in the exit status of a second write.
            writeln!(script, "if said=$(echo x 2>&1 >/dev/udp/{target}/{port}); then echo {target} {port} passed; else echo {target} {port} ${{said##*: }}; fi").expect("text");
        }
    }
    let said = namespace.must(&script);
    assert_eq!(said.lines().count(), 2 * TARGETS.len());
    let mut expected = Vec::new();
    for line in said.lines() {
        let mut words = line.splitn(3, ' ');
        let to = address(words.next().expect("an address"));
        let port: u16 = words.next().expect("a port").parse().expect("a number");
        // Loopback is inside, and not the model's: it never reaches the helper.
        let passes = to.is_loopback() || fence.accepts(to, Protocol::Udp, port);
        let outcome = if passes {
            "passed"
        } else {
            "Operation not permitted"
        };
        assert_eq!(words.next(), Some(outcome), "{line}");
        if !passes {
            expected.push(Refusal {
                address: to,
                protocol: Protocol::Udp,
                port,
            });
        }
    }
    expected.sort();
    let listing = namespace.listing();
    assert_eq!(refusals(&listing), expected);
    assert_eq!(
        fence.verify(&listing),
        Ok(()),
        "what was refused is no difference"
    );
}

/// A way out, as pasta and slirp4netns make it, and nobody behind it.
const TAP: &str = "ip tuntap add mode tap name tap0 && ip addr add 10.0.2.100/24 dev tap0 && ip addr add fd00:2::100/64 dev tap0 nodad \
    && ip link set tap0 up && ip route del local 0.0.0.0/0 dev lo && ip route del local ::/0 dev lo \
    && ip route add default via 10.0.2.2 && ip route add default via fd00:2::2";

#[test]
fn a_refusal_is_told() {
    let Some(namespace) = Namespace::with_tun() else {
        return;
    };
    namespace.must(TAP);
    let answer = |to: &str| {
        let connect = format!("timeout 2 bash -c 'echo >/dev/tcp/{to}/80' 2>&1; true");
        let said = namespace.must(&connect);
        said.trim()
            .rsplit(": ")
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let refused = [
        ("10.0.0.1", "Connection refused"),
        ("130.89.1.1", "Connection refused"),
        ("fd00::1", "Connection refused"),
        ("2a02:898::1", "Connection refused"),
    ];
    for (guarded, silent) in [
        (true, ["1.1.1.1", "2606:4700::1"]),
        (false, ["130.89.1.1", "2a02:898::1"]),
    ] {
        if guarded {
            namespace.load(&fence());
            for (to, why) in refused {
                assert_eq!(answer(to), why, "{to}");
            }
        } else {
            namespace.must("nft flush ruleset");
        }
        // Nobody answers behind that link: what may leave waits for ever.
        for to in silent {
            assert_eq!(answer(to), "", "{to}");
        }
    }
}
