//! Owns which system calls are refused inside, as data: groups of rules, a reason and a source each. Pure.
//!
//! A denylist: what is not named passes. That is the choice of a sandbox for any program (decisions/0010): a call that a compiler
//! or a debugger makes and that no list knew would break in ways that nobody can explain to the agent. What is named here has no
//! use for building software, or is a known way past another guard.
//!
//! A group is a step of the plan, and each of its rules is left out alone by the mutation run. Who puts them into force:
//! `init/filter.rs`.

mod rules;

use nix::libc;
use serde::{Deserialize, Serialize};

/// A group of system calls that a step of the plan refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Denied {
    /// The user keyring is the host's, whatever the session keyring is (user-keyring(7)).
    Keyrings,
    /// Typing into the user's terminal (ioctl_tty(2), CVE-2017-5226, CVE-2023-28100).
    TerminalInjection,
    /// What whoever holds a terminal may set for all who use it, and no termios tells: line discipline, keyboard, screen and switching
    /// of a virtual console (ioctl_tty(2), ioctl_console(2), ioctl_vt(2)).
    Consoles,
    /// Modes with S_ISUID or S_ISGID: a set-user-ID program left in the project is one on the host (chmod(2)).
    SetIdModes,
    /// Families of sockets other than UNIX, INET, INET6 and route NETLINK (address_families(7)).
    SocketFamilies,
    /// Making and joining namespaces (namespaces(7)).
    Namespaces,
    /// Mounting, by the old calls and the new ones (mount(2), fsopen(2)).
    Mounts,
    /// Memory, descriptors and pages of other processes (process_vm_readv(2), pidfd_getfd(2)).
    OtherProcesses,
    /// Large interfaces of the kernel that building software does not need (bpf(2), io_uring(7), userfaultfd(2)).
    KernelInterfaces,
    /// Files by handle, past every path (open_by_handle_at(2)).
    FileHandles,
    /// The machine itself: its clock, names, modules, swap, power (reboot(2)).
    Machine,
}

/// One call that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The call by its name, and what of it.
    pub name: String,
    /// Why, with the source.
    pub why: &'static str,
    /// What the kernel compares.
    pub call: Call,
}

/// A system call as a filter sees it (seccomp(2), `struct seccomp_data`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Its number on this architecture.
    pub number: i64,
    /// Refused only where all of these hold.
    pub only: Vec<Condition>,
    /// The answer.
    pub errno: i32,
}

/// What is asked of an argument. Only its lower 32 bits count, as the kernel reads it (CVE-2019-10063).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// It is this.
    Equal(u8, u32),
    /// It is anything else.
    Not(u8, u32),
    /// It has this bit.
    Bit(u8, u32),
}

impl Denied {
    /// Every group, in the order of the plan.
    pub const ALL: &[Denied] = &[
        Denied::Keyrings,
        Denied::TerminalInjection,
        Denied::Consoles,
        Denied::SetIdModes,
        Denied::SocketFamilies,
        Denied::Namespaces,
        Denied::Mounts,
        Denied::OtherProcesses,
        Denied::KernelInterfaces,
        Denied::FileHandles,
        Denied::Machine,
    ];

    /// The rules of this group on this architecture.
    #[must_use]
    pub fn rules(self) -> Vec<Rule> {
        match self {
            Denied::Keyrings => rules::keyrings(),
            Denied::TerminalInjection => rules::terminal_injection(),
            Denied::Consoles => rules::consoles(),
            Denied::SetIdModes => rules::set_id_modes(),
            Denied::SocketFamilies => rules::socket_families(),
            Denied::Namespaces => rules::namespaces(),
            Denied::Mounts => rules::mounts(),
            Denied::OtherProcesses => rules::other_processes(),
            Denied::KernelInterfaces => rules::kernel_interfaces(),
            Denied::FileHandles => rules::file_handles(),
            Denied::Machine => rules::machine(),
        }
    }
}

impl Rule {
    /// A call that is refused with EPERM.
    fn new(name: impl Into<String>, number: i64, why: &'static str) -> Self {
        let call = Call {
            number,
            only: Vec::new(),
            errno: libc::EPERM,
        };
        let name = name.into();
        Self { name, why, call }
    }

    /// Only where this holds too.
    fn only(mut self, condition: Condition) -> Self {
        self.call.only.push(condition);
        self
    }

    /// As by a kernel without it: programs fall back.
    fn unknown(self) -> Self {
        self.answering(libc::ENOSYS)
    }

    fn answering(mut self, errno: i32) -> Self {
        self.call.errno = errno;
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_rule_has_a_name_of_its_own_and_a_reason_with_a_source() {
        let rules = Denied::ALL.iter().flat_map(|group| group.rules());
        let mut names = BTreeSet::new();
        for rule in rules {
            let source = rule.why.contains('(') && rule.why.contains(')');
            assert!(source, "{}: {}", rule.name, rule.why);
            assert!(names.insert(rule.name.clone()), "{}: twice", rule.name);
        }
        assert!(names.len() > 110, "{}", names.len());
    }

    #[test]
    fn a_call_is_refused_either_always_or_on_conditions_and_answers_one_error() {
        let rules: Vec<Rule> = Denied::ALL.iter().flat_map(|group| group.rules()).collect();
        for rule in &rules {
            for other in rules
                .iter()
                .filter(|one| one.call.number == rule.call.number)
            {
                let same = other.call.only.is_empty() == rule.call.only.is_empty();
                assert!(same, "{} and {}", rule.name, other.name);
                assert_eq!(other.call.errno, rule.call.errno, "{}", rule.name);
            }
        }
    }
}
