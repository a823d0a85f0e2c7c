//! Owns what a secret looks like that lies in a project, by its name and by its content (FS-J). Pure.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::{glob, secret};

/// How sure a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    /// It is a secret by its name.
    Secret(&'static str),
    /// It is one where its content says so.
    Perhaps,
    /// It is none.
    Plain,
}

/// Names of secrets, and what is in them.
const NAMES: &[(&str, &str)] = &[
    (".env", "variables, often with passwords"),
    (".env.*", "variables, often with passwords"),
    ("*.env", "variables, often with passwords"),
    ("id_rsa", "a private key"),
    ("id_dsa", "a private key"),
    ("id_ecdsa", "a private key"),
    ("id_ed25519", "a private key"),
    ("*.ppk", "a private key"),
    ("*.p12", "private keys"),
    ("*.pfx", "private keys"),
    ("*.jks", "private keys"),
    ("*.keystore", "private keys"),
    ("*.kdbx", "passwords"),
    ("*.tfstate", "what Terraform knows, passwords among it"),
    (
        "*.tfstate.backup",
        "what Terraform knows, passwords among it",
    ),
    ("kubeconfig", "Kubernetes credentials"),
    ("*.kubeconfig", "Kubernetes credentials"),
    (".netrc", "passwords of hosts"),
    (".pgpass", "PostgreSQL passwords"),
    (".my.cnf", "MySQL passwords"),
    (".htpasswd", "password hashes"),
    (".git-credentials", "passwords of git hosts"),
    (".vault-token", "a Vault token"),
    ("master.key", "the key of Rails' credentials"),
    ("credentials.json", "credentials"),
    (".boto", "cloud keys"),
    (".s3cfg", "S3 keys"),
    ("*.ovpn", "VPN keys"),
];

/// Names of examples, which hold no secret.
const EXAMPLES: &[&str] = &[
    "*.example",
    "*.sample",
    "*.template",
    "*.dist",
    "*.defaults",
    "example.env",
];

/// Endings of what people write credentials into.
const ENDINGS: &[&str] = &[
    "pem",
    "key",
    "crt",
    "json",
    "yaml",
    "yml",
    "toml",
    "ini",
    "conf",
    "cfg",
    "properties",
    "tfvars",
    "txt",
    "sh",
    "xml",
    "npmrc",
    "pypirc",
    "config",
    "rc",
    "py",
    "js",
    "ts",
    "rb",
    "md",
];

/// What a name says.
pub(crate) fn of_name(name: &OsStr) -> Name {
    let bytes = name.as_bytes();
    let fits = |pattern: &&str| glob::part(pattern.as_bytes(), bytes);
    if EXAMPLES.iter().any(fits) {
        return Name::Plain;
    }
    if let Some((_, what)) = NAMES.iter().find(|(pattern, _)| fits(pattern)) {
        return Name::Secret(what);
    }
    let ending = bytes
        .rsplit(|byte| *byte == b'.')
        .next()
        .unwrap_or_default();
    let written = ENDINGS.iter().any(|known| known.as_bytes() == ending);
    if written || !bytes.contains(&b'.') {
        Name::Perhaps
    } else {
        Name::Plain
    }
}

/// What the start of a file says, if it holds a secret.
pub(crate) fn of_content(content: &[u8]) -> Option<String> {
    if content.contains(&0) {
        return None;
    }
    let text = String::from_utf8_lossy(content);
    let key = text.split("-----BEGIN ").skip(1);
    if key
        .filter_map(|rest| rest.split("-----").next())
        .any(|title| title.ends_with("PRIVATE KEY") || title.ends_with("PRIVATE KEY BLOCK"))
    {
        return Some("a private key".into());
    }
    for (mark, what) in [
        ("\"private_key\"", "a service account's key"),
        (":_authToken=", "an npm token"),
        (":_password=", "an npm password"),
        ("client-key-data:", "Kubernetes credentials"),
    ] {
        if text.contains(mark) {
            return Some(what.into());
        }
    }
    if text.contains("[pypi]") && text.contains("password") {
        return Some("a PyPI password".into());
    }
    secret::issuer_of_token(&text).map(|issuer| format!("a token of {issuer}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_contents_of_secrets_are_known_and_examples_are_none() {
        let of = |name: &str| of_name(OsStr::new(name));
        for name in [
            ".env",
            ".env.local",
            "prod.env",
            "id_ed25519",
            "x.tfstate",
            "kubeconfig",
        ] {
            assert!(matches!(of(name), Name::Secret(_)), "{name}");
        }
        for name in [".env.example", "main.rs", "logo.png", ".gitignore"] {
            assert_eq!(of(name), Name::Plain, "{name}");
        }
        for name in ["server.pem", "account.json", ".npmrc", "token"] {
            assert_eq!(of(name), Name::Perhaps, "{name}");
        }
        for content in [
            "-----BEGIN OPENSSH PRIVATE KEY-----\nx",
            "x\n-----BEGIN PRIVATE KEY-----",
            "{\"type\": \"service_account\", \"private_key\": \"x\"}",
            "//registry.npmjs.org/:_authToken=abc",
            "token = ghp_0123456789abcdef0123456789abcdef0123",
            "url = https://x:glpat-a1b2c3d4e5f6g7h8i9j0@gitlab.example/x",
        ] {
            assert!(of_content(content.as_bytes()).is_some(), "{content}");
        }
        for content in [
            "-----BEGIN CERTIFICATE-----",
            "npm_config_registry=https://registry.example",
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "import sk-learn-contributions",
            "",
        ] {
            assert_eq!(of_content(content.as_bytes()), None, "{content}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_content_panics(content: Vec<u8>) {
            let _ = (of_content(&content), of_name(OsStr::from_bytes(&content)));
        }
    }
}
