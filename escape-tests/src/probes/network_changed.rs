//! Who may change the network of the sandbox brings down what fences it: an address, a route, a device, a table of nftables,
//! a switch of the kernel.   (threats: NET-34, NET-47)
use crate::harness::network_change;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it change its own network on `none`?",
    threats: &["NET-34", "NET-47"],
    behind: &[
        Guard::NoCapabilities,
        Guard::NoNestedNamespaces,
        Guard::SocketFamilies,
    ],
    tiers: &[Tier::None],
    also_as_root: true,
    expect: Expect::Exactly(network_change::refused),
    attempt: network_change::attempt,
    ..Probe::USUAL
};
