//! Owns the table of what bwrap's `--dev` makes (bwrap(1)): the plan has one step for all of it.

/// The numbers of /dev/null, which also lies over what is covered.
pub(super) const NULL: &str = "1:3";

/// Character devices of mode 0666, with their numbers (Documentation/admin-guide/devices.txt), bound from the host.
pub(super) const DEVICES: [(&str, &str); 6] = [
    ("null", NULL),
    ("zero", "1:5"),
    ("full", "1:7"),
    ("random", "1:8"),
    ("urandom", "1:9"),
    ("tty", "5:0"),
];

/// The one that opens only where there is a terminal: for whoever has none it is a name.
pub(super) const TERMINAL: &str = "tty";

/// The multiplexer of the new devpts. No pseudo-terminal is there yet.
pub(super) const MULTIPLEXER: (&str, &str) = ("pts/ptmx", "5:2");

/// Links, with their targets. That of `core` leads to what only root may read.
pub(super) const LINKS: [(&str, &str); 6] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("core", "/proc/kcore"),
    ("ptmx", "pts/ptmx"),
];
