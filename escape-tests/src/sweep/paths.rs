//! Owns the walk over everything visible, and its comparison with a list of places. Links are not followed.
//!
//! A path that is not listed is allowed what its nearest listed place says of what lies below it; only what goes beyond is
//! reported, and how much was walked. What a listed path gives is reported as it is.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use claudebox::text::{Text, escape};
use nix::libc;
use nix::sys::stat::{major, minor};
use nix::unistd::{AccessFlags, access};
use serde::{Deserialize, Serialize};

use super::level::{Kind, Level};
use super::mounts::Mount;

/// A place that is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Where.
    pub at: Text,
    /// What it is.
    pub kind: Kind,
    /// What it gives at least. What may be missing is at least absent.
    pub least: Level,
    /// What it gives at most.
    pub most: Level,
    /// What each path below it that is not listed may give at most.
    pub below: Level,
    /// Below it, files are opened to know what they give, and what the mode keeps from others must not open: procfs decides
    /// when a file is opened.
    pub opens: bool,
    /// The target of a link, the content of a file, the numbers and the mode of a device, the mode of a folder.
    pub holds: Option<String>,
}

/// What a place is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// What it is.
    pub kind: Kind,
    /// What it gives.
    pub level: Level,
    /// As [`Place::holds`]; a file is read only where something is asked of its content.
    pub holds: String,
}

/// What a walk found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walked {
    /// How many names were seen.
    pub entries: u64,
    /// How many folders were listed.
    pub folders: u64,
    /// How many names were seen below each place, as far as it is their nearest.
    pub below: BTreeMap<String, u64>,
    /// The places that were found.
    pub found: BTreeMap<String, Found>,
    /// What goes beyond the bound: the first of it.
    pub excess: Vec<String>,
    /// How much more of it there is.
    pub more: u64,
}

/// How much of an excess is reported.
const REPORTED: usize = 40;

/// More than any file that the launcher makes.
const LONGEST: u64 = 1024 * 1024;

/// Below a process: threads repeat what it shows.
const THREADS: &str = "task";

/// Where a walk that has left the sandbox ends.
const MOST: u64 = 5_000_000;

/// Flags of every open: nothing is changed, nothing is waited for, no terminal is taken.
const WITHOUT_EFFECT: i32 = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW;

struct Walk<'a> {
    /// By the folder that they stand in, then by name: few folders hold any.
    places: HashMap<&'a Path, HashMap<&'a OsStr, &'a Place>>,
    /// Mounts on which a set-id program counts.
    loose: Vec<PathBuf>,
    walked: Walked,
}

/// Looks at every place, and walks everything from the topmost on, which is the root.
#[must_use]
pub fn walk(places: &[Place], mounts: &[Mount]) -> Walked {
    let loose = mounts.iter().filter(|mount| !mount.has("nosuid"));
    let mut by_folder: HashMap<&Path, HashMap<&OsStr, &Place>> = HashMap::new();
    for place in places {
        let path = place.at.path();
        if let (Some(folder), Some(name)) = (path.parent(), path.file_name()) {
            by_folder.entry(folder).or_default().insert(name, place);
        }
    }
    let mut walk = Walk {
        places: by_folder,
        loose: loose.map(|mount| mount.at.path().to_owned()).collect(),
        walked: Walked::default(),
    };
    for place in places {
        if let Some(found) = look(place) {
            walk.walked.found.insert(place.at.to_string(), found);
        }
    }
    if let Some(top) = places.iter().min_by_key(|place| place.at.path()) {
        walk.everything(top);
    }
    walk.walked
}

impl<'a> Walk<'a> {
    fn everything(&mut self, top: &'a Place) {
        let mut folders = vec![(top.at.path().to_owned(), top)];
        while let Some((folder, under)) = folders.pop() {
            let Ok(entries) = fs::read_dir(&folder) else {
                continue;
            };
            self.walked.folders += 1;
            let listed = self.places.remove(folder.as_path()).unwrap_or_default();
            let holds_processes = folder == Path::new("/proc");
            let mut seen = 0;
            for entry in entries.flatten() {
                let (name, Ok(kind)) = (entry.file_name(), entry.file_type()) else {
                    continue;
                };
                seen += 1;
                let kind = Kind::of(kind);
                let place = listed.get(name.as_os_str()).copied();
                let apart = holds_processes && is_number(&name) || under.opens && name == THREADS;
                if place.is_none() && apart {
                    continue;
                }
                let path = entry.path();
                if place.is_none() && !self.may_descend(&path, kind, under) {
                    continue;
                }
                if kind == Kind::Folder {
                    folders.push((path, place.unwrap_or(under)));
                }
            }
            self.walked.entries += seen;
            *self.walked.below.entry(under.at.to_string()).or_default() += seen;
            if self.walked.entries > MOST {
                self.excess(
                    &folder,
                    format_args!("the walk ends here, after {MOST} names"),
                );
                return;
            }
        }
    }

