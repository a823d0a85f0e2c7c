//! Owns what `check` says of each tier: whether it can run here, and what is in the way (RUN-09); and how a report reads.

use serde::Serialize;

use super::{Finding, Report, Verdict};
use crate::cli::Tier;
use crate::page::{PLAIN, Page, RED, YELLOW};

/// Whether a tier can run here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TierReport {
    /// Which.
    pub tier: Tier,
    /// Whether it can.
    pub can_run: bool,
    /// What is in the way, each with its fix.
    pub why: Vec<Finding>,
}

/// Every tier: of the one that is `wanted` the findings are known, of the others `examined` finds out.
pub(super) fn each(
    wanted: Tier,
    findings: &[Finding],
    examined: impl Fn(Tier) -> Vec<Finding>,
) -> Vec<TierReport> {
    let report = |tier| {
        let why: Vec<Finding> = if tier == wanted {
            failures(findings).cloned().collect()
        } else {
            failures(&examined(tier)).cloned().collect()
        };
        TierReport {
            tier,
            can_run: why.is_empty(),
            why,
        }
    };
    [Tier::None, Tier::Inet, Tier::Full].map(report).into()
}

/// The findings with which nothing runs.
pub(super) fn failures(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Failure)
}

impl Report {
    /// As a person reads it; `wrap` breaks long lines, for a terminal.
    #[must_use]
    pub fn render(&self, wrap: bool) -> String {
        let mut page = Page::new(wrap);
        for finding in &self.findings {
            let (mark, style) = match finding.verdict {
                Verdict::Ok => ("ok  ", PLAIN),
                Verdict::Warning => ("warn", YELLOW),
                Verdict::Failure => ("FAIL", RED),
            };
            page.item(
                &format!("{mark}  {:<16} ", finding.part),
                &finding.found,
                style,
            );
            if let Some(fix) = &finding.fix {
                page.item(&format!("{:23}hint: ", ""), fix, PLAIN);
            }
        }
        page.into_text() + "\n" + &self.verdicts(wrap)
    }

    /// A line for each tier. What was not said above, since it is in the way of another tier alone, follows with its fix.
    fn verdicts(&self, wrap: bool) -> String {
        let mut page = Page::new(wrap);
        for TierReport { tier, can_run, why } in &self.tiers {
            let used = if *tier == self.tier {
                ", which would be used,"
            } else {
                ""
            };
            let named: Vec<&str> = why.iter().map(|one| one.part).collect();
            let verdict = if *can_run {
                "can run here.".to_owned()
            } else {
                format!("cannot run here: {}.", named.join(", "))
            };
            let name = tier.name();
            page.item("The tier ", &format!("`{name}`{used} {verdict}"), PLAIN);
            let unsaid = why.iter().filter(|one| !self.findings.contains(one));
            for Finding {
                part, found, fix, ..
            } in unsaid
            {
                page.item(&format!("      {part:<16} "), found, PLAIN);
                if let Some(fix) = fix {
                    page.item(&format!("{:23}hint: ", ""), fix, PLAIN);
                }
            }
        }
        page.into_text()
    }
}
