//! Owns finding the agent: Claude Code in all its install forms (RUN-10), or the program that `--cmd` names.
//!
//! A program is looked at, never run. One that lies in the project is passed over: the agent could have written it.

use std::fmt;
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
    pub passed_over: Vec<(Text, PassedOver)>,
}

/// Why a candidate is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PassedOver {
    /// Its mode does not let it be executed.
    NotExecutable,
    /// The agent could have written it.
    InProject,
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PassedOver::NotExecutable => "it is not executable",
            PassedOver::InProject => "it lies in the project",
        })
    }
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
        /// The folder of its package, directly in a `node_modules`; `None` for a script that stands alone.
        package: Option<Text>,
        /// Packages beside it that it loads: same scope, same start of the name.
        companions: Vec<Text>,
        /// What its first line asks `env` for, such as `node`. Any other first line names a path of the system.
        interpreter: Option<Interpreter>,
    },
}

/// A program that is found by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interpreter {
    /// The name that is asked for.
    pub name: Text,
    /// Where the host has it, links followed.
    pub real: Text,
}

impl Program {
    /// `of_profile` is the agent that a profile names; a flag is stronger.
    pub(super) fn find(
        query: &Query,
        of_profile: Option<Text>,
        user: &User,
        environment: &[(Text, Text)],
        project: &Project,
    ) -> Self {
        let path = variable(environment, "PATH").cloned().unwrap_or_default();
        let path: Vec<PathBuf> = std::env::split_paths(&path)
            .filter(|folder| folder.is_absolute())
            .collect();
        let claude = query.is_agent && (query.program.is_some() || of_profile.is_none());
        let asked = query
            .program
            .clone()
            .or(of_profile)
            .map(|program| super::expand_command(&program, &user.home, &project.cwd));
        let (name, candidates): (Text, Vec<PathBuf>) = match &asked {
            Some(program) if program.as_bytes().contains(&b'/') => {
                let name = if claude {
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
                    .push((candidate.into(), PassedOver::NotExecutable));
            } else if !explicit && leads_through(&candidate, &real, project) {
                program
                    .passed_over
                    .push((candidate.into(), PassedOver::InProject));
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

/// Whether `candidate`, its end, or a link on the way lies in the project.
fn leads_through(candidate: &Path, real: &Path, project: &Project) -> bool {
    let mut links = super::walk::Walk::default()
        .follow(candidate)
        .links
        .into_iter()
        .map(|link| link.path().to_owned());
    let inside = |path: &Path| path.starts_with(project.root.path());
    inside(candidate) || inside(real) || links.any(|link| inside(&link))
}

/// PATH, then where the installers of Claude Code put it.
fn usual_places(path: &[PathBuf], user: &User) -> Vec<PathBuf> {
    let home = user.home.path();
    let mut places: Vec<PathBuf> = path.iter().map(|folder| folder.join(CLAUDE)).collect();
    for place in [
        ".local/bin/claude", // native installer
        // npm, migrated by `claude migrate-installer`; ~/.claude/local/claude is a wrapper of it by its absolute path.
        ".claude/local/node_modules/.bin/claude",
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
        // `env` asks PATH; the folder of the link comes first, as with nvm, where both are installed together.
        let interpreter = interpreter.strip_prefix("/usr/bin/env ").and_then(|asked| {
            let name = asked.trim().trim_start_matches("-S ").split(' ').next()?;
            let beside = candidate.parent().into_iter().map(Path::to_owned);
            let real = beside.chain(path.iter().cloned()).find_map(|folder| {
                let file = fs::canonicalize(folder.join(name)).ok()?;
                (file.is_file() && !file.starts_with(project.root.path())).then_some(file)
            });
            Some(Interpreter {
                name: name.into(),
                real: real?.into(),
            })
        });
        let package = package(real);
        ProgramKind::Script {
            companions: package.map(companions).unwrap_or_default(),
            package: package.map(Text::from),
            interpreter,
        }
    }
}

/// The package that `script` belongs to: `…/node_modules/NAME` or `…/node_modules/@SCOPE/NAME`. Any other folder may
/// hold more than a program, such as a whole project.
fn package(script: &Path) -> Option<&Path> {
    let is = |folder: Option<&Path>, name: &str| {
        folder
            .and_then(Path::file_name)
            .is_some_and(|part| part == name)
    };
    let scoped = |folder: &Path| {
        folder
            .file_name()
            .is_some_and(|name| name.as_bytes().starts_with(b"@"))
            && is(folder.parent(), "node_modules")
    };
    script.ancestors().skip(1).find(|folder| {
        let parent = folder.parent();
        !scoped(folder) && (is(parent, "node_modules") || parent.is_some_and(scoped))
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_of_node_modules_is_a_package() {
        let package = |script: &str| {
            package(Path::new(script)).map(|path| path.to_string_lossy().into_owned())
        };
        assert_eq!(
            package("/l/node_modules/@a/b/bin/x.js").as_deref(),
            Some("/l/node_modules/@a/b")
        );
        assert_eq!(
            package("/l/node_modules/b/x.js").as_deref(),
            Some("/l/node_modules/b")
        );
        assert_eq!(
            package("/l/node_modules/b/node_modules/c/x.js").as_deref(),
            Some("/l/node_modules/b/node_modules/c")
        );
        assert_eq!(package("/home/ann/.claude/local/claude"), None);
        assert_eq!(package("/home/ann/src/other/bin/tool"), None);
    }
}
