//! Owns bytes that came from outside: names, paths and values as the kernel hands them over.
//!
//! [`Text`] keeps them byte for byte. It is *shown* and *stored* through one escaping, so
//! that a path with a newline, an escape sequence or a right-to-left override is one harmless line in
//! the audit, in an error and in JSON, and can still be read back without loss.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::ops::Deref;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes from outside, kept exactly; printed and serialised escaped.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(OsString);

impl Text {
    /// Of a field of mountinfo, where space, tab, newline and backslash stand as three octal digits (proc_pid_mountinfo(5)).
    #[must_use]
    pub fn of_proc(field: &[u8]) -> Self {
        let mut plain = Vec::with_capacity(field.len());
        let mut rest = field;
        while let Some((&byte, tail)) = rest.split_first() {
            let octal = (byte == b'\\').then(|| tail.get(..3)).flatten();
            let code = octal.and_then(|digits| std::str::from_utf8(digits).ok());
            match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
                Some(code) => {
                    plain.push(code);
                    rest = &tail[3..];
                }
                None => {
                    plain.push(byte);
                    rest = tail;
                }
            }
        }
        Self(OsString::from_vec(plain))
    }

    /// The bytes as a path.
    #[must_use]
    pub fn path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// The bytes, if they are text in UTF-8.
    #[must_use]
    pub fn utf8(&self) -> Option<&str> {
        self.0.to_str()
    }

    /// This path with `child` appended.
    #[must_use]
    pub fn join(&self, child: impl AsRef<Path>) -> Text {
        self.path().join(child).into()
    }
}

/// `text` with everything escaped that could change what a reader sees.
///
/// Escaped are the backslash, control characters (C0, C1, DEL), bidirectional controls,
/// zero-width and other invisible characters, line and paragraph separators, and bytes that are not UTF-8.
#[must_use]
pub fn escape(text: &OsStr) -> String {
    let mut shown = String::with_capacity(text.len());
    // A blank at either end is not seen either.
    let (starts, ends) = (
        text.as_bytes().starts_with(b" "),
        text.as_bytes().ends_with(b" "),
    );
    let inner = &text.as_bytes()[usize::from(starts)..];
    let inner = &inner[..inner.len() - usize::from(ends && !inner.is_empty())];
    if starts {
        shown.push_str("\\x20");
    }
    for chunk in inner.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => shown.push_str("\\\\"),
                '\n' => shown.push_str("\\n"),
                '\t' => shown.push_str("\\t"),
                '\r' => shown.push_str("\\r"),
                c if c.is_ascii_control() => shown.push_str(&format!("\\x{:02x}", c as u32)),
                c if invisible(c) => shown.push_str(&format!("\\u{{{:x}}}", c as u32)),
                c => shown.push(c),
            }
        }
        for byte in chunk.invalid() {
            shown.push_str(&format!("\\x{byte:02x}"));
        }
    }
    if ends && (!starts || text.len() > 1) {
        shown.push_str("\\x20");
    }
    shown
}

/// `name` as a file system sees it that folds names: case and what is not seen do not count (HFS+, APFS, ext4 with casefold).
#[must_use]
pub fn folded(name: &OsStr) -> String {
    let seen = name.to_string_lossy();
    let seen = seen.chars().filter(|c| !invisible(*c));
    seen.flat_map(char::to_lowercase).collect()
}

/// The bytes that [`escape`] was given, or `None` where `shown` is not of its making.
#[must_use]
pub fn unescape(shown: &str) -> Option<OsString> {
    let mut bytes = Vec::with_capacity(shown.len());
    let mut rest = shown;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at + 1..];
        let kind = rest.chars().next()?;
        rest = &rest[kind.len_utf8()..];
        match kind {
            '\\' => bytes.push(b'\\'),
            'n' => bytes.push(b'\n'),
            't' => bytes.push(b'\t'),
            'r' => bytes.push(b'\r'),
            'x' => {
                bytes.push(u8::from_str_radix(rest.get(..2)?, 16).ok()?);
                rest = &rest[2..];
            }
            'u' => {
                let end = rest.find('}')?;
                let code = u32::from_str_radix(rest.get(1..end)?, 16).ok()?;
                let character = char::from_u32(code)?;
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[end + 1..];
            }
            _ => return None,
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(OsString::from_vec(bytes))
}

/// Characters that are not seen, or that move what is seen (Unicode UAX #9, categories Cf, Zl, Zp).
fn invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&escape(&self.0))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Deref for Text {
    type Target = OsStr;
    fn deref(&self) -> &OsStr {
        &self.0
    }
}

impl AsRef<OsStr> for Text {
    fn as_ref(&self) -> &OsStr {
        &self.0
    }
}

impl AsRef<Path> for Text {
    fn as_ref(&self) -> &Path {
        self.path()
    }
}

impl From<OsString> for Text {
    fn from(text: OsString) -> Self {
        Text(text)
    }
}

impl From<PathBuf> for Text {
    fn from(path: PathBuf) -> Self {
        Text(path.into_os_string())
    }
}

impl From<&Path> for Text {
    fn from(path: &Path) -> Self {
        Text(path.as_os_str().to_owned())
    }
}

impl From<&OsStr> for Text {
    fn from(text: &OsStr) -> Self {
        Text(text.to_owned())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text(text.into())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Text(text.into())
    }
}

impl From<Text> for OsString {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&escape(&self.0))
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shown = String::deserialize(deserializer)?;
        unescape(&shown).map(Text).ok_or_else(|| {
            serde::de::Error::custom("a backslash must start one of \\\\ \\n \\t \\r \\xNN \\u{N}")
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn escaping_loses_nothing_and_shows_one_plain_line(bytes: Vec<u8>) {
            let text = OsString::from_vec(bytes);
            let shown = escape(&text);
            prop_assert!(!shown.chars().any(invisible));
            prop_assert_eq!(unescape(&shown), Some(text));
        }

        #[test]
        fn unescaping_never_panics(shown: String) {
            let _ = unescape(&shown);
        }
    }

    #[test]
    fn a_right_to_left_override_is_visible() {
        assert_eq!(
            escape(OsStr::new("a\u{202e}b\x1b[2J")),
            "a\\u{202e}b\\x1b[2J"
        );
    }
}
