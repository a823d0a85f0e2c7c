//! Owns finding a program of the host that the launcher itself runs, and whether it may be run. PATH is not asked: its folders may
//! be writable for the agent.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::User;
use crate::text::Text;

/// Where such programs are looked for, in order.
const FOLDERS: [&str; 8] = [
    "/usr/bin",
    "/usr/sbin",
    "/bin",
    "/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/run/current-system/sw/bin",
    "/nix/var/nix/profiles/default/bin",
];

/// A program that the launcher runs on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tool {
    /// In none of the places.
    Missing,
    /// Found, links followed, and fit to be run.
    Found(Text),
    /// Found, and not to be trusted or not fit, for this reason.
    Unfit(Text, String),
}

impl Tool {
    /// Looks for `name`: where the package was built with it, in the folders of the system, in the user's profiles of Nix.
    pub(super) fn find(name: &str, user: &User, built_in: Option<&str>) -> Self {
        let of_user = [
            user.home.join(".nix-profile/bin"),
            Text::from(
                Path::new("/etc/profiles/per-user")
                    .join(user.name.path())
                    .join("bin"),
            ),
        ];
        let folders = FOLDERS.into_iter().map(PathBuf::from);
        let folders = folders.chain(of_user.into_iter().map(|path| path.path().to_owned()));
        let places = built_in
            .map(PathBuf::from)
            .into_iter()
            .chain(folders.map(|folder| folder.join(name)));
        let mut unfit = Tool::Missing;
        for place in places {
            let Ok(real) = fs::canonicalize(&place) else {
                continue;
            };
            match unfit_reason(&real) {
                None => return Tool::Found(real.into()),
                Some(why) if unfit == Tool::Missing => unfit = Tool::Unfit(place.into(), why),
                Some(_) => {}
            }
        }
        unfit
    }

    /// Where it is, if it may be run.
    #[must_use]
    pub fn path(&self) -> Option<&Text> {
        match self {
            Tool::Found(path) => Some(path),
            Tool::Missing | Tool::Unfit(..) => None,
        }
    }
}

/// A program by its real place, where nobody but root could have written it.
pub(super) fn fit_program(place: &Path) -> Option<Text> {
    let real = fs::canonicalize(place).ok()?;
    unfit_reason(&real).is_none().then(|| real.into())
}

/// Why it must not be run: it is set-user-ID, or somebody other than root could have written it.
fn unfit_reason(real: &Path) -> Option<String> {
    let metadata = match fs::metadata(real) {
        Ok(metadata) => metadata,
        Err(error) => return Some(error.to_string()),
    };
    if !metadata.is_file() {
        return Some("it is not a file".into());
    }
    if let Some(why) = unfit_mode(metadata.mode()) {
        return Some(why.into());
    }
    // The store is read-only, also where it belongs to the user of a single-user installation.
    if real.starts_with("/nix/store") {
        return None;
    }
    let root_is_mapped = root_is_mapped();
    for part in real.ancestors() {
        let Ok(metadata) = fs::metadata(part) else {
            continue;
        };
        let name = Text::from(part);
        // In a container's user namespace without root, root's files show the overflow uid (user_namespaces(7)).
        let of_root = metadata.uid() == 0 || (!root_is_mapped && metadata.uid() == OVERFLOW_UID);
        if !of_root {
            let hidden = if metadata.uid() == OVERFLOW_UID {
                " as it is seen in this user namespace"
            } else {
                ""
            };
            return Some(format!(
                "{name} belongs to uid {}, not to root{hidden}",
                metadata.uid()
            ));
        }
        if metadata.mode() & 0o022 != 0 && metadata.mode() & 0o1000 == 0 {
            return Some(format!("others than root can write {name}"));
        }
    }
    None
}

fn unfit_mode(mode: u32) -> Option<&'static str> {
    if mode & 0o111 == 0 {
        return Some("it is not executable");
    }
    (mode & 0o4000 != 0)
        .then_some("it is set-user-ID, which cannot turn nested user namespaces off")
}

/// What an unmapped uid shows as (`/proc/sys/kernel/overflowuid`).
const OVERFLOW_UID: u32 = 65_534;

fn root_is_mapped() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.lines()
        .any(|line| line.split_whitespace().next() == Some("0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_others_than_root_could_have_written_is_unfit() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let bwrap = folder.path().join("bwrap");
        fs::write(&bwrap, "").expect("write");
        fs::set_permissions(&bwrap, fs::Permissions::from_mode(0o777)).expect("chmod");
        let why = unfit_reason(&bwrap).expect("unfit");
        assert!(
            why.contains("can write") || why.contains("belongs to uid"),
            "{why}"
        );
        assert_eq!(
            unfit_reason(Path::new("/proc")).as_deref(),
            Some("it is not a file")
        );
    }

    #[test]
    fn a_program_that_is_set_user_id_or_no_program_is_unfit() {
        assert!(unfit_mode(0o4755).is_some_and(|why| why.contains("set-user-ID")));
        assert!(unfit_mode(0o644).is_some());
        assert_eq!(unfit_mode(0o755), None);
    }
}
