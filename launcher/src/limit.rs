//! Owns the limits of what a session may use up (setrlimit(2)): their names, what they are unless somebody says otherwise, and
//! how they are written. Pure.
//!
//! Each is one that the kernel counts for a process or for a user namespace. It is a ceiling: where the caller's own hard limit
//! is lower, that stands.

use nix::sys::resource::Resource;
use serde::{Deserialize, Serialize};

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limited {
    /// RLIMIT_NPROC. Counted for each user namespace since Linux 5.14 (21d1c5e386bc, "Reimplement RLIMIT_NPROC on top of
    /// ucounts"), so that the user's other processes do not count; before, for the whole user.
    Processes,
    /// RLIMIT_NOFILE, of each process.
    Files,
    /// RLIMIT_MEMLOCK: memory that cannot be swapped out (mlock(2)).
    LockedMemory,
    /// RLIMIT_MSGQUEUE: bytes in queues of mq_overview(7).
    Queues,
    /// RLIMIT_SIGPENDING: signals that wait.
    Signals,
    /// RLIMIT_RTPRIO: the highest real-time priority (sched(7)).
    RealTime,
    /// RLIMIT_NICE: how much better than usual a priority may be, as 20 less the nice value (getrlimit(2)).
    Nice,
}

impl Limited {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Processes,
        Self::Files,
        Self::LockedMemory,
        Self::Queues,
        Self::Signals,
        Self::RealTime,
        Self::Nice,
    ];

    /// Those that a person may set.
    pub const SETTABLE: [Self; 3] = [Self::Processes, Self::Files, Self::LockedMemory];

    /// Its name in flags, profiles and plans.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Processes => "processes",
            Self::Files => "files",
            Self::LockedMemory => "locked-memory",
            Self::Queues => "queues",
            Self::Signals => "signals",
            Self::RealTime => "real-time",
            Self::Nice => "nice",
        }
    }

    /// What it is unless somebody says otherwise. No build that is known of comes near.
    #[must_use]
    pub fn usual(self) -> u64 {
        match self {
            Self::Processes => 4096,
            Self::Files => 65_536,
            // That of the kernel since Linux 5.16.
            Self::LockedMemory => 8 * 1024 * 1024,
            // That of the kernel (MQ_BYTES_MAX).
            Self::Queues => 819_200,
            Self::Signals => 4096,
            Self::RealTime | Self::Nice => 0,
        }
    }

    /// The least and the most that a person may say.
    fn range(self) -> (u64, u64) {
        match self {
            // A shell with a pipeline; PID_MAX_LIMIT.
            Self::Processes => (16, 4_194_304),
            // What PID 1 and a shell have open; fs.nr_open.
            Self::Files => (64, 1_048_576),
            Self::LockedMemory => (0, 1 << 40),
            _ => (0, 0),
        }
    }

    /// The kernel's own.
    #[must_use]
    pub fn resource(self) -> Resource {
        match self {
            Self::Processes => Resource::RLIMIT_NPROC,
            Self::Files => Resource::RLIMIT_NOFILE,
            Self::LockedMemory => Resource::RLIMIT_MEMLOCK,
            Self::Queues => Resource::RLIMIT_MSGQUEUE,
            Self::Signals => Resource::RLIMIT_SIGPENDING,
            Self::RealTime => Resource::RLIMIT_RTPRIO,
            Self::Nice => Resource::RLIMIT_NICE,
        }
    }

    /// Reads a value: digits, and for memory a unit of 1024.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(self, value: &str) -> Result<u64, String> {
        let is_memory = self == Self::LockedMemory;
        let (digits, unit) = match value.char_indices().last() {
            Some((at, unit)) if is_memory && "KMG".contains(unit) => value.split_at(at),
            _ => (value, ""),
        };
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = plain.then(|| digits.parse::<u64>().ok()).flatten();
        let factor = match unit {
            "K" => 1 << 10,
            "M" => 1 << 20,
            "G" => 1 << 30,
            _ => 1,
        };
        let (least, most) = self.range();
        let number = number.and_then(|number| number.checked_mul(factor));
        match number {
            Some(number) if (least..=most).contains(&number) => Ok(number),
            _ if is_memory => Err(format!(
                "it takes bytes, or a number with K, M or G, {least} to {}G",
                most >> 30
            )),
            _ => Err(format!("it takes a whole number, {least} to {most}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_strict() {
        let (processes, memory) = (Limited::Processes, Limited::LockedMemory);
        assert_eq!(processes.read("64"), Ok(64));
        assert_eq!(memory.read("64K"), Ok(65_536));
        assert_eq!(memory.read("2G"), Ok(1 << 31));
        assert_eq!(memory.read("0"), Ok(0));
        for value in [
            "",
            " 64",
            "+64",
            "-1",
            "15",
            "4194305",
            "64K",
            "6e1",
            "0x40",
            "unlimited",
        ] {
            assert!(processes.read(value).is_err(), "{value}");
        }
        for value in [
            "",
            "K",
            "1k",
            "1KB",
            "1T",
            "1.5G",
            "1025G",
            "99999999999999999999",
            "é",
        ] {
            assert!(memory.read(value).is_err(), "{value}");
        }
    }

    #[test]
    fn what_is_usual_may_be_said() {
        for limit in Limited::SETTABLE {
            assert_eq!(limit.read(&limit.usual().to_string()), Ok(limit.usual()));
        }
    }
}
