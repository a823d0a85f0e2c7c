//! Owns the control attempt, which comes before all probes: that CMD starts anything at all, and what there is inside.

use std::fs::{self, File};
use std::io::{self, Read, Write};

use super::Complaint;
use crate::harness::bait::Bait;
use crate::harness::inside::Report;
use crate::probe::{Act, Seen};
use crate::probes::capabilities::status;

/// The name by which the inside half is told to look around: that of no probe.
pub const NAME: &str = "what-is-there";

/// What there is inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct There {
    /// The parts that only claudebox has.
    pub claudebox: bool,
    /// The folder that may be granted read-only.
    pub granted: bool,
}

/// The inside half.
///
/// # Errors
/// Where there is no bait, or nobody to report to.
pub fn run() -> io::Result<()> {
    let mut bait = String::new();
    io::stdin().read_to_string(&mut bait)?;
    let bait: Bait = serde_json::from_str(&bait)?;
    let namespace = fs::read_link("/proc/self/ns/user").map(|link| link.display().to_string());
    let seen = Seen::one(
        "claudebox",
        Act::of(fs::symlink_metadata("/run/claudebox/init")),
    )
    .and("granted", Act::of(File::open(bait.granted.join("file"))))
    .and(
        "user namespace",
        namespace.map_or_else(|error| Act::of::<()>(Err(error)), Act::saw),
    )
    .and("capabilities", status("CapEff"))
    .and("uid", Act::saw(nix::unistd::geteuid()));
    let report = Report {
        probe: NAME.into(),
        seen,
    };
    let mut stdout = io::stdout();
    writeln!(stdout, "{}", serde_json::to_string(&report)?)?;
    stdout.flush()
}

/// What the report tells.
///
/// # Errors
/// The probes must not be made there: they would be attacks of a privileged user on this very host.
pub fn there(seen: &Seen, bait: &Bait) -> Result<There, Complaint> {
    let is = |what: &str, act: Act| seen.0.get(what) == Some(&act);
    let own_namespace = matches!(seen.0.get("user namespace"),
        Some(Act::Saw(namespace)) if *namespace != bait.namespaces["user"]);
    // Where /proc does not tell, the uid must do.
    let powerless = match seen.0.get("capabilities") {
        Some(Act::Saw(set)) => set.chars().all(|digit| digit == '0'),
        _ => true,
    };
    if !own_namespace && (is("uid", Act::saw(0)) || !powerless) {
        return Err(Complaint {
            what: "what CMD starts is privileged on this very host, in its own user namespace: the attacks would mount, write \
                   and rename here"
                .into(),
            hint: "start CMD as an ordinary user, in a virtual machine, or with a user namespace of its own".into(),
        });
    }
    Ok(There {
        claudebox: is("claudebox", Act::Reached),
        granted: is("granted", Act::Reached),
    })
}
