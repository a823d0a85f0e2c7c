//! Owns how a plan meets a person: what enters, shown before the start, from the very value that is run (AUD-A..E).
//!
//! Text from outside is escaped, values are masked, and marks carry the meaning: colour only repeats it. On a terminal a
//! long item goes on, indented, in the next line; a continuation never starts where a mark stands.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthChar;

use crate::cli::Tier;
use crate::config::Origin;
use crate::guard::Guard;
use crate::plan::{Action, Plan, Step};
use crate::secret;
use crate::text::Text;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default();

/// Columns of a terminal that a person reads.
const COLUMNS: usize = 80;

/// How to print.
#[derive(Debug, Clone, Copy, Default)]
pub struct Look {
    /// Whether to break long items: on a terminal, not in a pipe.
    pub wrap: bool,
    /// Whether to add who decided each item and why, and every step.
    pub explain: bool,
}

/// The audit of `plan`.
#[must_use]
pub fn render(plan: &Plan, look: Look) -> String {
    let mut page = Page {
        text: String::new(),
        look,
    };
    page.heading("claudebox", env!("CARGO_PKG_VERSION"));
    overview(&mut page, plan);
    environment(&mut page, plan);
    files(&mut page, plan);
    host_runs(&mut page, plan);
    guards(&mut page, plan);
    if look.explain {
        steps(&mut page, plan);
    }
    if !plan.notes.is_empty() {
        page.heading("Notes", "");
        for note in &plan.notes {
            page.item("  ! ", note, "", YELLOW);
        }
    }
    page.text
}

fn overview(page: &mut Page, plan: &Plan) {
    page.item("  project   ", &plan.project.to_string(), "", BOLD);
    if plan.cwd != plan.project {
        page.item("  starts in ", &plan.cwd.to_string(), "", Style::new());
    }
    page.item("  command   ", &command(plan), "", Style::new());
    let reach = match plan.tier.value {
        Tier::None => "nothing but its own loopback; no name resolves",
        Tier::Inet => "the internet, without the local network",
        Tier::Full => "the host's network: internet, LAN, VPN, services on the host's loopback",
    };
    let tier = format!("{} - {reach}", plan.tier.value.name());
    page.item(
        "  network   ",
        &tier,
        &page.decided(&plan.tier.origin),
        Style::new(),
    );
    for profile in &plan.profiles {
        page.item("  profile   ", &profile.to_string(), "", Style::new());
    }
}

