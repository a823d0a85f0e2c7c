//! Owns the verdicts as they are shown: a row for each guard, for people and as JSON.

use claudebox::page::{PLAIN, Page, RED, YELLOW};
use claudebox::plan::Plan;
use claudebox::text::escape;
use serde::Serialize;

use super::judge::{Findings, Outcome, Tried};
use super::rows::{absent, not_shown};
use crate::probe::{Guard, Tier};

/// What is said of a guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Attacks that it stops were made, and failed exactly as they should.
    Proven,
    /// This sandbox does not have it.
    NotAvailable,
    /// An attack worked, or failed in another way than it should.
    Broken,
    /// It is there, and no attack shows it.
    NotTried,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::Proven => "proven",
            Verdict::NotAvailable => "not available",
            Verdict::Broken => "BROKEN",
            Verdict::NotTried => "not tried",
        }
    }
}

/// One guard.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Which.
    pub guard: Guard,
    /// How it stands.
    pub verdict: Verdict,
    /// The probes that held for it.
    pub held: Vec<&'static str>,
    /// Why it is not proven, escaped.
    pub why: Option<String>,
}

/// All verdicts.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Version of this form.
    pub version: u32,
    /// The tier of the sandbox.
    pub tier: Tier,
    /// Whether a guard is broken.
    pub broken: bool,
    /// Why a guard that should have been tried was not, if so.
    pub untried: Option<String>,
    /// Guard by guard.
    pub guards: Vec<Row>,
}

impl Report {
    /// The verdicts on the guards of `plan`.
    #[must_use]
    pub fn new(plan: &Plan, findings: &Findings) -> Self {
        let tier = plan.tier.value;
        let broken = findings.broken(tier);
        let guards = Guard::ALL.iter().map(|guard| {
            let guard = *guard;
            let of_guard = |tried: &&Tried| tried.probe.behind_on(tier).any(|one| one == guard);
            let tried: Vec<&Tried> = findings.tried.iter().filter(of_guard).collect();
            let held: Vec<&'static str> = tried
                .iter()
                .filter(|tried| tried.outcome == Outcome::Held)
                .map(|tried| tried.name)
                .collect();
            let (verdict, why) = match broken.get(&guard) {
                Some(how) => (Verdict::Broken, Some(how.clone())),
                None => standing(plan, guard, &tried, !held.is_empty()),
            };
            let why = why.map(|why| escape(why.as_ref()));
            let held = match verdict {
                Verdict::Proven => held,
                _ => Vec::new(),
            };
            Row {
                guard,
                verdict,
                held,
                why,
            }
        });
        let guards: Vec<Row> = guards.collect();
        let untried = guards
            .iter()
            .find(|row| row.verdict == Verdict::NotTried && not_shown(row.guard, tier).is_none());
        Self {
            version: 1,
            tier,
            broken: guards.iter().any(|row| row.verdict == Verdict::Broken),
            untried: untried.map(|row| {
                let why = row.why.as_deref().unwrap_or_default();
                format!("{}: {why}", row.guard.name())
            }),
            guards,
        }
    }

    /// As JSON.
    ///
    /// # Panics
    /// Never: all of it is text and lists.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("text and lists serialise") + "\n"
    }

    /// As a person reads it; `wrap` breaks long lines, for a terminal.
    #[must_use]
    pub fn render(&self, wrap: bool) -> String {
        let mut page = Page::new(wrap);
        for row in &self.guards {
            let style = match row.verdict {
                Verdict::Proven => PLAIN,
                Verdict::Broken => RED,
                Verdict::NotAvailable | Verdict::NotTried => YELLOW,
            };
            let before = format!("{:<19} {:<14} ", row.guard.name(), row.verdict.word());
            let what = match (&row.why, row.held.len()) {
                (Some(why), _) => why.clone(),
                (None, 1) => "1 attack failed as it should".to_owned(),
                (None, count) => format!("{count} attacks failed as they should"),
            };
            page.item(&before, &what, style);
        }
        let mut last = Page::new(wrap);
        let style = if self.broken { RED } else { PLAIN };
        last.item("", &self.sentence(), style);
        page.into_text() + "\n" + &last.into_text()
    }

    /// The last line.
    fn sentence(&self) -> String {
        let count = |verdict: Verdict| {
            self.guards
                .iter()
                .filter(|row| row.verdict == verdict)
                .count()
        };
        let tier = self.tier.name();
        if self.broken {
            let broken = self
                .guards
                .iter()
                .filter(|row| row.verdict == Verdict::Broken);
            let names: Vec<&str> = broken.map(|row| row.guard.name()).collect();
            return format!(
                "Do not rely on this sandbox (tier `{tier}`): broken is {}.",
                names.join(", ")
            );
        }
        let [proven, not_available, not_tried] =
            [Verdict::Proven, Verdict::NotAvailable, Verdict::NotTried].map(count);
        format!(
            "Tier `{tier}`: no guard is broken; {proven} proven, {not_available} not available, {not_tried} not tried."
        )
    }
}

/// What is said of a guard that is not broken.
fn standing(plan: &Plan, guard: Guard, tried: &[&Tried], held: bool) -> (Verdict, Option<String>) {
    if let Some(why) = absent(plan, guard) {
        return (Verdict::NotAvailable, Some(why));
    }
    if let Some(why) = not_shown(guard, plan.tier.value) {
        return (Verdict::NotTried, Some(why.into()));
    }
    let silent = tried.iter().find_map(|tried| match &tried.outcome {
        Outcome::Silent(why) => Some(format!("{}: {why}", tried.name)),
        _ => None,
    });
    // One that said nothing may be the one that counts.
    if let Some(why) = silent {
        return (Verdict::NotTried, Some(why));
    }
    if held {
        return (Verdict::Proven, None);
    }
    let cannot = tried.iter().find_map(|tried| match &tried.outcome {
        Outcome::CannotHere(why) => Some(why.clone()),
        _ => None,
    });
    match cannot {
        Some(why) => (Verdict::NotAvailable, Some(why)),
        None => (Verdict::NotTried, Some("no attempt was made".into())),
    }
}
