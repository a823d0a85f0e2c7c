//! Owns every place of a plan with what it gives, and what a path below it that is not listed may give at most.
//!
//! Below what is made for the session nothing else is: it has only begun. Below a folder of the host there is what the host
//! has there, read-only or as the caller may.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use claudebox::text::Text;

use super::Bound;
use super::devices::{DEVICES, LINKS, MULTIPLEXER, NULL, TERMINAL};
use super::kernel;
use super::mounts::{Made, read_only};
use super::printed::{Does, Printed};
use crate::sweep::host::Host;
use crate::sweep::level::{Kind, Level};
use crate::sweep::paths::Place;

struct Places<'a> {
    listed: BTreeMap<PathBuf, Place>,
    made: &'a [Made],
}

impl Places<'_> {
    fn add(&mut self, place: Place) {
        self.listed.insert(place.at.path().to_owned(), place);
    }

    fn read_only(&self, at: &Text) -> bool {
        read_only(self.made, at.path())
    }

    /// Whoever is inside owns what was made for the session.
    fn own(&self, at: Text, kind: Kind, mode: u32, holds: Option<String>) -> Place {
        let level = Level::of_bits(kind, mode >> 6 & 7, self.read_only(&at));
        exactly(at, kind, level, holds)
    }
}

fn exactly(at: Text, kind: Kind, level: Level, holds: Option<String>) -> Place {
    Place {
        at,
        kind,
        least: level,
        most: level,
        below: Level::Absent,
        opens: false,
        holds,
    }
}

pub(super) fn add(
    bound: &mut Bound,
    plan: &Printed,
    host: &Host,
    made: &[Made],
) -> Result<(), String> {
    let mut places = Places {
        listed: BTreeMap::new(),
        made,
    };
    let folder =
        |places: &Places<'_>, at: Text| places.own(at, Kind::Folder, 0o755, Some("0755".into()));
    places.add(folder(&places, "/".into()));
    for does in plan.does() {
        match does {
            Does::Tmpfs { at, mode, .. } => {
                let bits = u32::from_str_radix(mode, 8)
                    .map_err(|error| format!("the mode {mode} of {at}: {error}"))?;
                places.add(places.own(at.clone(), Kind::Folder, bits, Some(mode.clone())));
            }
            Does::Bind { from, at, .. } => shown(&mut places, bound, plan, host, from, at)?,
            Does::Link { at, to } => {
                let to = Some(to.to_string());
                places.add(exactly(at.clone(), Kind::Link, Level::Listed, to));
            }
            Does::File { at, content } => {
                let content = Some(content.to_string());
                places.add(places.own(at.clone(), Kind::File, 0o644, content));
            }
            Does::Copy { at } => places.add(places.own(at.clone(), Kind::File, 0o555, None)),
            Does::Replace { at } => places.add(places.own(at.clone(), Kind::File, 0o644, None)),
            Does::Hide { at, folder } => {
                let (kind, mode) = if *folder {
                    (Kind::Folder, Some("0000".into()))
                } else {
                    (Kind::File, None)
                };
                places.add(places.own(at.clone(), kind, 0, mode));
            }
            Does::Proc { at } => proc(&mut places, host, at),
            Does::Dev { at } => {
                places.add(folder(&places, at.clone()));
                dev(&mut places, at);
            }
            Does::Cover { at } => {
                // On a mount without devices it cannot be opened: it is a name.
                places.add(device(at.clone(), NULL, Level::Listed));
            }
            _ => {}
        }
    }
    // The folders on the way to a place, as far as they are not the host's.
    let at: Vec<PathBuf> = places.listed.keys().cloned().collect();
    for at in at {
        let missing = at.ancestors().skip(1);
        let missing: Vec<&Path> = missing
            .take_while(|folder| !places.listed.contains_key(*folder))
            .collect();
        let above = at
            .ancestors()
            .skip(1 + missing.len())
            .find_map(|folder| places.listed.get(folder));
        if above.is_none_or(|above| above.below == Level::Absent) {
            for missing in missing {
                places.add(folder(&places, missing.into()));
            }
        }
    }
    bound.places = places.listed.into_values().collect();
    Ok(())
}

/// What is bound from the host, with what the host's permissions give the caller.
fn shown(
    places: &mut Places<'_>,
    bound: &mut Bound,
    plan: &Printed,
    host: &Host,
    from: &Text,
    at: &Text,
) -> Result<(), String> {
    let source = host.sources.get(from);
    let source = source.ok_or_else(|| format!("nothing is known of {from}"))?;
    let sealed = places.read_only(at);
    let bits = source.bits(host.uid, host.gid, &plan.groups);
    let level = Level::of_bits(source.kind, bits, sealed);
    let below = match (source.kind, sealed) {
        (Kind::Folder, true) => Level::Entered,
        (Kind::Folder, false) => Level::Writable,
        _ => Level::Absent,
    };
    if source.kind == Kind::Folder && bits & 4 != 0 {
        bound.counts.insert(at.to_string(), source.children);
    }
    places.add(Place {
        below,
        ..exactly(at.clone(), source.kind, level, None)
    });
    Ok(())
}

/// A new procfs. It is nobody's, or root's: the kernel decides what of it opens.
fn proc(places: &mut Places<'_>, host: &Host, at: &Text) {
    let own = |at: Text| Place {
        below: Level::Entered,
        opens: true,
        ..exactly(at, Kind::Folder, Level::Entered, Some("0555".into()))
    };
    places.add(own(at.clone()));
    places.add(own(at.join("1")));
    let tables = if host.uid == 0 {
        kernel::FOR_ROOT
    } else {
        kernel::FOR_A_USER
    };
    for entry in tables.iter().flat_map(|(_, entries)| *entries) {
        // Not every kernel has all of them.
        places.add(Place {
            least: Level::Absent,
            below: entry.below,
            opens: true,
            ..exactly(at.join(entry.path), entry.kind, entry.most, None)
        });
    }
}

/// Every program may use those that are shown.
fn device(at: Text, numbers: &str, level: Level) -> Place {
    exactly(at, Kind::Device, level, Some(format!("{numbers} 0666")))
}

fn dev(places: &mut Places<'_>, at: &Text) {
    for (name, numbers) in DEVICES.into_iter().chain([MULTIPLEXER]) {
        let mut device = device(at.join(name), numbers, Level::Writable);
        if name == TERMINAL {
            device.least = Level::Listed;
        }
        places.add(device);
    }
    for (name, target) in LINKS {
        let target = Some(target.to_owned());
        places.add(exactly(at.join(name), Kind::Link, Level::Listed, target));
    }
}
