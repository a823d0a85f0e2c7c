//! `~/.ssh` holds keys, and says by its configuration and its known hosts where they open something. Without `--with-ssh` and
//! `--ssh-key` there is nothing of it, nor of the host's own configuration of ssh.   (threats: CRED-15, FS-01)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "is there anything of ssh that nobody gave?",
    threats: &["CRED-15", "FS-01"],
    behind: &[Guard::HomeHidden, Guard::EnvAllowlist],
    also_as_root: true,
    expect: Expect::Absent,
    attempt: |bait| {
        let ssh = bait.home.join(".ssh");
        Seen::one("~/.ssh", inside::read(&ssh))
            .and("a key", inside::read(&ssh.join("id_ed25519")))
            .and("SSH_AUTH_SOCK", inside::variable("SSH_AUTH_SOCK"))
            .and("/etc/ssh", inside::read("/etc/ssh".as_ref()))
            .and(
                "a forwarded agent",
                Act::of(std::fs::metadata("/run/claudebox/ssh-agent")),
            )
    },
    ..Probe::USUAL
};
