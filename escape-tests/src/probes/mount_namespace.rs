//! Mounts are the sandbox: they must be its own.   (threats: FS-02, MNT-10)
use crate::probe::*;

/// Whether the namespace of that name is the caller's.
pub(super) fn shared(name: &str, bait: &Bait) -> Act {
    match std::fs::read_link(format!("/proc/self/ns/{name}")) {
        Ok(link) if link.as_os_str() == bait.namespaces[name].as_str() => Act::saw("the caller's"),
        Ok(_) => Act::saw("its own"),
        Err(error) => Act::of::<()>(Err(error)),
    }
}

pub const PROBE: Probe = Probe {
    asks: "is it in a mount namespace of its own?",
    threats: &["FS-02", "MNT-10"],
    behind: &[Guard::MountNamespace],
    harmless: true,
    also_as_root: true,
    expect: Expect::Exactly(|_| Seen::one("mount namespace", Act::saw("its own"))),
    attempt: |bait| Seen::one("mount namespace", shared("mnt", bait)),
    ..Probe::USUAL
};
