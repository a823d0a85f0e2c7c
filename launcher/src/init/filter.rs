//! Owns the seccomp filter of every process inside (seccomp(2)): which system calls are refused, and why.
//!
//! A denylist as data, which stands in the plan rule by rule: what is not named passes. A refusal answers EPERM, or ENOSYS where
//! programs then fall back. The filter is bound to the native ABI: a process of another one is killed, and the whole x32 range of
//! x86_64 answers ENOSYS. Kernels before 5.4 took a few x32 numbers without its bit; claudebox needs 5.6.

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
    /// Modes with S_ISUID or S_ISGID: a set-user-ID program left in the project is one on the host (chmod(2)). openat2(2) and
    /// io_uring(7), whose modes a filter cannot see, are answered as by a kernel without them.
    SetIdModes,
}

/// One call that is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The call by its name, and what of it.
    pub name: String,
    number: i64,
    when: When,
}

/// What of a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum When {
    /// Always.
    Always,
    /// Always, and as if the kernel did not have it: programs fall back.
    Unknown,
    /// Where this argument has this value in its lower 32 bits, as the kernel reads it (CVE-2019-10063).
    Equal(u8, u64),
    /// Where this argument has this bit.
    Bit(u8, u64),
}

/// The bit that marks a system call of the x32 ABI (asm/unistd.h, __X32_SYSCALL_BIT).
#[cfg(target_arch = "x86_64")]
const X32: u32 = 0x4000_0000;

fn rule(name: impl Into<String>, number: i64, when: When) -> Rule {
    let name = name.into();
    Rule { name, number, when }
}

impl Denied {
    /// The rules of this group on this architecture.
    #[must_use]
    pub fn rules(self) -> Vec<Rule> {
        match self {
            Denied::Keyrings => vec![
                rule("keyctl", libc::SYS_keyctl, When::Always),
                rule("add_key", libc::SYS_add_key, When::Always),
                rule("request_key", libc::SYS_request_key, When::Always),
            ],
            Denied::TerminalInjection => {
                let request = |name: &str, request| {
                    rule(
                        format!("ioctl {name}"),
                        libc::SYS_ioctl,
                        When::Equal(1, request),
                    )
                };
                vec![
                    request("TIOCSTI", libc::TIOCSTI),
                    request("TIOCLINUX", libc::TIOCLINUX),
                ]
            }
            Denied::SetIdModes => {
                // The call, and the argument that is the mode.
                let mut modes = vec![
                    ("fchmod", libc::SYS_fchmod, 1),
                    ("fchmodat", libc::SYS_fchmodat, 2),
                    ("fchmodat2", libc::SYS_fchmodat2, 2),
                    ("openat", libc::SYS_openat, 3),
                    ("mknodat", libc::SYS_mknodat, 2),
                ];
                #[cfg(target_arch = "x86_64")]
                modes.extend([
                    ("chmod", libc::SYS_chmod, 1),
                    ("open", libc::SYS_open, 2),
                    ("creat", libc::SYS_creat, 1),
                    ("mknod", libc::SYS_mknod, 1),
                ]);
                let bits = [
                    ("S_ISUID", u64::from(libc::S_ISUID)),
                    ("S_ISGID", u64::from(libc::S_ISGID)),
                ];
                let set_id = modes.into_iter().flat_map(|(name, call, argument)| {
                    bits.map(|(bit_name, bit)| {
                        rule(format!("{name} {bit_name}"), call, When::Bit(argument, bit))
                    })
                });
                set_id
                    .chain([
                        rule("openat2", libc::SYS_openat2, When::Unknown),
                        rule("io_uring_setup", libc::SYS_io_uring_setup, When::Unknown),
                    ])
                    .collect()
            }
        }
    }
}

/// The filter that refuses `denied`, or `None` where that is nothing.
///
/// # Errors
/// Where this machine's ABI is not known to the compiler of filters.
pub(super) fn compile(denied: &[Rule]) -> Result<Option<BpfProgram>, seccompiler::Error> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    let mut unknown = Vec::new();
    for rule in denied {
        use SeccompCmpArgLen::Dword;
        let condition = match rule.when {
            When::Unknown => {
                unknown.push(rule.number);
                continue;
            }
            When::Always => None,
            When::Equal(argument, value) => Some(SeccompCondition::new(
                argument,
                Dword,
                SeccompCmpOp::Eq,
                value,
            )?),
            When::Bit(argument, bit) => Some(SeccompCondition::new(
                argument,
                Dword,
                SeccompCmpOp::MaskedEq(bit),
                bit,
            )?),
        };
        let rules = rules.entry(rule.number).or_default();
        if let Some(condition) = condition {
            rules.push(SeccompRule::new(vec![condition])?);
        }
    }
    if denied.is_empty() {
        return Ok(None);
    }
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let refuse = SeccompAction::Errno(u32::try_from(libc::EPERM).unwrap_or(1));
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)?;
    let mut program = BpfProgram::try_from(filter)?;
    for call in unknown {
        answer_enosys(
            &mut program,
            libc::BPF_JEQ,
            u32::try_from(call).unwrap_or(u32::MAX),
        );
    }
    #[cfg(target_arch = "x86_64")]
    answer_enosys(&mut program, libc::BPF_JGE, X32);
    Ok(Some(program))
}

