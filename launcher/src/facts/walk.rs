//! Owns following a path to its end, link by link, as path_resolution(7) goes: where it ends, and what led there.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::text::Text;

/// Follows many paths, and asks the disk about each folder on the way once.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Folders that are no links.
    plain: HashSet<PathBuf>,
}

/// The end of a path.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct End {
    /// The path with all links followed.
    pub(super) real: PathBuf,
    /// Every symbolic link on the way, by its own real place.
    pub(super) links: Vec<Text>,
}

/// The kernel gives up after so many (MAXSYMLINKS).
const MOST_LINKS: usize = 40;

impl Walk {
    /// Follows `path`, which is absolute.
    pub(super) fn follow(&mut self, path: &Path) -> End {
        let mut end = End {
            real: "/".into(),
            links: Vec::new(),
        };
        let mut ahead = names(path);
        while let Some(name) = ahead.pop() {
            if name == ".." {
                end.real.pop();
                continue;
            }
            let next = end.real.join(&name);
            if self.plain.contains(&next) {
                end.real = next;
                continue;
            }
            match fs::read_link(&next) {
                Ok(target) if end.links.len() < MOST_LINKS => {
                    end.links.push(next.into());
                    if target.is_absolute() {
                        end.real = "/".into();
                    }
                    ahead.extend(names(&target));
                }
                _ => {
                    if !ahead.is_empty() {
                        self.plain.insert(next.clone());
                    }
                    end.real = next;
                }
            }
        }
        end
    }
}

/// The names in `path`, the first one last.
fn names(path: &Path) -> Vec<OsString> {
    let named = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    path.components().rev().filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn it_ends_where_the_kernel_ends_and_names_each_link() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| {
            folder
                .path()
                .canonicalize()
                .expect("it is there")
                .join(name)
        };
        fs::create_dir_all(at("a/b")).expect("a folder");
        fs::write(at("a/b/file"), "").expect("a file");
        symlink("a/b", at("relative")).expect("a link");
        symlink(at("relative/../b"), at("absolute")).expect("a link");
        symlink("absolute/./file", at("chain")).expect("a link");
        let mut walk = Walk::default();
        for path in [
            "a/b/file",
            "relative/file",
            "absolute/file",
            "chain",
            "relative/../b/file",
        ] {
            let end = walk.follow(&at(path));
            assert_eq!(
                end.real,
                at(path).canonicalize().expect("it is there"),
                "{path}"
            );
        }
        let links = walk.follow(&at("chain")).links;
        assert_eq!(
            links,
            [at("chain"), at("absolute"), at("relative")].map(Text::from)
        );
    }

    #[test]
    fn a_loop_ends() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        symlink("loop", folder.path().join("loop")).expect("a link");
        assert_eq!(
            Walk::default()
                .follow(&folder.path().join("loop"))
                .links
                .len(),
            MOST_LINKS
        );
    }
}
