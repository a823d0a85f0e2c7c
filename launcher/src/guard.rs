//! Owns the vocabulary: what stands between the agent and the host, one name each.
//!
//! A step of the plan serves a guard, the audit shows it, a probe stands behind it, the threat model has a row for it.
//! The list is exhaustive on purpose: a new guard does not compile until each question below is answered for it.

use serde::{Deserialize, Serialize};

macro_rules! guards {
    ($($(#[doc = $doc:literal])+ $name:ident => $stops:literal, by $by:literal;)+) => {
        /// One thing that stands between the agent and the host.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Guard {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Guard {
            /// Every guard, in the order of the threat model.
            pub const ALL: &[Guard] = &[$(Guard::$name,)+];

            /// Its name in code, plan and documents.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Guard::$name => stringify!($name),)+ }
            }

            /// What it stops.
            #[must_use]
            pub fn stops(self) -> &'static str {
                match self { $(Guard::$name => $stops,)+ }
            }

            /// What enforces it, with the source of the rule.
            #[must_use]
            pub fn enforced_by(self) -> &'static str {
                match self { $(Guard::$name => $by,)+ }
            }
        }
    };
}

guards! {
    /// The environment is built from empty.
    EnvAllowlist => "secrets in inherited variables, in any file of /proc",
        by "execve with an environment of the plan; bwrap itself starts with none";
    /// Nothing secret stands in an argument list.
    ArgumentsHidden => "host paths and values in /proc/*/cmdline",
        by "bwrap --args over a descriptor (bubblewrap#503)";
    /// The home folder is an empty tmpfs.
    HomeHidden => "keys, tokens, histories and other projects of the home folder",
        by "an empty tmpfs on the home folder";
    /// Nothing of the host's file system but what is listed.
    HostHidden => "host files that nobody listed, /run and its sockets, /sys, other users",
        by "a root made of an empty tmpfs and listed mounts (bwrap, pivot_root(2))";
    /// `/etc` is generated.
    EtcGenerated => "the host's accounts, names, resolvers and service secrets in /etc",
        by "files made for this launch, and listed read-only links and mounts";
    /// Temporary folders are private.
    TmpPrivate => "files and sockets of the host's /tmp, /var/tmp and /dev/shm, both ways",
        by "a sized tmpfs on each";
    /// What is not granted read-write is read-only.
    RootReadOnly => "writing programs, libraries and configuration of host or sandbox",
        by "read-only bind mounts; the root and /dev are remounted read-only last";
    /// The agent's own program files cannot be changed from inside.
    AgentReadOnly => "replacing the agent's executable (CVE-2019-5736 class)",
        by "a read-only bind mount at a place with no writable parent";
    /// Own user namespace.
    UserNamespace => "privileges over anything that belongs to the host",
        by "user_namespaces(7)";
    /// Own mount namespace.
    MountNamespace => "mounts of the host, and mounting over them",
        by "mount_namespaces(7)";
    /// Own PID namespace.
    PidNamespace => "seeing, signalling and tracing processes of the host",
        by "pid_namespaces(7) with a /proc of its own";
    /// Own IPC namespace.
    IpcNamespace => "shared memory, semaphores and queues of the host",
        by "ipc_namespaces(7)";
    /// Own UTS namespace.
    UtsNamespace => "the host's name",
        by "uts_namespaces(7), hostname `claudebox`";
    /// Own cgroup namespace.
    CgroupNamespace => "the host's cgroup paths, which name sessions and services",
        by "cgroup_namespaces(7)";
    /// Own network namespace.
    NetNamespace => "every network on the tier `none`, the host's devices on `inet`, and abstract sockets on both",
        by "network_namespaces(7) with nothing but a loopback device, and on `inet` that of the helper";
    /// What of the network is not the internet is refused.
    EgressFence => "the local network, VPNs, the host's addresses, other sandboxes and cloud metadata on the tier `inet`",
        by "nftables in an outer network namespace over which nothing inside has a capability, loaded before there is a device";
    /// The helper maps nothing to the host.
    HelperClosed => "the host's loopback, and ports on the host, through the helper that carries packets on `inet`",
        by "options of pasta(1) and slirp4netns(1): no port forwarded, no address mapped to the host";
    /// No name resolves on `none`.
    NoResolvers => "leaving by DNS on the tier `none`",
        by "a resolv.conf without a server and nsswitch.conf without dns";
    /// No capability in any set.
    NoCapabilities => "everything that capabilities(7) allow, also when uid 0 started it",
        by "bwrap --cap-drop ALL; the inside is an ordinary uid";
    /// `no_new_privs`.
    NoNewPrivileges => "set-user-ID programs",
        by "prctl(2) PR_SET_NO_NEW_PRIVS, and nosuid mounts";
    /// No user namespaces inside.
    NoNestedNamespaces => "the kernel attack surface behind unprivileged user namespaces",
        by "bwrap --disable-userns (user.max_user_namespaces)";
    /// Abstract sockets are scoped.
    AbstractSockets => "abstract Unix sockets of the host on the tier `full` (X11, D-Bus)",
        by "landlock(7) LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET, ABI 6 (Linux 6.12)";
    /// Signals are scoped.
    SignalScope => "signals to processes outside that share a process group",
        by "landlock(7) LANDLOCK_SCOPE_SIGNAL, ABI 6 (Linux 6.12)";
    /// Files are fenced behind the mounts.
    LandlockFiles => "files of the host, and writing, where a mount is wrong or one too many",
        by "landlock(7): reading, writing and executing beneath the places of the plan alone, ABI 2 (Linux 5.19)";
    /// Devices are fenced but for terminals.
    LandlockDevices => "what ioctl(2) asks of the driver of a device, were one shown",
        by "landlock(7) LANDLOCK_ACCESS_FS_IOCTL_DEV, for terminals alone, ABI 5 (Linux 6.10)";
    /// The agent has a process group of its own.
    ProcessGroup => "kill(0): signalling the caller's shell script or pipeline",
        by "setpgid(2) for bwrap and for the agent";
    /// No descriptor but 0, 1, 2.
    DescriptorsClosed => "descriptors that the caller left open (CVE-2024-21626 class)",
        by "closed when claudebox starts, and again by PID 1";
    /// Streams that could be reopened are relayed.
    StdioRelay => "reopening a redirected file through /proc/self/fd with more rights, a socket connected elsewhere",
        by "a pipe between the caller's file, socket or foreign terminal and the agent";
    /// The terminal is given back as it was.
    TerminalRestored => "a terminal left raw, unseen or reporting; answers to the command that are typed into the shell",
        by "tcsetattr(3), tcsetpgrp(3), fcntl(2) F_SETFL, control sequences and tcflush(3) when it ends or stops";
    /// A session keyring of its own.
    FreshKeyring => "keys in the caller's session keyring",
        by "keyctl(2) KEYCTL_JOIN_SESSION_KEYRING before bwrap starts";
    /// Keyrings cannot be reached.
    KeyringCalls => "keys in the caller's user keyring, which no namespace hides",
        by "seccomp(2): keyctl, add_key, request_key; /proc/keys is covered";
    /// Nothing can be typed into the terminal.
    TerminalInjection => "typing commands into the user's terminal, to run when the session is over",
        by "seccomp(2): ioctl TIOCSTI and TIOCLINUX, compared in 32 bits";
    /// No set-id program can be made.
    SetIdModes => "leaving a set-user-ID program in the project, which is one on the host",
        by "seccomp(2): chmod and open families with S_ISUID or S_ISGID; openat2 and io_uring as if unknown";
    /// Few families of sockets.
    SocketFamilies => "sockets that no namespace holds (AF_VSOCK), and kernel code that no program here needs",
        by "seccomp(2): socket families other than UNIX, INET, INET6 and route NETLINK do not exist (EAFNOSUPPORT)";
    /// Calls that have been ways out.
    SyscallFilter => "system calls that have been ways out of sandboxes or into the kernel, and that building software does not need",
        by "seccomp(2): namespaces, mounts, other processes, io_uring, bpf, perf, handles, modules and their like";
    /// `/proc` is read-only where uid 0 started it.
    ProcReadOnly => "files of /proc that uid 0 outside may write or read without any capability (--allow-root)",
        by "a read-only mount of procfs, and covers over what root alone may read, where uid 0 started it";
    /// What is mounted is what was shown.
    SourcesPinned => "a link put in the place of a mount's source between the audit and the start (CVE-2024-42472 class)",
        by "openat2(2) RESOLVE_NO_SYMLINKS before the audit, device and inode compared inside";
    /// PID 1 is not dumpable.
    InitProtected => "tracing PID 1 and reading its memory",
        by "prctl(2) PR_SET_DUMPABLE";
    /// No core dumps.
    NoCoreDumps => "memory of the agent in core files or crash handlers of the host",
        by "setrlimit(2) RLIMIT_CORE";
    /// What a session uses up has an end.
    Limits => "taking every process, open file, queue and locked page that the user has, or real-time priority; memory and CPU on request",
        by "setrlimit(2), hard: processes by user namespace (Linux 5.14), the rest by process or user; on request a control group (cgroups(7))";
    /// Everything ends with the launcher.
    DieWithParent => "processes that outlive the session",
        by "prctl(2) PR_SET_PDEATHSIG, the control socket's end, and the PID namespace";
    /// What `--hide` names is unreadable.
    ProjectSecretsHidden => "reading what --hide names, by any of its names",
        by "an empty file or folder without any mode bit, mounted over every name; each folder above is a mount, which cannot be renamed";
    /// The agent's state is one project's own.
    StatePerProject => "conversations, memory and settings that the agent of another project left",
        by "a folder of its own for each project, by the hash of its root, bound at ~/.claude";
    /// One login for the host and every session.
    LoginStore => "losing or spoiling the host's login from inside: no older, lost, malformed or other account's login replaces it",
        by "no mount: the launcher carries a login over by descriptor, checked, newer, whole (renameat(2)), when a folder tells of a change (inotify(7))";
    /// The user's own Claude Code is read-only.
    ClaudeReadOnly => "changing the user's settings, memory, commands, agents, skills and plugins, or leaving such for the next session",
        by "read-only mounts over the project's state, at places that every session holds as mounts, so that none can be moved";
    /// The project is all that is shared read-write.
    ProjectOnly => "writing to the host outside the project and what was granted",
        by "one read-write bind mount, at the project's real path";
    /// What the host would run later is read-only.
    HostRunGuarded => "leaving a program for the host to run: hooks, git configuration, settings of editors and agents",
        by "read-only bind mounts over what is there, and a mount over each folder above, so that none can be moved";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_guard_has_one_name_and_both_answers() {
        let mut names: Vec<_> = Guard::ALL.iter().map(|guard| guard.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Guard::ALL.len());
        assert!(
            Guard::ALL
                .iter()
                .all(|guard| !guard.stops().is_empty() && !guard.enforced_by().is_empty())
        );
    }
}
