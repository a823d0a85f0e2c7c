//! bwrap hangs while it makes the sandbox, on a file that never ends or a file system that does not answer, and then the launcher
//! is killed. PID 1, which ends with the launcher's socket, is not there yet (M-19). bwrap ends at once; its child, which is bound to
//! nobody so early, ends when it no longer hangs, and starts nothing.   (threats: RES-07, RES-08)
use claudebox::config::Origin;
use claudebox::plan::{Action, Step};

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does a bwrap that hangs outlive the launcher?",
    threats: &["RES-07", "RES-08"],
    behind: &[Guard::DieWithParent],
    also_as_root: true,
    edited: Some(|plan, _| {
        plan.steps.push(Step {
            // A new terminal, whose other side nobody opens: reading it waits without end (pty(7)).
            action: Action::Copy {
                at: "/run/claudebox/endless".into(),
                from: "/dev/ptmx".into(),
            },
            guard: Guard::HostHidden,
            why: "added by a trial".into(),
            origin: Origin::Generated,
            uncovers: false,
        });
    }),
    ending: Ending::LauncherKilledEarly,
    // The damage is a process outside, whose number the driver knows.
    ..Probe::USUAL
};
