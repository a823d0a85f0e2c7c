//! Owns the limits of a session as a whole, which a control group keeps (cgroups(7), Control group v2): their names, what they may
//! be, and how kernel and systemd spell them. Pure.
//!
//! None is in force unless somebody asks. What is asked for and cannot be had ends the launch.

use serde::{Deserialize, Serialize};

use crate::text::Text;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grouped {
    /// Memory, page cache and private folders included, in bytes. None of it goes to swap: what is over the limit ends a process.
    Memory,
    /// Time of processors, in hundredths of one.
    Cpu,
    /// Processes and threads. Beside RLIMIT_NPROC, which uid 0 does not have.
    Processes,
}

/// A limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupLimit {
    /// On what.
    pub on: Grouped,
    /// The most.
    pub most: u64,
}

/// How a group is had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// A transient scope of the user's systemd (systemd.scope(5)), which is asked for by busctl(1) at this socket.
    Scope { busctl: Text, bus: Text },
    /// A group of one's own, below one that is delegated to the caller.
    Child { parent: Text },
}

/// One period of `cpu.max` in microseconds, the kernel's own.
const PERIOD: u64 = 100_000;

/// What a limit on memory is rounded to: a page of any architecture.
const PAGE: u64 = 64 * 1024;

impl Grouped {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Memory, Self::Cpu, Self::Processes];

    /// Those that nothing else limits.
    pub const ALONE: [Self; 2] = [Self::Memory, Self::Cpu];

    /// Its name in flags, profiles and plans.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Processes => "processes",
        }
    }

    /// The controller that it takes.
    #[must_use]
    pub fn controller(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Processes => "pids",
        }
    }

    /// Reads a value: bytes with a unit of 1024; percent of a processor, or a number of them.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(self, value: &str) -> Result<u64, String> {
        let digits = |text: &str| {
            let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| text.parse::<u64>().ok()).flatten()
        };
        match self {
            Self::Memory => {
                let units = [("K", 10), ("M", 20), ("G", 30), ("T", 40)];
                let unit = units.iter().find_map(|(unit, bits)| {
                    let number = digits(value.strip_suffix(unit)?)?;
                    number.checked_mul(1_u64 << bits)
                });
                unit.or_else(|| digits(value))
                    .filter(|bytes| (16 << 20..=1 << 50).contains(bytes))
                    .map(|bytes| bytes / PAGE * PAGE)
                    .ok_or_else(|| {
                        "it takes bytes, or a number with K, M, G or T, 16M to 1024T".to_owned()
                    })
            }
            Self::Cpu => {
                let percent = match (value.strip_suffix('%'), value.split_once('.')) {
                    (Some(percent), _) => digits(percent),
                    (None, Some((whole, tenths))) if tenths.len() == 1 => digits(whole)
                        .zip(digits(tenths))
                        .and_then(|(whole, tenths)| Some(whole.checked_mul(100)? + tenths * 10)),
                    (None, Some(_)) => None,
                    (None, None) => digits(value).and_then(|whole| whole.checked_mul(100)),
                };
                percent
                    .filter(|percent| (5..=819_200).contains(percent))
                    .ok_or_else(|| {
                        "it takes percent of one processor (150%), or processors (1.5), 5% to 8192"
                            .to_owned()
                    })
            }
            Self::Processes => digits(value).ok_or_else(|| "it takes a whole number".to_owned()),
        }
    }

    /// The kernel's file of it in a group, and what stands there (cgroup-v2.rst).
    #[must_use]
    pub fn file(self, most: u64) -> (&'static str, String) {
        match self {
            Self::Memory => ("memory.max", most.to_string()),
            Self::Cpu => ("cpu.max", format!("{} {PERIOD}", most * PERIOD / 100)),
            Self::Processes => ("pids.max", most.to_string()),
        }
    }

    /// Whether the kernel's file says that this limit is in force. systemd may choose another period.
    #[must_use]
    pub fn is_in_force(self, most: u64, content: &str) -> bool {
        let numbers: Option<Vec<u64>> = content
            .split_whitespace()
            .map(|number| number.parse().ok())
            .collect();
        match (self, numbers.as_deref()) {
            (Self::Cpu, Some([quota, period])) if *period > 0 => quota * 100 == most * period,
            (Self::Memory | Self::Processes, Some([number])) => *number == most,
            _ => false,
        }
    }

    /// The property of systemd (systemd.resource-control(5), org.freedesktop.systemd1(5)), of type `t`.
    #[must_use]
    pub fn property(self, most: u64) -> (&'static str, u64) {
        match self {
            Self::Memory => ("MemoryMax", most),
            Self::Cpu => ("CPUQuotaPerSecUSec", most * 10_000),
            Self::Processes => ("TasksMax", most),
        }
    }

    /// The file in which the kernel counts, the key there, and from which number on a person is told.
    #[must_use]
    pub fn count(self) -> (&'static str, &'static str, u64) {
        match self {
            Self::Memory => ("memory.events", "oom_kill", 1),
            // Whatever computes is held back now and then; that is what was asked for.
            Self::Cpu => ("cpu.stat", "throttled_usec", 1_000_000),
            Self::Processes => ("pids.events", "max", 1),
        }
    }

    /// As a person reads it.
    #[must_use]
    pub fn shown(self, most: u64) -> String {
        match self {
            Self::Memory if most.is_multiple_of(1 << 30) => format!("{}G", most >> 30),
            Self::Memory if most.is_multiple_of(1 << 20) => format!("{}M", most >> 20),
            Self::Memory => format!("{}K", most >> 10),
            Self::Cpu => format!("{most}%"),
            Self::Processes => most.to_string(),
        }
    }

    /// What a count of it means.
    #[must_use]
    pub fn hit(self, count: u64) -> String {
        let times = if count == 1 {
            "once"
        } else {
            &format!("{count} times")
        };
        match self {
            Self::Memory => format!("a process was ended for it, {times}"),
            Self::Cpu => format!("it was held back for {} s in all", count / 1_000_000),
            Self::Processes => format!("a new process or thread was refused, {times}"),
        }
    }
}

