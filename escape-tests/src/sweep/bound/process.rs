//! Owns what the process inside may be and know: environment, descriptors, identity, privileges, namespaces, network.

use super::printed::{Does, Printed};
use super::{Allowed, Bound};
use crate::sweep::host::Host;
use crate::sweep::network::LISTENS;
use claudebox::limit::Limited;

/// How the kernel shows an id that is not mapped (user_namespaces(7)).
const OVERFLOW: u32 = 65534;

/// PID 1 and its words: claudebox starts itself so.
const INIT: &str = "/run/claudebox/init init";

/// The number of the command: PID 1 starts nothing before it.
const COMMAND: &str = "2";

/// The flags of a loopback device: up, loopback, running, with a carrier (netdevice(7)). Its addresses with and without IPv6.
const LOOPBACK: [&str; 2] = ["0x10049 127.0.0.1:0 [::1]:0", "0x10049 127.0.0.1:0"];

/// The tiers whose network is known here.
const TIERS: [&str; 2] = ["none", "full"];

pub(super) fn add(bound: &mut Bound, plan: &Printed, host: &Host) -> Result<(), String> {
    let tier = &plan.tier.value;
    if !TIERS.contains(&tier.as_str()) {
        return Err(format!("the tier {tier} has no bound here"));
    }
    for variable in &plan.variables {
        let shown = Allowed::Shown(variable.value.clone());
        bound.allow(format!("variable {}", variable.name), shown);
    }
    descriptors(bound, plan)?;
    bound.allow("process 1", Allowed::is(INIT));
    let words: Vec<String> = host.command.iter().map(ToString::to_string).collect();
    bound.allow("process of the sweep", Allowed::Is(words.join(" ")));
    identity(bound, plan, host)?;
    // The session is the caller's, which has no number inside.
    bound.allow("process group", Allowed::is(1));
    bound.allow("session", Allowed::is(0));
    bound.allow("limit of core files", Allowed::is("0 0"));
    for on in Limited::ALL {
        let most = plan.does().find_map(|does| match does {
            Does::Limit { on: limited, most } => (*limited == on).then_some(*most),
            _ => None,
        });
        // The caller's own, where that is lower.
        let hard = nix::sys::resource::getrlimit(on.resource()).map(|(_, hard)| hard);
        let allowed = match (most, hard) {
            (Some(most), Ok(hard)) => Allowed::is(most.min(hard)),
            _ => Allowed::Any,
        };
        bound.allow(format!("limit of {}", on.name()), allowed);
    }
    bound.allow("working folder", Allowed::is(&plan.cwd));
    let hostname = plan.does().find_map(|does| match does {
        Does::Hostname { name } => Some(name),
        _ => None,
    });
    let hostname = hostname.ok_or("the plan gives no hostname")?;
    bound.allow("hostname", Allowed::is(hostname));
    bound.allow("domain", Allowed::is("(none)"));
    pid_1(bound, plan, host)?;
    namespaces(bound, plan, host);
    for hierarchy in &host.cgroups {
        bound.allow(format!("cgroup {hierarchy}"), Allowed::is("/"));
    }
    for kind in ["msg", "sem", "shm"] {
        let objects = Allowed::is(0).maybe();
        bound.allow(format!("System V objects in {kind}"), objects);
    }
    calls(bound, plan);
    network(bound, plan, host);
    Ok(())
}

/// What a caller hands over is a pipe, or it is relayed over one.
fn descriptors(bound: &mut Bound, plan: &Printed) -> Result<(), String> {
    for (number, stream) in plan.stdio.iter().enumerate() {
        let access = if number == 0 { "read" } else { "write" };
        let relayed = plan.has(&Does::RelayStream { descriptor: number });
        let allowed = match stream.as_str() {
            _ if relayed => Allowed::Is(format!("pipe, {access}")),
            "pipe" => Allowed::Is(format!("pipe, {access}")),
            "null" => {
                let access = [access, "read and write"];
                Allowed::OneOf(access.map(|access| format!("device 1:3, {access}")).into())
            }
            other => return Err(format!("descriptor {number}: {other} has no bound here")),
        };
        bound.allow(format!("descriptor {number}"), allowed);
    }
    Ok(())
}

