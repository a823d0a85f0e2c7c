//! Owns what is said of limits: those that every session has, and whether memory and CPU could be limited here.

use super::{Finding, Verdict, finding};
use crate::facts::{Cgroup, Facts};

/// How a person limits memory and CPU today: from outside (systemd-run(1)).
const BY_SYSTEMD: &str = "to limit memory and CPU as well: systemd-run --user --scope -p MemoryMax=8G -p CPUQuota=200% claudebox run";

/// What is said of `cgroup`, the caller's.
pub(super) fn limits(facts: &Facts, cgroup: Option<&Cgroup>) -> Finding {
    let processes = facts.user.uid != 0 && facts.host.kernel.version() >= (5, 14);
    let own = if processes {
        "processes, open files and locked memory of a session are limited"
    } else {
        "open files and locked memory of a session are limited, processes are not"
    };
    let has = |cgroup: &Cgroup| {
        ["memory", "cpu", "pids"]
            .iter()
            .filter(|wanted| cgroup.controllers.iter().any(|has| has == *wanted))
            .copied()
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (verdict, group, fix) = match cgroup {
        None => (
            Verdict::Warning,
            "no cgroup v2 is mounted".to_owned(),
            Some("boot with systemd.unified_cgroup_hierarchy=1".to_owned()),
        ),
        Some(cgroup) if has(cgroup).is_empty() => (
            Verdict::Warning,
            format!("your cgroup {} has no controller for that", cgroup.path),
            Some("boot with systemd.unified_cgroup_hierarchy=1, without cgroup v1".to_owned()),
        ),
        Some(cgroup) => {
            let delegated = if cgroup.delegated {
                "is delegated to you"
            } else {
                "is not delegated to you"
            };
            let group = format!(
                "your cgroup {} {delegated} and has {}",
                cgroup.path,
                has(cgroup)
            );
            (Verdict::Ok, group, Some(BY_SYSTEMD.to_owned()))
        }
    };
    let found = format!("{own}; memory and CPU are not, by this version: {group}");
    finding("limits", verdict, found, fix)
}
