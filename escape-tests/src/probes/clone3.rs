//! clone3(2) takes its flags in memory, which no filter can read: one that lets it pass lets every namespace pass
//! (CVE-2021-41133). C libraries fall back to clone(2) where it is not there.   (threats: KRN-07)
use nix::libc;

use crate::harness::inside::system_call;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "is there a clone3(2), whose flags nobody can see?",
    threats: &["KRN-07"],
    behind: &[Guard::SyscallFilter],
    harmless: true,
    also_as_root: true,
    expect: Expect::Refused(Errno::ENOSYS),
    // Without arguments the kernel that has it says EINVAL (clone(2)).
    attempt: |_| {
        let act = match system_call(libc::SYS_clone3, [0; 6]) {
            Act::Refused(number) if number == libc::EINVAL => Act::saw("the kernel answered"),
            other => other,
        };
        Seen::one("clone3(2)", act)
    },
    ..Probe::USUAL
};
