//! Owns reading git's configuration format, as far as claudebox needs it: the user's name and address, `core.worktree`,
//! `core.hooksPath`, and what is included. git-config(1), SYNTAX and INCLUDES.
//!
//! Running git to ask it would run what its configuration names; a whole git library is much code for a few keys. `docs/decisions/0004-git-files-are-parsed.md`.

use std::path::{Path, PathBuf};

use crate::facts::GitIdentity;

/// How deep `include.path` is followed (git's own limit is 10).
const DEPTH: usize = 10;

/// How many files are read in all: an include may lie where the agent writes, and may name itself many times.
const FILES: usize = 64;

/// Calls `each` with section (subsection after a dot), key and value of every variable; broken lines are passed over.
pub fn each(text: &str, mut each: impl FnMut(&str, &str, &str)) {
    let mut section = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut line = line.trim().to_owned();
        if let Some(rest) = line.strip_prefix('[') {
            let Some(end) = rest.find(']') else { continue };
            section = match rest[..end].split_once(' ') {
                Some((name, sub)) => {
                    format!("{}.{}", name.to_lowercase(), sub.trim().trim_matches('"'))
                }
                None => rest[..end].to_lowercase(),
            };
            line = rest[end + 1..].trim().to_owned();
        }
        while line.ends_with('\\') && !line.ends_with("\\\\") {
            line.pop();
            line.push_str(lines.next().unwrap_or_default());
        }
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let (key, value) = line
            .split_once('=')
            .map_or((line.as_str(), "true".into()), |(k, v)| {
                (k, unquote(v.trim()))
            });
        each(&section, &key.trim().to_lowercase(), &value);
    }
}

/// `text` without `core.worktree`, where it says that and says it as git writes it: a line of its own below a line `[core]`. `None`
/// where it says nothing of it, or says it otherwise.
pub fn without_worktree(text: &str) -> Option<String> {
    let says = |text: &str| {
        let mut says = false;
        each(text, |section, key, _| {
            says |= (section, key) == ("core", "worktree")
        });
        says
    };
    let mut in_core = false;
    let mut plain = String::new();
    let mut continued = false;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        if trimmed.starts_with('[') {
            in_core = trimmed == "[core]";
        }
        let key = trimmed.split_once('=').map(|(key, _)| key.trim());
        let ends_open = trimmed.ends_with('\\');
        let is_it = in_core && !continued && !ends_open && key == Some("worktree");
        continued = ends_open;
        if !is_it {
            plain += line;
        }
    }
    (says(text) && !says(&plain)).then_some(plain)
}

/// A value without its quotes, escapes and trailing comment.
fn unquote(value: &str) -> String {
    let mut plain = String::new();
    let mut quoted = false;
    let mut characters = value.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => quoted = !quoted,
            '#' | ';' if !quoted => break,
            '\\' => match characters.next() {
                Some('n') => plain.push('\n'),
                Some('t') => plain.push('\t'),
                Some(other) => plain.push(other),
                None => {}
            },
            c => plain.push(c),
        }
    }
    if quoted {
        plain
    } else {
        plain.trim_end().to_owned()
    }
}

/// Takes name and address from `file` and what it includes into `identity`; later ones win, as in git.
pub fn apply(
    identity: &mut GitIdentity,
    file: &Path,
    home: &Path,
    read: impl FnMut(&Path) -> Option<String>,
) {
    follow(file, home, false, read, |section, key, value| {
        match (section, key) {
            // One line each: they become lines of a generated file.
            ("user", "name") if !value.contains('\n') => identity.name = Some(value.into()),
            ("user", "email") if !value.contains('\n') => identity.email = Some(value.into()),
            _ => {}
        }
    });
}

/// Calls `each` with every variable of `file` and of what it includes, in git's order; `conditional` follows `includeIf` too,
/// whatever its condition says. `read` is asked for each file once it is named.
pub fn follow(
    file: &Path,
    home: &Path,
    conditional: bool,
    mut read: impl FnMut(&Path) -> Option<String>,
    mut each: impl FnMut(&str, &str, &str),
) {
    let mut following = Following {
        home,
        conditional,
        read: &mut read,
        each: &mut each,
        files: FILES,
    };
    following.file(file, DEPTH);
}

struct Following<'a> {
    home: &'a Path,
    conditional: bool,
    read: &'a mut dyn FnMut(&Path) -> Option<String>,
    each: &'a mut dyn FnMut(&str, &str, &str),
    files: usize,
}

impl Following<'_> {
    fn file(&mut self, file: &Path, depth: usize) {
        if self.files == 0 || depth == 0 {
            return;
        }
        self.files -= 1;
        let Some(text) = (self.read)(file) else {
            return;
        };
        let mut found: Vec<(String, String, String)> = Vec::new();
        each(&text, |section, key, value| {
            found.push((section.into(), key.into(), value.into()));
        });
        for (section, key, value) in found {
            let includes =
                section == "include" || self.conditional && section.starts_with("includeif.");
            if includes && key == "path" {
                let path = match value.strip_prefix("~/") {
                    Some(rest) => self.home.join(rest),
                    None => file
                        .parent()
                        .unwrap_or(self.home)
                        .join(PathBuf::from(value)),
                };
                self.file(&path, depth - 1);
            } else {
                (self.each)(&section, &key, &value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worktree_is_left_out_where_git_wrote_it_and_nothing_else_is() {
        let written =
            "[core]\n\tbare = false\n\tworktree = ../../../lib\n[remote \"o\"]\n\turl = x\n";
        let plain = "[core]\n\tbare = false\n[remote \"o\"]\n\turl = x\n";
        assert_eq!(without_worktree(written).as_deref(), Some(plain));
        for other in [
            "",
            plain,
            "[core] worktree = x\n",
            "[CORE]\n\tworktree = x\n",
            "[core]\n\tWorkTree = x\n",
            "[core]\n\tworktree = x\\\n\ty\n",
            "[core]\n\teditor = a\\\n\tworktree = x\n",
            "[core]\n\tworktree\n",
            "[x]\n\tworktree = x\n",
            "[core \"x\"]\n\tworktree = x\n",
        ] {
            assert_eq!(without_worktree(other), None, "{other}");
        }
    }

    fn identity(files: &[(&str, &str)]) -> GitIdentity {
        let mut identity = GitIdentity::default();
        apply(
            &mut identity,
            Path::new("/h/.gitconfig"),
            Path::new("/h"),
            |path| {
                files
                    .iter()
                    .find(|(name, _)| Path::new(name) == path)
                    .map(|(_, text)| (*text).to_owned())
            },
        );
        identity
    }

    #[test]
    fn quotes_comments_continuations_and_includes_are_git_s() {
        let main = "[core]\n\teditor = vi\n[User] name = \"Ann # Lee\" ; who\n email = a@b \\\nc # x\n[include]\n path = more\n";
        let found = identity(&[
            ("/h/.gitconfig", main),
            ("/h/more", "[user]\nemail=ann@example.org\n"),
        ]);
        assert_eq!(found.name.as_deref(), Some("Ann # Lee"));
        assert_eq!(found.email.as_deref(), Some("ann@example.org"));
    }

    #[test]
    fn an_include_of_itself_ends() {
        let found = identity(&[(
            "/h/.gitconfig",
            "[include]\npath = .gitconfig\n[user]\nname = x\n",
        )]);
        assert_eq!(found.name.as_deref(), Some("x"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: String) {
            each(&text, |_, _, _| {});
        }
    }
}