fn identity(bound: &mut Bound, plan: &Printed, host: &Host) -> Result<(), String> {
    let (uid, gid) = plan.user()?;
    let four = |id: u32| Allowed::Is([id; 4].map(|id| id.to_string()).join(" "));
    let group = |group: &u32| if *group == host.gid { gid } else { OVERFLOW };
    let groups: Vec<String> = plan
        .groups
        .iter()
        .map(group)
        .map(|id| id.to_string())
        .collect();
    let denies = plan.does().any(|does| matches!(does, Does::Deny { .. }));
    let filters = host.filters + u32::from(denies);
    for (who, number) in [("the sweep", COMMAND), ("PID 1", "1")] {
        bound.allow(format!("Uid of {who}"), four(uid));
        bound.allow(format!("Gid of {who}"), four(gid));
        bound.allow(format!("Groups of {who}"), Allowed::Is(groups.join(" ")));
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            bound.allow(format!("{set} of {who}"), Allowed::Is("0".repeat(16)));
        }
        bound.allow(format!("NoNewPrivs of {who}"), Allowed::is(1));
        let mode = if filters > 0 { 2 } else { 0 };
        bound.allow(format!("Seccomp of {who}"), Allowed::is(mode));
        // Since Linux 5.9.
        let filters = Allowed::is(filters).maybe();
        bound.allow(format!("Seccomp_filters of {who}"), filters);
        // One number: there is no PID namespace below.
        bound.allow(format!("NSpid of {who}"), Allowed::is(number));
    }
    Ok(())
}

/// What is not dumpable belongs to root: to the user inside that is nobody, or themselves where uid 0 started it.
fn pid_1(bound: &mut Bound, plan: &Printed, host: &Host) -> Result<(), String> {
    let undumpable = plan.has(&Does::BeUndumpable);
    let owner = match host.uid {
        0 => plan.user()?.0,
        _ => OVERFLOW,
    };
    let (owner, link) = if undumpable {
        (Allowed::is(owner), Allowed::is("PermissionDenied"))
    } else {
        (Allowed::Any, Allowed::Any)
    };
    bound.allow("owner of PID 1's files", owner);
    for name in ["exe", "cwd", "root"] {
        bound.allow(format!("PID 1's link {name}"), link.clone());
    }
    Ok(())
}

fn namespaces(bound: &mut Bound, plan: &Printed, host: &Host) {
    let kinds = [
        ("cgroup", "cgroup"),
        ("ipc", "ipc"),
        ("mnt", "mount"),
        ("net", "network"),
        ("pid", "pid"),
        ("pid_for_children", "pid"),
        ("user", "user"),
        ("uts", "uts"),
    ];
    for (name, outside) in &host.namespaces {
        let kind = kinds.iter().find(|(known, _)| known == name);
        // There is no step for time namespaces: that of the host.
        let own = kind.is_some_and(|(_, kind)| plan.unshares(kind));
        let allowed = if own {
            Allowed::Other(vec![outside.clone()])
        } else {
            Allowed::is(outside)
        };
        bound.allow(format!("namespace {name}"), allowed);
    }
}

/// What a filter refuses is refused with EPERM before the kernel looks at the arguments.
fn calls(bound: &mut Bound, plan: &Printed) {
    let denied = |calls: &str| {
        plan.has(&Does::Deny {
            calls: calls.into(),
        })
    };
    let nested = plan.has(&Does::DisableNestedUserNamespaces);
    for (call, refused, errno) in [
        ("keyctl(2)", denied("keyrings"), "EPERM"),
        ("ioctl(2) TIOCSTI", denied("terminal-injection"), "EPERM"),
        ("chmod(2) S_ISUID", denied("set-id-modes"), "EPERM"),
        // Landlock answers before the device does (landlock(7)).
        (
            "ioctl(2) on /dev/null",
            plan.has(&Does::FenceDevices),
            "EACCES",
        ),
        // The limit is reached (user_namespaces(7)).
        ("unshare(2) CLONE_NEWUSER", nested, "ENOSPC"),
    ] {
        let allowed = if refused {
            Allowed::Is(format!("refused with {errno}"))
        } else {
            Allowed::Any
        };
        bound.allow(format!("call {call}"), allowed);
    }
}

/// Its own loopback and nothing else, or the very network of the host.
fn network(bound: &mut Bound, plan: &Printed, host: &Host) {
    let own = plan.unshares("network");
    for (name, outside) in &host.network.0 {
        let allowed = if name.starts_with("network device ") {
            if own {
                continue;
            }
            Allowed::is(outside)
        } else if name.starts_with("routes ") {
            if own {
                Allowed::RoutesBy("lo")
            } else {
                Allowed::is(outside)
            }
        } else if name.ends_with(LISTENS) {
            if own {
                Allowed::is("")
            } else {
                let there = outside.split(' ').filter(|address| !address.is_empty());
                Allowed::Holds(there.map(str::to_owned).collect())
            }
        } else if own {
            Allowed::is(0)
        } else {
            // They come and go.
            Allowed::Any
        };
        bound.allow(name.clone(), allowed);
    }
    if own {
        let loopback = LOOPBACK.map(str::to_owned).into();
        bound.allow("network device lo", Allowed::OneOf(loopback));
    }
}
