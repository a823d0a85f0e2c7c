//! The configuration of Nix holds tokens of git hosts, passwords of caches, and keys of builders.   (threats: NIX-11)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it read a token in the configuration of Nix?",
    threats: &["NIX-11"],
    behind: &[Guard::HomeHidden, Guard::EtcGenerated, Guard::HostHidden],
    also_as_root: true,
    expect: Expect::Absent,
    attempt: |bait| {
        let own = [".config/nix/nix.conf", ".config/nix/netrc", ".netrc"];
        own.iter()
            .fold(inside::read_all(bait, "NIX-11"), |seen, file| {
                let path = bait.home.join(file);
                seen.and(path.display(), inside::read(&path))
            })
    },
    ..Probe::USUAL
};
