//! Owns a picture of a part of the host, to be compared with later: names, kinds, modes, link targets, contents.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::bait::Bait;

/// Which part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Everything of the caller's but the project: the home folder, other projects, grants, programs.
    Outside,
    /// The project.
    Project,
}

impl Part {
    fn file(self, bait: &Bait) -> PathBuf {
        bait.folder.join(match self {
            Part::Outside => "picture-of-the-outside",
            Part::Project => "picture-of-the-project",
        })
    }

    fn tops(self, bait: &Bait) -> Vec<PathBuf> {
        match self {
            Part::Project => vec![bait.project.clone()],
            Part::Outside => {
                let others = ["shelf", "elsewhere", "agent", "fakes"];
                let others = others.map(|name| bait.folder.join(name));
                let own = [bait.home.clone(), bait.beside.clone()];
                own.into_iter().chain(others).collect()
            }
        }
    }

    /// Every entry, a line each.
    fn look(self, bait: &Bait) -> io::Result<BTreeSet<String>> {
        let skipped = (self == Part::Outside).then_some(bait.project.as_path());
        let mut lines = BTreeSet::new();
        for top in self.tops(bait) {
            look(&top, skipped, &mut lines)?;
        }
        Ok(lines)
    }

    /// Takes the picture.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn take(self, bait: &Bait) -> io::Result<()> {
        fs::write(self.file(bait), serde_json::to_vec(&self.look(bait)?)?)
    }

    /// What is not as in the picture.
    #[must_use]
    pub fn changed(self, bait: &Bait) -> Option<String> {
        let taken = || -> io::Result<BTreeSet<String>> {
            Ok(serde_json::from_slice(&fs::read(self.file(bait))?)?)
        };
        match taken().and_then(|taken| Ok((taken, self.look(bait)?))) {
            Ok((taken, now)) => {
                let differ = taken.symmetric_difference(&now).next();
                differ.map(|line| format!("on the host it is not as it was: {line}"))
            }
            Err(error) => Some(format!("the host cannot be compared: {error}")),
        }
    }
}

fn look(path: &Path, skipped: Option<&Path>, lines: &mut BTreeSet<String>) -> io::Result<()> {
    // What is kept of a project is for its sessions to change.
    let kept = path.ends_with(".claudebox/projects") && path.is_dir() && !path.is_symlink();
    if skipped == Some(path) || kept {
        return Ok(());
    }
    let metadata = fs::symlink_metadata(path)?;
    let mut content = DefaultHasher::new();
    if metadata.is_symlink() {
        fs::read_link(path)?
            .as_os_str()
            .as_bytes()
            .hash(&mut content);
    } else if metadata.is_file() {
        fs::read(path)?.hash(&mut content);
    } else if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            look(&entry?.path(), skipped, lines)?;
        }
    }
    let (mode, owner, content) = (metadata.mode(), metadata.uid(), content.finish());
    lines.insert(format!("{path:?} {mode:o} {owner} {content:x}"));
    Ok(())
}
