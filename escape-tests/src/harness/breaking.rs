//! Owns taking a guard away, so that a probe can show that its attack works without. The one exhaustive match over
//! [`Guard`]: a new guard does not compile until someone has said here how it is broken, or why it cannot be.
//!
//! A guard is taken away by editing the plan, which is plain data. The launcher carries no code that weakens it.

use std::path::Path;

use claudebox::config::Origin;
use claudebox::facts::Facts;
use claudebox::guard::Guard;
use claudebox::instance::Keep;
use claudebox::plan::{Action, Namespace, Plan, Step, Variable};
use claudebox::text::Text;

use super::bait::Bait;
use super::trial::Way;

/// An edit of a plan.
pub type Edit = fn(&mut Plan, &Bait, &Facts);

/// How a guard is taken away.
#[derive(Debug, Clone, Copy)]
pub enum Breaking {
    /// By this edit.
    Edit(Edit),
    /// By this edit where uid 0 started the launcher; why not otherwise.
    OnlyAsRoot(Edit, &'static str),
    /// By no edit, for this reason: the attempt is made without any sandbox instead.
    Outside(&'static str),
}

impl Breaking {
    /// The edit for a launcher that `uid` starts, or why there is none.
    ///
    /// # Errors
    /// The reason.
    pub fn edit(self, uid: u32) -> Result<Edit, &'static str> {
        match self {
            Breaking::Edit(edit) => Ok(edit),
            Breaking::OnlyAsRoot(edit, _) if uid == 0 => Ok(edit),
            Breaking::OnlyAsRoot(_, why) | Breaking::Outside(why) => Err(why),
        }
    }
}

/// How a probe behind these guards bites where `uid` starts the launcher: `None` where one of them cannot be taken away there.
#[must_use]
pub fn bites_by(behind: &[Guard], uid: u32) -> Option<Way> {
    let all = |can: fn(Breaking, u32) -> bool| {
        !behind.is_empty() && behind.iter().all(|guard| can(breaking(*guard), uid))
    };
    if all(|breaking, uid| breaking.edit(uid).is_ok()) {
        Some(Way::Bites)
    } else if all(|breaking, _| matches!(breaking, Breaking::Outside(_))) {
        Some(Way::Outside)
    } else {
        None
    }
}

/// `guards`, and the wall behind them: where a mount is wrong, or a capability left, the fence of Landlock still stands. Whether
/// it stands alone is asked by probes of its own.
#[must_use]
pub fn with_second_walls(guards: impl IntoIterator<Item = Guard>) -> Vec<Guard> {
    let fenced = |guard: &Guard| {
        use Guard::{
            AgentReadOnly, HostHidden, NoCapabilities, NoNestedNamespaces, ProcReadOnly,
            ProjectOnly, RootReadOnly, UserNamespace,
        };
        matches!(
            guard,
            AgentReadOnly
                | HostHidden
                | NoCapabilities
                | NoNestedNamespaces
                | ProcReadOnly
                | ProjectOnly
                | RootReadOnly
                | UserNamespace
        )
    };
    let mut all: Vec<Guard> = guards.into_iter().collect();
    if all.iter().any(fenced) && !all.contains(&Guard::LandlockFiles) {
        all.push(Guard::LandlockFiles);
    }
    all
}

/// How `guard` is taken away.
#[must_use]
pub fn breaking(guard: Guard) -> Breaking {
    use Breaking::{Edit, OnlyAsRoot, Outside};
    match guard {
        Guard::EnvAllowlist => Edit(|plan, _, facts| {
            without(plan, |action| *action == Action::EmptyEnvironment);
            for (name, value) in &facts.environment {
                if !plan.variables.iter().any(|variable| variable.name == *name) {
                    let (name, value) = (name.clone(), value.clone());
                    let origin = Origin::Host;
                    plan.variables.push(Variable {
                        name,
                        value,
                        origin,
                    });
                }
            }
        }),
        Guard::ArgumentsHidden => Edit(|plan, _, _| {
            without(plan, |action| *action == Action::HideArguments);
        }),
        Guard::HomeHidden => Edit(|plan, bait, _| {
            // What is made in the home folder would be made in the real one.
            without(plan, |action| match action {
                Action::File { at, .. } => at.path().starts_with(&bait.home),
                _ => false,
            });
            // It would lie over the real one.
            without_guard(plan, Guard::StatePerProject);
            without_guard(plan, Guard::ClaudeReadOnly);
            replace(plan, |action| match action {
                Action::Tmpfs { at, .. } if at.path() == bait.home => Some(bind(&bait.home, true)),
                _ => None,
            });
        }),
        Guard::HostHidden => Edit(|plan, bait, _| {
            let outside = |path: &&std::path::PathBuf| {
                !path.starts_with(&bait.home) && !path.starts_with("/tmp")
            };
            let shown = bait
                .host_files
                .iter()
                .chain(&bait.device)
                .chain(&bait.in_run);
            let shown = shown.chain(bait.sockets.iter().filter(outside));
            let shown = shown.chain(bait.other_projects.iter().filter(outside));
            for path in shown
                .map(std::path::PathBuf::as_path)
                .chain(["/sys", "/dev/pts"].map(Path::new))
            {
                add(plan, bind(path, false));
            }
        }),
        Guard::EtcGenerated => Edit(|plan, _, _| {
            without(plan, |action| {
                action
                    .place()
                    .is_some_and(|at| at.path().starts_with("/etc"))
            });
            add(plan, bind(Path::new("/etc"), false));
        }),
        Guard::TmpPrivate => Edit(|plan, _, _| {
            replace(plan, |action| match action {
                Action::Tmpfs { at, .. }
                    if ["/tmp", "/var/tmp", "/dev/shm"]
                        .iter()
                        .any(|tmp| *at == *tmp) =>
                {
                    Some(bind(at.path(), true))
                }
                _ => None,
            });
        }),
        Guard::RootReadOnly => Edit(|plan, bait, _| {
            plan.steps.retain(|step| {
                step.guard != Guard::RootReadOnly
                    || !matches!(step.action, Action::RemountReadOnly { .. })
            });
            make_writable(plan, Guard::RootReadOnly, bait);
        }),
        Guard::AgentReadOnly => {
            Edit(|plan, bait, _| make_writable(plan, Guard::AgentReadOnly, bait))
        }
        Guard::UserNamespace => OnlyAsRoot(
            |plan, _, _| {
                // bwrap maps ids and turns nested namespaces off only in a user namespace of its own.
                without(plan, |action| {
                    matches!(
                        action,
                        Action::Unshare {
                            namespace: Namespace::User
                        } | Action::BeUser { .. }
                            | Action::DisableNestedUserNamespaces
                    )
                });
            },
            "started by an ordinary user, bwrap makes a user namespace whether it is asked or not",
        ),
        Guard::MountNamespace => {
            Outside("bwrap always makes a mount namespace: it has no flag for it")
        }
        Guard::PidNamespace => Edit(|plan, _, _| {
            unshared(plan, Namespace::Pid);
            // A new procfs can be mounted only in a PID namespace of one's own.
            replace(plan, |action| match action {
                Action::Proc { at } => Some(bind(at.path(), true)),
                _ => None,
            });
        }),
        Guard::IpcNamespace => Edit(|plan, _, _| unshared(plan, Namespace::Ipc)),
        Guard::UtsNamespace => Edit(|plan, _, _| {
            unshared(plan, Namespace::Uts);
            without(plan, |action| matches!(action, Action::Hostname { .. }));
        }),
        Guard::CgroupNamespace => Edit(|plan, _, _| unshared(plan, Namespace::Cgroup)),
        Guard::NetNamespace => Edit(|plan, _, _| {
            unshared(plan, Namespace::Network);
            // On `inet`: the host's own network, with nothing of what makes another.
            without(plan, |action| {
                matches!(
                    action,
                    Action::OuterNamespaces { .. }
                        | Action::LoadFence { .. }
                        | Action::FollowNetwork
                        | Action::Carry { .. }
                        | Action::HelperOption { .. }
                )
            });
        }),
        Guard::EgressFence => Edit(|plan, _, _| without_guard(plan, Guard::EgressFence)),
        Guard::HelperClosed => Edit(|plan, _, _| without_guard(plan, Guard::HelperClosed)),
        Guard::NoResolvers => Edit(|plan, _, _| {
            for step in plan
                .steps
                .iter_mut()
                .filter(|step| step.guard == Guard::NoResolvers)
            {
                if let Action::File { at, content } = &mut step.action {
                    *content = match at.utf8() {
                        Some("/etc/resolv.conf") => "nameserver 127.0.0.53\n".into(),
                        _ => "hosts: files dns\n".into(),
                    };
                }
            }
        }),
        Guard::NoCapabilities => OnlyAsRoot(
            |plan, _, _| {
                without(plan, |action| *action == Action::DropCapabilities);
                // An ordinary uid would lose them when it executes the next program (capabilities(7)).
                replace(plan, |action| match action {
                    Action::BeUser { .. } => Some(Action::BeUser { uid: 0, gid: 0 }),
                    _ => None,
                });
            },
            "started by an ordinary user, bwrap drops every capability whether it is asked or not",
        ),
        Guard::NoNewPrivileges => Outside("bwrap always sets no_new_privs: it has no flag for it"),
        Guard::NoNestedNamespaces => Edit(|plan, _, _| {
            without(plan, |action| {
                *action == Action::DisableNestedUserNamespaces
            });
        }),
        Guard::AbstractSockets => Edit(|plan, _, _| {
            without(plan, |action| *action == Action::ScopeAbstractSockets);
        }),
        Guard::SignalScope => {
            Edit(|plan, _, _| without(plan, |action| *action == Action::ScopeSignals))
        }
        Guard::LandlockFiles => Edit(|plan, _, _| {
            without(plan, |action| matches!(action, Action::FenceFiles { .. }));
        }),
        Guard::LandlockDevices => Edit(|plan, _, _| {
            without(plan, |action| matches!(action, Action::FenceDevices { .. }));
        }),
        Guard::ProcessGroup => {
            Edit(|plan, _, _| without(plan, |action| *action == Action::OwnProcessGroup))
        }
        // The trial does not close them either: see `trial`.
        Guard::DescriptorsClosed => {
            Edit(|plan, _, _| without(plan, |action| *action == Action::CloseDescriptors))
        }
        Guard::StdioRelay => {
            Edit(|plan, _, _| without(plan, |action| matches!(action, Action::RelayStream { .. })))
        }
        Guard::TerminalRestored => {
            Edit(|plan, _, _| without(plan, |action| *action == Action::RestoreTerminal))
        }
        Guard::FreshKeyring => {
            Edit(|plan, _, _| without(plan, |action| *action == Action::JoinNewKeyring))
        }
        Guard::KeyringCalls => Edit(|plan, _, _| without_guard(plan, Guard::KeyringCalls)),
        Guard::TerminalInjection => {
            Edit(|plan, _, _| without_guard(plan, Guard::TerminalInjection))
        }
        Guard::SetIdModes => Edit(|plan, _, _| without_guard(plan, Guard::SetIdModes)),
        Guard::SocketFamilies => Edit(|plan, _, _| without_guard(plan, Guard::SocketFamilies)),
        Guard::SyscallFilter => Edit(|plan, _, _| without_guard(plan, Guard::SyscallFilter)),
        Guard::ProcReadOnly => OnlyAsRoot(
            |plan, _, _| without_guard(plan, Guard::ProcReadOnly),
            "an ordinary user owns no switch of the kernel, so there is no such step",
        ),
        Guard::SourcesPinned => {
            Edit(|plan, _, _| without(plan, |action| *action == Action::PinSources))
        }
        Guard::InitProtected => {
            Edit(|plan, _, _| without(plan, |action| *action == Action::BeUndumpable))
        }
        Guard::NoCoreDumps => {
            Edit(|plan, _, _| without(plan, |action| *action == Action::NoCoreDumps))
        }
        Guard::Limits => Edit(|plan, _, _| without_guard(plan, Guard::Limits)),
        Guard::DieWithParent => {
            Edit(|plan, _, _| without(plan, |action| *action == Action::DieWithParent))
        }
        Guard::ProjectSecretsHidden => Edit(|plan, _, _| {
            plan.steps
                .retain(|step| step.guard != Guard::ProjectSecretsHidden)
        }),
        Guard::HostRunGuarded => Edit(|plan, _, _| {
            plan.steps
                .retain(|step| step.guard != Guard::HostRunGuarded)
        }),
        // One state for all.
        Guard::StatePerProject => Edit(|plan, bait, _| {
            let Some(old) = plan.kept().cloned() else {
                return;
            };
            let root = Text::from(bait.beside.as_path());
            let new = Keep {
                root,
                ..old.clone()
            };
            for step in &mut plan.steps {
                match &mut step.action {
                    Action::KeepState { keep } => **keep = new.clone(),
                    Action::Bind { from, .. } => {
                        if let Ok(below) = from.path().strip_prefix(old.folder().path()) {
                            *from = new.folder().join(below);
                        }
                    }
                    _ => {}
                }
            }
        }),
        // The host's own file, mounted, as it is often done.
        Guard::LoginStore => Edit(|plan, bait, _| {
            without_guard(plan, Guard::LoginStore);
            let login = bait.home.join(super::login::LOGIN);
            if login.is_file() {
                add(plan, bind(&login, true));
            }
        }),
        // The user's own, and what a session left, as they are.
        Guard::ClaudeReadOnly => Edit(|plan, bait, _| {
            let claude = plan.kept().map(Keep::claude);
            for step in plan
                .steps
                .iter_mut()
                .filter(|step| step.guard == Guard::ClaudeReadOnly)
            {
                if let Action::Bind { from, at, writable } = &mut step.action {
                    *writable = true;
                    let own = bait
                        .home
                        .join(".claude")
                        .join(at.path().file_name().unwrap_or_default());
                    // What is a copy of theirs.
                    let placeholder = claude
                        .as_ref()
                        .is_some_and(|claude| from.path().starts_with(claude.path()));
                    if own.is_file() && !placeholder {
                        *from = own.into();
                    }
                }
            }
        }),
        Guard::ProjectOnly => Edit(|plan, bait, _| add(plan, bind(&bait.beside, true))),
    }
}

/// A bind mount at its own path.
fn bind(path: &Path, writable: bool) -> Action {
    let (from, at) = (Text::from(path), Text::from(path));
    Action::Bind { from, at, writable }
}

/// One step more, before anything is sealed.
fn add(plan: &mut Plan, action: Action) {
    let sealed = |step: &Step| matches!(step.action, Action::RemountReadOnly { .. });
    let at = plan
        .steps
        .iter()
        .position(sealed)
        .unwrap_or(plan.steps.len());
    let step = Step {
        action,
        guard: Guard::HostHidden,
        why: "added by a trial".into(),
        origin: Origin::Generated,
        uncovers: false,
    };
    plan.steps.insert(at, step);
}

fn without(plan: &mut Plan, gone: impl Fn(&Action) -> bool) {
    plan.steps.retain(|step| !gone(&step.action));
}

fn without_guard(plan: &mut Plan, guard: Guard) {
    plan.steps.retain(|step| step.guard != guard);
}

fn unshared(plan: &mut Plan, kind: Namespace) {
    without(plan, |action| {
        *action == Action::Unshare { namespace: kind }
    });
}

fn replace(plan: &mut Plan, by: impl Fn(&Action) -> Option<Action>) {
    for step in &mut plan.steps {
        if let Some(action) = by(&step.action) {
            step.action = action;
        }
    }
}

/// Bait alone: started by root, a trial could else write the programs of this host.
fn make_writable(plan: &mut Plan, guard: Guard, bait: &Bait) {
    for step in plan.steps.iter_mut().filter(|step| step.guard == guard) {
        if let Action::Bind { from, writable, .. } = &mut step.action {
            *writable = *writable || from.path().starts_with(&bait.folder);
        }
    }
}
