//! Owns what of a value may be printed: secrets are masked by the name they go by and by what they look like.
//!
//! Masking is for display only. Whether a value *enters* is the allowlist's business (`plan::env`).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::text;

/// A name with one of these in it, in any case, goes with a secret (AUD-B).
const NAMES: [&str; 7] = [
    "KEY",
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "CREDENTIAL",
    "AUTH",
];

/// Starts of well-known tokens, with who issues them. A value that starts so is masked under any name.
const FORMATS: [(&str, &str); 27] = [
    ("sk-", "Anthropic, OpenAI"),
    ("sk_live_", "Stripe"),
    ("sk_test_", "Stripe"),
    ("rk_live_", "Stripe"),
    ("ghp_", "GitHub"),
    ("gho_", "GitHub"),
    ("ghu_", "GitHub"),
    ("ghs_", "GitHub"),
    ("ghr_", "GitHub"),
    ("github_pat_", "GitHub"),
    ("glpat-", "GitLab"),
    ("xoxb-", "Slack"),
    ("xoxp-", "Slack"),
    ("xoxa-", "Slack"),
    ("xapp-", "Slack"),
    ("AKIA", "AWS"),
    ("ASIA", "AWS"),
    ("AIza", "Google"),
    ("ya29.", "Google"),
    ("hf_", "Hugging Face"),
    ("npm_", "npm"),
    ("pypi-", "PyPI"),
    ("dop_v1_", "DigitalOcean"),
    ("hvs.", "HashiCorp Vault"),
    ("eyJ", "JSON Web Token"),
    ("AGE-SECRET-KEY-", "age"),
    ("-----BEGIN", "PEM"),
];

/// `value` as it may be printed beside `name`: escaped, and masked where it may be a secret.
#[must_use]
pub fn shown(name: &OsStr, value: &OsStr) -> String {
    if named_secret(name) {
        mask(value)
    } else {
        shown_text(value)
    }
}

/// Text under no name, such as an argument: what looks like a token, or is a password in a URL, is masked.
#[must_use]
pub fn shown_text(text: &OsStr) -> String {
    if text.as_bytes().starts_with(b"-----BEGIN") {
        return mask(text);
    }
    mask_url_passwords(&mask_tokens(&text::escape(text)))
}

/// The words of a command. What follows `--password`, or stands in `--token=…`, is masked whatever it looks like.
#[must_use]
pub fn shown_words<'a>(words: impl IntoIterator<Item = &'a OsStr>) -> Vec<String> {
    let mut secret_is_next = false;
    let mut shown = Vec::new();
    for word in words {
        let bytes = word.as_bytes();
        let is_flag = bytes.starts_with(b"-");
        let equals = bytes
            .iter()
            .position(|byte| *byte == b'=')
            .filter(|_| is_flag);
        let name = OsStr::from_bytes(&bytes[..equals.unwrap_or(bytes.len())]);
        shown.push(match equals {
            _ if secret_is_next && !is_flag => mask(word),
            Some(at) if named_secret(name) => {
                format!(
                    "{}={}",
                    text::escape(name),
                    mask(OsStr::from_bytes(&bytes[at + 1..]))
                )
            }
            _ => shown_text(word),
        });
        secret_is_next = is_flag && equals.is_none() && named_secret(name);
    }
    shown
}

/// Whether `name` says that a secret stands behind it.
#[must_use]
pub fn named_secret(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_uppercase();
    NAMES.iter().any(|part| name.contains(part))
}

/// `text` with every word that starts as a known token masked, wherever it stands.
fn mask_tokens(text: &str) -> String {
    let in_word = |c: char| c.is_alphanumeric() || "-_.+/=~".contains(c);
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !in_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        // A word may itself be `name=token`, or a path with a token in it.
        let starts = std::iter::once(0).chain(word.match_indices(['=', '/']).map(|(at, _)| at + 1));
        let token = starts.filter(|at| is_token(&word[*at..])).min();
        match token {
            Some(at) => {
                shown.push_str(&word[..at]);
                shown.push_str(&mask(OsStr::new(&word[at..])));
            }
            None => shown.push_str(word),
        }
        let separator = after.chars().next().map_or(0, char::len_utf8);
        shown.push_str(&after[..separator]);
        rest = &after[separator..];
    }
    shown
}

