//! Owns what of the user's `settings.json` a session sees: all of it but what looks like a secret, and but for the question whether
//! prompts may be off, which `claudebox run` has asked already. Pure.

use std::ffi::OsStr;

use serde_json::{Map, Value};

use crate::secret;
use crate::text::escape;

/// Keys that are never shown, whatever they hold: servers with their keys.
const NEVER: [&str; 1] = ["mcpServers"];

/// The settings as they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The content of the file.
    pub content: String,
    /// The keys that were left out, such as `env.TOKEN`.
    pub left_out: Vec<String>,
}

impl Settings {
    /// Of the user's file; of none where there is none.
    ///
    /// # Errors
    /// Where it is no object of JSON.
    pub fn of(json: Option<&[u8]>) -> Result<Self, serde_json::Error> {
        let mut object: Map<String, Value> = match json {
            None => Map::new(),
            Some(json) if json.iter().all(u8::is_ascii_whitespace) => Map::new(),
            Some(json) => serde_json::from_slice(json)?,
        };
        let mut left_out = Vec::new();
        for key in NEVER {
            if object.remove(key).is_some() {
                left_out.push(key.to_owned());
            }
        }
        strip(&mut object, "", &mut left_out);
        object.insert(
            "skipDangerousModePermissionPrompt".into(),
            Value::Bool(true),
        );
        let content = serde_json::to_string_pretty(&object)? + "\n";
        Ok(Self { content, left_out })
    }
}

fn strip(object: &mut Map<String, Value>, above: &str, left_out: &mut Vec<String>) {
    object.retain(|key, value| {
        let path = format!("{above}{}", escape(key.as_ref()));
        let in_env = above == "env.";
        let keep = match value {
            Value::Object(inner) => {
                strip(inner, &format!("{path}."), left_out);
                return true;
            }
            Value::Array(items) => {
                let before = items.len();
                items.retain(|item| !item.as_str().is_some_and(is_token));
                for item in items.iter_mut().filter_map(Value::as_object_mut) {
                    strip(item, &format!("{path}."), left_out);
                }
                before == items.len()
            }
            Value::String(text) => !(is_token(text) || in_env && is_secret(key, text)),
            Value::Null | Value::Bool(_) | Value::Number(_) => true,
        };
        if !keep {
            left_out.push(path);
        }
        keep || matches!(value, Value::Array(_))
    });
}

/// A variable whose name says that it is one. A number, or yes or no, is none: MAX_THINKING_TOKENS.
fn is_secret(name: &str, value: &str) -> bool {
    let plain = value.chars().all(|c| c.is_ascii_digit()) || matches!(value, "true" | "false");
    !plain && secret::named_secret(OsStr::new(name))
}

/// Whether something would be masked wherever it were printed.
fn is_token(text: &str) -> bool {
    secret::shown_text(OsStr::new(text)) != escape(OsStr::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_left_out_and_said_and_the_rest_stays() {
        let json = r#"{
            "model": "opus", "apiKeyHelper": "~/bin/key", "mcpServers": {"db": {"env": {"A": "b"}}},
            "env": {"GITHUB_TOKEN": "abc", "MAX_THINKING_TOKENS": "4000", "EDITOR": "vi", "URL": "https://ann:pw123456@example.com/"},
            "permissions": {"allow": ["Bash(ls)", "Bash(curl -H ghp_0123456789abcdef0123456789abcdef0123)"]},
            "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "notify sk-ant-api03-0123456789abcdef"}]}]}
        }"#;
        let settings = Settings::of(Some(json.as_bytes())).expect("it is JSON");
        for there in [
            "opus",
            "~/bin/key",
            "MAX_THINKING_TOKENS",
            "\"EDITOR\": \"vi\"",
            "Bash(ls)",
            "\"type\": \"command\"",
        ] {
            assert!(
                settings.content.contains(there),
                "{there}: {}",
                settings.content
            );
        }
        for gone in ["abc\"", "pw123456", "ghp_", "sk-ant", "mcpServers"] {
            assert!(
                !settings.content.contains(gone),
                "{gone}: {}",
                settings.content
            );
        }
        let left = [
            "mcpServers",
            "env.GITHUB_TOKEN",
            "env.URL",
            "hooks.Stop.hooks.command",
            "permissions.allow",
        ];
        assert_eq!(settings.left_out, left);
        assert!(
            settings
                .content
                .contains("\"skipDangerousModePermissionPrompt\": true")
        );
    }

    #[test]
    fn no_settings_are_an_object_too_and_nonsense_is_none() {
        for empty in [None, Some(" \n".as_bytes())] {
            let settings = Settings::of(empty).expect("an object");
            assert!(settings.left_out.is_empty() && settings.content.starts_with('{'));
        }
        for odd in ["[]", "nonsense", "{", "\u{0}"] {
            assert!(Settings::of(Some(odd.as_bytes())).is_err(), "{odd}");
        }
    }
}
