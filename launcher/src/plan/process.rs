//! Owns the steps that make the process what it is: namespaces, privileges, streams, its end.

use super::{Action, Namespace, Steps, Unavailable};
use crate::cli::Tier;
use crate::config::Config;
use crate::denied::Denied;
use crate::facts::{Facts, Stdio};
use crate::guard::Guard;
use crate::init::{ABI_OF_DEVICES, ABI_OF_FILES, ABI_OF_SCOPES};

/// The ordinary user that the inside is where uid 0 started it (RUN-07).
const INSTEAD_OF_ROOT: u32 = 1000;

/// The uid and gid of the inside.
pub(super) fn identity(facts: &Facts) -> (u32, u32) {
    let ordinary = |id| if id == 0 { INSTEAD_OF_ROOT } else { id };
    if facts.user.uid == 0 {
        (INSTEAD_OF_ROOT, INSTEAD_OF_ROOT)
    } else {
        (facts.user.uid, ordinary(facts.user.gid))
    }
}

/// The guard that a group of refused calls serves, and why it is refused.
fn of_group(calls: Denied) -> (Guard, &'static str) {
    match calls {
        Denied::Keyrings => (
            Guard::KeyringCalls,
            "the user keyring is the host's, in every namespace (user-keyring(7))",
        ),
        Denied::TerminalInjection => (
            Guard::TerminalInjection,
            "the terminal is the user's own (ioctl_tty(2))",
        ),
        Denied::Consoles => (
            Guard::SyscallFilter,
            "what is set on the user's terminal stays set, and nothing tells how it was (ioctl_console(2))",
        ),
        Denied::SetIdModes => (
            Guard::SetIdModes,
            "on the host the file would be set-user-ID too (chmod(2))",
        ),
        Denied::SocketFamilies => (
            Guard::SocketFamilies,
            "each family is a part of the kernel to attack, and some leave every namespace",
        ),
        Denied::Namespaces => (
            Guard::SyscallFilter,
            "namespaces are made by the launcher alone (namespaces(7))",
        ),
        Denied::Mounts => (
            Guard::SyscallFilter,
            "the mounts are the sandbox (mount_namespaces(7))",
        ),
        Denied::OtherProcesses => (
            Guard::SyscallFilter,
            "ways into other processes that ptrace(2) does not need",
        ),
        Denied::KernelInterfaces => (
            Guard::SyscallFilter,
            "large interfaces of the kernel, which building software does not need",
        ),
        Denied::FileHandles => (
            Guard::SyscallFilter,
            "a handle opens a file past every mount (open_by_handle_at(2))",
        ),
        Denied::Machine => (Guard::SyscallFilter, "the machine is not the agent's"),
    }
}

fn deny(calls: Denied) -> Action {
    let rules = calls.rules();
    Action::Deny { calls, rules }
}

