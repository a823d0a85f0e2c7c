//! Owns how a fence is said to nftables: one table, in the JSON of libnftables-json(5), for `nft -j -f -`.
//!
//! Only what nft 1.0.2 (2022) reads is said, and nothing that its listing leaves out again. So the families have chains of their own
//! (the listing drops `meta nfproto` before a match that implies it), the flag `dynamic` is not said (nft sets it itself, and its JSON
//! knows it since 1.0.9), and no statement stands in a set (its JSON keeps them since 1.0.6).

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Value, json};

use super::{Fence, GLOBAL_UNICAST, Protocol};

/// The name of the table.
pub const TABLE: &str = "claudebox";

/// The most targets of each family that are remembered as refused. A full set is no hole: what comes later is refused all the same.
pub const REFUSED_LIMIT: u32 = 1024;

/// Numbers of protocols without ports (IANA's registry of protocol numbers).
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

/// Neighbour discovery is beneath IPv6 as ARP is beneath IPv4: without it nothing leaves. Only the kernel sends these, since raw
/// sockets need a capability that nothing inside has; a hop limit of 255 means that no router passed them on (RFC 4861, 6.1).
const DISCOVERY_SENT: [&str; 3] = [
    "nd-router-solicit",
    "nd-neighbor-solicit",
    "nd-neighbor-advert",
];
const DISCOVERY_HEARD: [&str; 3] = [
    "nd-router-advert",
    "nd-neighbor-solicit",
    "nd-neighbor-advert",
];

/// What is different between the families.
struct Family {
    /// Its digit, which ends the names of chains and sets.
    digit: char,
    /// As `meta nfproto` has it.
    nfproto: &'static str,
    /// As a payload has it.
    header: &'static str,
    /// As the type of a set has it.
    address: &'static str,
    /// Its ICMP, by number and by name of the payload.
    icmp: (u8, &'static str),
    /// Its own loopback.
    loopback: IpNet,
}

fn families() -> [Family; 2] {
    [
        Family {
            digit: '4',
            nfproto: "ipv4",
            header: "ip",
            address: "ipv4_addr",
            icmp: (ICMP, "icmp"),
            loopback: IpNet::new_assert(IpAddr::V4([127, 0, 0, 0].into()), 8),
        },
        Family {
            digit: '6',
            nfproto: "ipv6",
            header: "ip6",
            address: "ipv6_addr",
            icmp: (ICMPV6, "icmpv6"),
            loopback: IpNet::from(IpAddr::V6(std::net::Ipv6Addr::LOCALHOST)),
        },
    ]
}

impl Fence {
    /// The whole ruleset, for a network namespace that has none.
    #[must_use]
    pub fn to_nft(&self) -> Value {
        let mut commands = vec![object("table", json!({"name": TABLE}))];
        commands.extend(families().iter().flat_map(|family| self.sets(family)));
        commands.extend(chains());
        commands.extend(rules());
        let added = commands.into_iter().map(|object| json!({"add": object}));
        json!({"nftables": added.collect::<Vec<_>>()})
    }

    /// One transaction that makes a loaded fence refuse what this one refuses. The kernel shows packets the old elements until the new
    /// ones are all in place (nft(8), `-f` is atomic); exceptions and rules stay as they were.
    #[must_use]
    pub fn update(&self) -> Value {
        let mut commands = Vec::new();
        for family in families() {
            let name = format!("denied{}", family.digit);
            let set = of_table(json!({"name": name}));
            commands.push(json!({"flush": {"set": set}}));
            let elements = of_table(json!({"name": name, "elem": self.denied(&family)}));
            commands.push(json!({"add": {"element": elements}}));
        }
        json!({"nftables": commands})
    }

