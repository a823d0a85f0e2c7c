//! /sys shows the machine: serial numbers, disks, network devices, firmware.   (threats: FS-10, KRN-15)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "is there a /sys?",
    threats: &["FS-10", "KRN-15"],
    behind: &[Guard::HostHidden],
    harmless: true,
    also_as_root: true,
    expect: Expect::Absent,
    attempt: |_| {
        Seen::each(["/sys", "/sys/class/net", "/sys/kernel"], |path| {
            inside::read(path.as_ref())
        })
    },
    ..Probe::USUAL
};
