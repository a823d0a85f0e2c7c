//! Owns the seccomp filter of every process inside (seccomp(2)): turns what is refused ([`crate::denied`]) into programs for the
//! kernel, and puts them into force.
//!
//! The kernel runs every filter that was put on, and the strictest answer counts: so there is one for each error number. The
//! filters are bound to the native ABI: a process of another one is killed, and the whole x32 range of x86_64 answers ENOSYS.
//! Kernels before 5.4 took a few x32 numbers without its bit; claudebox needs 5.6.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use crate::denied::{Call, Condition};

/// The programs that refuse `denied`; none where that is nothing.
///
/// # Errors
/// Where this machine's ABI is not known to the compiler of filters.
fn compile(denied: &[Call]) -> Result<Vec<BpfProgram>, seccompiler::Error> {
    let mut by_answer: BTreeMap<i32, BTreeMap<i64, Vec<SeccompRule>>> = BTreeMap::new();
    for call in denied {
        let rules = by_answer.entry(call.errno).or_default();
        let rules = rules.entry(call.number).or_default();
        if !call.only.is_empty() {
            let conditions = call.only.iter().map(|one| condition(*one));
            rules.push(SeccompRule::new(conditions.collect::<Result<_, _>>()?)?);
        }
    }
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let mut programs = Vec::new();
    for (errno, rules) in by_answer {
        let answer = SeccompAction::Errno(errno.unsigned_abs());
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, answer, arch)?;
        programs.push(BpfProgram::try_from(filter)?);
    }
    #[cfg(target_arch = "x86_64")]
    programs.extend((!denied.is_empty()).then(x32));
    Ok(programs)
}

fn condition(condition: Condition) -> Result<SeccompCondition, seccompiler::BackendError> {
    let (argument, operator, value) = match condition {
        Condition::Equal(argument, value) => (argument, SeccompCmpOp::Eq, value),
        Condition::Not(argument, value) => (argument, SeccompCmpOp::Ne, value),
        Condition::Bit(argument, bit) => (argument, SeccompCmpOp::MaskedEq(bit.into()), bit),
    };
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value.into())
}

/// ENOSYS for every number with the bit of the x32 ABI (asm/unistd.h, __X32_SYSCALL_BIT), which a rule for one number does not
/// see. The architecture has been compared by the other filters.
#[cfg(target_arch = "x86_64")]
fn x32() -> BpfProgram {
    use seccompiler::sock_filter;
    const X32: u32 = 0x4000_0000;
    let statement = |code: u32, jt, jf, k| sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let give = |answer| statement(libc::BPF_RET | libc::BPF_K, 0, 0, answer);
    vec![
        // struct seccomp_data starts with the number of the call.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, X32),
        give(libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs()),
        give(libc::SECCOMP_RET_ALLOW),
    ]
}