pub(super) fn add(steps: &mut Steps, config: &Config, facts: &Facts) {
    use Action::*;
    steps.add(
        Guard::DescriptorsClosed,
        CloseDescriptors,
        "nothing that the caller left open crosses",
    );
    steps.add(
        Guard::FreshKeyring,
        JoinNewKeyring,
        "the session keyring is inherited otherwise (session-keyring(7))",
    );
    for (descriptor, stream) in facts.stdio.iter().enumerate() {
        match stream {
            Stdio::Reopenable | Stdio::Closed => {
                let why =
                    "a file as a stream could be reopened with more rights (proc(5), /proc/pid/fd)";
                steps.add(Guard::StdioRelay, RelayStream { descriptor }, why);
            }
            Stdio::Socket => {
                let why = "a socket of the host could be connected to another place (connect(2))";
                steps.add(Guard::StdioRelay, RelayStream { descriptor }, why);
            }
            Stdio::ForeignTerminal => {
                let why =
                    "a terminal of another session could be read and set, and nobody gives it back";
                steps.add(Guard::StdioRelay, RelayStream { descriptor }, why);
            }
            Stdio::Terminal | Stdio::Pipe | Stdio::Null => {}
        }
    }
    steps.add(
        Guard::TerminalRestored,
        RestoreTerminal,
        "modes, screen and flags that are left on are the shell's problem (termios(3), fcntl(2))",
    );
    steps.add(
        Guard::ProcessGroup,
        OwnProcessGroup,
        "kill(0) reaches the group, across PID namespaces (kill(2))",
    );
    steps.add(
        Guard::EnvAllowlist,
        EmptyEnvironment,
        "bwrap's own environment would show in /proc (bubblewrap#725)",
    );
    steps.add(
        Guard::ArgumentsHidden,
        HideArguments,
        "arguments show in /proc/*/cmdline",
    );
    let mut unshare = |guard, namespace, why: &str| steps.add(guard, Unshare { namespace }, why);
    unshare(
        Guard::UserNamespace,
        Namespace::User,
        "unprivileged sandboxing starts here",
    );
    unshare(Guard::MountNamespace, Namespace::Mount, "mounts of its own");
    unshare(
        Guard::PidNamespace,
        Namespace::Pid,
        "only its own processes exist",
    );
    unshare(
        Guard::IpcNamespace,
        Namespace::Ipc,
        "only its own System V and POSIX objects exist",
    );
    unshare(Guard::UtsNamespace, Namespace::Uts, "a name of its own");
    unshare(
        Guard::CgroupNamespace,
        Namespace::Cgroup,
        "cgroup paths start at its own",
    );
    let (uid, gid) = identity(facts);
    steps.add(
        Guard::UserNamespace,
        BeUser { uid, gid },
        "files keep their owner, and nobody is root",
    );
    steps.add(
        Guard::UtsNamespace,
        Hostname {
            name: "claudebox".into(),
        },
        "a generic name",
    );
    steps.add(
        Guard::NoCapabilities,
        DropCapabilities,
        "started by uid 0, bwrap would leave all of them",
    );
    steps.add(
        Guard::NoNewPrivileges,
        NoNewPrivileges,
        "a set-user-ID program would change who runs",
    );
    steps.add(
        Guard::NoNestedNamespaces,
        DisableNestedUserNamespaces,
        "each new one brings all capabilities inside it",
    );
    steps.add(
        Guard::DieWithParent,
        DieWithParent,
        "SIGKILL of the launcher ends everything",
    );
    steps.add(
        Guard::InitProtected,
        BeUndumpable,
        "PID 1 cannot be traced or read",
    );
    steps.add(
        Guard::SourcesPinned,
        PinSources,
        "what is mounted is what was shown",
    );
    for calls in Denied::ALL {
        let (guard, why) = of_group(*calls);
        steps.add(guard, deny(*calls), why);
    }
    steps.add(
        Guard::NoCoreDumps,
        NoCoreDumps,
        "a crash leaves no memory on the host",
    );
    for limit in &config.limits {
        steps.add_for(
            limit.most.origin.clone(),
            Guard::Limits,
            Limit {
                on: limit.on,
                most: limit.most.value,
            },
            "what a session uses up, the user's other programs lack (setrlimit(2))",
        );
    }
    if let Some(group) = &config.group {
        steps.add_for(
            group.origin.clone(),
            Guard::Limits,
            JoinGroup {
                limits: group.limits.clone(),
                way: group.way.clone(),
                hierarchy: group.hierarchy.clone(),
            },
            "what the session uses up as a whole (cgroups(7))",
        );
    }
    if facts.host.kernel.landlock_abi >= ABI_OF_SCOPES {
        steps.add(
            Guard::AbstractSockets,
            ScopeAbstractSockets,
            "they have no path that could be hidden (unix(7))",
        );
        steps.add(
            Guard::SignalScope,
            ScopeSignals,
            "a second wall behind the PID namespace",
        );
    }
}

/// That a person's terminal does not enter, where it is not this session's.
pub(super) fn note_on_streams(facts: &Facts) -> Option<String> {
    facts.stdio.contains(&Stdio::ForeignTerminal).then(|| {
        "streams: this terminal is another session's (su -c, setsid), so a pipe enters in its place; for the terminal itself \
         start claudebox from a shell on it"
            .into()
    })
}

/// What this kernel cannot give.
pub(super) fn unavailable(config: &Config, facts: &Facts) -> Vec<Unavailable> {
    let abi = facts.host.kernel.landlock_abi;
    if abi >= ABI_OF_SCOPES {
        return Vec::new();
    }
    let has = if abi == 0 {
        "no Landlock".to_owned()
    } else {
        format!("Landlock ABI {abi}")
    };
    let sockets = match config.tier.value {
        Tier::Full => "the host's abstract sockets are reachable",
        Tier::None | Tier::Inet => {
            "its network namespace hides the host's abstract sockets all the same"
        }
    };
    let mut missing = vec![
        Unavailable {
            guard: Guard::AbstractSockets,
            why: format!("{has}, {ABI_OF_SCOPES} is needed (Linux 6.12): {sockets}"),
        },
        Unavailable {
            guard: Guard::SignalScope,
            why: format!(
                "{has}, {ABI_OF_SCOPES} is needed (Linux 6.12): the process group alone keeps signals in"
            ),
        },
    ];
    if abi < ABI_OF_FILES {
        missing.push(Unavailable {
            guard: Guard::LandlockFiles,
            why: format!(
                "{has}, {ABI_OF_FILES} is needed (Linux 5.19): the mounts alone keep files out"
            ),
        });
    }
    if abi < ABI_OF_DEVICES {
        missing.push(Unavailable {
            guard: Guard::LandlockDevices,
            why: format!(
                "{has}, {ABI_OF_DEVICES} is needed (Linux 6.10): the mounts alone keep devices out"
            ),
        });
    }
    missing
}
