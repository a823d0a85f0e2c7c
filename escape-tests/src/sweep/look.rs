//! Owns the inside half: looks at everything once, and says what it saw in one line. It does not judge.

mod calls;
mod process;

use std::io::{self, Read, Write};

use super::{Order, Report, mounts, network, paths};

/// Sweeps for the order on standard input.
///
/// # Errors
/// Where there is no order, no mount table, or nobody to report to.
pub fn run() -> io::Result<()> {
    let mut order = String::new();
    io::stdin().read_to_string(&mut order)?;
    let order: Order = serde_json::from_str(&order)?;
    let mut report = Report::default();
    // Descriptors first: whatever is looked at afterwards is opened.
    process::look(&mut report.seen);
    network::look(&mut report.seen);
    calls::look(&mut report.seen);
    let mounts = mounts::read()?;
    mounts::look(&mut report.seen, &mounts);
    report.walked = paths::walk(&order.places, &mounts);
    let mut stdout = io::stdout();
    writeln!(stdout, "{}", serde_json::to_string(&report)?)?;
    stdout.flush()
}
