//! Owns the few facts of the host that a bound needs beside the plan. Read outside, as the kernel shows them to a caller.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

use claudebox::text::Text;

use super::bound::printed::{Does, Printed};
use super::level::Kind;
use super::mounts::{self, Mount};
use super::{Seen, network};

/// A few facts of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// Who starts the launcher.
    pub uid: u32,
    /// The group of who starts the launcher.
    pub gid: u32,
    /// The command that is started inside.
    pub command: Vec<Text>,
    /// Every mount outside.
    pub mounts: Vec<Mount>,
    /// What is bound, by its path outside.
    pub sources: BTreeMap<Text, Source>,
    /// Namespaces outside, by name.
    pub namespaces: BTreeMap<String, String>,
    /// How many seccomp filters hold already outside.
    pub filters: u32,
    /// The hierarchies of control groups.
    pub cgroups: Vec<String>,
    /// What the network is outside.
    pub network: Seen,
}

/// A file or folder of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// What it is.
    pub kind: Kind,
    /// Its permissions.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// How many names stand in it.
    pub children: u64,
}

impl Source {
    /// The three permission bits that count for a caller without any capability (path_resolution(7)).
    #[must_use]
    pub fn bits(&self, uid: u32, gid: u32, groups: &[u32]) -> u32 {
        let shift = if self.uid == uid {
            6
        } else if self.gid == gid || groups.contains(&self.gid) {
            3
        } else {
            0
        };
        self.mode >> shift & 7
    }
}

impl Host {
    /// Reads what `plan` makes worth knowing, for a caller with these ids.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn read(plan: &Printed, uid: u32, gid: u32, command: Vec<Text>) -> io::Result<Self> {
        let mut sources = BTreeMap::new();
        for step in &plan.steps {
            if let Does::Bind { from, .. } = &step.does {
                sources.insert(from.clone(), source(from)?);
            }
        }
        let mut seen = Seen::default();
        network::look(&mut seen);
        let status = fs::read_to_string("/proc/self/status")?;
        let filters = status
            .lines()
            .find_map(|line| line.strip_prefix("Seccomp_filters:"));
        Ok(Self {
            uid,
            gid,
            command,
            mounts: mounts::read()?,
            sources,
            namespaces: namespaces(),
            filters: filters
                .and_then(|count| count.trim().parse().ok())
                .unwrap_or(0),
            cgroups: cgroups()
                .into_iter()
                .map(|(hierarchy, _)| hierarchy)
                .collect(),
            network: seen,
        })
    }

    /// Keeps what is still so: others on this host mount, listen and make files for a while.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn keep_what_stays(&mut self) -> io::Result<()> {
        let mounts = mounts::read()?;
        self.mounts.retain(|mount| mounts.contains(mount));
        for (from, before) in &mut self.sources {
            before.children = before.children.min(source(from)?.children);
        }
        let mut later = Seen::default();
        network::look(&mut later);
        for (name, addresses) in &mut self.network.0 {
            if name.ends_with(network::LISTENS) {
                let later = later.0.get(name).map(String::as_str).unwrap_or_default();
                let later: BTreeSet<&str> = later.split(' ').collect();
                let both = addresses
                    .split(' ')
                    .filter(|address| later.contains(address));
                *addresses = both.collect::<Vec<_>>().join(" ");
            }
        }
        Ok(())
    }
}

fn source(from: &Text) -> io::Result<Source> {
    let metadata = fs::symlink_metadata(from.path())?;
    let kind = Kind::of(metadata.file_type());
    let children = match kind {
        // One that cannot be listed here cannot be listed inside.
        Kind::Folder => fs::read_dir(from.path()).map_or(0, Iterator::count),
        _ => 0,
    };
    Ok(Source {
        kind,
        mode: metadata.mode(),
        uid: metadata.uid(),
        gid: metadata.gid(),
        children: u64::try_from(children).map_err(io::Error::other)?,
    })
}

/// The namespaces of this process, by name (namespaces(7)).
#[must_use]
pub fn namespaces() -> BTreeMap<String, String> {
    let links = fs::read_dir("/proc/self/ns")
        .into_iter()
        .flatten()
        .flatten();
    let named = links.map(|link| {
        let namespace = fs::read_link(link.path())
            .map_or_else(|error| error.to_string(), |to| to.display().to_string());
        (link.file_name().to_string_lossy().into_owned(), namespace)
    });
    named.collect()
}

/// The control groups of this process: hierarchy and path (cgroups(7)).
#[must_use]
pub fn cgroups() -> Vec<(String, String)> {
    let table = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let fields = |line: &str| {
        let mut fields = line.splitn(3, ':').skip(1);
        Some((fields.next()?.to_owned(), fields.next()?.to_owned()))
    };
    table.lines().filter_map(fields).collect()
}
