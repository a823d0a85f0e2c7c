//! Owns what may be seen inside, and must be: a pure function of the printed plan and a few facts of the host.
//!
//! What the plan does not say is written out in tables, each with its reason: the devices that bwrap makes (`devices`),
//! what of procfs the kernel lets be read or written (`kernel`), and the few words beside in `mounts` and `process`.

mod devices;
mod kernel;
mod mounts;
mod places;
pub mod printed;
mod process;

use std::collections::BTreeMap;

use claudebox::secret;
use claudebox::text::unescape;

use self::printed::Printed;
use super::host::Host;
use super::paths::Place;

/// What may be seen inside, and must be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bound {
    /// Observations by name.
    pub seen: BTreeMap<String, Allowed>,
    /// Every place with what it gives.
    pub places: Vec<Place>,
    /// How many names a walk sees below a place, at the least.
    pub counts: BTreeMap<String, u64>,
}

/// What an observation may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// This.
    Is(String),
    /// One of these.
    OneOf(Vec<String>),
    /// What is shown so, by the rule that masks secrets.
    Shown(String),
    /// Anything but these.
    Other(Vec<String>),
    /// Of a file system with none of these numbers.
    Fresh(Vec<String>),
    /// All of these words, and any more.
    Holds(Vec<String>),
    /// Routes that leave by this device alone.
    RoutesBy(&'static str),
    /// Anything.
    Any,
    /// This, where it is there at all.
    Maybe(Box<Allowed>),
}

impl Allowed {
    /// Exactly this.
    pub fn is(value: impl ToString) -> Self {
        Allowed::Is(value.to_string())
    }

    /// This, where it is there at all.
    #[must_use]
    pub fn maybe(self) -> Self {
        Allowed::Maybe(Box::new(self))
    }

    /// Whether the observation `name` may be `value`.
    #[must_use]
    pub fn allows(&self, name: &str, value: &str) -> bool {
        match self {
            Allowed::Is(this) => this == value,
            Allowed::OneOf(these) => these.iter().any(|this| this == value),
            Allowed::Shown(shown) => {
                let name = name.strip_prefix("variable ").and_then(unescape);
                let value = unescape(value);
                name.zip(value)
                    .is_some_and(|(name, value)| secret::shown(&name, &value) == *shown)
            }
            Allowed::Other(these) => !value.is_empty() && these.iter().all(|this| this != value),
            Allowed::Fresh(known) => {
                let device = value.split(' ').next().unwrap_or_default();
                !device.is_empty() && known.iter().all(|known| known != device)
            }
            Allowed::Holds(words) => {
                let there: Vec<&str> = value.split(' ').collect();
                words.iter().all(|word| there.contains(&word.as_str()))
            }
            Allowed::RoutesBy(device) => value
                .split("; ")
                .filter(|route| !route.is_empty())
                .all(|route| route.split(' ').next_back() == Some(device)),
            Allowed::Any => true,
            Allowed::Maybe(allowed) => allowed.allows(name, value),
        }
    }
}

impl Bound {
    /// The bound of `plan` on `host`.
    ///
    /// # Errors
    /// Where the plan says something that has no bound here.
    pub fn of(plan: &Printed, host: &Host) -> Result<Self, String> {
        let made = mounts::made(plan, host)?;
        let mut bound = Self::default();
        mounts::add(&mut bound, &made, host);
        places::add(&mut bound, plan, host, &made)?;
        process::add(&mut bound, plan, host)?;
        Ok(bound)
    }

    fn allow(&mut self, name: impl Into<String>, allowed: Allowed) {
        self.seen.insert(name.into(), allowed);
    }
}

#[cfg(test)]
mod tests;
