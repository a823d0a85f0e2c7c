//! What is reachable on `full` stands where the user and the agent read it: in the audit before the start, and in SANDBOX.md.
//!   (threats: NET-46)
use std::io;

use crate::probe::*;

const SANDBOX_MD: &str = "services on the host's loopback are reachable";
const AUDIT: &str = "the host's network: internet, LAN, VPN, services on the host's loopback";

pub const PROBE: Probe = Probe {
    asks: "is what `full` reaches said to the agent and to the user?",
    threats: &["NET-46"],
    tiers: &[Tier::Full],
    expect: Expect::Exactly(|_| Seen::one("SANDBOX.md says it", Act::saw(true))),
    attempt: |_| {
        let text = std::fs::read_to_string("/etc/claudebox/SANDBOX.md").unwrap_or_default();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Seen::one("SANDBOX.md says it", Act::saw(text.contains(SANDBOX_MD)))
    },
    then: &[Then::Host(|lab| {
        let mut plan = lab.command(crate::claudebox_bin());
        plan.args(["plan", "--network", "full", "--cmd", "true"]);
        let planned = plan.output()?;
        let said = [planned.stdout, planned.stderr].concat();
        let text = String::from_utf8_lossy(&said);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if planned.status.success() && text.contains(AUDIT) {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "the audit does not say what is reachable: {text}"
        )))
    })],
    ..Probe::USUAL
};
