//! Owns which paths of the host were asked for, and which of them may enter (FS-E, FS-G, SSH-01).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{ConfigError, Origin, within, writable_folders};
use crate::cli::Entry;
use crate::facts::{self, Facts, Kind};
use crate::place::{self, Secrets};
use crate::profile::{Mode, Profile};
use crate::text::Text;

/// A path that was asked for and may enter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// As asked for, made absolute.
    pub path: Text,
    /// Its end, all links followed.
    pub real: Text,
    /// Whether it is a folder.
    pub folder: bool,
    /// The links on the way from one to the other, by their own real places.
    pub links: Vec<Text>,
    /// Whether it can be written.
    pub writable: bool,
    /// The secret that it uncovers, as its profile says in so many words.
    pub uncovers: Option<String>,
    /// Who asked.
    pub origin: Origin,
}

/// `PATH[:ro|:rw]` taken apart. A path that itself ends so is written with `:ro` or `:rw` once more.
#[must_use]
pub fn split_mount(argument: &OsStr) -> (Text, Mode) {
    let bytes = argument.as_bytes();
    for (suffix, mode) in [(":ro", Mode::Ro), (":rw", Mode::Rw)] {
        if let Some(path) = bytes
            .strip_suffix(suffix.as_bytes())
            .filter(|path| !path.is_empty())
        {
            return (OsStr::from_bytes(path).into(), mode);
        }
    }
    (argument.into(), Mode::Ro)
}

/// All `--mount`, `--mount-home` and `mounts`, parents before children, each place once.
pub(super) fn requested(
    entry: &Entry,
    facts: &Facts,
    profiles: &[(Text, Profile)],
    notes: &mut Vec<String>,
) -> Result<Vec<Grant>, ConfigError> {
    let mut grants: Vec<Grant> = Vec::new();
    for (path, profile) in profiles {
        for mount in &profile.mounts {
            let origin = Origin::Profile(path.clone());
            let path = mount.path.as_str().into();
            grants.extend(one(
                facts,
                &path,
                mount.mode,
                mount.uncover_secret,
                origin,
                notes,
            )?);
        }
    }
    for argument in &entry.shared.mount {
        let (path, mode) = split_mount(argument);
        grants.extend(one(
            facts,
            &path,
            mode,
            false,
            Origin::Flag("--mount".into()),
            notes,
        )?);
    }
    for sub in &entry.shared.mount_home {
        let path = Text::from(Path::new("~").join(sub).as_path());
        let origin = Origin::Flag("--mount-home".into());
        match one(facts, &path, Mode::Rw, false, origin, notes) {
            // As in the predecessor: a folder that is not there yet is no reason to stop.
            Err(ConfigError::PathMissing { path, .. }) => {
                notes.push(format!("{path} (--mount-home) is not there"))
            }
            grant => grants.extend(grant?),
        }
    }
    grants.sort_by(|a, b| a.real.cmp(&b.real));
    for index in 1..grants.len() {
        let (earlier, later) = (&grants[index - 1], &grants[index]);
        if earlier.real == later.real && earlier.writable != later.writable {
            return Err(refused(
                later,
                "it is asked for read-only and read-write",
                "ask for it once",
            ));
        }
    }
    grants.dedup_by(|later, earlier| later.real == earlier.real);
    for grant in &grants {
        if let Some(above) = grants.iter().find(|above| {
            above.writable && above.real != grant.real && within(&grant.real, &above.real)
        }) {
            let why = format!(
                "it lies in {}, which can be written inside (FS-G)",
                above.real
            );
            return Err(refused(
                grant,
                &why,
                "grant the upper folder read-only, or only that one",
            ));
        }
    }
    Ok(grants)
}

/// What helps in general.
const NARROWER: &str = "grant a folder that holds only what is needed";

pub(super) fn refused(grant: &Grant, why: &str, hint: &'static str) -> ConfigError {
    ConfigError::Grant {
        path: grant.path.clone(),
        origin: grant.origin.to_string(),
        why: why.into(),
        hint,
    }
}

