//! Owns what is said when a session is over (EXIT-A): what appeared or changed that the host would run, and what else of the
//! project deserves a look before the next command. Pure: `facts` looks, `launch` writes it down.
//!
//! Only names are told, never what stands in a file.

mod judge;
mod text;

use serde::Serialize;

pub(crate) use self::judge::{
    Nature, borrows_outside, fixed, is_dependencies, is_git, item, leads_out, of_git, run_by,
};
use crate::cli::Scan;
use crate::text::Text;

/// Version of the JSON form. Grows when a field changes its meaning or goes; new fields do not count.
pub const VERSION: u32 = 1;

/// What is said when a session is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// [`VERSION`]
    pub version: u32,
    /// The project's root.
    pub project: Text,
    /// The exit status of the session.
    pub status: u8,
    /// How much was looked at.
    pub scan: Scanned,
    /// What deserves a look, the most dangerous first.
    pub items: Vec<Item>,
    /// Limits that the session ran into.
    pub limits: Vec<Limit>,
    /// What the session wanted to reach and was refused.
    pub refused_targets: Vec<RefusedTarget>,
    /// Why there was no network any more, if it was lost on the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_lost: Option<String>,
    /// What became of the login that its user should know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub login: Vec<String>,
}

/// How much was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Scanned {
    /// How much was asked for.
    pub mode: Scan,
    /// How many names of the tree were looked at.
    pub seen: u64,
    /// Whether that is all there are.
    pub complete: bool,
}

/// Something that deserves a look.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// Where: from the project's root, or an absolute path.
    pub path: Text,
    /// What became of it.
    pub change: Change,
    /// Who would run it, or what else is to know.
    pub by: String,
    /// Where it leads, if it is a link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Text>,
}

/// Kinds of what deserves a look, the most dangerous first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A program of the host runs it, or what it names.
    HostRuns,
    /// Whoever runs it becomes somebody else.
    SetId,
    /// A link that leads out of what the session could write.
    LinkOut,
    /// The same file has a name elsewhere.
    OtherName,
    /// A FIFO, a socket or a device.
    Special,
    /// A git folder within the tree.
    Repository,
    /// git takes objects from outside.
    Alternates,
    /// A branch or a tag that is not the current one.
    Branch,
    /// git stops at it.
    Lock,
    /// A folder that cannot be looked into.
    Closed,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It was not there before.
    Appeared,
    /// It was there, and is another now.
    Changed,
    /// It was there.
    Gone,
    /// It was made or touched meanwhile.
    Touched,
}

/// A limit that the session ran into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// Which.
    pub name: String,
    /// Its value, and the unit.
    pub value: String,
    /// How it was met.
    pub hit: String,
}

/// What the session wanted to reach and was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedTarget {
    /// Address, port and protocol.
    pub target: String,
    /// What of the fence refused it.
    pub by: String,
}

impl Report {
    /// As JSON, a line at its end.
    ///
    /// # Errors
    /// None that is known: there is no map with keys that are no text.
    pub fn to_json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}
