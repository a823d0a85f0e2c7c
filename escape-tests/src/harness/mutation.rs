//! Owns the list of mutations (META-03): everything of a plan that can be left out or loosened alone, by name, and those
//! whose loss no probe can miss, each with its reason.
//!
//! A mutation is smaller than a guard: a guard may be several steps, and each of them must be missed by itself. As in
//! [`super::breaking`], only the plan is edited, which is plain data.
//!
//! Who carries one out: [`launcher`] is the launcher under a mutated plan, [`super::batch`] makes many attempts in its one
//! sandbox.

pub mod launcher;

use std::path::Path;

use claudebox::cli::Tier;
use claudebox::config::Origin;
use claudebox::facts::Facts;
use claudebox::guard::Guard;
use claudebox::plan::{Action, Namespace, Plan, Variable};
use serde::{Deserialize, Serialize};

use super::bait::Bait;

/// What of a plan is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    /// The step of this number is not there.
    StepLeftOut(usize),
    /// The bind mount of this number can be written.
    MadeWritable(usize),
    /// The variable of this number is not there.
    VariableLeftOut(usize),
    /// Every variable of the host enters; the rest of the rule stands.
    HostVariables,
}

/// One mutation of one plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    /// What the driver knows of it.
    pub listed: Listed,
    change: Change,
}

/// A mutation as it is known outside of the process that holds the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its name, the same on every run.
    pub name: String,
    /// The guard that it weakens.
    pub guard: Guard,
    /// Whether only probes that look and change nothing may be made: an attack would reach the files of this very host.
    pub only_look: bool,
    /// Whether descriptors stay open across the start.
    pub leaves_open: bool,
}

/// Every mutation of `plan`.
#[must_use]
pub fn all(plan: &Plan, bait: &Bait) -> Vec<Mutation> {
    let mut found = Vec::new();
    let mut add = |name: String, guard, change, only_look| {
        let leaves_open = name == named_step(&Action::CloseDescriptors, bait);
        let listed = Listed {
            name,
            guard,
            only_look,
            leaves_open,
        };
        found.push(Mutation { listed, change });
    };
    for (number, step) in plan.steps.iter().enumerate() {
        let name = named_step(&step.action, bait);
        // Who uid 0 started may change the kernel's settings, and root's files.
        let dangerous = bait.uid == 0 && step.guard == Guard::ProcReadOnly;
        add(
            name.clone(),
            step.guard,
            Change::StepLeftOut(number),
            dangerous,
        );
        if let Action::Bind {
            from,
            writable: false,
            ..
        } = &step.action
        {
            let is_bait = from.path().starts_with(&bait.folder);
            let name = name.replacen("without bind", "writable bind", 1);
            let dangerous = bait.uid == 0 && !is_bait;
            add(name, step.guard, Change::MadeWritable(number), dangerous);
        }
    }
    for (number, variable) in plan.variables.iter().enumerate() {
        let name = format!("without variable {}", variable.name);
        add(
            name,
            Guard::EnvAllowlist,
            Change::VariableLeftOut(number),
            false,
        );
    }
    let name = "with every variable of the host".to_owned();
    add(name, Guard::EnvAllowlist, Change::HostVariables, false);
    found
}

impl Mutation {
    /// Changes `plan`.
    pub fn apply(&self, plan: &mut Plan, facts: &Facts) {
        match self.change {
            Change::StepLeftOut(number) => _ = plan.steps.remove(number),
            Change::MadeWritable(number) => {
                if let Action::Bind { writable, .. } = &mut plan.steps[number].action {
                    *writable = true;
                }
            }
            Change::VariableLeftOut(number) => _ = plan.variables.remove(number),
            Change::HostVariables => {
                for (name, value) in &facts.environment {
                    if !plan.variables.iter().any(|variable| variable.name == *name) {
                        plan.variables.push(Variable {
                            name: name.clone(),
                            value: value.clone(),
                            origin: Origin::Host,
                        });
                    }
                }
            }
        }
    }
}

