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
    if named_secret(name) || looks_secret(value) {
        return mask(value);
    }
    mask_url_password(&text::escape(value))
}

/// Whether `name` says that a secret stands behind it.
#[must_use]
pub fn named_secret(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_uppercase();
    NAMES.iter().any(|part| name.contains(part))
}

fn looks_secret(value: &OsStr) -> bool {
    let value = value.as_bytes();
    FORMATS
        .iter()
        .any(|(start, _)| value.starts_with(start.as_bytes()) && value.len() >= start.len() + 8)
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

/// `scheme://user:password@host` with the password hidden, wherever it stands in `value` (RFC 3986, 3.2.1).
fn mask_url_password(value: &str) -> String {
    let mut shown = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find("://") {
        let (before, authority) = rest.split_at(at + 3);
        shown.push_str(before);
        let end = authority
            .find(['/', '?', '#', ' ', ','])
            .unwrap_or(authority.len());
        // The last `@` of the authority ends the user information: a password may hold one itself.
        match authority[..end]
            .rfind('@')
            .map(|host| (authority[..host].find(':'), host))
        {
            Some((Some(colon), host)) => {
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
