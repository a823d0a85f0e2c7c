//! Owns what `check` says of the parts of the tier `inet`: each is a failure where that tier is the one that `run` would use.

use super::{Finding, Verdict, finding};
use crate::cli::Tier;
use crate::facts::{Facts, NetworkTools, Tool};
use crate::helper;
use crate::remedy::install_hint;

/// The tun device, nftables, and the helper.
pub(super) fn parts(facts: &Facts, wanted: Tier) -> Vec<Finding> {
    let Some(tools) = &facts.host.network_tools else {
        return Vec::new();
    };
    let bad = if wanted == Tier::Inet {
        Verdict::Failure
    } else {
        Verdict::Warning
    };
    vec![
        tun(tools, bad),
        nftables(facts, tools, bad),
        carrier(facts, tools, bad),
    ]
}

fn lacks(part: &'static str, verdict: Verdict, what: &str, fix: String) -> Finding {
    let found = format!("{what}; the tier `inet` needs it");
    finding(part, verdict, found, Some(fix))
}

fn tun(tools: &NetworkTools, bad: Verdict) -> Finding {
    match tools.tun {
        Some(true) => finding("tun", Verdict::Ok, "/dev/net/tun can be opened", None),
        Some(false) => lacks(
            "tun",
            bad,
            "/dev/net/tun cannot be opened by you",
            "sudo chmod 0666 /dev/net/tun (udev's default; a container may need --device /dev/net/tun)"
                .into(),
        ),
        None => lacks(
            "tun",
            bad,
            "there is no /dev/net/tun",
            "sudo modprobe tun, or start the container with --device /dev/net/tun".into(),
        ),
    }
}

fn nftables(facts: &Facts, tools: &NetworkTools, bad: Verdict) -> Finding {
    if !tools.nf_tables {
        return lacks(
            "nftables",
            bad,
            "the kernel has no nf_tables",
            "sudo modprobe nf_tables".into(),
        );
    }
    match &tools.nft {
        Tool::Found(path) => finding("nftables", Verdict::Ok, path.to_string(), None),
        Tool::Missing => lacks(
            "nftables",
            bad,
            "nft is not installed",
            install_hint(&facts.host.os, "nftables"),
        ),
        Tool::Unfit(path, why) => lacks(
            "nftables",
            bad,
            &format!("{path} cannot be used: {why}"),
            install_hint(&facts.host.os, "nftables"),
        ),
    }
}

/// pasta, or slirp4netns where pasta is missing or too old.
fn carrier(facts: &Facts, tools: &NetworkTools, bad: Verdict) -> Finding {
    let lacking = helper::lacking(tools);
    let pasta = match &tools.pasta {
        Tool::Found(path) if lacking.is_empty() => {
            return finding("pasta", Verdict::Ok, path.to_string(), None);
        }
        Tool::Found(path) => format!("{path} is too old (it lacks --{})", lacking.join(", --")),
        Tool::Missing => "not installed".into(),
        Tool::Unfit(path, why) => format!("{path} cannot be used: {why}"),
    };
    match &tools.slirp4netns {
        Tool::Found(slirp) => {
            let found = format!("{pasta}; {slirp} carries IPv4 in its place");
            finding("pasta", Verdict::Ok, found, None)
        }
        _ => lacks("pasta", bad, &pasta, install_hint(&facts.host.os, "passt")),
    }
}
