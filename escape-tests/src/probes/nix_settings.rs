//! Settings of a client make the daemon run a hook, build elsewhere or without a sandbox: by a variable, or by a file that is
//! left for the next `nix` of the host.   (threats: NIX-03)
use std::fs;

use crate::harness::inside;
use crate::probe::*;

const SETTINGS: &str = "post-build-hook = /bin/false\nsandbox = false\n";

pub const PROBE: Probe = Probe {
    asks: "does a setting of Nix come in, or stay behind?",
    threats: &["NIX-03"],
    behind: &[Guard::HomeHidden, Guard::EnvAllowlist],
    also_as_root: true,
    // The write lands in a throwaway home.
    expect: Expect::Exactly(|_| {
        Seen::one("~/.config/nix/nix.conf, written", Act::Reached)
            .and("NIX_CONFIG", Act::Absent)
            .and("NIX_PATH", Act::Absent)
    }),
    attempt: |bait| {
        let folder = bait.home.join(".config/nix");
        let written = fs::create_dir_all(&folder);
        let written = written.and_then(|()| fs::write(folder.join("nix.conf"), SETTINGS));
        Seen::one("~/.config/nix/nix.conf, written", Act::of(written))
            .and("NIX_CONFIG", inside::variable("NIX_CONFIG"))
            .and("NIX_PATH", inside::variable("NIX_PATH"))
    },
    harmed: |bait| {
        let settings = fs::read_to_string(bait.home.join(".config/nix/nix.conf"));
        let planted = settings.is_ok_and(|settings| settings == SETTINGS);
        planted.then(|| "the host's own settings of Nix were written".into())
    },
    ..Probe::USUAL
};
