//! The cgroup paths of the host name its sessions, services and containers.   (threats: KRN-14, FS-20)
use std::fs;

use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does it see its cgroup paths on the host?",
    threats: &["KRN-14", "FS-20"],
    behind: &[Guard::CgroupNamespace],
    harmless: true,
    expect: Expect::Exactly(|_| {
        Seen::one("cgroup namespace", Act::saw("its own"))
            .and("paths but /", Act::saw(0))
            .and("/sys/fs/cgroup", Act::Absent)
    }),
    attempt: |bait| {
        let paths = match fs::read_to_string("/proc/self/cgroup") {
            Ok(paths) => Act::saw(paths.lines().filter(|line| !line.ends_with(":/")).count()),
            Err(error) => Act::of::<()>(Err(error)),
        };
        Seen::one(
            "cgroup namespace",
            super::mount_namespace::shared("cgroup", bait),
        )
        .and("paths but /", paths)
        .and("/sys/fs/cgroup", Act::of(fs::read_dir("/sys/fs/cgroup")))
    },
    also_as_root: true,
    ..Probe::USUAL
};
