//! Owns how a report meets a person: read in ten seconds, grouped by kind, one item one line, silent where all is well.

use super::{Change, Item, Kind, Report};
use crate::cli::Scan;
use crate::page::{DIM, PLAIN, Page, RED, YELLOW, width};

/// The most items that are shown.
const LINES: usize = 20;

/// The most refused targets that are shown.
const REFUSED: usize = 8;

/// The widest column of paths.
const WIDEST: usize = 40;

impl Report {
    /// As a person reads it, empty where there is nothing to say; `wrap` breaks long items, for a terminal.
    #[must_use]
    pub fn render(&self, wrap: bool) -> String {
        let cut = self.scan.mode == Scan::Quick && !self.scan.complete;
        let told = self.items.len()
            + self.limits.len()
            + self.refused_targets.len()
            + usize::from(self.network_lost.is_some())
            + self.login.len();
        if told == 0 && !cut {
            return String::new();
        }
        let mut page = Page::new(wrap);
        let legend = "+ appeared  ~ changed  - gone";
        page.heading("Left by the session", if told == 0 { "" } else { legend });
        let room = self.room();
        for (kind, most) in room {
            self.group(&mut page, kind, most);
        }
        for limit in &self.limits {
            page.item(
                "  ! limit   ",
                &format!("{} {}: {}", limit.name, limit.value, limit.hit),
                YELLOW,
            );
        }
        if let Some(why) = &self.network_lost {
            page.item("  ! network ", &format!("lost on the way: {why}"), YELLOW);
        }
        for what in &self.login {
            page.item("  ! login   ", what, YELLOW);
        }
        self.refused(&mut page);
        if cut {
            let seen = format!(
                "looked at {} names of the tree in 50 ms, and not at all of them; --scan full does",
                self.scan.seen
            );
            page.item("  ! ", &seen, YELLOW);
        }
        // What the session itself wrote last may stand right above.
        format!("\n{}", page.into_text())
    }

    /// How many of each kind are shown: one of each before a second of any.
    fn room(&self) -> Vec<(Kind, usize)> {
        let mut kinds: Vec<(Kind, usize, usize)> = Vec::new();
        for item in &self.items {
            match kinds.last_mut().filter(|(kind, ..)| *kind == item.kind) {
                Some((_, there, _)) => *there += 1,
                None => kinds.push((item.kind, 1, 0)),
            }
        }
        let mut left = LINES;
        while left > 0 && kinds.iter().any(|(_, there, shown)| shown < there) {
            for (_, there, shown) in &mut kinds {
                if *shown < *there && left > 0 {
                    *shown += 1;
                    left -= 1;
                }
            }
        }
        kinds
            .into_iter()
            .map(|(kind, _, shown)| (kind, shown))
            .collect()
    }

    /// What the fence refused (NET-06), and how it is opened.
    fn refused(&self, page: &mut Page) {
        let targets = &self.refused_targets;
        if targets.is_empty() {
            return;
        }
        page.item(
            "  ",
            "refused by the fence of `inet`; --allow HOST:PORT opens one",
            PLAIN,
        );
        let shown = &targets[..REFUSED.min(targets.len())];
        let columns = shown
            .iter()
            .map(|one| width(&one.target))
            .max()
            .unwrap_or(0);
        for one in shown {
            page.row("    ! ", &one.target, columns.min(WIDEST), &one.by, PLAIN);
        }
        if targets.len() > shown.len() {
            page.item(
                "    ",
                &format!("and {} more", targets.len() - shown.len()),
                DIM,
            );
        }
    }

    fn group(&self, page: &mut Page, kind: Kind, most: usize) {
        let items: Vec<&Item> = self.items.iter().filter(|item| item.kind == kind).collect();
        let style = if kind <= Kind::SetId { RED } else { YELLOW };
        page.item("  ", kind.title(), style);
        let shown = &items[..most.min(items.len())];
        let paths: Vec<String> = shown.iter().map(|item| item.path.to_string()).collect();
        let columns = paths
            .iter()
            .map(|path| width(path))
            .max()
            .unwrap_or(0)
            .min(WIDEST);
        for (item, path) in shown.iter().zip(&paths) {
            let mark = match item.change {
                Change::Appeared => "    + ",
                Change::Changed | Change::Touched => "    ~ ",
                Change::Gone => "    - ",
            };
            let value = match &item.target {
                Some(target) => format!("-> {target}"),
                None => item.by.clone(),
            };
            page.row(mark, path, columns, &value, PLAIN);
        }
        if items.len() > most {
            page.item("    ", &format!("and {} more", items.len() - most), DIM);
        }
    }
}

impl Kind {
    /// What stands over its items.
    fn title(self) -> &'static str {
        match self {
            Kind::HostRuns => "the host runs, or is told by it what to run",
            Kind::SetId => "set-user-ID or set-group-ID",
            Kind::LinkOut => "links that lead out",
            Kind::OtherName => "files that have another name elsewhere",
            Kind::Special => "no files: FIFOs, sockets, devices",
            Kind::Repository => "git folders within the tree",
            Kind::Alternates => "git takes objects from elsewhere",
            Kind::Branch => "branches and tags, but for the current branch",
            Kind::Lock => "locks of git",
            Kind::Closed => "folders that cannot be looked into",
        }
    }
}