    fn denied(&self, family: &Family) -> Vec<Value> {
        match family.loopback {
            IpNet::V4(_) => self
                .denied
                .v4()
                .iter()
                .map(|net| prefix((*net).into()))
                .collect(),
            IpNet::V6(_) => self
                .denied
                .v6()
                .iter()
                .map(|net| prefix((*net).into()))
                .collect(),
        }
    }

    fn sets(&self, family: &Family) -> [Value; 3] {
        let digit = family.digit;
        let target = [family.address, "inet_proto", "inet_service"];
        let of_family = |address: &IpAddr| address.is_ipv4() == (digit == '4');
        let allowed = self.exceptions.iter().filter(|one| of_family(&one.address));
        let allowed: Vec<Value> = allowed
            .map(|one| json!({"concat": [one.address, one.protocol.number(), one.port]}))
            .collect();
        let mut exceptions = json!({"name": format!("allowed{digit}"), "type": target});
        if !allowed.is_empty() {
            exceptions["elem"] = allowed.into();
        }
        [
            object(
                "set",
                json!({
                    "name": format!("denied{digit}"),
                    "type": family.address,
                    "flags": ["interval"],
                    "elem": self.denied(family),
                }),
            ),
            object("set", exceptions),
            object(
                "set",
                json!({"name": format!("refused{digit}"), "type": target, "size": REFUSED_LIMIT}),
            ),
        ]
    }
}

fn chains() -> Vec<Value> {
    let base = |hook: &str| json!({"name": hook, "type": "filter", "hook": hook, "prio": 0, "policy": "drop"});
    let mut chains: Vec<Value> = ["output", "input", "forward"].map(base).into();
    for family in families() {
        let digit = family.digit;
        for chain in ["output", "input", "refuse"] {
            chains.push(json!({"name": format!("{chain}{digit}")}));
        }
    }
    chains
        .into_iter()
        .map(|chain| object("chain", chain))
        .collect()
}

fn rules() -> Vec<Value> {
    let mut rules = Vec::new();
    let mut rule = |chain: &str, statements: &[Value]| {
        rules.push(object("rule", json!({"chain": chain, "expr": statements})));
    };

    for family in families() {
        let destination = field(family.header, "daddr");
        rule(
            "output",
            &[
                leaves_by_lo(),
                matches(destination, prefix(family.loopback)),
                accept(),
            ],
        );
    }
    // A refusal is told to the sender by a packet to its own address (an ICMP error or a reset, nft(8), REJECT STATEMENT), which comes
    // this way too and belongs to what it refuses. By lo nothing gets out.
    rule(
        "output",
        &[leaves_by_lo(), state(&["established", "related"]), accept()],
    );
    rule("input", &[matches(meta("iifname"), "lo"), accept()]);
    for family in families() {
        for chain in ["output", "input"] {
            let next = format!("{chain}{}", family.digit);
            rule(
                chain,
                &[matches(meta("nfproto"), family.nfproto), goto(&next)],
            );
        }
    }

    for family in families() {
        let Family {
            digit,
            header,
            icmp: (icmp, icmp_header),
            ..
        } = family;
        let (output, input) = (format!("output{digit}"), format!("input{digit}"));
        let refuse = format!("refuse{digit}");
        let allowed = format!("@allowed{digit}");
        let denied = format!("@denied{digit}");
        let discovery = |types: [&str; 3]| {
            [
                matches(field("ip6", "hoplimit"), 255),
                matches(field("icmpv6", "type"), any_of(&types)),
                accept(),
            ]
        };

        // Where a packet names its way itself, its destination is only the first stop (RFC 791, 3.1; RFC 8200, 4.4).
        let detour = match family.loopback {
            IpNet::V4(_) => {
                json!({"match": {"op": ">", "left": field("ip", "hdrlength"), "right": 5}})
            }
            IpNet::V6(_) => matches(json!({"exthdr": {"name": "rt"}}), true),
        };
        rule(&output, &[detour, goto(&refuse)]);
        if digit == '6' {
            rule(&output, &discovery(DISCOVERY_SENT));
        }
        let target = target(field(header, "daddr"), field("th", "dport"));
        rule(
            &output,
            &[matches(target.clone(), allowed.clone()), accept()],
        );
        rule(
            &output,
            &[
                matches(field(header, "daddr"), denied.clone()),
                goto(&refuse),
            ],
        );
        let ports = matches(
            meta("l4proto"),
            any_of(&Protocol::ALL.map(Protocol::number)),
        );
        let echo = matches(field(icmp_header, "type"), "echo-request");
        for passes in [&ports, &echo] {
            let mut statements = vec![passes.clone(), accept()];
            if digit == '6' {
                statements.insert(
                    0,
                    matches(field("ip6", "daddr"), prefix(GLOBAL_UNICAST.into())),
                );
            }
            rule(&output, &statements);
        }
        rule(&output, &[goto(&refuse)]);

        // Errors about what was sent come from routers anywhere on the way; everything else only from where packets may go.
        rule(
            &input,
            &[
                matches(meta("l4proto"), icmp),
                state(&["related"]),
                accept(),
            ],
        );
        if digit == '6' {
            rule(&input, &discovery(DISCOVERY_HEARD));
        }
        let source = self::target(field(header, "saddr"), field("th", "sport"));
        rule(
            &input,
            &[matches(source, allowed), state(&["established"]), accept()],
        );
        rule(
            &input,
            &[
                matches(field(header, "saddr"), denied),
                json!({"drop": null}),
            ],
        );
        rule(&input, &[state(&["established"]), accept()]);

        // The counter stands first: a full set ends its rule there.
        let record =
            json!({"set": {"op": "update", "elem": target, "set": format!("@refused{digit}")}});
        rule(&refuse, &[ports, json!({"counter": null}), record]);
        // What the sender is told, at once. UDP: EPERM. TCP: ECONNREFUSED; an ICMP error would come while connect(2) holds the socket,
        // and count only with the first retransmission, a second later (tcp_v4_err(), tcp_v6_err()).
        let tcp = matches(meta("l4proto"), Protocol::Tcp.number());
        rule(&refuse, &[tcp, json!({"reject": {"type": "tcp reset"}})]);
        rule(
            &refuse,
            &[json!({"reject": {"type": "icmpx", "expr": "host-unreachable"}})],
        );
    }
    rules
}

fn of_table(mut fields: Value) -> Value {
    fields["family"] = "inet".into();
    if fields.get("hook").is_some() || fields["name"] != TABLE {
        fields["table"] = TABLE.into();
    }
    fields
}

fn object(kind: &str, fields: Value) -> Value {
    json!({kind: of_table(fields)})
}

fn prefix(prefix: IpNet) -> Value {
    if prefix.prefix_len() == prefix.max_prefix_len() {
        return json!(prefix.addr());
    }
    json!({"prefix": {"addr": prefix.addr(), "len": prefix.prefix_len()}})
}

fn field(protocol: &str, field: &str) -> Value {
    json!({"payload": {"protocol": protocol, "field": field}})
}

fn meta(key: &str) -> Value {
    json!({"meta": {"key": key}})
}

fn matches(left: Value, right: impl Into<Value>) -> Value {
    json!({"match": {"op": "==", "left": left, "right": right.into()}})
}

fn state(states: &[&str]) -> Value {
    let right = match states {
        [one] => json!(one),
        several => json!(several),
    };
    json!({"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": right}})
}

fn any_of<T: serde::Serialize>(these: &[T]) -> Value {
    json!({"set": these})
}

fn target(address: Value, port: Value) -> Value {
    json!({"concat": [address, meta("l4proto"), port]})
}

fn leaves_by_lo() -> Value {
    matches(meta("oifname"), "lo")
}

fn goto(chain: &str) -> Value {
    json!({"goto": {"target": chain}})
}

fn accept() -> Value {
    json!({"accept": null})
}
