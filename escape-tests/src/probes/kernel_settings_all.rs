//! The closed world of kernel switches: each file below /proc/sys is opened to write, so that none is forgotten. What an
//! ordinary user may write is of the namespaces that were made for the session.   (threats: PROC-08, PROC-12)
use std::fs::OpenOptions;
use std::path::Path;

use crate::harness::inside;
use crate::probe::*;

/// Of an IPC namespace and of a PID namespace (ipc_namespaces(7), pid_namespaces(7)).
const OF_A_NAMESPACE: [&str; 7] = [
    "fs/mqueue/",
    "kernel/auto_msgmni",
    "kernel/msg",
    "kernel/sem",
    "kernel/shm",
    "kernel/ns_last_pid",
    "kernel/pid_max",
];

pub const PROBE: Probe = Probe {
    asks: "does any file below /proc/sys open to write that is the host's?",
    threats: &["PROC-08", "PROC-12"],
    behind: &[Guard::ProcReadOnly],
    also_as_root: true,
    expect: Expect::Exactly(|_| Seen::one("more than a hundred were tried", Act::saw(true))),
    attempt: |bait| {
        let found = match inside::walk(Path::new("/proc/sys"), &|_| false) {
            Ok(found) => found,
            Err(error) => return Seen::one("/proc/sys", Act::of::<()>(Err(error))),
        };
        let mut seen = Seen::one(
            "more than a hundred were tried",
            Act::saw(found.len() > 100),
        );
        for path in &found {
            let name = path
                .strip_prefix("/proc/sys")
                .unwrap_or(path)
                .display()
                .to_string();
            let own = bait.uid != 0 && OF_A_NAMESPACE.iter().any(|own| name.starts_with(own));
            if !own && path.is_file() && OpenOptions::new().write(true).open(path).is_ok() {
                seen.add(name, Act::Reached);
            }
        }
        seen
    },
    ..Probe::USUAL
};
