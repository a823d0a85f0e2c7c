//! Owns finding the agent: Claude Code in all its install forms (RUN-10), or the program that `--cmd` names.
//!
//! A program is looked at, never run. One that lies in the project is passed over: the agent could have written it.

use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Project, Query, User, variable};
use crate::text::Text;

/// Claude Code's own name.
const CLAUDE: &str = "claude";

/// The result of looking for a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The name it goes by inside, such as `claude`.
    pub name: Text,
    /// What was found.
    pub found: Option<Found>,
    /// Where it was looked for, in order, as far as the search went.
    pub searched: Vec<Text>,
    /// Candidates that were passed over, with the reason.
    pub passed_over: Vec<(Text, String)>,
}

/// A program that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// Where it was found.
    pub path: Text,
    /// The same with all links followed.
    pub real: Text,
    /// What it is, and so what it needs beside itself.
    pub kind: ProgramKind,
}

/// What a program is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProgramKind {
    /// One executable file (native installer, npm since 2.1.113, a Nix wrapper).
    Binary,
    /// A script of a package folder (npm).
    Script {
        /// The folder that belongs to the package: the nearest with a `package.json`.
        package: Text,
        /// Packages beside it that it loads: same scope, same start of the name.
        companions: Vec<Text>,
        /// `node`, or what else its first line asks for, links followed.
        interpreter: Option<Text>,
    },
}

impl Program {
    pub(super) fn find(
        query: &Query,
        user: &User,
        environment: &[(Text, Text)],
        project: &Project,
    ) -> Self {
        let path = variable(environment, "PATH").cloned().unwrap_or_default();
        let path: Vec<PathBuf> = std::env::split_paths(&path)
            .filter(|folder| folder.is_absolute())
            .collect();
        let asked = query
            .program
            .clone()
            .map(|program| super::expand_command(&program, &user.home, &project.cwd));
        let (name, candidates): (Text, Vec<PathBuf>) = match &asked {
            Some(program) if program.as_bytes().contains(&b'/') => {
                let name = if query.is_agent {
                    CLAUDE.into()
                } else {
                    program.path().file_name().unwrap_or_default().into()
                };
                (name, vec![program.path().to_owned()])
            }
            Some(program) => (
                program.clone(),
                path.iter()
                    .map(|folder| folder.join(program.path()))
                    .collect(),
            ),
            None => (CLAUDE.into(), usual_places(&path, user)),
        };
        let explicit = asked.is_some_and(|program| program.as_bytes().contains(&b'/'));
        let mut program = Self {
            name,
            found: None,
            searched: Vec::new(),
            passed_over: Vec::new(),
        };
        for candidate in candidates {
            program.searched.push(candidate.as_path().into());
            let Ok(real) = fs::canonicalize(&candidate) else {
                continue;
            };
            let Ok(metadata) = fs::metadata(&real) else {
                continue;
            };
            if !metadata.is_file() {
                continue;
            }
            if metadata.permissions().mode() & 0o111 == 0 {
                program
                    .passed_over
                    .push((candidate.into(), "it is not executable".into()));
            } else if !explicit
                && (real.starts_with(project.root.path())
                    || candidate.starts_with(project.root.path()))
            {
                program
                    .passed_over
                    .push((candidate.into(), "it lies in the project".into()));
            } else {
                let kind = ProgramKind::of(&real, &candidate, &path, project);
                program.found = Some(Found {
                    path: candidate.into(),
                    real: real.into(),
                    kind,
                });
                break;
            }
        }
        program
    }
}

/// PATH, then where the installers of Claude Code put it.
fn usual_places(path: &[PathBuf], user: &User) -> Vec<PathBuf> {
    let home = user.home.path();
    let mut places: Vec<PathBuf> = path.iter().map(|folder| folder.join(CLAUDE)).collect();
    for place in [
        ".local/bin/claude",      // native installer
        ".claude/local/claude",   // npm, migrated by `claude migrate-installer`
        ".npm-global/bin/claude", // npm with a prefix in the home folder
        ".volta/bin/claude",
        ".bun/bin/claude",
        ".nix-profile/bin/claude",
        ".local/state/nix/profile/bin/claude",
    ] {
        places.push(home.join(place));
    }
    let mut nvm: Vec<PathBuf> = fs::read_dir(home.join(".nvm/versions/node"))
        .map(|versions| {
            versions
                .flatten()
                .map(|version| version.path().join("bin/claude"))
                .collect()
        })
        .unwrap_or_default();
    nvm.sort();
    places.extend(nvm.into_iter().rev());
    places.push(
        Path::new("/etc/profiles/per-user")
            .join(user.name.path())
            .join("bin/claude"),
    );
    for place in [
        "/usr/local/bin/claude",
        "/usr/bin/claude",
        "/run/current-system/sw/bin/claude",
        "/nix/var/nix/profiles/default/bin/claude",
    ] {
        places.push(place.into());
    }
    let mut unique: Vec<PathBuf> = Vec::new();
    places.retain(|place| {
        !unique.contains(place) && {
            unique.push(place.clone());
            true
        }
    });
    places
}

impl ProgramKind {
    fn of(real: &Path, candidate: &Path, path: &[PathBuf], project: &Project) -> Self {
        let Some(interpreter) = shebang(real) else {
            return ProgramKind::Binary;
        };
        let Some(package) = real
            .ancestors()
            .skip(1)
            .find(|folder| folder.join("package.json").is_file())
        else {
            return ProgramKind::Binary;
        };
        let interpreter = match interpreter.strip_prefix("/usr/bin/env ") {
            // `env` asks PATH; the folder of the link comes first, as with nvm, where both are installed together.
            Some(name) => {
                let name = name
                    .trim()
                    .trim_start_matches("-S ")
                    .split(' ')
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                let beside = candidate.parent().into_iter().map(Path::to_owned);
                beside
                    .chain(path.iter().cloned())
                    .map(|folder| folder.join(&name))
                    .find_map(|file| {
                        fs::canonicalize(file)
                            .ok()
                            .filter(|file| file.is_file() && !file.starts_with(project.root.path()))
                    })
            }
            None => fs::canonicalize(interpreter.split(' ').next().unwrap_or_default()).ok(),
        };
        ProgramKind::Script {
            package: package.into(),
            companions: companions(package),
            interpreter: interpreter.map(Text::from),
        }
    }
}

/// What stands after `#!` in the first line, within the 256 bytes that the kernel reads (execve(2)).
fn shebang(file: &Path) -> Option<String> {
    let mut start = [0; 256];
    let length = fs::File::open(file).ok()?.read(&mut start).ok()?;
    let text = String::from_utf8_lossy(&start[..length]);
    Some(text.strip_prefix("#!")?.lines().next()?.trim().to_owned())
}

/// `@scope/NAME-*` beside `@scope/NAME`: npm puts the platform's binary there.
fn companions(package: &Path) -> Vec<Text> {
    let (Some(scope), Some(name)) = (package.parent(), package.file_name()) else {
        return Vec::new();
    };
    if !scope
        .file_name()
        .is_some_and(|scope| scope.as_bytes().starts_with(b"@"))
    {
        return Vec::new();
    }
    let start = [name.as_bytes(), b"-"].concat();
    let mut found: Vec<Text> = fs::read_dir(scope)
        .map(|entries| {
            entries
                .flatten()
                .filter(|entry| entry.file_name().as_bytes().starts_with(&start))
                .collect()
        })
        .unwrap_or_else(|_| Vec::new())
        .iter()
        .map(|entry: &fs::DirEntry| Text::from(entry.path()))
        .collect();
    found.sort();
    found
}
