//! Owns the closed-world sweep: everything that can be seen inside is looked at once, and compared with a bound made from
//! the plan that the launcher prints. What is not on the list is a difference, and so is what is listed and missing.
//!
//! # Two halves
//!
//! 1. [`look`] is the inside half: the command in the sandbox, told only where to walk. It observes and does not judge;
//!    [`paths`] alone compares while it walks, as hundreds of thousands of lines would not help anybody.
//! 2. [`bound`] says what may be seen: a pure function of the printed plan and of a few facts of the host ([`host`]).
//!    [`judge`] compares.
//!
//! Observations have a name and a value, both text: `variable HOME`, `mount /usr`, `process 1`. So the closed world is one
//! comparison of two maps, whatever is observed.

pub mod bound;
pub mod host;
pub mod judge;
pub mod level;
pub mod look;
pub mod mounts;
pub mod network;
pub mod paths;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::paths::{Place, Walked};

/// The name by which the inside half is told to sweep: that of no probe.
pub const NAME: &str = "closed-world-sweep";

/// What the inside half reads from standard input.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    /// The places that the walk is compared with.
    pub places: Vec<Place>,
}

/// What the inside half says, in one line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// What was observed.
    pub seen: Seen,
    /// What the walk found.
    pub walked: Walked,
}

/// Observations by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen(pub BTreeMap<String, String>);

impl Seen {
    /// One observation more. A second of one name keeps both: neither may hide the other.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let name = name.into();
        let mut free = name.clone();
        let mut count = 1;
        while self.0.contains_key(&free) {
            count += 1;
            free = format!("{name} ({count})");
        }
        self.0.insert(free, value.into());
    }
}
