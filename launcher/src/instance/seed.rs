//! Owns what of the user's `~/.claude.json` an instance starts with: an allowlist, so that a person is not asked again what they have
//! answered. Pure.
//!
//! Never `mcpServers`, with their keys; never another project, what was pasted, or what was asked there.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::text::Text;

/// What the user has answered, taken out of a `~/.claude.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Seed {
    /// Values that are taken over as they are, by an allowlist of keys.
    pub values: Map<String, Value>,
    /// The folder that the user trusts, by the name that the client looks for; this very project's.
    pub trusted: Option<Text>,
}

impl Eq for Seed {}

/// Keys that are taken over.
const KEYS: [&str; 5] = [
    "hasCompletedOnboarding",
    "lastOnboardingVersion",
    "theme",
    "oauthAccount",
    "bypassPermissionsModeAccepted",
];

/// Among them: the account of the login, which may change.
const ACCOUNT: &str = "oauthAccount";

/// How much of a key the client remembers of it.
const REMEMBERED: usize = 20;

/// The parts of a `~/.claude.json` that are looked at; all else is skipped as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    has_completed_onboarding: Option<Value>,
    last_onboarding_version: Option<Value>,
    theme: Option<Value>,
    oauth_account: Option<Value>,
    bypass_permissions_mode_accepted: Option<Value>,
    custom_api_key_responses: Option<Answers>,
    projects: Option<std::collections::BTreeMap<String, Trust>>,
}

#[derive(Deserialize)]
struct Answers {
    approved: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Trust {
    has_trust_dialog_accepted: Option<bool>,
}

impl Seed {
    /// What `json` says for a project that has one of these names: its root, and the folders above it. `key` is the
    /// ANTHROPIC_API_KEY that is passed.
    ///
    /// # Errors
    /// Where it is not JSON of that shape.
    pub fn of(
        json: &[u8],
        root: &Text,
        also: &[&Text],
        key: Option<&str>,
    ) -> Result<Self, serde_json::Error> {
        let read: Read = serde_json::from_slice(json)?;
        let mut values = Map::new();
        let found = [
            read.has_completed_onboarding,
            read.last_onboarding_version,
            read.theme,
            read.oauth_account,
            read.bypass_permissions_mode_accepted,
        ];
        for (name, value) in KEYS.iter().zip(found) {
            values.extend(value.map(|value| ((*name).to_owned(), value)));
        }
        // The end of the very key that is passed, if the user said that it may be used.
        let end = key.and_then(|key| key.get(key.len().saturating_sub(REMEMBERED)..));
        let approved = read
            .custom_api_key_responses
            .and_then(|answers| answers.approved)
            .unwrap_or_default();
        if let Some(end) = end.filter(|end| approved.iter().any(|one| one == end)) {
            let answers = serde_json::json!({ "approved": [end], "rejected": [] });
            values.insert("customApiKeyResponses".into(), answers);
        }
        let projects = read.projects.unwrap_or_default();
        let trusts = |folder: &std::path::Path| {
            let project = folder.to_str().and_then(|folder| projects.get(folder));
            project.is_some_and(|project| project.has_trust_dialog_accepted == Some(true))
        };
        // The client asks each folder above as well.
        let names = also.iter().copied().chain([root]);
        let trusted = names.flat_map(|name| name.path().ancestors()).any(trusts);
        Ok(Self {
            values,
            trusted: trusted.then(|| root.clone()),
        })
    }

    /// Whether there is nothing to bring over.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.trusted.is_none()
    }

    /// Whether the user said once that no prompt is needed.
    #[must_use]
    pub fn bypass_accepted(&self) -> bool {
        self.values.get("bypassPermissionsModeAccepted") == Some(&Value::Bool(true))
    }

