//! Owns the format of the env files: `~/.claudebox/env` and `<project>/.claudebox.env` (ENV-D).
//!
//! `KEY=VALUE`, split at the first `=`; `#` comments and blank lines; one pair of matching quotes around a value is
//! taken off. Nothing is run and nothing is expanded. An error names file and line and shows no value.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::text::Text;

/// One `KEY=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The name.
    pub name: Text,
    /// The value, quotes taken off.
    pub value: Text,
    /// The line, from 1.
    pub line: usize,
}

/// A line that is no assignment. It never shows what the line holds: that may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct BadLine {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in bytes.
    pub column: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

/// All assignments of `text`, in order.
///
/// # Errors
/// At the first line that is neither blank, comment nor assignment, and where a name stands twice.
pub fn parse(text: &[u8]) -> Result<Vec<Assignment>, BadLine> {
    let mut found: Vec<Assignment> = Vec::new();
    let mut names = HashSet::new();
    for (index, raw) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = index + 1;
        let bad = |column: usize, what| BadLine { line, column, what };
        if raw.contains(&0) {
            return Err(bad(1, "a NUL byte cannot stand in the environment"));
        }
        if index == 0 && raw.starts_with(b"\xef\xbb\xbf") {
            return Err(bad(
                1,
                "the file starts with a byte order mark; save it without",
            ));
        }
        // A carriage return would become part of the value; editors on other systems leave it.
        let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
        let content = raw.trim_ascii_start();
        if content.is_empty() || content.starts_with(b"#") {
            continue;
        }
        let start = raw.len() - content.len() + 1;
        let Some(equals) = content.iter().position(|byte| *byte == b'=') else {
            return Err(bad(start, "there is no `=`; a line is KEY=VALUE"));
        };
        let name = &content[..equals];
        if name.starts_with(b"export ") {
            return Err(bad(start, "`export` is shell; a line is KEY=VALUE"));
        }
        if !valid_name(name) {
            return Err(bad(
                start,
                "a name is letters, digits and `_`, and starts with no digit",
            ));
        }
        let value =
            unquote(&content[equals + 1..]).map_err(|what| bad(start + equals + 1, what))?;
        if !names.insert(name) {
            return Err(bad(start, "this name was set before in this file"));
        }
        found.push(Assignment {
            name: OsStr::from_bytes(name).into(),
            value: OsStr::from_bytes(value).into(),
            line,
        });
    }
    Ok(found)
}

/// A name that every shell and libc takes (POSIX, Base Definitions 8.1).
#[must_use]
pub fn valid_name(name: &[u8]) -> bool {
    let first_is_fine = name
        .first()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    first_is_fine
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

fn unquote(value: &[u8]) -> Result<&[u8], &'static str> {
    let value = value.trim_ascii_end();
    let Some(quote @ (b'"' | b'\'')) = value.first() else {
        return Ok(value);
    };
    match &value[1..] {
        [inside @ .., last] if last == quote && !inside.contains(quote) => Ok(inside),
        _ => Err("the quotes do not match"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let all = parse(text.as_bytes()).expect("a good file");
        all.iter()
            .map(|one| (one.name.to_string(), one.value.to_string()))
            .collect()
    }

    #[test]
    fn the_format_is_taken_literally() {
        let text = "# c\n\n A=1\nB = x\nC='two words' \nD=\"$HOME `id`\"\nE=a=b#c\r\nF=";
        let error = parse(text.as_bytes()).expect_err("`B = x` is shell-like, not KEY=VALUE");
        assert_eq!((error.line, error.column), (4, 1));
        let text = text.replace("B = x", "B=x");
        let expected = [
            ("A", "1"),
            ("B", "x"),
            ("C", "two words"),
            ("D", "$HOME `id`"),
            ("E", "a=b#c"),
            ("F", ""),
        ];
        assert_eq!(
            pairs(&text),
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn a_bad_line_is_named_and_not_shown() {
        for (text, line) in [
            ("A=1\nsecretvalue", 2),
            ("export A=secretvalue", 1),
            ("1A=secretvalue", 1),
            ("A='secretvalue", 1),
            ("A=1\n\nA=secretvalue", 3),
            ("\u{feff}A=secretvalue", 1),
            ("A=secret\0value", 1),
        ] {
            let error = parse(text.as_bytes()).expect_err(text);
            assert_eq!(error.line, line, "{text:?}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_no_value_is_invented(text: Vec<u8>) {
            for assignment in parse(&text).unwrap_or_default() {
                let value = assignment.value.as_bytes();
                prop_assert!(value.is_empty() || text.windows(value.len()).any(|window| window == value));
            }
        }
    }
}
