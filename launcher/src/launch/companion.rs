//! Owns handing over to `claudebox-verify`, the companion that attacks the sandbox (docs/decisions/0009): where it lies,
//! whether it may be run, and that this program becomes it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cli::VerifyArgs;
use crate::facts::Facts;
use crate::hint::Hint;
use crate::text::Text;

/// Its name.
pub const NAME: &str = "claudebox-verify";

/// Why the companion was not started.
#[derive(Debug, thiserror::Error)]
pub enum CompanionError {
    /// There is none.
    #[error("{NAME} is neither beside {launcher} nor in ../libexec/claudebox")]
    Missing { launcher: Text },
    /// It cannot be looked at.
    #[error("cannot look at {path}")]
    Unreadable { path: Text, source: io::Error },
    /// Somebody else could have written it.
    #[error("{path} is not run: {why}")]
    Unfit { path: Text, why: &'static str },
    /// It did not start.
    #[error("cannot run {path}")]
    Start { path: Text, source: io::Error },
}

impl Hint for CompanionError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            CompanionError::Missing { .. } => format!(
                "it belongs to claudebox; build it (cargo build -p escape-tests --bin {NAME}), or install the whole package"
            ),
            CompanionError::Unfit { path, .. } => {
                format!(
                    "only you and root may own it and its folder, or write there; look at it, then chown or chmod go-w {path}"
                )
            }
            CompanionError::Unreadable { .. } | CompanionError::Start { .. } => {
                format!("install claudebox with its {NAME} anew")
            }
        })
    }
}

/// Becomes the companion, which is told where this launcher is and how the sandbox shall be. Returns only where it cannot.
#[must_use]
pub fn hand_over(facts: &Facts, args: &VerifyArgs) -> CompanionError {
    let launcher = &facts.host.launcher;
    let path = match find(launcher.path(), facts.user.uid, facts.project.root.path()) {
        Ok(path) => path,
        Err(error) => return error,
    };
    let mut words: Vec<OsString> = vec!["--launcher".into(), launcher.into()];
    words.extend(args.json.then(|| "--json".into()));
    words.extend(args.shared.words());
    let source = Command::new(&path).args(words).exec();
    CompanionError::Start {
        path: path.into(),
        source,
    }
}

/// The companion of `launcher`, links followed, if nobody but `uid` and root could have written it, and no session in `project`.
fn find(launcher: &Path, uid: u32, project: &Path) -> Result<PathBuf, CompanionError> {
    let beside = launcher.parent().unwrap_or(Path::new("/"));
    let places = [
        beside.join(NAME),
        beside.join("../libexec/claudebox").join(NAME),
    ];
    let found = places.into_iter().find(|place| place.exists());
    let found = found.ok_or_else(|| CompanionError::Missing {
        launcher: launcher.into(),
    })?;
    let unreadable = |path: &Path| {
        let path = path.into();
        |source| CompanionError::Unreadable { path, source }
    };
    let real = found.canonicalize().map_err(unreadable(&found))?;
    // Who develops claudebox in claudebox runs what was built there; whoever installed it does not.
    if real.starts_with(project) && !launcher.starts_with(project) {
        return Err(CompanionError::Unfit {
            path: real.into(),
            why: "it lies in the project, where a session can write it",
        });
    }
    // The folder of a link counts as well: who can write there can lead it elsewhere.
    let parts = [Some(real.as_path()), real.parent(), found.parent()];
    for part in parts.into_iter().flatten() {
        let metadata = fs::metadata(part).map_err(unreadable(part))?;
        if let Some(why) = unfit(uid, metadata.uid(), metadata.mode()) {
            let path = part.into();
            return Err(CompanionError::Unfit { path, why });
        }
    }
    Ok(real)
}

/// Why what belongs to `owner` and has `mode` must not be run by `uid`.
fn unfit(uid: u32, owner: u32, mode: u32) -> Option<&'static str> {
    if owner != 0 && owner != uid {
        return Some("it belongs to another user");
    }
    (mode & 0o022 != 0).then_some("others than its owner can write it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_project_is_run_but_by_what_lies_there_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let project = folder.path().canonicalize().expect("a path").join("app");
        let own = project.with_file_name("bin");
        let uid = nix::unistd::getuid().as_raw();
        for made in [&project, &own] {
            fs::create_dir(made).expect("a folder");
            let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(made, open).expect("chmod");
        }
        fs::write(project.join(NAME), "").expect("a file");
        std::os::unix::fs::symlink(project.join(NAME), own.join(NAME)).expect("a link");
        let found = |launcher: &Path| find(&launcher.join("claudebox"), uid, &project);
        assert!(matches!(
            found(&own),
            Err(CompanionError::Unfit { why, .. }) if why.contains("project")
        ));
        assert!(found(&project).is_ok());
    }

    #[test]
    fn only_what_root_or_the_caller_alone_can_write_is_fit() {
        for (uid, owner, mode, fit) in [
            (1000, 0, 0o755, true),
            (1000, 1000, 0o755, true),
            (1000, 1000, 0o700, true),
            (0, 0, 0o755, true),
            (1000, 1001, 0o755, false),
            (0, 1000, 0o755, false),
            (1000, 0, 0o775, false),
            (1000, 1000, 0o757, false),
            (1000, 0, 0o1777, false),
        ] {
            assert_eq!(
                unfit(uid, owner, mode).is_none(),
                fit,
                "{uid} {owner} {mode:o}"
            );
        }
    }
}
