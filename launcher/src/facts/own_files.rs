//! Owns reading the small files that steer claudebox, and how such a file may be read at all.

use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::walk::Walk;
use super::{FILE_LIMIT, FactsError, Project, Query, variable};
use crate::text::Text;
use crate::trust::{self, Trust};

/// Files that steer claudebox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnFiles {
    /// `~/.claudebox`, or CLAUDEBOX_HOME.
    pub folder: Text,
    /// `config.json`, then each profile asked for, in order.
    pub profiles: Vec<ProfileFile>,
    /// `~/.claudebox/env`
    pub user_env: Content,
    /// `<project>/.claudebox.env`
    pub project_env: Content,
    /// `<project>/.claudebox.json`
    #[serde(default = "absent")]
    pub project_profile: Content,
    /// `trust.json`
    pub trust: Content,
    /// Where these files really lie, and the links on the way, where that is not in `folder`: nothing inside may write
    /// there.
    #[serde(default)]
    pub real: Vec<Text>,
}

/// One profile file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileFile {
    /// The name it was asked for by; `None` for `config.json`.
    pub name: Option<String>,
    /// Where it lies.
    pub path: Text,
    /// What it holds.
    pub content: Content,
}

/// What reading a small file gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// There is none.
    Absent,
    /// Its bytes.
    Bytes(Text),
    /// It is there and was not read, for this reason.
    Refused(String),
}

fn absent() -> Content {
    Content::Absent
}

impl Content {
    /// Reads a small regular file without following a link at its end, without waiting and within [`FILE_LIMIT`].
    pub(super) fn read(path: &Path) -> Self {
        Self::read_up_to(path, FILE_LIMIT)
    }

    /// The same, within `limit` bytes.
    pub(super) fn read_up_to(path: &Path, limit: u64) -> Self {
        let opened = fs::OpenOptions::new()
            .read(true)
            .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY)
            .open(path);
        let file = match opened {
            Ok(file) => file,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Content::Absent;
            }
            Err(error) if error.raw_os_error() == Some(nix::libc::ELOOP) => {
                return Content::Refused("it is a symbolic link".into());
            }
            Err(error) => return Content::Refused(error.to_string()),
        };
        let metadata = match file.metadata() {
            Ok(metadata) => metadata,
            Err(error) => return Content::Refused(error.to_string()),
        };
        if !metadata.is_file() {
            return Content::Refused("it is not a regular file".into());
        }
        if metadata.len() > limit {
            return Content::Refused(format!("it is larger than {limit} bytes"));
        }
        let owner = nix::unistd::getuid().as_raw();
        // In a user namespace without root, the store's files show another uid; nobody can write them.
        let of_store = path.starts_with("/nix/store");
        if metadata.uid() != owner && metadata.uid() != 0 && !of_store {
            return Content::Refused(format!("it belongs to uid {}", metadata.uid()));
        }
        let mut bytes = Vec::new();
        match file.take(limit).read_to_end(&mut bytes) {
            Ok(_) => Content::Bytes(Text::from(std::ffi::OsString::from_vec(bytes))),
            Err(error) => Content::Refused(error.to_string()),
        }
    }
}

impl OwnFiles {
    pub(super) fn read(
        folder: &Text,
        project: &Project,
        query: &Query,
        environment: &[(Text, Text)],
        walk: &mut Walk,
    ) -> Result<Self, FactsError> {
        let config = folder.join("config.json");
        let (user_env, approved) = (folder.join("env"), folder.join("trust.json"));
        let content = Content::read(&following(config.path()));
        let mut profiles = vec![ProfileFile {
            name: None,
            content,
            path: config,
        }];
        for name in asked(query, environment)? {
            let path = folder.join("profiles").join(format!("{name}.json"));
            // A name with a slash must not become a path; `config` refuses it by its name.
            let content = if crate::profile::valid_name(&name) {
                Content::read(&following(path.path()))
            } else {
                Content::Absent
            };
            profiles.push(ProfileFile {
                name: Some(name),
                path,
                content,
            });
        }
        let steering = profiles.iter().map(|profile| profile.path.clone());
        let steering =
            steering.chain([user_env.clone(), approved.clone(), folder.join("profiles")]);
        let mut real: Vec<Text> = Vec::new();
        for file in steering {
            let end = walk.follow(file.path());
            real.extend(end.links.into_iter().chain([end.real.into()]));
        }
        real.retain(|file| !file.path().starts_with(folder.path()));
        Ok(Self {
            user_env: Content::read(&following(user_env.path())),
            project_env: Content::read(project.root.join(trust::ENV_FILE).path()),
            project_profile: Content::read_up_to(
                project.root.join(trust::PROFILE).path(),
                trust::PROFILE_LIMIT,
            ),
            trust: Content::read_up_to(approved.path(), trust::LIMIT),
            folder: folder.clone(),
            profiles,
            real,
        })
    }
}

impl OwnFiles {
    /// The profile of the project at `root`, whether or not it counts.
    #[must_use]
    pub fn of_project(&self, root: &Text) -> ProfileFile {
        ProfileFile {
            name: None,
            path: root.join(trust::PROFILE),
            content: self.project_profile.clone(),
        }
    }

    /// The profiles that can open something: the user's own, and the project's where it was approved.
    pub(super) fn that_open(&self, root: &Text) -> Vec<ProfileFile> {
        let approved = match (&self.trust, &self.project_profile) {
            (Content::Bytes(json), Content::Bytes(profile)) => json
                .utf8()
                .and_then(|json| Trust::parse(json).ok())
                .is_some_and(|trust| trust.approves(root, trust::PROFILE, profile)),
            _ => false,
        };
        let own = approved.then(|| self.of_project(root));
        self.profiles.iter().cloned().chain(own).collect()
    }

    /// The profiles that can narrow something: the project's among them, approved or not.
    pub(super) fn that_narrow(&self, root: &Text) -> Vec<ProfileFile> {
        let own = std::iter::once(self.of_project(root));
        self.profiles.iter().cloned().chain(own).collect()
    }
}

/// The profiles that were asked for, by flags or else by CLAUDEBOX_PROFILE (PROF-01).
fn asked(query: &Query, environment: &[(Text, Text)]) -> Result<Vec<String>, FactsError> {
    let Some(listed) =
        variable(environment, "CLAUDEBOX_PROFILE").filter(|_| query.profiles.is_empty())
    else {
        return Ok(query.profiles.clone());
    };
    let why = "it is not text in UTF-8";
    let listed = listed.utf8().ok_or(FactsError::Variable {
        name: "CLAUDEBOX_PROFILE",
        why,
    })?;
    let names = listed
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    Ok(names.map(str::to_owned).collect())
}

/// The user's own files may be links (dotfile managers); those of a project may not.
pub(super) fn following(path: &Path) -> PathBuf {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => {
            fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
        }
        _ => path.to_owned(),
    }
}
