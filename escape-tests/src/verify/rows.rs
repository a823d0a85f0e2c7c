//! Owns what a guard's proof is on a person's own machine: where it is no part of the sandbox, and where no attempt can tell it
//! from another. A new guard needs no word here: its probes speak for it, and without any it is said to be not tried.

use claudebox::plan::Plan;

use crate::probe::{Guard, Tier};

/// Why the sandbox of `plan` has no such guard, if so.
#[must_use]
pub fn absent(plan: &Plan, guard: Guard) -> Option<String> {
    if let Some(unavailable) = plan.unavailable.iter().find(|one| one.guard == guard) {
        return Some(unavailable.why.clone());
    }
    let planned = plan.steps.iter().any(|step| step.guard == guard);
    not_part(guard).filter(|_| !planned).map(str::to_owned)
}

/// Why a sandbox has no such guard, where it need not. `None`: each has it, whatever the plan says.
#[must_use]
fn not_part(guard: Guard) -> Option<&'static str> {
    match guard {
        Guard::NetNamespace => Some("no part of this tier, which has the host's network"),
        Guard::NoResolvers | Guard::EgressFence | Guard::HelperClosed => {
            Some("no part of this tier")
        }
        Guard::ProcReadOnly => Some("only where uid 0 starts it: nobody else owns those files"),
        Guard::ProjectSecretsHidden => Some("nothing is asked to be hidden (--hide)"),
        Guard::AbstractSockets | Guard::SignalScope => Some("this kernel cannot scope them"),
        _ => None,
    }
}

/// Why no attempt shows this guard on `tier`, though it is there. `None`: a probe does.
#[must_use]
pub fn not_shown(guard: Guard, tier: Tier) -> Option<&'static str> {
    match guard {
        Guard::SignalScope => {
            Some("a second wall: no process of the host has a number or a group inside")
        }
        Guard::DieWithParent => {
            Some("a second wall: PID 1 ends with the launcher's socket, and takes everything along")
        }
        Guard::TerminalRestored => {
            Some("it shows at a terminal when a session is over, and these attempts have none")
        }
        Guard::StatePerProject => {
            Some("it shows in a session of another project, and these attempts are in this one")
        }
        Guard::LoginStore => Some(
            "it shows on the host when a session changes a login, and these attempts touch no login",
        ),
        Guard::LandlockFiles => {
            Some("a second wall: what it refuses is not there, or is on a read-only mount")
        }
        Guard::EgressFence => Some(
            "read back from the kernel and compared whole at every start; attacks on it need networks to attack",
        ),
        Guard::HelperClosed => Some("what it would open needs networks to be reached from"),
        Guard::FreshKeyring => Some("a second wall: no call reaches any keyring"),
        Guard::NoNestedNamespaces => Some("a second wall: no call makes a user namespace"),
        Guard::AbstractSockets if tier != Tier::Full => {
            Some("a second wall: another network namespace has other abstract sockets")
        }
        _ => None,
    }
}
