//! `/proc/1/root` and `/proc/1/cwd` lead to where another process stands. A helper that stands outside would be a door.
//!   (threats: FS-04, PROC-03)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it go through the root or the working folder of PID 1?",
    threats: &["FS-04", "PROC-03"],
    behind: &[Guard::InitProtected],
    harmless: true,
    expect: Expect::Refused(Errno::EACCES),
    attempt: |_| {
        let names = ["root/", "cwd/", "fd/", "map_files/"].map(|name| format!("/proc/1/{name}"));
        Seen::each(names, |name| inside::read(name.as_ref()))
    },
    ..Probe::USUAL
};
