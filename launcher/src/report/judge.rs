//! Owns what a name, a link or a mode means after a session. Pure.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::{Change, Item, Kind};
use crate::hostrun::{self, Base};
use crate::text::Text;

/// How often a link leads on before it is given up (MAXSYMLINKS).
const MOST_LINKS: usize = 40;

/// What of a file's mode counts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Nature {
    /// Whether it is a link, which may stand for a whole folder.
    pub(crate) link: bool,
    /// Whether it can be executed.
    pub(crate) program: bool,
}

/// Who would run what lies at `path`, if somebody would. `in_git` is the part of it below the git folder that it lies in.
pub(crate) fn run_by(path: &Path, in_git: Option<&Path>, nature: Nature) -> Option<&'static str> {
    let names: Vec<_> = in_git
        .unwrap_or(path)
        .iter()
        .map(OsStr::to_string_lossy)
        .collect();
    if names.last()?.ends_with(".sample") {
        return None;
    }
    if in_git.is_some() {
        let found = hostrun::find(Base::Git, &names.join("/"));
        return found
            .filter(|entry| !is_git_data(entry))
            .map(|entry| entry.what);
    }
    let from = |start: usize| names[start..].join("/");
    // A link may stand for a folder in which something of the list lies.
    let leads_to = |start: usize| nature.link.then(|| hostrun::below(&from(start))).flatten();
    // In every folder of the tree, as a subfolder is opened too; but in those that are full of what others wrote, only what the
    // list names in them.
    (0..names.len()).find_map(|start| {
        let found = hostrun::find(Base::Project, &from(start)).or_else(|| leads_to(start))?;
        let of_dependencies = found.kind == hostrun::Kind::Program;
        let in_dependencies = names[..start]
            .iter()
            .any(|name| is_dependencies(OsStr::new(&**name)));
        let counts = if of_dependencies {
            // `*` is one name, not all below it: a build has many more files than programs.
            let deeper = found.pattern.ends_with('*')
                && names.len() - start > found.pattern.split('/').count();
            (nature.program || nature.link) && !deeper
        } else {
            !in_dependencies
        };
        counts.then_some(found.what)
    })
}

/// Those of the list that have one place: they are looked at before and after.
pub(crate) fn fixed() -> impl Iterator<Item = &'static hostrun::Entry> {
    hostrun::LIST.iter().filter(|entry| {
        let left_to_the_walk = is_git_data(entry) || entry.kind == hostrun::Kind::Program;
        !left_to_the_walk && !entry.pattern.contains('*')
    })
}

/// What of a git folder is told by its own kind, or holds git folders itself.
fn is_git_data(entry: &hostrun::Entry) -> bool {
    let data = ["refs", "packed-refs", "*.lock", "modules"];
    let data = data.contains(&entry.pattern) || entry.pattern.starts_with("objects/");
    entry.base == Base::Git && data
}

/// Whether a folder of this name is full of what others wrote.
pub(crate) fn is_dependencies(name: &OsStr) -> bool {
    let programs = hostrun::LIST
        .iter()
        .filter(|entry| entry.kind == hostrun::Kind::Program);
    programs
        .filter_map(|entry| entry.pattern.split('/').next())
        .any(|folder| folder == name)
}

/// What a changed file in a git folder means beside the list: a lock, a branch. `head` is the branch that is checked out.
pub(crate) fn of_git(in_git: &Path, head: &Path) -> Option<(Kind, &'static str)> {
    let name = in_git.file_name()?.as_bytes();
    if name.ends_with(b".lock") {
        return Some((Kind::Lock, "git waits for it; remove it if no git runs"));
    }
    let branch = ["refs/heads", "refs/tags"]
        .iter()
        .any(|refs| in_git.starts_with(refs));
    (branch && in_git != head).then_some((Kind::Branch, "made or moved meanwhile"))
}

/// Whether the names in a folder are those of a git folder (gitrepository-layout(5)).
pub(crate) fn is_git<'a>(names: impl Iterator<Item = &'a OsStr>) -> bool {
    let mut there = [false; 3];
    for name in names {
        for (seen, wanted) in there.iter_mut().zip(["HEAD", "objects", "refs"]) {
            *seen |= name == wanted;
        }
    }
    there == [true; 3]
}

