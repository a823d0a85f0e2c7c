//! Owns that the kernel has the fence that was asked for, does what its model says, and that nothing less passes for it.
//!
//! Everything happens in network namespaces of user namespaces that these tests make, as an ordinary user. They have a loopback
//! link and nothing else: a route makes every address of the internet local to it, so that what a fence lets pass comes back.
#![allow(
    clippy::disallowed_methods,
    reason = "tests are effects; the module boundaries are the launcher's"
)]

mod common;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use claudebox::config::Origin;
use claudebox::facts::{Address, Hop, Link, Network, Route, RouteKind};
use claudebox::fence::refused::refusals;
use claudebox::fence::{Denied, Exception, Fence, Protocol, Refusal};
use serde_json::{Value, json};

/// A network namespace, and whoever keeps it.
struct Namespace {
    keeper: Child,
}

impl Namespace {
    /// A new one with loopback up; `None` where the host makes none, and then it has been told.
    fn new() -> Option<Self> {
        let mut keeper = as_ordinary_user("unshare")
            .args(["-Urn", "sh", "-c", "echo here; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("unshare of util-linux");
        let mut said = String::new();
        let stdout = keeper.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut said).expect("a line");
        if said.trim() != "here" {
            let mut why = String::new();
            let mut stderr = keeper.stderr.take().expect("its errors");
            stderr.read_to_string(&mut why).expect("its errors");
            keeper.wait().expect("its end");
            common::skipped(&format!("no user namespaces here: {}", why.trim()));
            return None;
        }
        let namespace = Self { keeper };
        namespace.must("ip link set lo up && ip route add local 0.0.0.0/0 dev lo && ip route add local ::/0 dev lo");
        Some(namespace)
    }

    /// One in which a link that leads nowhere can be made, as pasta and slirp4netns make one that leads out.
    fn with_tun() -> Option<Self> {
        if !Path::new("/dev/net/tun").exists() {
            common::skipped("there is no /dev/net/tun");
            return None;
        }
        Self::new()
    }

    fn enter(&self, program: &[&str]) -> Command {
        let mut command = as_ordinary_user("nsenter");
        command.args([
            "-t",
            &self.keeper.id().to_string(),
            "-U",
            "-n",
            "--preserve-credentials",
            "--",
        ]);
        command.args(program);
        command
    }

    fn can(&self, script: &str) -> bool {
        let mut bash = self.enter(&["bash", "-c", script]);
        bash.output().expect("bash").status.success()
    }

    /// What a script says; it must succeed.
    fn must(&self, script: &str) -> String {
        let output = self.enter(&["bash", "-c", script]).output().expect("bash");
        assert!(output.status.success(), "{script}\n{output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// nft opens its standard input by name, and this process's pipe may belong to root: a shell makes one of its own.
    fn nft(&self, commands: &Value) -> Output {
        let mut nft = self
            .enter(&["sh", "-c", "cat | nft -j -f -"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("nft");
        let mut stdin = nft.stdin.take().expect("its input");
        stdin
            .write_all(commands.to_string().as_bytes())
            .expect("writing");
        drop(stdin);
        nft.wait_with_output().expect("its end")
    }

    fn apply(&self, commands: &Value) {
        let output = self.nft(commands);
        assert!(output.status.success(), "{output:?}");
    }

    /// Only this fence, and no other.
    fn load(&self, fence: &Fence) {
        self.must("nft flush ruleset");
        self.apply(&fence.to_nft());
    }

    fn listing(&self) -> Value {
        serde_json::from_str(&self.must("nft -j list ruleset")).expect("JSON")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// A command of an ordinary user, also where root runs the tests, without the caller's language.
fn as_ordinary_user(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C");
    command.env(
        "PATH",
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin",
    );
    if common::is_root() {
        command.uid(common::BOXER).gid(common::BOXER);
    }
    command
}

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

/// What this process reads of its own namespace, where the test starts itself anew inside one.
const INSIDE: &str = "CLAUDEBOX_TEST_READS_THE_NETWORK";

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
        let mut inside =
            namespace.enter(&[this, "--exact", "the_network_is_read_whole", "--nocapture"]);
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

#[test]
fn a_flow_to_what_becomes_denied_stops() {
    match std::env::var(INSIDE).as_deref() {
        Ok("hear") => return hear(),
        Ok("talk") => return talk(),
        _ => {}
    }
    let Some(namespace) = Namespace::new() else {
        return;
    };
    let this = std::env::current_exe().expect("this test");
    let this = this.to_str().expect("a path in UTF-8");
    let again = [
        this,
        "--exact",
        "a_flow_to_what_becomes_denied_stops",
        "--nocapture",
    ];
    let start = |before: &[&str], role: &str| {
        let mut command = namespace.enter(&[before, &again].concat());
        command.env(INSIDE, role);
        command.stdout(Stdio::piped()).stdin(Stdio::piped());
        Ended(command.spawn().expect("this test"))
    };
    if !namespace.can("ip link add up0 type veth peer name up1") {
        common::skipped("the kernel has no veth");
        return;
    }
    let mut neighbour = start(&["unshare", "-n"], "hear");
    let mut heard = BufReader::new(neighbour.0.stdout.take().expect("its output")).lines();
    // Sixty words are six seconds: whoever is still heard then is not stopped.
    let mut until = |word: &str| {
        heard
            .by_ref()
            .map_while(Result::ok)
            .take(60)
            .find(|line| line == word)
    };
    assert!(until("here").is_some());
    // The pid is the same through each exec: nsenter, unshare, the test.
    namespace.must(&format!(
        "ip link set up1 netns {} && ip addr add 20.0.0.2/24 dev up0 && ip link set up0 up \\
         && ip route del local 0.0.0.0/0 dev lo",
        neighbour.0.id()
    ));
    let denies = |prefix: u8, own: &str| {
        let mut network = host();
        network.addresses.push(Address {
            address: address(own),
            prefix,
            peer: None,
            link: 2,
        });
        Fence::new(denied(&network), Vec::new())
    };
    let (before, after) = (denies(32, "20.0.0.9"), denies(24, "20.0.0.9"));
    namespace.load(&before);
    neighbour
        .0
        .stdin
        .take()
        .expect("its input")
        .write_all(b"go\n")
        .expect("writing");
    assert!(until("listening").is_some());
    let speaker = start(&[], "talk");
    assert!(until("word").is_some(), "the flow stands");
    namespace.apply(&before.update());
    assert!(
        until("word").is_some(),
        "an update that changes nothing leaves it be"
    );
    namespace.apply(&after.update());
    // Silence is told by the neighbour itself.
    assert!(until("silence").is_some());
    namespace.apply(&before.update());
    assert!(until("word").is_some(), "it was the fence that stopped it");
    drop(speaker);
}

/// A process that does not outlive its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The neighbour: says each word that it hears, and each second without one.
fn hear() {
    say("\nhere");
    std::io::stdin()
        .read_line(&mut String::new())
        .expect("a line");
    let up = "ip addr add 20.0.0.1/24 dev up1 && ip link set up1 up";
    let status = Command::new("sh").args(["-c", up]).status().expect("sh");
    assert!(status.success());
    // Of datagrams each one counts: of a stream that is not answered any more, the sender stops by itself.
    let socket = UdpSocket::bind("20.0.0.1:8080").expect("bind");
    say("listening");
    socket
        .set_read_timeout(Some(Duration::from_secs(1)))
        .expect("a time limit");
    let mut word = [0; 1];
    loop {
        match socket.recv_from(&mut word) {
            Ok((_, whom)) => {
                // What has been answered is established to connection tracking.
                socket.send_to(&word, whom).expect("an answer");
                say("word");
            }
            Err(_) => say("silence"),
        }
    }
}

/// Whoever is fenced: one word after the other.
fn talk() {
    let socket = UdpSocket::bind("20.0.0.2:0").expect("bind");
    socket.connect("20.0.0.1:8080").expect("connect");
    loop {
        // A refusal is an error of this call, and not the end.
        let _ = socket.send(b"x");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn say(word: &str) {
    writeln!(std::io::stdout(), "{word}").expect("writing");
}