/// The number of `key` in a file of lines with a key and a number each, such as `memory.events`.
#[must_use]
pub fn number_of(key: &str, content: &str) -> Option<u64> {
    content.lines().find_map(|line| {
        let (name, number) = line.split_once(' ')?;
        (name == key).then(|| number.trim().parse().ok())?
    })
}

/// The path of the unified hierarchy in a line of `/proc/PID/cgroup` (cgroups(7)).
#[must_use]
pub fn unified(cgroup: &str) -> Option<&str> {
    cgroup.lines().find_map(|line| line.strip_prefix("0::"))
}

/// A path as it stands in an address of D-Bus (D-Bus Specification, Server Addresses).
#[must_use]
pub fn address_of(socket: &Text) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_/.\\*".contains(byte);
    let mut address = "unix:path=".to_owned();
    for byte in socket.as_encoded_bytes() {
        if plain(byte) {
            address.push(char::from(*byte));
        } else {
            address += &format!("%{byte:02x}");
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_strict() {
        for (on, value, read) in [
            (Grouped::Memory, "4G", 4 << 30),
            (Grouped::Memory, "64M", 64 << 20),
            (Grouped::Memory, "1T", 1 << 40),
            (Grouped::Memory, "16777217", 16 << 20),
            (Grouped::Cpu, "150%", 150),
            (Grouped::Cpu, "1.5", 150),
            (Grouped::Cpu, "0.5", 50),
            (Grouped::Cpu, "8", 800),
        ] {
            assert_eq!(on.read(value), Ok(read), "{value}");
        }
        for value in [
            "",
            "G",
            "4g",
            "4GB",
            "-1",
            "+4G",
            "0",
            "15M",
            "1025T",
            "4.5G",
            "max",
            "99999999999999999999",
            "20000000000T",
        ] {
            assert!(Grouped::Memory.read(value).is_err(), "{value}");
        }
        for value in [
            "",
            "%",
            "0",
            "4%",
            "1.25",
            "1.",
            ".5",
            "-1",
            "1e2",
            "150 %",
            "8193",
            "99999999999999999999",
            "184467440737095517",
        ] {
            assert!(Grouped::Cpu.read(value).is_err(), "{value}");
        }
    }

    #[test]
    fn a_limit_is_in_force_where_the_kernel_says_so_and_nowhere_else() {
        for (on, most) in [
            (Grouped::Memory, 4 << 30),
            (Grouped::Cpu, 150),
            (Grouped::Processes, 64),
        ] {
            let (_, content) = on.file(most);
            assert!(on.is_in_force(most, &content));
            assert!(on.is_in_force(most, &format!("{content}\n")));
            assert!(!on.is_in_force(most + 65_536, &content));
            for nothing in ["", "max", "max 100000", "0", "x", "0 0"] {
                assert!(!on.is_in_force(most, nothing), "{nothing}");
            }
        }
        // systemd takes a longer period for a small quota.
        assert!(Grouped::Cpu.is_in_force(150, "15000 10000"));
    }

    #[test]
    fn what_the_kernel_counts_is_read_by_its_key() {
        let events = "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n";
        assert_eq!(number_of("oom_kill", events), Some(2));
        assert_eq!(number_of("max", events), Some(12));
        assert_eq!(number_of("oom_kill", ""), None);
        assert_eq!(
            unified("1:cpu:/a\n0::/user.slice/x.scope\n"),
            Some("/user.slice/x.scope")
        );
        assert_eq!(unified("1:cpu:/a\n"), None);
    }

    #[test]
    fn an_address_says_every_path() {
        let address = |path: &str| address_of(&path.into());
        assert_eq!(
            address("/run/user/1000/bus"),
            "unix:path=/run/user/1000/bus"
        );
        assert_eq!(
            address("/run/a b;c,d%/bus"),
            "unix:path=/run/a%20b%3bc%2cd%25/bus"
        );
    }
}
