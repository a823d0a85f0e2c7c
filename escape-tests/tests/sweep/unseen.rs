//! Owns the guards whose loss no look at one session can see, each with its reason. The list is held to what is so.

use escape_tests::probe::Guard;

/// Every such guard, with the reason.
pub(crate) const UNSEEN: [(Guard, &str); 5] = [
    (
        Guard::ArgumentsHidden,
        "the arguments are those of bwrap, which is outside of the PID namespace: the probe command_lines looks from there",
    ),
    (
        Guard::AbstractSockets,
        "no file shows what Landlock scopes, and with a network of its own there is no abstract socket to see",
    ),
    (
        Guard::SignalScope,
        "no file shows what Landlock scopes, and no process outside has a number inside that could be signalled",
    ),
    (
        Guard::FreshKeyring,
        "a second wall: no call reaches any keyring, and /proc/keys is covered",
    ),
    (
        Guard::SourcesPinned,
        "it counts only where somebody puts a link in a source's place between the audit and the start",
    ),
];