/// Puts `if nr == number { ENOSYS }`, or another comparison, behind the check of the architecture, which is the first three
/// instructions.
fn answer_enosys(program: &mut BpfProgram, comparison: u32, number: u32) {
    use seccompiler::sock_filter;
    let statement = |code: u32, jt, jf, k| sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let enosys = libc::SECCOMP_RET_ERRNO | u32::try_from(libc::ENOSYS).unwrap_or(38);
    // struct seccomp_data starts with the number of the call.
    let load = statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0);
    let compare = statement(libc::BPF_JMP | comparison | libc::BPF_K, 0, 1, number);
    let answer = statement(libc::BPF_RET | libc::BPF_K, 0, 0, enosys);
    program.splice(3..3, [load, compare, answer]);
}

/// Puts the filter on this process and all that it will start.
///
/// # Errors
/// As the kernel gives them.
pub(super) fn apply(denied: &[Rule]) -> Result<bool, seccompiler::Error> {
    match compile(denied)? {
        Some(program) => seccompiler::apply_filter(&program).map(|()| true),
        None => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_denied_is_no_filter() {
        assert!(compile(&[]).expect("a filter").is_none());
    }

    #[cfg(target_arch = "x86_64")]
    fn program(groups: &[Denied]) -> BpfProgram {
        let rules: Vec<Rule> = groups.iter().flat_map(|group| group.rules()).collect();
        compile(&rules).expect("a filter").expect("one")
    }

    /// Runs the program on the number of a call and its arguments, as the kernel would (seccomp(2)).
    #[cfg(target_arch = "x86_64")]
    fn answer(program: &BpfProgram, call: u32, argument: u64) -> u32 {
        answer_to(program, call, [0, argument, argument, argument])
    }

    #[cfg(target_arch = "x86_64")]
    fn answer_to(program: &BpfProgram, call: u32, arguments: [u64; 4]) -> u32 {
        const X86_64: u32 = 0xc000_003e;
        let load = |offset: u32| match offset {
            0 => call,
            4 => X86_64,
            offset => {
                let argument = arguments
                    .get((offset as usize - 16) / 8)
                    .copied()
                    .unwrap_or(0);
                if offset % 8 == 0 {
                    argument as u32
                } else {
                    (argument >> 32) as u32
                }
            }
        };
        let (mut at, mut accumulator) = (0, 0);
        loop {
            let step = &program[at];
            at += 1;
            let code = u32::from(step.code);
            let jump = |taken: bool| usize::from(if taken { step.jt } else { step.jf });
            match code & 0x07 {
                libc::BPF_LD => accumulator = load(step.k),
                libc::BPF_ALU => accumulator &= step.k,
                libc::BPF_RET => return step.k,
                libc::BPF_JMP => match code & 0xf0 {
                    libc::BPF_JA => at += step.k as usize,
                    libc::BPF_JEQ => at += jump(accumulator == step.k),
                    libc::BPF_JGE => at += jump(accumulator >= step.k),
                    libc::BPF_JGT => at += jump(accumulator > step.k),
                    other => panic!("an unknown jump {other:x}"),
                },
                other => panic!("an unknown instruction {other:x}"),
            }
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn what_is_denied_is_refused_by_each_of_its_numbers() {
        let program = program(&[Denied::Keyrings, Denied::TerminalInjection]);
        let errno = |errno: i32| libc::SECCOMP_RET_ERRNO | errno as u32;
        let (keyctl, ioctl) = (libc::SYS_keyctl as u32, libc::SYS_ioctl as u32);
        assert_eq!(answer(&program, keyctl, 0), errno(libc::EPERM));
        for request in [libc::TIOCSTI, libc::TIOCSTI | 1 << 40, libc::TIOCLINUX] {
            assert_eq!(
                answer(&program, ioctl, request),
                errno(libc::EPERM),
                "{request:x}"
            );
        }
        for call in [ioctl, keyctl] {
            assert_eq!(
                answer(&program, call | X32, libc::TIOCSTI),
                errno(libc::ENOSYS),
                "{call}"
            );
        }
        assert_eq!(
            answer(&program, ioctl, libc::TIOCGWINSZ),
            libc::SECCOMP_RET_ALLOW
        );
        assert_eq!(
            answer(&program, libc::SYS_read as u32, 0),
            libc::SECCOMP_RET_ALLOW
        );
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn set_id_modes_are_refused_and_others_pass() {
        let program = program(&[Denied::SetIdModes]);
        let errno = |errno: i32| libc::SECCOMP_RET_ERRNO | errno as u32;
        let at = |argument: usize, mode: u64| {
            let mut arguments = [0; 4];
            arguments[argument] = mode;
            arguments
        };
        for (call, argument) in [
            (libc::SYS_chmod, 1),
            (libc::SYS_fchmod, 1),
            (libc::SYS_fchmodat, 2),
            (libc::SYS_openat, 3),
            (libc::SYS_creat, 1),
        ] {
            for mode in [0o4755, 0o2755, 0o6000, 0o4755 | 1 << 40] {
                assert_eq!(
                    answer_to(&program, call as u32, at(argument, mode)),
                    errno(libc::EPERM),
                    "{call} {mode:o}"
                );
            }
            for mode in [0o755, 0o1777, 0] {
                let answer = answer_to(&program, call as u32, at(argument, mode));
                assert_eq!(answer, libc::SECCOMP_RET_ALLOW, "{call} {mode:o}");
            }
        }
        assert_eq!(
            answer(&program, libc::SYS_openat2 as u32, 0),
            errno(libc::ENOSYS)
        );
        assert_eq!(
            answer(&program, libc::SYS_io_uring_setup as u32, 0),
            errno(libc::ENOSYS)
        );
    }
}
