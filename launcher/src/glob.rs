//! Owns the patterns of `--hide`: which paths one names. Pure, on bytes, so that a name that is no text is matched too.
//!
//! `*` is any part of one name, `?` one byte of it, `**` any number of names. A pattern without a `/` names a file or folder
//! anywhere; one with a `/` starts at the top. Nothing else has a meaning: what other programs would read differently is
//! refused, as a pattern that does not hide what it seems to would be worse than none.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A pattern, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    parts: Vec<Vec<u8>>,
    anywhere: bool,
}

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(pattern: &OsStr) -> Result<Self, &'static str> {
        let bytes = pattern.as_bytes();
        if bytes.iter().any(|byte| b"[]{}!\\\0".contains(byte)) {
            return Err("it knows `*`, `?` and `**`, and none of [ ] { } ! \\");
        }
        let inner = bytes.strip_suffix(b"/").unwrap_or(bytes);
        let anywhere = !inner.contains(&b'/');
        let inner = inner.strip_prefix(b"/").unwrap_or(inner);
        let parts: Vec<Vec<u8>> = inner
            .split(|byte| *byte == b'/')
            .map(<[u8]>::to_vec)
            .collect();
        if parts
            .iter()
            .any(|part| part.is_empty() || part == b"." || part == b"..")
        {
            return Err("each name in it has at least one letter, and is not `.` or `..`");
        }
        if parts[0] == b"~" {
            return Err("it starts at the top of the project, not in the home folder");
        }
        Ok(Self { parts, anywhere })
    }

    /// Whether it names `path`, which is relative to the top.
    #[must_use]
    pub fn names(&self, path: &Path) -> bool {
        let names: Vec<&[u8]> = path.iter().map(OsStrExt::as_bytes).collect();
        if self.anywhere {
            return names.last().is_some_and(|name| part(&self.parts[0], name));
        }
        walk(&self.parts, &names)
    }
}

fn walk(parts: &[Vec<u8>], names: &[&[u8]]) -> bool {
    match parts.split_first() {
        None => names.is_empty(),
        Some((first, rest)) if first == b"**" => {
            (0..=names.len()).any(|skipped| walk(rest, &names[skipped..]))
        }
        Some((first, rest)) => names
            .split_first()
            .is_some_and(|(name, names)| part(first, name) && walk(rest, names)),
    }
}

/// One name. Goes back to the last `*` only, so that no pattern takes long.
pub(crate) fn part(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(letter) if *letter == b'?' || *letter == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    n = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|letter| *letter == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pattern: &str, path: &str) -> bool {
        Glob::parse(OsStr::new(pattern))
            .expect(pattern)
            .names(Path::new(path))
    }

    #[test]
    fn a_pattern_names_what_a_person_means() {
        for (pattern, path) in [
            (".env", "a/b/.env"),
            (".env*", ".env.local"),
            ("*.pem", "deep/server.pem"),
            ("config/.env", "config/.env"),
            ("/secrets/", "secrets"),
            ("/.env", ".env"),
            ("a/**/x", "a/x"),
            ("a/**/x", "a/b/c/x"),
            ("**/x", "x"),
            ("a?c", "abc"),
            ("*a*b*", "xxaxxbxx"),
        ] {
            assert!(names(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            (".env", ".env.local"),
            ("config/.env", "sub/config/.env"),
            ("/.env", "sub/.env"),
            ("*.pem", "pem"),
            ("a/*", "a/b/c"),
            ("a?c", "ac"),
        ] {
            assert!(!names(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn what_would_hide_something_else_elsewhere_is_refused() {
        for pattern in [
            "", "/", "a//b", "../x", "a/./b", "[ab]", "{a,b}", "!x", "a\\b", "~/x",
        ] {
            assert!(Glob::parse(OsStr::new(pattern)).is_err(), "{pattern}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic_and_a_name_names_itself(pattern: Vec<u8>, name in "[a-z.]{1,20}") {
            if let Ok(glob) = Glob::parse(OsStr::from_bytes(&pattern)) {
                let _ = glob.names(Path::new(OsStr::from_bytes(&pattern)));
            }
            let own = Glob::parse(OsStr::new(&name));
            proptest::prop_assert!(own.is_err() || own.is_ok_and(|glob| glob.names(Path::new(&name))));
        }
    }
}