/// One grant, judged; `None` where it is visible anyway.
fn one(
    facts: &Facts,
    path: &Text,
    mode: Mode,
    may_uncover: bool,
    origin: Origin,
    notes: &mut Vec<String>,
) -> Result<Option<Grant>, ConfigError> {
    if path.is_empty() {
        let path = path.clone();
        return Err(ConfigError::PathMissing {
            path,
            origin: origin.to_string(),
        });
    }
    let path = facts::expand(path, &facts.user.home, facts.project.cwd.path());
    let Some(node) = facts.node(path.path()) else {
        return Err(ConfigError::PathMissing {
            path,
            origin: origin.to_string(),
        });
    };
    let mut grant = Grant {
        real: node.real.clone(),
        folder: node.kind == Kind::Folder,
        links: node.links.clone(),
        writable: mode == Mode::Rw,
        uncovers: None,
        path,
        origin,
    };
    if !matches!(node.kind, Kind::File | Kind::Folder) {
        return Err(refused(
            &grant,
            "it is a socket, a FIFO or a device",
            NARROWER,
        ));
    }
    if within(&grant.real, &facts.project.root) {
        notes.push(format!(
            "{} ({}) lies in the project and is visible anyway",
            grant.path, grant.origin
        ));
        return Ok(None);
    }
    if let Some(why) = unmountable(&grant, facts) {
        return Err(refused(&grant, why, NARROWER));
    }
    if visible_anyway(&grant.real, facts) {
        notes.push(format!(
            "{} ({}) is visible anyway",
            grant.path, grant.origin
        ));
        return Ok(None);
    }
    if let Some(secret) = Secrets::of(facts).uncovered_by(grant.real.path()) {
        let why = format!("{} holds {}", Text::from(secret.at), secret.what);
        if within(&grant.real, &facts.files.folder) || within(&facts.files.folder, &grant.real) {
            return Err(refused(&grant, &why, NARROWER));
        }
        if !may_uncover {
            let hint = "if it must enter, say so in a profile: {\"path\": \"…\", \"uncover_secret\": true}";
            return Err(refused(&grant, &why, hint));
        }
        grant.uncovers = Some(secret.what);
    }
    Ok(Some(grant))
}

/// Refuses what is reached through a link that something inside could have planted.
pub(super) fn refuse_astray<'a>(
    grant: &Grant,
    mut writable: impl Iterator<Item = &'a Text>,
) -> Result<(), ConfigError> {
    let planted = |folder: &&Text| {
        !within(&grant.real, folder) && grant.links.iter().any(|link| within(link, folder))
    };
    match writable.find(planted) {
        Some(folder) => {
            let why = format!("a link in {folder}, which can be written inside, leads there");
            Err(refused(
                grant,
                &why,
                "name the place that you mean, not a link in the project",
            ))
        }
        None => Ok(()),
    }
}

/// Why a grant cannot be mounted, whatever it holds.
fn unmountable(grant: &Grant, facts: &Facts) -> Option<&'static str> {
    if grant.writable && within(&facts.project.root, &grant.real) {
        return Some(
            "the project lies in it, and would be mounted beneath what can be written (FS-G)",
        );
    }
    if grant.writable && place::system(grant.real.path()) {
        return Some("it is a folder of the system");
    }
    None
}

/// Whether `path` is part of what every sandbox shows.
fn visible_anyway(path: &Text, facts: &Facts) -> bool {
    facts.host.usr && within(path, "/usr") || within(path, "/nix/store")
}

/// `--path-add` and `path`: folders shown read-only and put first on PATH.
pub(super) fn path(
    entry: &Entry,
    facts: &Facts,
    profiles: &[(Text, Profile)],
    grants: &[Grant],
) -> Result<Vec<Grant>, ConfigError> {
    let flags = entry
        .shared
        .path_add
        .iter()
        .map(|dir| (Text::from(dir.as_path()), Origin::Flag("--path-add".into())));
    let of_profiles = profiles.iter().rev().flat_map(|(file, profile)| {
        profile
            .path
            .iter()
            .map(move |dir| (dir.as_str().into(), Origin::Profile(file.clone())))
    });
    let mut folders: Vec<Grant> = Vec::new();
    for (dir, origin) in flags.chain(of_profiles) {
        let path = facts::expand(&dir, &facts.user.home, facts.project.cwd.path());
        let Some(node) = facts.node(path.path()) else {
            return Err(ConfigError::PathMissing {
                path,
                origin: origin.to_string(),
            });
        };
        let grant = Grant {
            real: node.real.clone(),
            folder: true,
            links: node.links.clone(),
            writable: false,
            uncovers: None,
            path,
            origin,
        };
        if node.kind != Kind::Folder {
            return Err(refused(
                &grant,
                "it is not a folder",
                "name the folder that holds the program",
            ));
        }
        if let Some(folder) =
            writable_folders(facts, grants).find(|folder| within(&grant.real, folder))
        {
            let why = format!(
                "it lies in {folder}, which can be written inside; PATH takes only what cannot"
            );
            return Err(refused(
                &grant,
                &why,
                "install the tool in a folder outside of it",
            ));
        }
        if grant.real.as_bytes().contains(&b':') {
            return Err(refused(
                &grant,
                "its name has a `:`, which separates folders in PATH",
                "rename it",
            ));
        }
        if !visible_anyway(&grant.real, facts) {
            one(
                facts,
                &dir,
                Mode::Ro,
                false,
                grant.origin.clone(),
                &mut Vec::new(),
            )?;
        }
        folders.push(grant);
    }
    Ok(folders)
}