/// The mutation that leaves `action` out, by name. What is fresh for each trial has a name in angle brackets.
fn named_step(action: &Action, bait: &Bait) -> String {
    let place = |path: &Path| {
        let fresh = [
            (&bait.project, "<project>"),
            (&bait.granted, "<granted>"),
            (&bait.home, "<home>"),
            (&bait.inside, "<inside>"),
            (&bait.folder, "<folder>"),
        ];
        for (folder, name) in fresh {
            if let Ok(rest) = path.strip_prefix(folder) {
                let rest = rest.display().to_string();
                return if rest.is_empty() {
                    name.to_owned()
                } else {
                    format!("{name}/{rest}")
                };
            }
        }
        path.display()
            .to_string()
            .replace(&format!("/run/user/{}", bait.inside_uid), "/run/user/<uid>")
    };
    let what = match action {
        Action::CloseDescriptors => "closing descriptors".into(),
        Action::JoinNewKeyring => "a new keyring".into(),
        Action::RelayStream { descriptor } => format!("the relay of descriptor {descriptor}"),
        Action::OwnProcessGroup => "an own process group".into(),
        Action::EmptyEnvironment => "the empty environment".into(),
        Action::HideArguments => "hiding arguments".into(),
        Action::Unshare { namespace } => format!(
            "the {} namespace",
            match namespace {
                Namespace::Mount => "mount",
                Namespace::User => "user",
                Namespace::Pid => "PID",
                Namespace::Ipc => "IPC",
                Namespace::Uts => "UTS",
                Namespace::Cgroup => "cgroup",
                Namespace::Network => "network",
            }
        ),
        Action::DropCapabilities => "dropping capabilities".into(),
        Action::NoNewPrivileges => "no_new_privs".into(),
        Action::DisableNestedUserNamespaces => "disabling user namespaces".into(),
        Action::DieWithParent => "dying with the parent".into(),
        Action::BeUser { .. } => "the uid".into(),
        Action::Hostname { .. } => "the hostname".into(),
        Action::Tmpfs { at, .. } => format!("tmpfs {}", place(at.path())),
        Action::Bind { at, .. } => format!("bind {}", place(at.path())),
        Action::Link { at, .. } => format!("link {}", place(at.path())),
        Action::File { at, .. } => format!("file {}", place(at.path())),
        Action::Copy { at, .. } => format!("copy {}", place(at.path())),
        Action::Cover { at } => format!("cover {}", place(at.path())),
        Action::Proc { at } => format!("procfs {}", place(at.path())),
        Action::Dev { at } => format!("devices {}", place(at.path())),
        Action::RemountReadOnly { at } => format!("read-only {}", place(at.path())),
        Action::PinSources => "pinned sources".into(),
        Action::Deny { calls } => format!("denied calls {calls:?}"),
        Action::ScopeAbstractSockets => "the scope of abstract sockets".into(),
        Action::ScopeSignals => "the scope of signals".into(),
        Action::BeUndumpable => "being undumpable".into(),
        Action::NoCoreDumps => "no core dumps".into(),
    };
    format!("without {what}")
}

/// Who starts the launcher, where a survivor survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Whoever does.
    Anyone,
    /// An ordinary user.
    User,
    /// uid 0.
    Root,
}

/// A mutation that turns no probe red.
#[derive(Debug, Clone, Copy)]
pub struct Survivor {
    /// Its name.
    pub name: &'static str,
    /// Who starts the launcher where it survives.
    pub who: Who,
    /// The tiers on which it survives.
    pub tiers: &'static [Tier],
    /// Other steps, by the names of their mutations, that stand before it as a wall. Without them as well, an attack of a
    /// probe behind this one's guard must reach something: that is tried too.
    pub behind: &'static [&'static str],
    /// Why nothing can be missed.
    pub why: &'static str,
}

const EVERYWHERE: Survivor = Survivor {
    name: "",
    who: Who::Anyone,
    tiers: &[Tier::None, Tier::Full],
    behind: &[],
    why: "",
};

/// Every survivor. One that is not listed is a failure, and so is one that is listed and does not survive.
pub const SURVIVORS: &[Survivor] = &[
    Survivor {
        name: "without the mount namespace",
        why: "bwrap always makes a mount namespace: it has no flag for it",
        ..EVERYWHERE
    },
    Survivor {
        name: "without no_new_privs",
        why: "bwrap always sets no_new_privs: it has no flag for it",
        ..EVERYWHERE
    },
    Survivor {
        name: "without dropping capabilities",
        who: Who::User,
        why: "started by an ordinary user, bwrap drops every capability whether it is asked or not",
        ..EVERYWHERE
    },
    Survivor {
        name: "without the uid",
        who: Who::User,
        why: "bwrap maps the caller's own uid and gid where it is not told others, and those are the same",
        ..EVERYWHERE
    },
    Survivor {
        name: "without dying with the parent",
        why: "PID 1 ends when the launcher's socket does, and takes everything along: this counts only until PID 1 runs",
        ..EVERYWHERE
    },
    Survivor {
        name: "without a new keyring",
        behind: &["without denied calls Keyrings"],
        why: "a second wall: no call reaches any keyring, and /proc/keys is covered",
        ..EVERYWHERE
    },
    Survivor {
        name: "without the scope of signals",
        behind: &["without an own process group"],
        why: "a second wall: other processes have no number inside, and none shares the group",
        ..EVERYWHERE
    },
    Survivor {
        name: "without the scope of abstract sockets",
        tiers: &[Tier::None],
        behind: &["without the network namespace"],
        why: "a second wall: another network namespace has other abstract sockets",
        ..EVERYWHERE
    },
    Survivor {
        name: "without cover /proc/kmsg",
        who: Who::Root,
        why: "a second wall: the kernel asks for CAP_SYSLOG, of uid 0 too (syslog(2))",
        ..EVERYWHERE
    },
];

/// The entry for the mutation `name` on `tier` where `uid` starts the launcher, if it should survive.
#[must_use]
pub fn survivor(name: &str, tier: Tier, uid: u32) -> Option<&'static Survivor> {
    SURVIVORS.iter().find(|one| {
        let here = match one.who {
            Who::Anyone => true,
            Who::User => uid != 0,
            Who::Root => uid == 0,
        };
        here && one.name == name && one.tiers.contains(&tier)
    })
}
