//! Owns how a project's own files meet a person who is to approve them: what they say, what changed, what was approved where.

use crate::config::{ProjectFile, Standing};
use crate::page::{PLAIN, Page, YELLOW};
use crate::text::{Text, escape};
use crate::trust::{Change, Trust};

/// What each of `files` says, or says otherwise than what was approved.
#[must_use]
pub fn render(files: &[&ProjectFile], wrap: bool) -> String {
    let mut page = Page::new(wrap);
    for file in files {
        let legend = match file.standing {
            Standing::Approved => "is approved as it is",
            Standing::New => "is new: + what it asks for",
            Standing::Changed if file.is_compared() => {
                "changed since it was approved: + added  - removed  ~ changed"
            }
            Standing::Changed => {
                "changed since it was approved; what it said then is not known: + what it says now"
            }
        };
        page.heading(&file.path.to_string(), legend);
        if file.standing == Standing::Approved {
            continue;
        }
        let changes = file.changes();
        for change in &changes {
            let style = match change {
                Change::Removed(_) => PLAIN,
                Change::Added(_) | Change::Changed(..) => YELLOW,
            };
            page.item(&format!("  {} ", change.mark()), &change.to_string(), style);
        }
        if changes.is_empty() {
            let what = match file.standing {
                Standing::Changed => "nothing but comments, order and spelling",
                _ => "nothing",
            };
            page.item("    ", what, PLAIN);
        }
    }
    page.into_text()
}

/// That `files` were approved.
#[must_use]
pub fn approved(files: &[&ProjectFile]) -> String {
    let lines = files.iter().map(|file| format!("approved {}\n", file.path));
    lines.collect()
}

/// That the approvals of `files` in the project at `root` were taken back.
#[must_use]
pub fn revoked(root: &Text, files: &[String]) -> String {
    if files.is_empty() {
        return format!("nothing was approved in {root}\n");
    }
    let lines = files
        .iter()
        .map(|file| format!("no longer approved: {}\n", root.join(file)));
    lines.collect()
}

/// Everything that was approved: SHA-256 and path, as sha256sum(1) has it.
#[must_use]
pub fn list(trust: &Trust) -> String {
    let lines = trust.all().map(|(root, file, approval)| {
        format!(
            "{}  {}\n",
            escape(approval.sha256().as_ref()),
            root.join(file)
        )
    });
    lines.collect()
}
