//! Files of /proc steer the kernel of the host: what runs on a crash, which module is loaded. Started by uid 0, the inside
//! is their owner. Nothing is written: opening tells.   (threats: PROC-08, PROC-12)
use std::fs::OpenOptions;

use crate::probe::*;

const FILES: [&str; 6] = [
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/hostname",
    "/proc/sys/vm/drop_caches",
    "/proc/sys/user/max_user_namespaces",
    "/proc/sysrq-trigger",
];

pub const PROBE: Probe = Probe {
    asks: "can it change a setting of the kernel?",
    threats: &["PROC-08", "PROC-12"],
    behind: &[Guard::ProcReadOnly],
    harmless: true,
    also_as_root: true,
    expect: Expect::Exactly(|_| {
        let there = FILES
            .into_iter()
            .filter(|path| std::path::Path::new(path).exists());
        Seen::each(there, |_| Act::saw("refused"))
    }),
    attempt: |_| {
        let there = FILES
            .into_iter()
            .filter(|path| std::path::Path::new(path).exists());
        Seen::each(there, |path| {
            match OpenOptions::new().write(true).open(path) {
                // EACCES for whoever is not its owner, EROFS for the owner: both are the kernel's refusal.
                Err(error)
                    if matches!(
                        error.raw_os_error().map(Errno::from_raw),
                        Some(Errno::EACCES | Errno::EROFS)
                    ) =>
                {
                    Act::saw("refused")
                }
                other => Act::of(other),
            }
        })
    },
    ..Probe::USUAL
};