/// Puts the filters on this process and all that it will start.
///
/// # Errors
/// As the kernel gives them.
pub(super) fn apply(denied: &[Call]) -> Result<(), seccompiler::Error> {
    compile(denied)?
        .iter()
        .try_for_each(|program| seccompiler::apply_filter(program))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::denied::Denied;

    #[test]
    fn nothing_denied_is_no_filter() {
        assert!(compile(&[]).expect("a filter").is_empty());
    }

    #[cfg(target_arch = "x86_64")]
    const X32: u32 = 0x4000_0000;

    #[cfg(target_arch = "x86_64")]
    fn programs(groups: &[Denied]) -> Vec<BpfProgram> {
        let rules = groups.iter().flat_map(|group| group.rules());
        let calls: Vec<Call> = rules.map(|rule| rule.call).collect();
        compile(&calls).expect("a filter")
    }

    /// Runs the programs on the number of a call and its arguments, as the kernel would (seccomp(2)).
    #[cfg(target_arch = "x86_64")]
    fn answer(programs: &[BpfProgram], call: u32, argument: u64) -> u32 {
        answer_to(programs, call, [0, argument, argument, argument])
    }

    /// Of all answers the one that allows least: for these two kinds the smaller number.
    #[cfg(target_arch = "x86_64")]
    fn answer_to(programs: &[BpfProgram], call: u32, arguments: [u64; 4]) -> u32 {
        let answers = programs
            .iter()
            .map(|program| answer_of(program, call, arguments));
        answers.min().unwrap_or(libc::SECCOMP_RET_ALLOW)
    }

    #[cfg(target_arch = "x86_64")]
    fn answer_of(program: &BpfProgram, call: u32, arguments: [u64; 4]) -> u32 {
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
        let programs = programs(&[Denied::Keyrings, Denied::TerminalInjection]);
        let errno = |errno: i32| libc::SECCOMP_RET_ERRNO | errno as u32;
        let (keyctl, ioctl) = (libc::SYS_keyctl as u32, libc::SYS_ioctl as u32);
        assert_eq!(answer(&programs, keyctl, 0), errno(libc::EPERM));
        for request in [libc::TIOCSTI, libc::TIOCSTI | 1 << 40, libc::TIOCLINUX] {
            assert_eq!(
                answer(&programs, ioctl, request),
                errno(libc::EPERM),
                "{request:x}"
            );
        }
        for call in [ioctl, keyctl] {
            assert_eq!(
                answer(&programs, call | X32, libc::TIOCSTI),
                errno(libc::ENOSYS),
                "{call}"
            );
        }
        assert_eq!(
            answer(&programs, ioctl, libc::TIOCGWINSZ),
            libc::SECCOMP_RET_ALLOW
        );
        assert_eq!(
            answer(&programs, libc::SYS_read as u32, 0),
            libc::SECCOMP_RET_ALLOW
        );
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn set_id_modes_are_refused_and_others_pass() {
        let programs = programs(&[Denied::SetIdModes]);
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
                    answer_to(&programs, call as u32, at(argument, mode)),
                    errno(libc::EPERM),
                    "{call} {mode:o}"
                );
            }
            for mode in [0o755, 0o1777, 0] {
                let answer = answer_to(&programs, call as u32, at(argument, mode));
                assert_eq!(answer, libc::SECCOMP_RET_ALLOW, "{call} {mode:o}");
            }
        }
        assert_eq!(
            answer(&programs, libc::SYS_openat2 as u32, 0),
            errno(libc::ENOSYS)
        );
        assert_eq!(
            answer(&programs, libc::SYS_io_uring_setup as u32, 0),
            errno(libc::ENOSYS)
        );
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn of_sockets_only_four_families_pass() {
        let programs = programs(&[Denied::SocketFamilies]);
        let refused = libc::SECCOMP_RET_ERRNO | libc::EAFNOSUPPORT as u32;
        let socket = |family: i32, protocol: i32| {
            let arguments = [family as u64, 1, protocol as u64, 0];
            answer_to(&programs, libc::SYS_socket as u32, arguments)
        };
        for family in 0..64 {
            let passes = matches!(
                family,
                libc::AF_UNIX | libc::AF_INET | libc::AF_INET6 | libc::AF_NETLINK
            );
            let expected = if passes {
                libc::SECCOMP_RET_ALLOW
            } else {
                refused
            };
            assert_eq!(socket(family, 0), expected, "{family}");
        }
        assert_eq!(
            socket(libc::AF_INET, libc::IPPROTO_TCP),
            libc::SECCOMP_RET_ALLOW
        );
        assert_eq!(socket(libc::AF_NETLINK, libc::NETLINK_NETFILTER), refused);
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn what_makes_a_thread_or_a_process_passes_and_what_makes_a_namespace_does_not() {
        let programs = programs(&[Denied::Namespaces, Denied::KernelInterfaces]);
        let clone = |flags: i32| {
            answer_to(
                &programs,
                libc::SYS_clone as u32,
                [flags as u32 as u64, 0, 0, 0],
            )
        };
        let refused = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
        for flags in [
            libc::SIGCHLD,
            libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD,
            libc::CLONE_THREAD,
        ] {
            assert_eq!(clone(flags), libc::SECCOMP_RET_ALLOW, "{flags:x}");
        }
        for flags in [
            libc::CLONE_NEWUSER,
            libc::CLONE_NEWNS | libc::SIGCHLD,
            libc::CLONE_NEWNET,
        ] {
            assert_eq!(clone(flags), refused, "{flags:x}");
        }
        let personality =
            |which: u64| answer_to(&programs, libc::SYS_personality as u32, [which, 0, 0, 0]);
        for which in [0, u64::from(u32::MAX)] {
            assert_eq!(personality(which), libc::SECCOMP_RET_ALLOW, "{which:x}");
        }
        assert_eq!(personality(0x0040_0000), refused);
    }
}
