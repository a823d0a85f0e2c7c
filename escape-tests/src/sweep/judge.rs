//! Owns the outside half: compares a report with a bound. Every difference counts, in both directions.

use super::bound::{Allowed, Bound};
use super::level::Level;
use super::paths::Found;
use super::{Report, paths::Place};

/// Every difference between what was seen and what may, and must, be seen.
#[must_use]
pub fn differences(bound: &Bound, report: &Report) -> Vec<String> {
    let mut found = observations(bound, report);
    found.extend(bound.places.iter().filter_map(|place| {
        let difference = of_place(place, report.walked.found.get(&place.at.to_string()));
        difference.map(|why| format!("{}: {why}", place.at))
    }));
    let walked = &report.walked;
    found.extend(walked.excess.iter().cloned());
    if walked.more > 0 {
        found.push(format!("and {} more", walked.more));
    }
    if walked.folders == 0 || walked.entries == 0 {
        found.push("nothing was walked".into());
    }
    for (at, least) in &bound.counts {
        let seen = walked.below.get(at).copied().unwrap_or_default();
        if seen < *least {
            found.push(format!(
                "{at}: {seen} names were walked, at least {least} are there"
            ));
        }
    }
    found
}

fn observations(bound: &Bound, report: &Report) -> Vec<String> {
    let mut found = Vec::new();
    for (name, value) in &report.seen.0 {
        match bound.seen.get(name) {
            None => found.push(format!("{name}: {value}; it is not listed")),
            Some(allowed) if !allowed.allows(name, value) => {
                found.push(format!("{name}: {value}; allowed: {allowed:?}"));
            }
            Some(_) => {}
        }
    }
    let missing = bound.seen.iter().filter(|(name, allowed)| {
        !matches!(allowed, Allowed::Maybe(_)) && !report.seen.0.contains_key(*name)
    });
    found.extend(missing.map(|(name, allowed)| format!("{name}: missing; allowed: {allowed:?}")));
    found
}

fn of_place(place: &Place, found: Option<&Found>) -> Option<String> {
    let Some(found) = found else {
        return (place.least > Level::Absent).then(|| "it is listed, and missing".to_owned());
    };
    if found.kind != place.kind {
        Some(format!("it is a {:?}, not a {:?}", found.kind, place.kind))
    } else if found.level > place.most {
        Some(format!("{}; at most {}", found.level, place.most))
    } else if found.level < place.least {
        Some(format!("{}; at least {}", found.level, place.least))
    } else {
        let holds = place
            .holds
            .as_ref()
            .filter(|holds| **holds != found.holds)?;
        Some(format!("it holds {:?}, not {holds:?}", found.holds))
    }
}
