//! Owns the walk over everything visible, and its comparison with a list of places. Links are not followed.
//!
//! A path that is not listed is allowed what its nearest listed place says of what lies below it; only what goes beyond is
//! reported, and how much was walked. What a listed path gives is reported as it is.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use claudebox::text::{Text, escape};
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::libc;
use nix::sys::stat::{major, minor};
use nix::unistd::{AccessFlags, faccessat};
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

/// A path, by its folder: hundreds of thousands of them are looked up from there, not from the root.
#[derive(Debug, Clone, Copy)]
struct Spot<'a> {
    opened: BorrowedFd<'a>,
    folder: &'a Path,
    name: &'a Path,
}

impl Spot<'_> {
    fn path(&self) -> PathBuf {
        self.folder.join(self.name)
    }

    fn gives(&self, flags: AccessFlags) -> bool {
        faccessat(self.opened, self.name, flags, AtFlags::empty()).is_ok()
    }
}

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
            let opened = OpenOptions::new()
                .read(true)
                .custom_flags(libc::O_PATH | libc::O_DIRECTORY)
                .open(&folder);
            let (Ok(opened), Ok(entries)) = (opened, fs::read_dir(&folder)) else {
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
                let spot = Spot {
                    opened: opened.as_fd(),
                    folder: &folder,
                    name: Path::new(&name),
                };
                if place.is_none() && !self.may_descend(spot, kind, under) {
                    continue;
                }
                if kind == Kind::Folder {
                    folders.push((spot.path(), place.unwrap_or(under)));
                }
            }
            self.walked.entries += seen;
            *self.walked.below.entry(under.at.to_string()).or_default() += seen;
            if self.walked.entries > MOST {
                self.excess(&folder, &format!("the walk ends here, after {MOST} names"));
                return;
            }
        }
    }

    /// Compares a path that is not listed. Below what should not be there at all, nothing more is told.
    fn may_descend(&mut self, spot: Spot<'_>, kind: Kind, under: &Place) -> bool {
        if under.below == Level::Absent {
            self.excess(&spot.path(), "it is there, and not listed");
            return false;
        }
        if !matches!(kind, Kind::File | Kind::Folder | Kind::Link) {
            self.excess(&spot.path(), &format!("it is a {kind:?}, and not listed"));
            return false;
        }
        let most = if under.opens {
            under.below.min(for_others(&spot.path(), kind))
        } else {
            under.below
        };
        if let Some(level) = above(spot, kind, most, under.opens) {
            self.excess(&spot.path(), &format!("{level}; at most {most}"));
        }
        if kind == Kind::File && self.set_id_counts(spot) {
            let what = "a set-id program, on a mount without nosuid";
            self.excess(&spot.path(), what);
        }
        true
    }

    fn set_id_counts(&self, spot: Spot<'_>) -> bool {
        let on = |mount: &PathBuf| spot.folder.starts_with(mount) || spot.path() == *mount;
        self.loose.iter().any(on)
            && fs::symlink_metadata(spot.path()).is_ok_and(|file| file.mode() & 0o6000 != 0)
    }

    fn excess(&mut self, path: &Path, what: &str) {
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
    let spot = Spot {
        opened: AT_FDCWD,
        folder: Path::new("/"),
        name: path,
    };
    let level = above(spot, kind, Level::Listed, place.opens).unwrap_or(Level::Listed);
    Some(Found { kind, level, holds })
}

fn content(path: &Path) -> String {
    let mut bytes = Vec::new();
    let file = File::open(path);
    let read = file.and_then(|file| file.take(LONGEST).read_to_end(&mut bytes));
    match read {
        Ok(_) => escape(OsStr::from_bytes(&bytes)),
        Err(error) => error.to_string(),
    }
}

/// The level of a path, where it is above `most`. Asked of the kernel, from the top down.
fn above(spot: Spot<'_>, kind: Kind, most: Level, opens: bool) -> Option<Level> {
    [Level::Writable, Level::Entered, Level::Readable]
        .into_iter()
        .take_while(|level| *level > most)
        .find(|level| gives(spot, kind, *level, opens))
}

fn gives(spot: Spot<'_>, kind: Kind, level: Level, opens: bool) -> bool {
    let open = |options: &mut OpenOptions| options.custom_flags(WITHOUT_EFFECT).open(spot.path());
    let reading = || open(OpenOptions::new().read(true));
    let writing = || open(OpenOptions::new().write(true));
    match (kind, level) {
        (Kind::Link, _) => false,
        // access(2) does not know of a mount without devices.
        (Kind::Device, Level::Entered) => false,
        (Kind::Device, Level::Readable) => reading().is_ok(),
        (Kind::Device, Level::Writable) => writing().is_ok(),
        // Some files of procfs open for everybody and are read by few.
        (Kind::File, Level::Readable) if opens => {
            let read = |mut file: File| file.read(&mut [0; 8]);
            reading().and_then(read).is_ok()
        }
        (Kind::File, Level::Writable) if opens => writing().is_ok(),
        (Kind::Folder, Level::Readable | Level::Entered) if opens => {
            fs::read_dir(spot.path()).is_ok_and(|mut names| names.any(|name| name.is_ok()))
        }
        (_, Level::Readable) => spot.gives(AccessFlags::R_OK),
        (_, Level::Entered) => spot.gives(AccessFlags::X_OK),
        (_, Level::Writable) => spot.gives(AccessFlags::W_OK),
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
