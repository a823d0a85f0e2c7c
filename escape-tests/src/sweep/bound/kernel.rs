//! Owns the tables of what the kernel shows in a new procfs beyond the rule. The rule: nothing opens to be written, and what
//! the mode keeps from others is not read. A kernel need not have all of it.

use crate::sweep::level::{Kind, Level};

/// What of procfs is beyond the rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Below /proc.
    pub(super) path: &'static str,
    pub(super) kind: Kind,
    pub(super) most: Level,
    /// As of every place: what lies below it is held to its mode all the same.
    pub(super) below: Level,
}

/// Why entries are no loss, and the entries.
pub(super) type Table = (&'static str, &'static [Entry]);

const fn written(path: &'static str) -> Entry {
    Entry {
        path,
        kind: Kind::File,
        most: Level::Writable,
        below: Level::Absent,
    }
}

const fn read(path: &'static str) -> Entry {
    Entry {
        most: Level::Readable,
        ..written(path)
    }
}

const fn folder(path: &'static str, below: Level) -> Entry {
    Entry {
        path,
        kind: Kind::Folder,
        most: Level::Entered,
        below,
    }
}

/// Where an ordinary user starts the launcher: what opens to be written.
pub(super) const FOR_A_USER: &[Table] = &[
    (
        "of the IPC namespace and the PID namespace that were made for the session (ipc_namespaces(7), pid_namespaces(7))",
        &[
            written("sys/fs/mqueue/msg_default"),
            written("sys/fs/mqueue/msg_max"),
            written("sys/fs/mqueue/msgsize_default"),
            written("sys/fs/mqueue/msgsize_max"),
            written("sys/fs/mqueue/queues_max"),
            written("sys/kernel/auto_msgmni"),
            written("sys/kernel/msg_next_id"),
            written("sys/kernel/msgmax"),
            written("sys/kernel/msgmnb"),
            written("sys/kernel/msgmni"),
            written("sys/kernel/ns_last_pid"),
            written("sys/kernel/pid_max"),
            written("sys/kernel/sem"),
            written("sys/kernel/sem_next_id"),
            written("sys/kernel/shm_next_id"),
            written("sys/kernel/shm_rmid_forced"),
            written("sys/kernel/shmall"),
            written("sys/kernel/shmmax"),
            written("sys/kernel/shmmni"),
        ],
    ),
    (
        "mode 0666: whoever writes there is woken when a resource is short, and sets nothing (psi.rst)",
        &[folder("pressure", Level::Writable)],
    ),
    (
        "mode 0666 for every process: another's is refused when it is written (proc_pid_attr(5), proc_pid_timerslack_ns(5))",
        &[
            folder("1/attr", Level::Writable),
            written("1/timerslack_ns"),
        ],
    ),
];

/// Where uid 0 starts the launcher, to the kernel the inside is uid 0: what it reads as the owner. Nothing opens to be
/// written, as /proc is read-only.
pub(super) const FOR_ROOT: &[Table] = &[
    (
        "numbers of descriptors, and what every process tells of itself: nothing of what lies behind",
        &[
            folder("1/fd", Level::Listed),
            read("1/mountstats"),
            read("1/ksm_merging_pages"),
            read("1/ksm_stat"),
        ],
    ),
    (
        "how this kernel was set up: no secret, and nobody's",
        &[
            read("sys/kernel/cad_pid"),
            read("sys/kernel/usermodehelper/bset"),
            read("sys/kernel/usermodehelper/inheritable"),
            read("sys/vm/mmap_rnd_bits"),
            read("sys/vm/mmap_rnd_compat_bits"),
            read("sys/vm/stat_refresh"),
        ],
    ),
    (
        "of the network namespace: its own on `none`. On `full` they tell of connections and rules of the host, whose \
              network that tier is; no mount covers them, as each process has them anew",
        &[
            read("1/net/arp_tables_matches"),
            read("1/net/arp_tables_names"),
            read("1/net/arp_tables_targets"),
            read("1/net/ip6_tables_matches"),
            read("1/net/ip6_tables_names"),
            read("1/net/ip6_tables_targets"),
            read("1/net/ip_tables_matches"),
            read("1/net/ip_tables_names"),
            read("1/net/ip_tables_targets"),
            read("1/net/netfilter/nfnetlink_log"),
            read("1/net/netfilter/nfnetlink_queue"),
            read("1/net/nf_conntrack"),
            read("1/net/nf_conntrack_expect"),
        ],
    ),
    (
        "names of drivers; what they tell is covered",
        &[folder("tty/driver", Level::Listed)],
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_entry_stands_once_with_a_reason() {
        for tables in [FOR_A_USER, FOR_ROOT] {
            assert!(tables.iter().all(|(why, _)| why.len() > 20));
            let entries = || tables.iter().flat_map(|(_, entries)| *entries);
            let paths: BTreeSet<&str> = entries().map(|entry| entry.path).collect();
            assert_eq!(paths.len(), entries().count());
        }
    }
}
