//! Owns what the sweep sees of the loss of each guard, or why no look at one session can. Exhaustive: a new guard does not
//! compile until that is said. Both are held to what is so.

use escape_tests::harness::trial::LEFT_OPEN;
use escape_tests::probe::{Bait, Guard};

/// What is seen of a guard that is gone.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sight {
    /// A difference that starts so.
    By(fn(&Bait) -> String),
    /// None, for this reason.
    Unseen(&'static str),
    /// Nothing takes it away ([`escape_tests::harness::breaking`] says why).
    NeverGone,
}

/// What is seen of the loss of `guard`.
pub(crate) fn sight(guard: Guard) -> Sight {
    use Sight::{By, NeverGone, Unseen};
    match guard {
        Guard::EnvAllowlist => By(|_| "variable AWS_SECRET_ACCESS_KEY: ".into()),
        Guard::ArgumentsHidden => Unseen(
            "the arguments are those of bwrap, outside of the PID namespace: the probe command_lines looks from there",
        ),
        Guard::HomeHidden => By(|bait| format!("{}/.ssh: it is there", bait.home.display())),
        Guard::HostHidden => By(|_| "/sys: it is there".into()),
        Guard::EtcGenerated => By(|_| "mount /etc: ".into()),
        Guard::TmpPrivate => By(|_| "source of /tmp: ".into()),
        Guard::RootReadOnly => By(|_| "/: writable".into()),
        Guard::AgentReadOnly => By(|_| "/run/claudebox/bin/claude: writable".into()),
        Guard::UserNamespace => By(|_| "namespace user: ".into()),
        Guard::PidNamespace => By(|bait| format!("process {}: ", bait.neighbour.pid)),
        Guard::IpcNamespace => By(|_| "System V objects in shm: ".into()),
        Guard::UtsNamespace => By(|bait| format!("hostname: {}", bait.hostname)),
        Guard::CgroupNamespace => By(|_| "namespace cgroup: ".into()),
        Guard::NetNamespace => By(|bait| format!("namespace net: {}", bait.namespaces["net"])),
        Guard::NoResolvers => By(|_| "/etc/resolv.conf: it holds".into()),
        Guard::NoCapabilities => By(|_| "CapEff of the sweep: ".into()),
        Guard::NoNestedNamespaces => {
            Unseen("a second wall: no call makes a user namespace (SyscallFilter)")
        }
        Guard::AbstractSockets => Unseen(
            "no file shows what Landlock scopes, and a network of its own has no abstract socket to see",
        ),
        Guard::SignalScope => Unseen(
            "no file shows what Landlock scopes, and no process outside has a number inside that could be signalled",
        ),
        Guard::LandlockFiles => {
            Unseen("a second wall: what it refuses is not there, or is on a read-only mount")
        }
        Guard::LandlockDevices => By(|_| "call ioctl(2) on /dev/null: ".into()),
        Guard::ProcessGroup => By(|_| "process group: 0".into()),
        Guard::DescriptorsClosed => By(|_| format!("descriptor {LEFT_OPEN}: ")),
        Guard::StdioRelay => By(|_| "descriptor 0: File".into()),
        Guard::FreshKeyring => {
            Unseen("a second wall: no call reaches any keyring, and /proc/keys is covered")
        }
        Guard::KeyringCalls => By(|_| "call keyctl(2): ".into()),
        Guard::TerminalInjection => By(|_| "call ioctl(2) TIOCSTI: ".into()),
        Guard::SetIdModes => By(|_| "call chmod(2) S_ISUID: ".into()),
        Guard::SocketFamilies => By(|_| "call socket(2) AF_VSOCK: ".into()),
        Guard::SyscallFilter => By(|_| "call io_uring_enter(2): ".into()),
        Guard::ProcReadOnly => By(|_| "mount /proc: ".into()),
        Guard::SourcesPinned => Unseen(
            "it counts only where somebody puts a link in a source's place between the audit and the start",
        ),
        Guard::InitProtected => By(|_| "/proc/1/environ: readable".into()),
        Guard::NoCoreDumps => By(|_| "limit of core files: ".into()),
        Guard::Limits => By(|_| "limit of processes: ".into()),
        Guard::ProjectSecretsHidden => By(|bait| format!("mount {}: ", bait.kept[0].display())),
        Guard::HostRunGuarded => By(|bait| format!("mount {}: ", bait.pinned[0].display())),
        Guard::StatePerProject => By(|bait| format!("source of {}/.claude: ", bait.home.display())),
        Guard::LoginStore => {
            By(|bait| format!("mount {}/.claude/.credentials.json: ", bait.home.display()))
        }
        Guard::ClaudeReadOnly => {
            By(|bait| format!("mount {}/.claude/commands: ", bait.home.display()))
        }
        Guard::ProjectOnly => By(|bait| format!("{}: it is there", bait.beside.display())),
        Guard::TerminalRestored | Guard::DieWithParent => {
            Unseen("it counts when the session is over, and this looks while it runs")
        }
        Guard::EgressFence | Guard::HelperClosed => Unseen(
            "the tier that is swept has neither; the probes of the lab of networks ask who was reached",
        ),
        Guard::MountNamespace | Guard::NoNewPrivileges => NeverGone,
    }
}
