//! Owns which addresses are nobody's on the public internet, and which public-looking ones answer with the host's secrets.
//!
//! A reviewed table: each prefix with the registry, RFC or vendor's page that says so. docs/network.md is made from it.
//! Prefixes of IANA's registries of special purposes stand here whole, those too that are "globally reachable": what is special
//! has no business with a sandbox, and networks answer such addresses by services of their own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// A prefix, what it is, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Special {
    /// The prefix.
    pub prefix: IpNet,
    /// What it is.
    pub name: &'static str,
    /// Who says so.
    pub source: &'static str,
}

const fn v4(address: [u8; 4], length: u8, name: &'static str, source: &'static str) -> Special {
    let [a, b, c, d] = address;
    let prefix = IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), length);
    Special {
        prefix,
        name,
        source,
    }
}

const fn v6(address: [u16; 8], length: u8, name: &'static str, source: &'static str) -> Special {
    let [a, b, c, d, e, f, g, h] = address;
    let prefix = IpNet::new_assert(IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)), length);
    Special {
        prefix,
        name,
        source,
    }
}

/// Every special prefix, by family and number.
pub const REGISTRY: &[Special] = &[
    v4([0, 0, 0, 0], 8, "this network", "RFC 791"),
    v4([10, 0, 0, 0], 8, "private use", "RFC 1918"),
    v4(
        [100, 64, 0, 0],
        10,
        "shared address space, and meshes such as Tailscale",
        "RFC 6598",
    ),
    v4(
        [100, 100, 100, 100],
        32,
        "the resolver of Tailscale",
        "tailscale.com/kb/1381",
    ),
    v4(
        [100, 100, 100, 200],
        32,
        "metadata of Alibaba Cloud",
        "alibabacloud.com/help/en/ecs",
    ),
    v4([127, 0, 0, 0], 8, "loopback", "RFC 1122"),
    v4(
        [168, 63, 129, 16],
        32,
        "platform services of Azure",
        "learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16",
    ),
    v4([169, 254, 0, 0], 16, "link-local", "RFC 3927"),
    v4(
        [169, 254, 169, 254],
        32,
        "metadata of most clouds",
        "docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html",
    ),
    v4(
        [169, 254, 170, 2],
        32,
        "credentials of tasks on Amazon ECS",
        "docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html",
    ),
    v4(
        [169, 254, 170, 23],
        32,
        "credentials of pods on Amazon EKS",
        "docs.aws.amazon.com/eks/latest/userguide/pod-identities.html",
    ),
    v4([172, 16, 0, 0], 12, "private use", "RFC 1918"),
    v4(
        [192, 0, 0, 0],
        24,
        "protocol assignments, and metadata of Oracle's older cloud (192.0.0.192)",
        "RFC 6890",
    ),
    v4([192, 0, 2, 0], 24, "documentation", "RFC 5737"),
    v4([192, 31, 196, 0], 24, "AS112", "RFC 7535"),
    v4([192, 52, 193, 0], 24, "multicast tunnels (AMT)", "RFC 7450"),
    v4([192, 88, 99, 0], 24, "6to4 relays, deprecated", "RFC 7526"),
    v4([192, 168, 0, 0], 16, "private use", "RFC 1918"),
    v4([192, 175, 48, 0], 24, "AS112", "RFC 7534"),
    v4([198, 18, 0, 0], 15, "benchmarks", "RFC 2544"),
    v4([198, 51, 100, 0], 24, "documentation", "RFC 5737"),
    v4([203, 0, 113, 0], 24, "documentation", "RFC 5737"),
    v4([224, 0, 0, 0], 4, "multicast", "RFC 5771"),
    v4([240, 0, 0, 0], 4, "reserved (class E)", "RFC 1112"),
    v4([255, 255, 255, 255], 32, "limited broadcast", "RFC 919"),
    v6([0, 0, 0, 0, 0, 0, 0, 0], 128, "unspecified", "RFC 4291"),
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128, "loopback", "RFC 4291"),
    v6(
        [0, 0, 0, 0, 0, 0, 0, 0],
        96,
        "IPv4 embedded (IPv4-compatible), deprecated",
        "RFC 4291",
    ),
    v6(
        [0, 0, 0, 0, 0, 0xffff, 0, 0],
        96,
        "IPv4 embedded (IPv4-mapped)",
        "RFC 4291",
    ),
    v6(
        [0, 0, 0, 0, 0xffff, 0, 0, 0],
        96,
        "IPv4 translated (SIIT)",
        "RFC 2765",
    ),
    v6(
        [0x64, 0xff9b, 0, 0, 0, 0, 0, 0],
        96,
        "IPv4 translated (NAT64)",
        "RFC 6052",
    ),
    v6(
        [0x64, 0xff9b, 1, 0, 0, 0, 0, 0],
        48,
        "IPv4 translated (NAT64, local use)",
        "RFC 8215",
    ),
    v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "discard only", "RFC 6666"),
    v6([0x100, 0, 0, 1, 0, 0, 0, 0], 64, "dummy prefix", "RFC 9780"),
    v6(
        [0x2001, 0, 0, 0, 0, 0, 0, 0],
        23,
        "protocol assignments",
        "RFC 2928",
    ),
    v6(
        [0x2001, 0, 0, 0, 0, 0, 0, 0],
        32,
        "IPv4 embedded (Teredo)",
        "RFC 4380",
    ),
    v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48, "benchmarks", "RFC 5180"),
    v6(
        [0x2001, 3, 0, 0, 0, 0, 0, 0],
        32,
        "multicast tunnels (AMT)",
        "RFC 7450",
    ),
    v6([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48, "AS112", "RFC 7535"),
    v6(
        [0x2001, 0x10, 0, 0, 0, 0, 0, 0],
        28,
        "ORCHID, deprecated",
        "RFC 4843",
    ),
    v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28, "ORCHIDv2", "RFC 7343"),
    v6(
        [0x2001, 0x30, 0, 0, 0, 0, 0, 0],
        28,
        "drone remote identification",
        "RFC 9374",
    ),
    v6(
        [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0],
        32,
        "documentation",
        "RFC 3849",
    ),
    v6(
        [0x2002, 0, 0, 0, 0, 0, 0, 0],
        16,
        "IPv4 embedded (6to4)",
        "RFC 3056",
    ),
    v6(
        [0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0],
        48,
        "AS112",
        "RFC 7534",
    ),
    v6(
        [0x3fff, 0, 0, 0, 0, 0, 0, 0],
        20,
        "documentation",
        "RFC 9637",
    ),
    v6(
        [0x5f00, 0, 0, 0, 0, 0, 0, 0],
        16,
        "segment routing",
        "RFC 9602",
    ),
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "unique local", "RFC 4193"),
    v6(
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254],
        128,
        "metadata of Amazon EC2",
        "docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html",
    ),
    v6(
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23],
        128,
        "credentials of pods on Amazon EKS",
        "docs.aws.amazon.com/eks/latest/userguide/pod-identities.html",
    ),
    v6(
        [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254],
        128,
        "metadata of Google Cloud",
        "cloud.google.com/compute/docs/metadata/querying-metadata",
    ),
    v6(
        [0xfd7a, 0x115c, 0xa1e0, 0, 0, 0, 0, 0],
        48,
        "Tailscale",
        "tailscale.com/kb/1033",
    ),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "link-local", "RFC 4291"),
    v6(
        [0xfec0, 0, 0, 0, 0, 0, 0, 0],
        10,
        "site-local, deprecated",
        "RFC 3879",
    ),
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "multicast", "RFC 4291"),
    // What is left around 2000::/3: not handed out to anybody (IANA's registry of IPv6 address space).
    v6(
        [0, 0, 0, 0, 0, 0, 0, 0],
        3,
        "not global unicast",
        "RFC 4291",
    ),
    v6(
        [0x4000, 0, 0, 0, 0, 0, 0, 0],
        2,
        "not global unicast",
        "RFC 4291",
    ),
    v6(
        [0x8000, 0, 0, 0, 0, 0, 0, 0],
        1,
        "not global unicast",
        "RFC 4291",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_prefix_stands_once_and_begins_where_it_says() {
        let mut seen = BTreeSet::new();
        for special in REGISTRY {
            assert_eq!(special.prefix, special.prefix.trunc(), "{special:?}");
            assert!(seen.insert(special.prefix), "{special:?}");
            assert!(!special.name.is_empty() && !special.source.is_empty());
        }
    }

    /// The address matrix of the catalogue of threats (NET), first and last of each range.
    #[test]
    fn the_matrix_of_the_catalogue_is_special() {
        let matrix = "127.0.0.1 127.255.255.255 0.0.0.0 0.255.255.255 ::1 :: 10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 \
            192.168.0.0 192.168.255.255 169.254.0.0 169.254.255.255 100.64.0.0 100.127.255.255 192.0.0.0 192.0.0.255 198.18.0.0 \
            198.19.255.255 240.0.0.0 255.255.255.255 224.0.0.1 239.255.255.255 fc00:: fdff:ffff:: fe80:: febf:ffff:: fec0:: \
            feff:ffff:: ff00:: ffff:ffff:: ::ffff:8.8.8.8 ::8.8.8.8 64:ff9b::808:808 64:ff9b:1:ffff:: 2002:808:808:: \
            2001:0:ffff:: 169.254.169.254 169.254.170.2 169.254.170.23 192.0.0.192 100.100.100.200 168.63.129.16 \
            fd00:ec2::254 fd20:ce::254 100.100.100.100 fd7a:115c:a1e0:: fd7a:115c:a1e0:ffff:: 10.0.2.2 10.0.2.3 fd00::2 fd00::3";
        let mut seen = 0;
        for address in matrix.split_whitespace() {
            let address: IpAddr = address.parse().expect("an address");
            assert!(
                REGISTRY
                    .iter()
                    .any(|special| special.prefix.contains(&address)),
                "{address}"
            );
            seen += 1;
        }
        assert_eq!(seen, 53);
    }

    #[test]
    fn what_is_beside_a_special_prefix_is_not_special() {
        for address in "1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 168.63.129.15 168.63.129.17 169.253.255.255 169.255.0.0 \
            172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255 \
            2000:: 2001:200:: 2001:db7:ffff:: 2001:db9:: 2001:ffff:: 2003:: 2620:4f:7fff:: 3ffe:ffff:: 3fff:1000:: 3fff:ffff::"
            .split_whitespace()
        {
            let address: IpAddr = address.parse().expect("an address");
            let special = REGISTRY.iter().find(|special| special.prefix.contains(&address));
            assert_eq!(special, None, "{address}");
        }
    }
}
