//! Owns how a plan meets a person: what enters, shown before the start, from the very value that is run (AUD-A..E).
//!
//! Text from outside is escaped, values are masked, and marks carry the meaning: colour only repeats it.

use crate::cli::Tier;
use crate::config::Origin;
use crate::facts::{HostGuard, HostRun};
use crate::group::Way;
use crate::guard::Guard;
use crate::page::{BOLD, PLAIN, Page, RED, YELLOW, width};
use crate::plan::{Action, Plan, Step};
use crate::secret;
use crate::text::Text;

/// The most secrets that are listed.
const MOST_SECRETS: usize = 20;

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
    let mut audit = Audit {
        plan,
        page: Page::new(look.wrap),
        explain: look.explain,
    };
    audit.overview();
    audit.environment();
    audit.files();
    audit.host_runs();
    audit.secrets();
    audit.guards();
    if look.explain {
        audit.steps();
    }
    audit.notes();
    audit.page.into_text()
}

struct Audit<'a> {
    plan: &'a Plan,
    page: Page,
    explain: bool,
}

impl Audit<'_> {
    fn overview(&mut self) {
        let plan = self.plan;
        self.page.heading("claudebox", env!("CARGO_PKG_VERSION"));
        self.page
            .item("  project    ", &plan.project.to_string(), BOLD);
        if plan.cwd != plan.project {
            self.page
                .item("  starts in  ", &plan.cwd.to_string(), PLAIN);
        }
        self.page.item("  command    ", &command(plan), PLAIN);
        let reach = match plan.tier.value {
            Tier::None => "nothing but its own loopback; no name resolves",
            Tier::Inet => "the internet, without the local network",
            Tier::Full => "the host's network: internet, LAN, VPN, services on the host's loopback",
        };
        let tier = format!(
            "{} - {reach}{}",
            plan.tier.value.name(),
            self.decided(&plan.tier.origin)
        );
        let style = if plan.tier.value == Tier::Full {
            YELLOW
        } else {
            PLAIN
        };
        self.page.item("  network    ", &tier, style);
        for opened in &plan.opened {
            let line = format!("{}{}", opened.what, self.decided(&opened.origin));
            self.page.item("  opened     ", &line, YELLOW);
        }
        if !plan.groups.is_empty() {
            let groups: Vec<String> = plan.groups.iter().map(ToString::to_string).collect();
            let groups = format!(
                "{} - of yours, alive on what is shown and belongs to them",
                groups.join(" ")
            );
            self.page.item("  groups     ", &groups, PLAIN);
        }
        for step in &plan.steps {
            if let Action::JoinGroup { limits, way, .. } = &step.action {
                let limits: Vec<String> = limits
                    .iter()
                    .map(|limit| format!("{} {}", limit.on.name(), limit.on.shown(limit.most)))
                    .collect();
                let by = match way {
                    Way::Scope { .. } => "a scope of your systemd".to_owned(),
                    Way::Child { parent } => format!("a control group in {parent}"),
                };
                let decided = self.decided(&step.origin);
                let limits = format!("{} for all of it, by {by}{decided}", limits.join(", "));
                self.page.item("  limits     ", &limits, PLAIN);
            }
        }
        if let Some(share) = plan.shared_login().filter(|share| share.enters) {
            let whose = match (share.of_host, &share.who) {
                (true, Some(who)) => format!("yours, {who}"),
                (true, None) => "yours".to_owned(),
                (false, _) => "one that was made in a session".to_owned(),
            };
            let login = format!("{whose} ({}): what runs inside can use it", share.at);
            self.page.item("  login      ", &login, PLAIN);
        }
        for profile in &plan.profiles {
            self.page.item("  profile    ", &profile.to_string(), PLAIN);
        }
    }

    fn environment(&mut self) {
        self.page.heading(
            "Environment",
            "[~] generated  [>] from the host  [+] asked for",
        );
        let names = widest(
            self.plan.variables.iter().map(|variable| &variable.name),
            24,
        );
        for variable in &self.plan.variables {
            let mark = match &variable.origin {
                Origin::Generated | Origin::Default => "[~]",
                Origin::Host => "[>]",
                Origin::Flag(_) | Origin::Variable(_) | Origin::Profile(_) | Origin::EnvFile(_) => {
                    "[+]"
                }
            };
            let (mark, name) = (format!("  {mark} "), variable.name.to_string());
            let value = secret::shown(&variable.name, &variable.value);
            let decided = self.decided(&variable.origin);
            self.page
                .row(&mark, &name, names, &format!("{value}{decided}"), PLAIN);
        }
    }

    fn files(&mut self) {
        self.page.heading(
            "Files",
            "rw read-write  ro read-only  tmp private, empty, gone at the end",
        );
        let in_etc = |step: &&Step| {
            step.action
                .place()
                .is_some_and(|at| at.path().starts_with("/etc"))
        };
        let mode = |step: &Step| match step.action {
            Action::Bind { writable: true, .. } => Some("rw"),
            Action::Bind { .. } | Action::Copy { .. } => Some("ro"),
            Action::Tmpfs { .. } => Some("tmp"),
            _ => None,
        };
        // Where the user has nothing, there is nothing to tell but that no session can leave anything.
        let nothing =
            |step: &Step| step.guard == Guard::ClaudeReadOnly && step.origin == Origin::Generated;
        // What lies over the project has a heading of its own.
        let over = [Guard::HostRunGuarded, Guard::ProjectSecretsHidden];
        let here = |step: &&Step| {
            mode(step).is_some() && !in_etc(step) && !over.contains(&step.guard) && !nothing(step)
        };
        let shown: Vec<&Step> = self.plan.steps.iter().filter(here).collect();
        let places = widest(shown.iter().filter_map(|step| step.action.place()), 30);
        // What can be written comes first: that is what matters most.
        for wanted in ["rw", "ro", "tmp"] {
            for step in shown.iter().filter(|step| mode(step) == Some(wanted)) {
                let at = step
                    .action
                    .place()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                let from = match &step.action {
                    Action::Bind { from, at, .. } if from != at => format!(", from {from}"),
                    _ => String::new(),
                };
                let (alarm, style) = if step.uncovers {
                    ("!! ", RED)
                } else {
                    ("", PLAIN)
                };
                let value = format!("{alarm}{}{from}{}", step.why, self.decided(&step.origin));
                self.page
                    .row(&format!("  {wanted:<3} "), &at, places, &value, style);
            }
        }
        for (what, of_host) in [("made", false), ("of the host", true)] {
            let from_host = |step: &&Step| matches!(step.action, Action::Bind { .. });
            let names = self
                .plan
                .steps
                .iter()
                .filter(in_etc)
                .filter(|step| from_host(step) == of_host);
            let names =
                names.filter_map(|step| step.action.place()?.path().strip_prefix("/etc").ok());
            let names: Vec<String> = names.map(|name| Text::from(name).to_string()).collect();
            let value = format!("{what}: {}", names.join(" "));
            self.page.row("  ro  ", "/etc", places, &value, PLAIN);
        }
    }

    /// What the agent could leave behind for the host to run, and whether it can.
    fn host_runs(&mut self) {
        // A submodule's are told of with `modules`.
        let in_module = |run: &&HostRun| {
            let mut names = run.path.path().iter().skip_while(|name| *name != "modules");
            names.nth(1).is_some()
        };
        let runs = self.plan.host_runs.iter();
        let shown: Vec<&HostRun> = runs
            .filter(|run| !in_module(run) && run.guard != HostGuard::Reopened)
            .collect();
        if shown.is_empty() {
            return;
        }
        self.page.heading(
            "Run by the host",
            "ro read-only  ok hidden  rw inside can change it: look before you run it",
        );
        let paths = widest(shown.iter().map(|run| &run.path), 40);
        for run in shown {
            let (mark, why, style) = match &run.guard {
                HostGuard::ReadOnly | HostGuard::Reopened => ("  ro  ", String::new(), PLAIN),
                HostGuard::Hidden => ("  ok  ", String::new(), PLAIN),
                HostGuard::Open => ("  rw  ", String::new(), PLAIN),
                HostGuard::Left(why) => ("  rw  ", format!(": not guarded, {why}"), YELLOW),
            };
            let value = format!("{}{why}", run.by);
            self.page
                .row(mark, &run.path.to_string(), paths, &value, style);
        }
    }

    /// What of the project is secret, and what is hidden of it.
    fn secrets(&mut self) {
        let plan = self.plan;
        let secrets = &plan.secrets;
        let hidden: Vec<&Step> = plan
            .steps
            .iter()
            .filter(|step| matches!(step.action, Action::Hide { .. }))
            .collect();
        if secrets.found.is_empty() && secrets.complete && hidden.is_empty() {
            return;
        }
        let legend = "!! readable inside; --hide GLOB makes it unreadable  ok hidden";
        self.page.heading("Secrets in the project", legend);
        let open: Vec<_> = secrets
            .found
            .iter()
            .filter(|secret| !plan.hides(&secret.path))
            .collect();
        let below =
            |at: &Text| Text::from(at.path().strip_prefix(&plan.project).unwrap_or(at.path()));
        let places: Vec<Text> = plan.hidden().map(below).collect();
        let shown = open.iter().map(|secret| &secret.path).chain(&places);
        let columns = widest(shown, 40);
        for secret in open.iter().take(MOST_SECRETS) {
            let path = secret.path.to_string();
            self.page.row("  !! ", &path, columns, &secret.what, RED);
        }
        if open.len() > MOST_SECRETS {
            let more = format!("and {} more; --json lists them", open.len() - MOST_SECRETS);
            self.page.item("  !! ", &more, RED);
        }
        for (step, path) in hidden.iter().zip(&places) {
            let why = format!("{}{}", step.why, self.decided(&step.origin));
            self.page
                .row("  ok ", &path.to_string(), columns, &why, PLAIN);
        }
        if !secrets.complete {
            let seen = format!(
                "the look at the project ended after 100 ms and {} names: there may be more",
                secrets.seen
            );
            self.page.item("  ?  ", &seen, YELLOW);
        }
    }

    fn guards(&mut self) {
        self.page
            .heading("Guards", "+ in this plan  - not on this host");
        let planned = |guard: &&Guard| self.plan.steps.iter().any(|step| step.guard == **guard);
        let names: Vec<&str> = Guard::ALL
            .iter()
            .filter(planned)
            .map(|guard| guard.name())
            .collect();
        self.page.item("  + ", &names.join(" "), PLAIN);
        for missing in &self.plan.unavailable {
            self.page.item(
                "  - ",
                &format!("{}: {}", missing.guard.name(), missing.why),
                YELLOW,
            );
        }
    }

    /// Everything, in order, for `--explain`.
    fn steps(&mut self) {
        self.page
            .heading("Steps", "in order: guard, what, why, who decided");
        for step in &self.plan.steps {
            let value = format!(
                "{} - {}{}",
                step.action,
                step.why,
                self.decided(&step.origin)
            );
            self.page.row("  ", step.guard.name(), 18, &value, PLAIN);
        }
    }

    fn notes(&mut self) {
        if self.plan.notes.is_empty() {
            return;
        }
        self.page.heading("Notes", "");
        for note in &self.plan.notes {
            self.page.item("  ! ", note, YELLOW);
        }
    }

    /// Who decided: always said where a person asked, else only with `--explain`.
    fn decided(&self, origin: &Origin) -> String {
        match origin {
            Origin::Generated | Origin::Default | Origin::Host if !self.explain => String::new(),
            _ => format!("  ({origin})"),
        }
    }
}

/// Columns of the widest of `texts`, `most` at the most.
fn widest<'a>(texts: impl Iterator<Item = &'a Text>, most: usize) -> usize {
    texts
        .map(|text| width(&text.to_string()))
        .max()
        .unwrap_or(0)
        .min(most)
}

/// The command as it could be typed; arguments with anything unusual in quotes.
fn command(plan: &Plan) -> String {
    let words = std::iter::once(&plan.command.program).chain(&plan.command.arguments);
    let shown = secret::shown_words(words.map(|word| &**word));
    let quoted = shown.into_iter().map(|word| {
        let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}
