//! Owns the form that a program reads, which has a version.

use std::collections::BTreeMap;

use claudebox::guard::Guard;
use claudebox::text::escape;
use serde::Serialize;

use super::super::judge::Difference;
use super::super::run::Outcome;
use super::super::verdict::Verdict;
use super::{Behind, Head, behind, counts, seconds};

/// It changes when a field goes or means something else.
const VERSION: u32 = 1;

#[derive(Debug, Serialize)]
struct Document<'a> {
    version: u32,
    #[serde(flatten)]
    head: &'a Head,
    counts: BTreeMap<&'static str, usize>,
    guards: Vec<Behind>,
    probes: Vec<One<'a>>,
}

#[derive(Debug, Serialize)]
struct One<'a> {
    probe: &'static str,
    asks: &'static str,
    threats: &'static [&'static str],
    guards: &'static [Guard],
    verdict: Verdict,
    seconds: f64,
    detail: String,
    differences: Vec<Difference>,
    said: &'a str,
}

pub(in super::super) fn text(head: &Head, outcomes: &[Outcome]) -> String {
    let shown = |text: &String| escape(text.as_ref());
    let probes = outcomes.iter().map(|outcome| One {
        probe: outcome.name,
        asks: outcome.probe.asks,
        threats: outcome.probe.threats,
        guards: outcome.probe.behind,
        verdict: outcome.verdict,
        seconds: seconds(outcome.took),
        detail: shown(&outcome.detail),
        differences: outcome
            .differences
            .iter()
            .map(|one| Difference {
                act: shown(&one.act),
                gave: shown(&one.gave),
                in_claudebox: shown(&one.in_claudebox),
                verdict: one.verdict,
            })
            .collect(),
        said: &outcome.said,
    });
    let document = Document {
        version: VERSION,
        head,
        counts: counts(outcomes)
            .map(|(verdict, count)| (verdict.name(), count))
            .collect(),
        guards: behind(outcomes),
        probes: probes.collect(),
    };
    let text = serde_json::to_string_pretty(&document).expect("each key is text");
    text + "\n"
}
