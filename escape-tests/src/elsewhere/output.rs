//! Owns what a measurement says: where it was made, and what is counted of it, for the table and for JSON.

pub(super) mod json;
pub(super) mod table;

use std::fs;
use std::time::Duration;

use claudebox::guard::Guard;
use claudebox::text::escape;
use serde::Serialize;

use super::cli::Args;
use super::run::Outcome;
use super::verdict::Verdict;

/// Where and of what a measurement was made.
#[derive(Debug, Serialize)]
pub(super) struct Head {
    /// CMD, escaped.
    pub(super) sandbox: String,
    pub(super) tier: &'static str,
    /// The name of the operating system.
    pub(super) os: String,
    pub(super) kernel: String,
    /// Who started CMD.
    pub(super) uid: u32,
    pub(super) seconds: f64,
}

impl Head {
    pub(super) fn new(args: &Args, uid: u32, took: Duration) -> Self {
        let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
        let os = release
            .lines()
            .find_map(|line| line.strip_prefix("PRETTY_NAME="));
        let kernel = nix::sys::utsname::uname();
        let kernel = kernel
            .as_ref()
            .map_or_else(|_| "?".as_ref(), |name| name.release());
        Self {
            sandbox: escape(args.sandbox.as_ref()),
            tier: args.tier.name(),
            os: escape(os.unwrap_or("Linux").trim_matches('"').as_ref()),
            kernel: escape(kernel),
            uid,
            seconds: seconds(took),
        }
    }
}

/// Rounded to hundredths.
pub(super) fn seconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 100.0).round() / 100.0
}

/// How many came to each verdict.
pub(super) fn counts(outcomes: &[Outcome]) -> impl Iterator<Item = (Verdict, usize)> {
    Verdict::ALL.into_iter().map(|verdict| {
        let of_it = outcomes.iter().filter(|outcome| outcome.verdict == verdict);
        (verdict, of_it.count())
    })
}

/// Whether the sandbox has an answer to what a guard of claudebox is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Answer {
    /// Every probe behind it that was tried held; how many were not stands beside it.
    All,
    /// Some did.
    Some,
    /// None did.
    None,
    /// None was tried.
    Unknown,
}

/// What the probes behind one guard came to.
#[derive(Debug, Serialize)]
pub(super) struct Behind {
    pub(super) guard: Guard,
    pub(super) answer: Answer,
    pub(super) held: usize,
    /// With those that gave an error, which is no hold.
    pub(super) tried: usize,
    pub(super) not_tried: usize,
}

/// Each guard that has a probe among the outcomes.
pub(super) fn behind(outcomes: &[Outcome]) -> Vec<Behind> {
    let mut all = Vec::new();
    for guard in Guard::ALL {
        let of_it = || {
            outcomes
                .iter()
                .filter(|outcome| outcome.probe.behind.contains(guard))
        };
        if of_it().next().is_none() {
            continue;
        }
        let held = of_it().filter(|outcome| outcome.verdict.holds()).count();
        let not_tried = of_it().filter(|outcome| outcome.verdict == Verdict::NotTried);
        let not_tried = not_tried.count();
        let tried = of_it().count() - not_tried;
        let answer = match (held, tried) {
            (_, 0) => Answer::Unknown,
            (0, _) => Answer::None,
            (held, tried) if held == tried => Answer::All,
            _ => Answer::Some,
        };
        all.push(Behind {
            guard: *guard,
            answer,
            held,
            tried,
            not_tried,
        });
    }
    all
}