    /// Compares a path that is not listed. Below what should not be there at all, nothing more is told.
    fn may_descend(&mut self, path: &Path, kind: Kind, under: &Place) -> bool {
        if under.below == Level::Absent {
            self.excess(path, format_args!("it is there, and not listed"));
            return false;
        }
        if !matches!(kind, Kind::File | Kind::Folder | Kind::Link) {
            self.excess(path, format_args!("it is a {kind:?}, and not listed"));
            return false;
        }
        let most = if under.opens {
            under.below.min(for_others(path, kind))
        } else {
            under.below
        };
        if let Some(level) = above(path, kind, most, under.opens) {
            self.excess(path, format_args!("{level}; at most {most}"));
        }
        if kind == Kind::File && self.set_id_counts(path) {
            self.excess(
                path,
                format_args!("a set-id program, on a mount without nosuid"),
            );
        }
        true
    }

    fn set_id_counts(&self, path: &Path) -> bool {
        self.loose.iter().any(|mount| path.starts_with(mount))
            && fs::symlink_metadata(path).is_ok_and(|file| file.mode() & 0o6000 != 0)
    }

    fn excess(&mut self, path: &Path, what: std::fmt::Arguments<'_>) {
        if self.walked.excess.len() < REPORTED {
            let line = format!("{}: {what}", escape(path.as_os_str()));
            self.walked.excess.push(line);
        } else {
            self.walked.more += 1;
        }
    }
}

/// A process: those are observations of their own, and a [`Place`] says what of PID 1 may be seen.
fn is_number(name: &OsStr) -> bool {
    name.as_bytes().iter().all(u8::is_ascii_digit)
}

fn look(place: &Place) -> Option<Found> {
    let path = place.at.path();
    let metadata = fs::symlink_metadata(path).ok()?;
    let kind = Kind::of(metadata.file_type());
    let mode = format!("{:04o}", metadata.permissions().mode() & 0o7777);
    let holds = match kind {
        Kind::Link => fs::read_link(path).map_or_else(
            |error| error.to_string(),
            |target| escape(target.as_os_str()),
        ),
        Kind::Device => format!(
            "{}:{} {mode}",
            major(metadata.rdev()),
            minor(metadata.rdev())
        ),
        Kind::Folder => mode,
        Kind::File if place.kind == kind && place.holds.is_some() => content(path),
        Kind::File | Kind::Socket | Kind::Fifo => String::new(),
    };
    let level = above(path, kind, Level::Listed, place.opens).unwrap_or(Level::Listed);
    Some(Found { kind, level, holds })
}

fn content(path: &Path) -> String {
    let mut bytes = Vec::new();
    let file = fs::File::open(path);
    let read = file.and_then(|file| file.take(LONGEST).read_to_end(&mut bytes));
    match read {
        Ok(_) => escape(OsStr::from_bytes(&bytes)),
        Err(error) => error.to_string(),
    }
}

/// The level of a path, where it is above `most`. Asked of the kernel, from the top down.
fn above(path: &Path, kind: Kind, most: Level, opens: bool) -> Option<Level> {
    [Level::Writable, Level::Entered, Level::Readable]
        .into_iter()
        .take_while(|level| *level > most)
        .find(|level| gives(path, kind, *level, opens))
}

fn gives(path: &Path, kind: Kind, level: Level, opens: bool) -> bool {
    let access = |flags| access(path, flags).is_ok();
    let mut options = OpenOptions::new();
    options.custom_flags(WITHOUT_EFFECT);
    match (kind, level) {
        (Kind::Link, _) => false,
        // access(2) does not know of a mount without devices.
        (Kind::Device, Level::Entered) => false,
        (Kind::Device, Level::Readable) => options.read(true).open(path).is_ok(),
        (Kind::Device, Level::Writable) => options.write(true).open(path).is_ok(),
        // Some files of procfs open for everybody and are read by few.
        (Kind::File, Level::Readable) if opens => {
            let opened = options.read(true).open(path);
            opened.and_then(|mut file| file.read(&mut [0; 8])).is_ok()
        }
        (Kind::File, Level::Writable) if opens => options.write(true).open(path).is_ok(),
        (Kind::Folder, Level::Readable | Level::Entered) if opens => {
            fs::read_dir(path).is_ok_and(|mut names| names.any(|name| name.is_ok()))
        }
        (_, Level::Readable) => access(AccessFlags::R_OK),
        (_, Level::Entered) => access(AccessFlags::X_OK),
        (_, Level::Writable) => access(AccessFlags::W_OK),
        (_, Level::Listed | Level::Absent) => true,
    }
}

/// What a path gives to whoever does not own it.
fn for_others(path: &Path, kind: Kind) -> Level {
    fs::symlink_metadata(path).map_or(Level::Listed, |metadata| {
        Level::of_bits(kind, metadata.mode() & 7, false)
    })
}

#[cfg(test)]
mod tests;
