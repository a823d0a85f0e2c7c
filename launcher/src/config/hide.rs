//! Owns what is made unreadable inside, and by whose word: `--hide` and `hide` of profiles (FS-J).

use super::{ConfigError, Origin};
use crate::cli::Entry;
use crate::facts::Facts;
use crate::glob::Glob;
use crate::profile::Profile;
use crate::text::Text;

/// Something that is hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hide {
    /// Its real path.
    pub path: Text,
    /// Whether it is a folder.
    pub folder: bool,
    /// Why.
    pub why: String,
    /// Who asked.
    pub origin: Origin,
}

pub(super) fn requested(
    entry: &Entry,
    facts: &Facts,
    profiles: &[(Text, Profile)],
    notes: &mut Vec<String>,
) -> Result<Vec<Hide>, ConfigError> {
    let flags = entry.shared.hide.iter();
    let flags = flags.map(|glob| (Text::from(glob.clone()), Origin::Flag("--hide".into())));
    let of_profiles = profiles.iter().flat_map(|(file, profile)| {
        let globs = profile.hide.iter();
        globs.map(|glob| (glob.as_str().into(), Origin::Profile(file.clone())))
    });
    let patterns: Vec<(Text, Origin)> = flags.chain(of_profiles).collect();
    for (pattern, origin) in &patterns {
        if let Err(why) = Glob::parse(pattern) {
            return Err(ConfigError::HidePattern {
                pattern: pattern.clone(),
                origin: origin.to_string(),
                why,
            });
        }
    }
    let Some((_, first)) = patterns.first() else {
        return Ok(Vec::new());
    };
    let hidden = &facts.hidden;
    if let Some(why) = &hidden.refused {
        return Err(ConfigError::Hide(why.clone()));
    }
    for (pattern, origin) in &patterns {
        let named = |pattern| {
            hidden
                .paths
                .iter()
                .any(|path| path.pattern.as_ref() == Some(pattern))
        };
        if !named(pattern) {
            notes.push(format!(
                "{pattern} ({origin}) names nothing, or nothing that is not hidden anyway"
            ));
        }
    }
    let mut hides = Vec::new();
    for path in &hidden.paths {
        if facts.project.cwd.path().starts_with(&path.path) {
            return Err(ConfigError::Hide(format!(
                "the current folder lies in {}",
                path.path
            )));
        }
        let of_pattern = |(pattern, _): &&(Text, Origin)| Some(pattern) == path.pattern.as_ref();
        let asked = patterns.iter().find(of_pattern);
        let origin = asked.map_or(first, |(_, origin)| origin).clone();
        let why = match asked {
            Some((pattern, _)) => format!("hidden by {pattern}"),
            None => "another name of what is hidden".into(),
        };
        hides.push(Hide {
            path: path.path.clone(),
            folder: path.folder,
            why,
            origin,
        });
    }
    Ok(hides)
}
