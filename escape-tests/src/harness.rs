//! Owns how probes are run: what is planted, who starts the launcher, how a guard is taken away, how a trial is judged.
//!
//! # Three processes
//!
//! 1. The *driver* ([`drive`]) is the test binary. It plants fresh bait, starts a *neighbour* ([`neighbour`]: a process
//!    of the same user that listens, and hears what should not reach it), starts the trial, waits, looks, judges.
//! 2. The *trial* ([`trial`]) is the test binary once more, as the caller. It shows that all bait is reachable for it,
//!    then becomes the launcher: through the library, with guards removed if asked ([`breaking`]), or by exec.
//! 3. The *inside* ([`inside`]) is the command in the sandbox. It reads the bait from its standard input, so that no
//!    canary stands in an argument or a variable, makes the attempt, and reports one line.

pub mod addresses;
pub mod bait;
pub mod batch;
pub mod breaking;
mod company;
pub mod detonator;
pub mod drive;
pub mod edited;
pub mod inside;
pub mod keeper;
pub mod lab;
pub mod launched;
pub mod login;
pub mod mutation;
pub mod need;
pub mod neighbour;
pub mod network;
pub mod network_change;
pub mod network_outside;
mod on_terminal;
mod other_side;
pub mod packets;
pub mod places;
pub mod screen;
pub mod start;
pub mod survivor;
pub mod tree;
pub mod trial;
