//! Owns a launch whose end is told from its start: what was there is remembered, the session runs, and the difference is the
//! report (EXIT-A). The exit status stays that of the session.

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::{LaunchError, Outcome, Pins, launch_pinned};
use crate::cli::Scan;
use crate::facts::{Before, Facts};
use crate::plan::Plan;
use crate::report::Report;

/// As [`launch_pinned`], with what is to say at the end.
pub fn launch_reported(
    plan: &Plan,
    facts: &Facts,
    pins: &Pins,
    scan: Scan,
) -> (Result<Outcome, LaunchError>, Report) {
    let before = Before::take(plan, facts, scan);
    let ended = launch_pinned(plan, facts, pins);
    let status = match &ended {
        Ok(outcome) => outcome.status,
        Err(error) => error.status(),
    };
    let ran = match &ended {
        Ok(_) | Err(LaunchError::Relay(_) | LaunchError::Init { .. }) => true,
        Err(_) => false,
    };
    // They are blocked since the start: whoever wants this to end says so here.
    let signals = ran.then(end_wanted).flatten();
    let stopped = || {
        signals
            .as_ref()
            .is_some_and(|signals| matches!(signals.read_signal(), Ok(Some(_))))
    };
    let mut report = if ran {
        before.report(status, &stopped)
    } else {
        before.nothing(status)
    };
    if let Ok(outcome) = &ended {
        report.limits.clone_from(&outcome.limits);
        report.login.clone_from(&outcome.login);
        if let Some(network) = &outcome.network {
            report.refused_targets.clone_from(&network.refused);
            report.network_lost.clone_from(&network.lost);
        }
    }
    (ended, report)
}

/// The signals that ask for an end.
fn end_wanted() -> Option<SignalFd> {
    let mut mask = SigSet::empty();
    for signal in [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGQUIT,
    ] {
        mask.add(signal);
    }
    SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).ok()
}
