//! Owns the judgement of what was seen in a sandbox that is not claudebox.
//!
//! The table of a probe says what claudebox gives, exactly. Another error is as good. Another observation is a breach where
//! it is the one that is made without any sandbox, which is why the attempt is made there too if need be; else it proves
//! nothing. What was not reported proves nothing either.

use std::collections::BTreeMap;

use serde::Serialize;

use super::verdict::Verdict;
use crate::harness::bait::Bait;
use crate::harness::survivor::NO_TRACE;
use crate::probe::{Act, Probe, Seen};

/// Probes whose acts are names that they found. A name that is missing is one less; one that is not there without a sandbox
/// is the sandbox's own, and no breach. Every other act that no table names is one.
pub const LISTS: &[&str] = &[
    "devices",
    "environment_names",
    "etc_files",
    "kernel_settings",
    "proc_of_root",
    "root_folder",
    "run_folder",
    "setuid_programs",
    "socket_files",
    "writable_mounts",
];

/// An act that gave something else than in claudebox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its name.
    pub act: String,
    /// What it gave.
    pub gave: String,
    /// What it gives in claudebox.
    pub in_claudebox: String,
    /// What that is worth by itself.
    pub verdict: Verdict,
}

/// A verdict, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// It.
    pub verdict: Verdict,
    /// What decided it; nothing where it held.
    pub detail: String,
    /// Everything that is not as in claudebox.
    pub differences: Vec<Difference>,
}

/// Whether a probe is a useful twin: what must work all the same.
#[must_use]
pub fn is_twin(name: &str) -> bool {
    name.starts_with("twin_")
}

/// Judges what the probe `name` reported, and the damage. `outside` makes the attempt without a sandbox.
pub fn judge(
    (name, probe): (&str, &Probe),
    seen: &Seen,
    harm: Option<String>,
    bait: &Bait,
    outside: impl FnOnce() -> Option<Seen>,
) -> Judged {
    if is_twin(name) {
        let wrong = probe.expect.judge(seen, bait).differences;
        let wrong = wrong.into_iter().chain(harm).next();
        return Judged {
            verdict: match wrong {
                None => Verdict::Works,
                Some(_) => Verdict::DoesNotWork,
            },
            detail: wrong.unwrap_or_default(),
            differences: Vec::new(),
        };
    }
    if seen.0.is_empty() {
        return Judged {
            verdict: Verdict::Error,
            detail: "no act was reported".into(),
            differences: Vec::new(),
        };
    }
    let mut differences = compare(name, probe, seen, bait);
    if differences
        .iter()
        .any(|one| one.verdict == Verdict::Differs)
    {
        let outside = outside().unwrap_or_default().0;
        for one in &mut differences {
            if one.verdict == Verdict::Differs && as_outside(&outside, seen, &one.act) {
                one.verdict = Verdict::Escaped;
                one.gave += ", as without a sandbox";
            }
        }
    }
    // The worst counts; what was not tried is worse than what only differs.
    let by_an_act = |verdict| {
        let one = differences.iter().find(|one| one.verdict == verdict)?;
        Some((verdict, format!("{}: {}", one.gave, one.act)))
    };
    let (no_trace, damage) = match harm {
        Some(harm) if harm.starts_with(NO_TRACE) => (Some(harm), None),
        other => (None, other),
    };
    let (verdict, detail) = damage
        .map(|damage| (Verdict::Escaped, damage))
        .or_else(|| by_an_act(Verdict::Escaped))
        .or_else(|| no_trace.map(|why| (Verdict::NotTried, why)))
        .or_else(|| by_an_act(Verdict::NotTried))
        .or_else(|| by_an_act(Verdict::Differs))
        .or_else(|| by_an_act(Verdict::HeldOtherwise))
        .unwrap_or((Verdict::Held, String::new()));
    Judged {
        verdict,
        detail,
        differences,
    }
}

/// The damage of an attack that reported nothing. What a twin leaves undone is none, nor is what left no trace.
#[must_use]
pub fn damage(name: &str, harm: Option<String>) -> Option<String> {
    harm.filter(|harm| !is_twin(name) && !harm.starts_with(NO_TRACE))
}

fn as_outside(outside: &BTreeMap<String, Act>, seen: &Seen, act: &str) -> bool {
    seen.0
        .get(act)
        .is_some_and(|gave| outside.get(act) == Some(gave))
}

fn compare(name: &str, probe: &Probe, seen: &Seen, bait: &Bait) -> Vec<Difference> {
    let list = LISTS.contains(&name);
    let wanted = probe.expect.wanted(bait);
    let mut differences = Vec::new();
    for (act, gave) in &seen.0 {
        let wanted = wanted.of(act);
        if wanted == Some(gave) {
            continue;
        }
        differences.push(Difference {
            act: act.clone(),
            gave: gave.to_string(),
            in_claudebox: wanted.map_or_else(|| "nothing of that name".into(), Act::to_string),
            verdict: worth(gave, wanted, list, bait),
        });
    }
    for (act, wanted) in &wanted.named {
        if !seen.0.contains_key(act) {
            differences.push(Difference {
                act: act.clone(),
                gave: "not reported".into(),
                in_claudebox: wanted.to_string(),
                verdict: match list {
                    true => Verdict::HeldOtherwise,
                    false => Verdict::NotTried,
                },
            });
        }
    }
    differences
}

/// What an act is worth that gave something else than was `wanted`.
fn worth(gave: &Act, wanted: Option<&Act>, list: bool, bait: &Bait) -> Verdict {
    match (gave, wanted) {
        (Act::Broken(_), _) => Verdict::NotTried,
        (Act::Absent | Act::Refused(_), _) => Verdict::HeldOtherwise,
        (Act::Saw(what), _) if bait.canaries_in(what.as_bytes()) > 0 => Verdict::Escaped,
        // Whether it is as outside is to be seen.
        (Act::Saw(_), Some(Act::Saw(_) | Act::Reached)) => Verdict::Differs,
        (Act::Saw(_) | Act::Reached, None) if list => Verdict::Differs,
        (Act::Saw(_) | Act::Reached, _) => Verdict::Escaped,
    }
}