/// The command as it could be typed; arguments with anything unusual in quotes.
fn command(plan: &Plan) -> String {
    let words = std::iter::once(&plan.command.program).chain(&plan.command.arguments);
    let quoted = words.map(|word| {
        let shown = word.to_string();
        let plain = !shown.is_empty()
            && shown
                .chars()
                .all(|c| c.is_alphanumeric() || "-_./=:,+@%".contains(c));
        if plain {
            shown
        } else {
            format!("'{}'", shown.replace('\'', "'\\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

fn environment(page: &mut Page, plan: &Plan) {
    page.heading(
        "Environment",
        "[~] generated  [>] from the host  [+] asked for",
    );
    let width = plan
        .variables
        .iter()
        .map(|variable| width(&variable.name.to_string()))
        .max()
        .unwrap_or(0)
        .min(24);
    for variable in &plan.variables {
        let mark = mark(&variable.origin);
        let name = pad(&variable.name.to_string(), width);
        let value = secret::shown(&variable.name, &variable.value);
        let reason = match variable.origin {
            Origin::Generated | Origin::Host => page.decided(&variable.origin),
            _ => format!("({})", variable.origin),
        };
        page.item(&format!("  {mark} {name}  "), &value, &reason, Style::new());
    }
}

/// The origin mark of AUD-A.
fn mark(origin: &Origin) -> &'static str {
    match origin {
        Origin::Generated | Origin::Default => "[~]",
        Origin::Host => "[>]",
        Origin::Flag(_) | Origin::Variable(_) | Origin::Profile(_) | Origin::EnvFile(_) => "[+]",
    }
}

fn files(page: &mut Page, plan: &Plan) {
    page.heading(
        "Files",
        "rw read-write  ro read-only  tmp private, empty, gone at the end",
    );
    let lines: Vec<(&str, &Text, Option<&Text>, &Step)> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Bind { from, at, writable } => {
                Some((if *writable { "rw" } else { "ro" }, at, Some(from), step))
            }
            Action::Tmpfs { at, .. } => Some(("tmp", at, None, step)),
            _ => None,
        })
        .collect();
    let etc = |at: &Text| at.path().starts_with("/etc");
    let width = lines
        .iter()
        .filter(|line| !etc(line.1))
        .map(|line| width(&line.1.to_string()))
        .max()
        .unwrap_or(0)
        .min(38);
    // What can be written first: that is what matters most.
    for mode in ["rw", "ro", "tmp"] {
        for (_, at, from, step) in lines.iter().filter(|line| line.0 == mode && !etc(line.1)) {
            let secret = step.why.contains("uncovers")
                || step.why.contains("private key")
                || step.why.contains("sign as you");
            let (style, alarm) = if secret {
                (RED, "!! ")
            } else {
                (Style::new(), "")
            };
            let asked = match step.origin {
                Origin::Generated | Origin::Default | Origin::Host => page.decided(&step.origin),
                _ => format!("({})", step.origin),
            };
            let from = from
                .filter(|from| from != at)
                .map(|from| format!("from {from}; "))
                .unwrap_or_default();
            let why = format!("{alarm}{from}{} {asked}", step.why);
            page.item(
                &format!("  {mode:<3} {}  ", pad(&at.to_string(), width)),
                why.trim_end(),
                "",
                style,
            );
        }
    }
    let count = |own: bool| {
        plan.steps
            .iter()
            .filter(|step| {
                let generated = matches!(step.action, Action::File { .. });
                step.action.place().is_some_and(etc) && generated == own
            })
            .count()
    };
    let etc = format!(
        "{} generated files; {} of the host: certificates, locale, time zone, libraries",
        count(true),
        count(false)
    );
    page.item(
        &format!("  ro  {}  ", pad("/etc", width)),
        &etc,
        "",
        Style::new(),
    );
}

/// What the agent can leave behind for the host to run: it is the project's, so it is said, not hidden.
fn host_runs(page: &mut Page, plan: &Plan) {
    if plan.host_runs.is_empty() {
        return;
    }
    page.heading(
        "Run by the host",
        "what inside can change these; look before you run them again",
    );
    let width = plan
        .host_runs
        .iter()
        .map(|run| width(&run.path.to_string()))
        .max()
        .unwrap_or(0);
    for run in &plan.host_runs {
        let path = pad(&run.path.to_string(), width);
        page.item(&format!("  rw  {path}  "), &run.by, "", Style::new());
    }
}

fn guards(page: &mut Page, plan: &Plan) {
    page.heading("Guards", "+ holds  - not on this host");
    let held = |guard: &&Guard| plan.steps.iter().any(|step| step.guard == **guard);
    let names: Vec<&str> = Guard::ALL
        .iter()
        .filter(held)
        .map(|guard| guard.name())
        .collect();
    page.item("  + ", &names.join(" "), "", Style::new());
    for missing in &plan.unavailable {
        page.item(
            "  - ",
            &format!("{}: {}", missing.guard.name(), missing.why),
            "",
            YELLOW,
        );
    }
}

/// Everything, in order, for `--explain`.
fn steps(page: &mut Page, plan: &Plan) {
    page.heading("Steps", "in order: guard, what, why, who decided");
    for step in &plan.steps {
        let guard = pad(step.guard.name(), 18);
        page.item(
            &format!("  {guard}  "),
            &format!("{} - {}", describe(&step.action), step.why),
            &page.decided(&step.origin),
            Style::new(),
        );
    }
}

fn describe(action: &Action) -> String {
    let json = serde_json::to_value(action).unwrap_or_default();
    let mut words = Vec::new();
    if let Some(fields) = json.as_object() {
        words.push(
            fields
                .get("do")
                .and_then(|name| name.as_str())
                .unwrap_or_default()
                .to_owned(),
        );
        for (key, value) in fields
            .iter()
            .filter(|(key, _)| *key != "do" && *key != "content")
        {
            words.push(match value.as_str() {
                Some(text) => format!("{key} {text}"),
                None => format!("{key} {value}"),
            });
        }
    }
    words.join(" ")
}

/// Text under construction.
struct Page {
    text: String,
    look: Look,
}

impl Page {
    fn decided(&self, origin: &Origin) -> String {
        if self.look.explain {
            format!("({origin})")
        } else {
            String::new()
        }
    }

    fn heading(&mut self, title: &str, legend: &str) {
        let blank = if self.text.is_empty() { "" } else { "\n" };
        let _ = writeln!(
            self.text,
            "{blank}{BOLD}{title}{BOLD:#} {DIM}{legend}{DIM:#}"
        );
    }

    /// One item: what stands before it sets the indentation of its continuations.
    fn item(&mut self, before: &str, value: &str, reason: &str, style: Style) {
        let content = if reason.is_empty() {
            value.to_owned()
        } else {
            format!("{value}  {reason}")
        };
        let indent = width(before);
        let room = if self.look.wrap {
            COLUMNS.saturating_sub(indent).max(20)
        } else {
            usize::MAX
        };
        for (number, line) in fold(&content, room).iter().enumerate() {
            if number == 0 {
                let _ = writeln!(self.text, "{before}{style}{line}{style:#}");
            } else {
                let _ = writeln!(self.text, "{:indent$}{style}{line}{style:#}", "");
            }
        }
    }
}

/// `text` in pieces of at most `room` columns, broken at a space or after a `:` or `/` where there is one.
fn fold(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_inclusive([' ', ':', '/']) {
        let needed = width(word.trim_end());
        if used > 0 && used + needed > room {
            lines.push(String::new());
            used = 0;
        }
        for c in word.chars() {
            let columns = c.width().unwrap_or(0);
            if used + columns > room {
                if c == ' ' {
                    continue;
                }
                lines.push(String::new());
                used = 0;
            }
            lines.last_mut().expect("there is always a line").push(c);
            used += columns;
        }
    }
    lines
        .into_iter()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

fn width(text: &str) -> usize {
    text.chars().filter_map(UnicodeWidthChar::width).sum()
}

fn pad(text: &str, columns: usize) -> String {
    format!("{text}{:1$}", "", columns.saturating_sub(width(text)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn folding_keeps_every_letter_and_the_width(text in "[a-z :/日本]{0,300}", room in 20usize..90) {
            let lines = fold(&text, room);
            let letters = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
            prop_assert!(lines.iter().all(|line| width(line) <= room));
        }
    }
}