/// Whether a link at `at` with `target` leads out of `top`. Links on the way are asked of `read`, and only those in `top`.
pub(crate) fn leads_out(
    top: &Path,
    at: &Path,
    target: &Path,
    read: impl Fn(&Path) -> Option<OsString>,
) -> bool {
    let mut here = at.parent().unwrap_or(top).to_owned();
    let mut ahead: Vec<OsString> = Vec::new();
    let mut links = 0;
    let mut follow = |target: &Path, here: &mut PathBuf, ahead: &mut Vec<OsString>| {
        links += 1;
        if target.is_absolute() {
            *here = PathBuf::from("/");
        }
        ahead.extend(target.components().rev().filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        }));
        links <= MOST_LINKS
    };
    // What leads in a circle leads nowhere.
    let _ = follow(target, &mut here, &mut ahead);
    while let Some(name) = ahead.pop() {
        if name == ".." {
            here.pop();
            continue;
        }
        here.push(name);
        if here.starts_with(top) {
            if let Some(target) = read(&here) {
                here.pop();
                if !follow(Path::new(&target), &mut here, &mut ahead) {
                    return false;
                }
            }
        } else if !top.starts_with(&here) {
            return true;
        }
    }
    !here.starts_with(top)
}

/// Whether the lines of an `alternates` file in `objects` lead out of `top`.
pub(crate) fn borrows_outside(
    top: &Path,
    objects: &Path,
    lines: &[u8],
    read: impl Fn(&Path) -> Option<OsString>,
) -> bool {
    lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty() && !line.starts_with(b"#"))
        .any(|line| {
            let line = Path::new(OsStr::from_bytes(line));
            leads_out(top, &objects.join("x"), line, &read)
        })
}

/// What is told of one path.
pub(crate) fn item(kind: Kind, path: Text, change: Change, by: &str) -> Item {
    Item {
        kind,
        path,
        change,
        by: by.into(),
        target: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_at_any_depth_in_any_case_and_through_what_is_not_seen() {
        let program = Nature {
            link: false,
            program: true,
        };
        let of = |path: &str| run_by(Path::new(path), None, program);
        for path in [
            "Makefile",
            "deep/er/Makefile",
            ".Claude/hooks/check",
            "a/.v\u{200c}scode/tasks.json",
            "app.code-workspace",
            "node_modules/.bin/eslint",
            "target/debug/app",
            ".venv/bin/python",
        ] {
            assert!(of(path).is_some(), "{path}");
        }
        for path in [
            "main.rs",
            "node_modules/x/package.json",
            "target/debug/deps/x",
            ".vscode",
        ] {
            assert_eq!(of(path), None, "{path}");
        }
        let git = |path: &str| {
            run_by(
                &Path::new("x/.git").join(path),
                Some(Path::new(path)),
                program,
            )
        };
        assert!(git("hooks/post-commit").is_some() && git("config").is_some());
        let link = Nature {
            link: true,
            program: false,
        };
        assert!(run_by(Path::new(".vscode"), None, link).is_some());
        assert!(run_by(Path::new(".venv/bin/notes"), None, Nature::default()).is_none());
        assert!(git("hooks/post-commit.sample").is_none() && git("objects/config").is_none());
    }

    #[test]
    fn a_link_leads_out_by_any_way_and_a_circle_nowhere() {
        let read = |at: &Path| match at.to_str() {
            Some("/p/second") => Some("../../etc/passwd".into()),
            Some("/p/loop") => Some("loop".into()),
            Some("/p/in") => Some("/p/sub".into()),
            _ => None,
        };
        let out = |target: &str| {
            leads_out(
                Path::new("/p"),
                Path::new("/p/a/link"),
                Path::new(target),
                read,
            )
        };
        for target in [
            "/etc",
            "../..",
            "..//../etc",
            "../second",
            "/p/../q",
            "/p/a/../../q",
            "/",
            "/px",
        ] {
            assert!(out(target), "{target}");
        }
        for target in [
            "x",
            "..",
            "../in/y",
            "/p/a/b",
            "/p",
            "../loop",
            "../../p/x",
            "",
        ] {
            assert!(!out(target), "{target}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_name_panics(bytes: Vec<u8>) {
            let path = Path::new(OsStr::from_bytes(&bytes));
            let nature = Nature { link: true, program: true };
            let _ = (run_by(path, None, nature), run_by(path, Some(path), nature), of_git(path, path));
            leads_out(Path::new("/p"), Path::new("/p/x"), path, |_| None);
        }
    }
}
