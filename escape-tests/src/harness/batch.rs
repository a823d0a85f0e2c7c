//! Owns many attempts in one sandbox, each in a child of its own, so that a mutation, or `claudebox verify`, costs one start and
//! not one for each probe. A probe that does not hold in such company is not made in it: the driver finds that out under the whole plan.

use std::io::{self, Read, Write};

use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};
use serde::{Deserialize, Serialize};

use crate::harness::bait::Bait;
use crate::harness::inside::Report;
use crate::probes;

/// The name by which the inside half is told to make a batch: that of no probe.
pub const NAME: &str = "batch-of-attempts";

/// What the inside half reads from standard input.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    /// What may be touched.
    pub bait: Bait,
    /// The probes, by name.
    pub probes: Vec<String>,
}

/// Makes every attempt. Each child says its own line: no further descriptor is open that a probe could see.
///
/// # Errors
/// Where there is no order, or no child.
pub fn run() -> io::Result<()> {
    let mut order = String::new();
    io::stdin().read_to_string(&mut order)?;
    let order: Order = serde_json::from_str(&order)?;
    for name in &order.probes {
        let probe = probes::ALL.iter().find(|(known, _)| known == name);
        let (_, probe) = probe.ok_or_else(|| io::Error::other(format!("no probe {name}")))?;
        // SAFETY: this process has one thread, so the child may do whatever its parent could.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => {
                // How it ended does not matter: a missing line does.
                let _ = waitpid(child, None);
            }
            ForkResult::Child => {
                let report = Report {
                    probe: name.clone(),
                    seen: (probe.attempt)(&order.bait),
                };
                let line = serde_json::to_string(&report).unwrap_or_default() + "\n";
                let said = io::stdout()
                    .write_all(line.as_bytes())
                    .and_then(|()| io::stdout().flush());
                // SAFETY: ends the child without running what belongs to its parent.
                unsafe { nix::libc::_exit(said.is_err().into()) }
            }
        }
    }
    Ok(())
}
