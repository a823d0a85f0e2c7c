//! Owns what is said of limits: those that every session has, and whether memory and CPU could be limited here.

use super::{Finding, Verdict, finding};
use crate::facts::{Cgroup, Facts, Groups};

/// How a person limits memory and CPU.
const BY_FLAG: &str =
    "to limit memory and CPU as well: claudebox run --limit memory=8G --limit cpu=200%";

/// What is said of `cgroup`, the caller's, and of `groups`, by which a session could have one of its own.
pub(super) fn limits(facts: &Facts, cgroup: Option<&Cgroup>, groups: &Groups) -> Finding {
    let processes = facts.user.uid != 0 && facts.host.kernel.version() >= (5, 14);
    let own = if processes {
        "processes, open files and locked memory of a session are limited"
    } else {
        "open files and locked memory of a session are limited, processes are not"
    };
    let has = |controllers: &[String]| {
        ["memory", "cpu", "pids"]
            .iter()
            .filter(|wanted| controllers.iter().any(|has| has == *wanted))
            .copied()
            .collect::<Vec<_>>()
            .join(", ")
    };
    let cannot = |why: String, fix: &str| {
        let found = format!("{own}; memory and CPU cannot be: {why}");
        finding("limits", Verdict::Warning, found, Some(fix.to_owned()))
    };
    let Some(cgroup) = cgroup else {
        let fix = "boot with systemd.unified_cgroup_hierarchy=1";
        return cannot("no cgroup v2 is mounted".to_owned(), fix);
    };
    let by = match (&groups.bus, &groups.busctl, &groups.parent) {
        // Which controllers it hands down, the start sees.
        (Some(bus), Some(_), _) => format!("your systemd at {bus} is asked for it"),
        (_, _, Some(parent)) if !has(&parent.controllers).is_empty() => {
            let controllers = has(&parent.controllers);
            format!("{} is delegated to you, with {controllers}", parent.folder)
        }
        (Some(bus), None, _) => {
            let why = format!("your systemd is at {bus}, and busctl(1) is not there to ask it");
            return cannot(why, "install systemd's busctl");
        }
        _ if has(&cgroup.controllers).is_empty() => {
            let why = format!("your cgroup {} has no controller for that", cgroup.path);
            let fix = "boot with systemd.unified_cgroup_hierarchy=1, without cgroup v1";
            return cannot(why, fix);
        }
        _ => {
            let why = format!(
                "you have no systemd of your own, and no control group is delegated to you ({})",
                cgroup.path
            );
            return cannot(why, "sudo loginctl enable-linger USER, then log in again");
        }
    };
    let found = format!("{own}, memory and CPU where that is asked for: {by}");
    finding("limits", Verdict::Ok, found, Some(BY_FLAG.to_owned()))
}