/// Who issued a token that stands in `text`. Stricter than what is masked: a long random part, with letters and digits, so that
/// names that begin alike are none.
#[must_use]
pub(crate) fn issuer_of_token(text: &str) -> Option<&'static str> {
    let in_token = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    text.split(|c| !in_token(c)).find_map(|word| {
        let (start, issuer) = FORMATS.iter().find(|(start, _)| word.starts_with(start))?;
        let random = &word.as_bytes()[start.len()..];
        let has = |kind: fn(&u8) -> bool| random.iter().any(kind);
        let parts = random.split(|byte| b"-_.".contains(byte));
        let longest = parts.map(<[u8]>::len).max().unwrap_or(0);
        let is_token = longest >= 16 && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
        is_token.then_some(*issuer)
    })
}

fn is_token(word: &str) -> bool {
    FORMATS
        .iter()
        .any(|(start, _)| word.starts_with(start) && word.len() >= start.len() + 8)
}

/// The first 7 characters, `…`, the last 4. What is too short to keep most of itself hidden is hidden wholly.
fn mask(value: &OsStr) -> String {
    let value: Vec<char> = value.to_string_lossy().chars().collect();
    if value.is_empty() {
        return "(empty)".into();
    }
    if value.len() < 24 {
        return "***".into();
    }
    let ends: String = value[..7]
        .iter()
        .chain(['…'].iter())
        .chain(&value[value.len() - 4..])
        .collect();
    text::escape(OsStr::new(&ends))
}

/// `scheme://user:password@host` with the password hidden, wherever it stands in `text` (RFC 3986, 3.2.1). A password that
/// should have been percent-encoded and was not may hold `/`, `?` and `@`: the last `@` before a space ends it.
fn mask_url_passwords(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, authority) = rest.split_at(at + 3);
        shown.push_str(before);
        let next_url = authority.find("://").unwrap_or(authority.len());
        let end = authority[..next_url]
            .find([' ', ',', '"', '\''])
            .unwrap_or(next_url);
        let host = authority[..end].rfind('@');
        let colon = authority[..end]
            .find([':', '/', '?', '#'])
            .filter(|at| authority[*at..].starts_with(':'));
        match (colon, host) {
            (Some(colon), Some(host)) if colon < host => {
                shown.push_str(&authority[..=colon]);
                shown.push_str("***");
                rest = &authority[host..];
            }
            _ => rest = authority,
        }
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(name: &str, value: &str) -> String {
        shown(OsStr::new(name), OsStr::new(value))
    }

    #[test]
    fn a_named_secret_keeps_its_ends_only() {
        assert_eq!(
            of("ANTHROPIC_API_KEY", "sk-ant-api03-0123456789abcdef"),
            "sk-ant-…cdef"
        );
        assert_eq!(of("db_password", "hunter2"), "***");
    }

    #[test]
    fn a_known_format_is_masked_under_any_name() {
        assert_eq!(
            of("X", "ghp_0123456789012345678901234567890123456"),
            "ghp_012…3456"
        );
        assert_eq!(of("X", "sk-short-one"), "***");
        let token = "ghp_0123456789012345678901234567890123456";
        for around in [
            "Authorization: Bearer TOKEN",
            "https://x.example/?token=TOKEN&y=1",
            "--token=TOKEN",
            "\"TOKEN\"",
        ] {
            assert_eq!(
                of("X", &around.replace("TOKEN", token)),
                around.replace("TOKEN", "ghp_012…3456")
            );
        }
    }

    #[test]
    fn a_password_in_a_url_is_masked() {
        assert_eq!(
            of("DB", "postgres://me:pass@db.example/x"),
            "postgres://me:***@db.example/x"
        );
        assert_eq!(
            of("DB", "http://a@b, http://u:v@w"),
            "http://a@b, http://u:***@w"
        );
        assert_eq!(
            of("DB", "http://plain.example:80/x"),
            "http://plain.example:80/x"
        );
    }

    #[test]
    fn what_follows_a_secret_flag_is_masked() {
        let words = [
            "curl",
            "--password",
            "hunter2",
            "--api-key=hunter2",
            "-v",
            "--depth",
            "2",
        ]
        .map(OsStr::new);
        let expected = [
            "curl",
            "--password",
            "***",
            "--api-key=***",
            "-v",
            "--depth",
            "2",
        ];
        assert_eq!(shown_words(words), expected);
    }

    proptest! {
        #[test]
        fn masking_shows_at_most_eleven_characters(value in "[a-zA-Z0-9]{1,80}") {
            let kept = of("MY_TOKEN", &value).chars().filter(char::is_ascii_alphanumeric).count();
            prop_assert!(kept <= 11 && kept * 2 < value.len().max(1) + 1);
        }

        #[test]
        fn nothing_panics(name: String, value: String) {
            let _ = of(&name, &value);
        }
    }
}
