//! Owns how instances meet a person and a program: as lines, and as JSON. Pure.

use std::fmt::Write;

use serde::Serialize;

use super::{Instance, Verdict};
use crate::page::{PLAIN, Page, YELLOW};

/// Version of the JSON form.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Listing<'a> {
    version: u32,
    instances: &'a [Instance],
}

/// As JSON.
///
/// # Errors
/// Never: every part is text or a number.
pub fn to_json(instances: &[Instance]) -> Result<String, serde_json::Error> {
    let listing = Listing {
        version: VERSION,
        instances,
    };
    serde_json::to_string_pretty(&listing).map(|json| json + "\n")
}

/// As a person reads it. With `gc`, only what is said of those whose root is not there.
#[must_use]
pub fn render(instances: &[Instance], gc: bool, now: i64, wrap: bool) -> String {
    let mut page = Page::new(wrap);
    for one in instances
        .iter()
        .filter(|one| !gc || one.gc != Verdict::Kept)
    {
        let root = one
            .root
            .as_ref()
            .map_or_else(|| one.folder.to_string(), ToString::to_string);
        let mut about = String::new();
        if one.live {
            about += "live, ";
        }
        let more = if one.counted { "" } else { "more than " };
        let _ = write!(about, "{more}{}", shown_bytes(one.bytes));
        if let Some(used) = one.last_used {
            let _ = write!(about, ", used {}", shown_age(now - used));
        }
        let (said, style) = match &one.gc {
            Verdict::Kept => (String::new(), PLAIN),
            Verdict::Gone => ("root is gone, ".to_owned(), YELLOW),
            Verdict::Removed => ("removed, ".to_owned(), PLAIN),
            Verdict::Left(why) => (format!("left: {why}, "), YELLOW),
        };
        page.row("  ", &root, 40, &format!("{said}{about}"), style);
    }
    let text = page.into_text();
    if text.is_empty() {
        return if gc {
            "nothing to remove\n".into()
        } else {
            "there is no instance\n".into()
        };
    }
    text
}

fn shown_bytes(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        1_048_576..1_073_741_824 => format!("{} MiB", bytes / 1_048_576),
        _ => format!("{} GiB", bytes / 1_073_741_824),
    }
}

fn shown_age(seconds: i64) -> String {
    match seconds {
        ..60 => "just now".into(),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86_400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_ages_read_well() {
        assert_eq!(
            [0, 2048, 5 << 20, 3 << 30].map(shown_bytes),
            ["0 B", "2 KiB", "5 MiB", "3 GiB"]
        );
        assert_eq!(
            [-5, 61, 7200, 900_000].map(shown_age),
            ["just now", "1 min ago", "2 h ago", "10 d ago"]
        );
    }
}