    /// The content of the instance's file with this in it; `None` where nothing changes, or what is there is not an object of JSON.
    #[must_use]
    pub fn merged(&self, there: Option<&[u8]>) -> Option<String> {
        let mut object = match there {
            None => Map::new(),
            Some(json) => serde_json::from_slice::<Map<String, Value>>(json).ok()?,
        };
        let before = object.clone();
        for (key, value) in &self.values {
            let old = object.get(key);
            // What was answered inside stays; what is not answered yet, and the account, follow the host.
            let open = old.is_none_or(|old| old.is_null() || *old == Value::Bool(false));
            if open || (key == ACCOUNT && old != Some(value)) {
                object.insert(key.clone(), value.clone());
            }
        }
        if let Some(root) = self.trusted.as_ref().and_then(|root| root.utf8()) {
            let projects = object
                .entry("projects")
                .or_insert_with(|| Value::Object(Map::new()));
            let project = projects.as_object_mut().map(|projects| {
                projects
                    .entry(root)
                    .or_insert_with(|| Value::Object(Map::new()))
            });
            if let Some(project) = project.and_then(Value::as_object_mut) {
                project.insert("hasTrustDialogAccepted".into(), Value::Bool(true));
                project
                    .entry("hasCompletedProjectOnboarding")
                    .or_insert(Value::Bool(true));
            }
        }
        if object == before && there.is_some() || object.is_empty() {
            return None;
        }
        serde_json::to_string_pretty(&object)
            .ok()
            .map(|json| json + "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = r#"{
        "numStartups": 7, "hasCompletedOnboarding": true, "theme": "light", "oauthAccount": {"emailAddress": "ann@example.com"},
        "bypassPermissionsModeAccepted": true, "mcpServers": {"db": {"env": {"TOKEN": "secret-of-mcp"}}},
        "customApiKeyResponses": {"approved": ["abcdefghijklmnopqrst", "of-another-key-00000"], "rejected": []},
        "projects": {
            "/home/ann/app": {"hasTrustDialogAccepted": true, "history": [{"display": "secret-prompt"}], "mcpServers": {"x": {}}},
            "/home/ann/other": {"hasTrustDialogAccepted": true}
        }
    }"#;

    fn seed(root: &str) -> Seed {
        Seed::of(
            HOST.as_bytes(),
            &root.into(),
            &[],
            Some("sk-abcdefghijklmnopqrst"),
        )
        .expect("it is JSON")
    }

    #[test]
    fn what_was_answered_comes_over_and_nothing_else() {
        let merged = seed("/home/ann/app")
            .merged(None)
            .expect("there is something to bring");
        for there in [
            "\"theme\": \"light\"",
            "ann@example.com",
            "/home/ann/app",
            "abcdefghijklmnopqrst",
            "hasCompletedOnboarding",
        ] {
            assert!(merged.contains(there), "{there}: {merged}");
        }
        for gone in [
            "secret",
            "mcpServers",
            "/home/ann/other",
            "of-another-key",
            "numStartups",
            "history",
        ] {
            assert!(!merged.contains(gone), "{gone}: {merged}");
        }
    }

    #[test]
    fn trust_is_of_this_project_or_of_a_folder_above() {
        assert_eq!(
            seed("/home/ann/app/sub").trusted,
            Some("/home/ann/app/sub".into())
        );
        assert_eq!(seed("/home/ann/elsewhere").trusted, None);
        assert_eq!(seed("/home/ann/apple").trusted, None);
    }

    #[test]
    fn what_was_answered_inside_stays() {
        let seed = seed("/home/ann/app");
        let inside = r#"{"theme":"dark","mcpServers":{"own":{}},"hasCompletedOnboarding":false}"#;
        let merged = seed
            .merged(Some(inside.as_bytes()))
            .expect("something changes");
        assert!(
            merged.contains("\"theme\": \"dark\"") && merged.contains("own"),
            "{merged}"
        );
        assert!(
            merged.contains("\"hasCompletedOnboarding\": true"),
            "{merged}"
        );
        // A second time there is nothing to do.
        assert_eq!(seed.merged(Some(merged.as_bytes())), None);
    }

    #[test]
    fn what_is_no_object_is_left_alone() {
        for odd in ["", "[]", "nonsense", "{\"a\":", "{\"projects\":[]}"] {
            let merged = seed("/home/ann/app").merged(Some(odd.as_bytes()));
            assert!(
                merged.is_none() || odd.contains("projects"),
                "{odd}: {merged:?}"
            );
        }
        assert!(Seed::of(b"[1]", &"/".into(), &[], None).is_err());
        assert_eq!(Seed::default().merged(None), None);
    }
}
