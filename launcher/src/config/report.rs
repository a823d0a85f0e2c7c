//! Owns judging where the report of a session may be written: nowhere that the session could write or point elsewhere.

use super::grants::Grant;
use super::{ConfigError, within, writable_folders};
use crate::cli::Entry;
use crate::facts::{self, Facts, Kind};
use crate::text::Text;

/// Where the report is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFile {
    /// The folder, all links followed.
    pub folder: Text,
    /// The name in it.
    pub name: Text,
}

pub(super) fn requested(
    entry: &Entry,
    facts: &Facts,
    grants: &[Grant],
) -> Result<Option<ReportFile>, ConfigError> {
    let Some(file) = &entry.end.report else {
        return Ok(None);
    };
    let path = facts::expand(
        &file.as_path().into(),
        &facts.user.home,
        facts.project.cwd.path(),
    );
    let refused = |why: &str| ConfigError::Report {
        path: path.clone(),
        why: why.into(),
    };
    let (Some(folder), Some(name)) = (path.path().parent(), path.path().file_name()) else {
        return Err(refused("it names no file"));
    };
    let granted = grants.iter().map(|grant| &grant.real);
    let shared: Vec<&Text> = writable_folders(facts, grants).chain(granted).collect();
    if let Some(shared) = shared
        .iter()
        .find(|shared| folder.starts_with(shared.path()))
    {
        return Err(refused(&format!("it lies in {shared}, which enters")));
    }
    let Some(folder) = facts.node(folder).filter(|node| node.kind == Kind::Folder) else {
        return Err(refused("its folder is not there"));
    };
    for shared in shared {
        if within(&folder.real, shared) {
            return Err(refused(&format!("it lies in {shared}, which enters")));
        }
        if folder.links.iter().any(|link| within(link, shared)) {
            return Err(refused(&format!(
                "a link in {shared}, which enters, leads there"
            )));
        }
    }
    Ok(Some(ReportFile {
        folder: folder.real.clone(),
        name: name.into(),
    }))
}
