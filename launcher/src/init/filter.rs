//! Owns the seccomp filter of every process inside (seccomp(2)): which system calls are refused, and why.
//!
//! A denylist as data: what is not named passes. Each refusal answers EPERM. The filter is bound to the native ABI: a
//! process of another one is killed, and the x32 numbers of x86_64 are refused like the native ones.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use serde::{Deserialize, Serialize};

/// A group of system calls that a step of the plan refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Denied {
    /// keyctl(2), add_key(2), request_key(2): the user keyring is the host's, whatever the session keyring is
    /// (user-keyring(7)).
    Keyrings,
    /// ioctl(2) TIOCSTI and TIOCLINUX: typing into the user's terminal (ioctl_tty(2), CVE-2017-5226, CVE-2023-28100).
    TerminalInjection,
}

/// The bit that marks a system call of the x32 ABI.
const X32: i64 = 0x4000_0000;

impl Denied {
    /// The calls; with an argument where only some values of it are refused.
    fn calls(self) -> Vec<(i64, Option<(u8, u64)>)> {
        match self {
            Denied::Keyrings => [libc::SYS_keyctl, libc::SYS_add_key, libc::SYS_request_key]
                .map(|call| (call, None))
                .to_vec(),
            Denied::TerminalInjection => [libc::TIOCSTI, libc::TIOCLINUX]
                .map(|request| (libc::SYS_ioctl, Some((1, request))))
                .to_vec(),
        }
    }
}

/// The filter that refuses `denied`, or `None` where that is nothing.
///
/// # Errors
/// Where this machine's ABI is not known to the compiler of filters.
pub(super) fn compile(denied: &[Denied]) -> Result<Option<BpfProgram>, seccompiler::Error> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for (call, argument) in denied.iter().flat_map(|group| group.calls()) {
        for call in [call, call | X32] {
            let rules = rules.entry(call).or_default();
            if let Some((index, value)) = argument {
                // The kernel takes 32 bits of the request, so 32 are compared (CVE-2019-10063).
                let condition =
                    SeccompCondition::new(index, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)?;
                rules.push(SeccompRule::new(vec![condition])?);
            }
        }
    }
    if rules.is_empty() {
        return Ok(None);
    }
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let refuse = SeccompAction::Errno(u32::try_from(libc::EPERM).unwrap_or(1));
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)?;
    Ok(Some(filter.try_into()?))
}

/// Puts the filter on this process and all that it will start.
///
/// # Errors
/// As the kernel gives them.
pub(super) fn apply(denied: &[Denied]) -> Result<bool, seccompiler::Error> {
    match compile(denied)? {
        Some(program) => seccompiler::apply_filter(&program).map(|()| true),
        None => Ok(false),
    }
}
