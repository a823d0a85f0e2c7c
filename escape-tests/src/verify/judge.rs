//! Owns what the attacks prove: probe by probe from what was told and what is seen from outside, then guard by guard.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use super::Named;
use super::session::Told;
use crate::harness::bait::Bait;
use crate::harness::inside::Report;
use crate::harness::start::GONE;
use crate::probe::{Ending, Guard, Probe, Seen, Tier};

/// How a probe ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Exactly as it should.
    Held,
    /// Otherwise, and how.
    Red(String),
    /// Nothing can be said, and why.
    Silent(String),
    /// This host has not what it needs.
    CannotHere(String),
}

/// One probe that was tried, or should have been.
#[derive(Debug)]
pub struct Tried {
    /// Its name.
    pub name: &'static str,
    /// The probe.
    pub probe: &'static Probe,
    /// How it ended.
    pub outcome: Outcome,
}

/// All that was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// By probe.
    pub tried: Vec<Tried>,
    /// What PID 1 saw, where it saw another sandbox than was planned.
    pub by_pid_1: BTreeMap<Guard, String>,
}

impl Findings {
    /// A probe that needs what is not there.
    pub fn cannot_here(&mut self, name: &'static str, probe: &'static Probe, why: String) {
        let outcome = Outcome::CannotHere(why);
        self.tried.push(Tried {
            name,
            probe,
            outcome,
        });
    }

    /// The words of a launcher whose PID 1 found differences, each after the name of its guard, so that nothing of `probes`
    /// was started. Where one of them meddled, that is what its guard is for: it holds.
    pub fn seen_by_pid_1(&mut self, said: &str, probes: &[Named]) {
        for found in said.split("; ") {
            let named = found.split_once(": ");
            let guard = |name: &str| Guard::ALL.iter().find(|guard| guard.name() == name);
            let Some((guard, what)) = named.and_then(|(name, what)| Some((guard(name)?, what)))
            else {
                continue;
            };
            let meddled =
                |(_, probe): &&Named| probe.meddle.is_some() && probe.behind.contains(guard);
            match probes.iter().find(meddled) {
                Some((name, probe)) => self.tried.push(Tried {
                    name,
                    probe,
                    outcome: Outcome::Held,
                }),
                None => {
                    let what = format!("PID 1 found {what}");
                    self.by_pid_1.entry(*guard).or_insert(what);
                }
            }
        }
    }

    /// Judges what was told of `probes`.
    pub fn add(&mut self, told: &Told, probes: &[Named], bait: &Bait) {
        let (mut reports, stray) = reports(&told.stdout);
        let fault = told.fault.clone().or(stray);
        for (name, probe) in probes {
            let report = reports.remove(*name).unwrap_or_default();
            let outcome = match report.as_slice() {
                [seen] => judge(name, probe, seen, told, bait),
                [] => Outcome::Silent("it reported nothing".into()),
                _ => Outcome::Silent("it reported twice".into()),
            };
            let outcome = match (outcome, &fault) {
                (Outcome::Held | Outcome::Silent(_), Some(fault)) => Outcome::Silent(fault.clone()),
                (outcome, _) => outcome,
            };
            self.tried.push(Tried {
                name,
                probe,
                outcome,
            });
        }
    }

    /// Whether anything is broken.
    #[must_use]
    pub fn any_red(&self) -> bool {
        let red = |tried: &Tried| matches!(tried.outcome, Outcome::Red(_));
        !self.by_pid_1.is_empty() || self.tried.iter().any(red)
    }

    /// The guards that are broken on `tier`, each with what tells.
    ///
    /// A probe behind more than one guard does not say which of them fell. Where one that stands behind a single guard does,
    /// it explains the other; else those count that no probe of their own vouches for, and all of them if each has one.
    #[must_use]
    pub fn broken(&self, tier: Tier) -> BTreeMap<Guard, String> {
        let mut broken = self.by_pid_1.clone();
        let red = |tried: &Tried| match &tried.outcome {
            Outcome::Red(how) => Some(format!("{}: {how}", tried.name)),
            _ => None,
        };
        let behind = |tried: &Tried| tried.probe.behind_on(tier).collect::<Vec<Guard>>();
        let single = |tried: &&Tried| behind(tried).len() == 1;
        for tried in self.tried.iter().filter(single) {
            if let Some(how) = red(tried) {
                broken.entry(behind(tried)[0]).or_insert(how);
            }
        }
        let vouched: BTreeSet<Guard> = self
            .tried
            .iter()
            .filter(single)
            .filter(|tried| tried.outcome == Outcome::Held)
            .flat_map(behind)
            .collect();
        for tried in self.tried.iter().filter(|tried| !single(tried)) {
            let (Some(how), guards) = (red(tried), behind(tried)) else {
                continue;
            };
            if guards.iter().any(|guard| broken.contains_key(guard)) {
                continue;
            }
            let open: Vec<Guard> = guards
                .iter()
                .filter(|guard| !vouched.contains(guard))
                .copied()
                .collect();
            for guard in if open.is_empty() { guards } else { open } {
                broken.insert(guard, how.clone());
            }
        }
        broken
    }
}

/// The reports by probe, and why something else was said, if so.
fn reports(said: &str) -> (BTreeMap<String, Vec<Seen>>, Option<String>) {
    let (mut reports, mut stray) = (BTreeMap::<String, Vec<Seen>>::new(), None);
    for line in said.lines() {
        match serde_json::from_str::<Report>(line) {
            Ok(report) => reports.entry(report.probe).or_default().push(report.seen),
            Err(_) => stray = Some("something was said inside that is no report".into()),
        }
    }
    (reports, stray)
}

fn judge(name: &str, probe: &Probe, seen: &Seen, told: &Told, bait: &Bait) -> Outcome {
    let verdict = probe.expect.judge(seen, bait);
    let meanwhile = told.meanwhile.iter().find(|(of, _)| *of == name);
    let harm = meanwhile
        .map(|(_, harm)| harm.clone())
        .or_else(|| harm(probe, bait));
    let breach = harm.or_else(|| verdict.breaches.first().cloned());
    match breach.or_else(|| verdict.differences.first().cloned()) {
        Some(how) => Outcome::Red(how),
        None => Outcome::Held,
    }
}

/// The damage. What is killed has a moment to end.
fn harm(probe: &Probe, bait: &Bait) -> Option<String> {
    let end = Instant::now() + GONE;
    loop {
        let harm = (probe.harmed)(bait);
        if harm.is_none() || probe.ending == Ending::ByItself || Instant::now() > end {
            return harm;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Probe = Probe {
        behind: &[Guard::HomeHidden],
        ..Probe::USUAL
    };
    const BOTH: Probe = Probe {
        behind: &[Guard::HomeHidden, Guard::TmpPrivate],
        ..Probe::USUAL
    };

    fn broken(tried: &[(&'static Probe, Outcome)]) -> Vec<Guard> {
        let tried = tried.iter().map(|(probe, outcome)| Tried {
            name: "probe",
            probe,
            outcome: outcome.clone(),
        });
        let findings = Findings {
            tried: tried.collect(),
            ..Findings::default()
        };
        findings.broken(Tier::None).into_keys().collect()
    }

    #[test]
    fn a_probe_behind_two_guards_accuses_the_one_that_nothing_vouches_for() {
        let red = || Outcome::Red("it worked".into());
        let silent = Outcome::Silent("nothing".into());
        let (home, tmp) = (Guard::HomeHidden, Guard::TmpPrivate);
        assert_eq!(broken(&[(&OWN, Outcome::Held), (&BOTH, Outcome::Held)]), []);
        assert_eq!(broken(&[(&OWN, red()), (&BOTH, red())]), [home]);
        assert_eq!(broken(&[(&OWN, Outcome::Held), (&BOTH, red())]), [tmp]);
        assert_eq!(broken(&[(&OWN, silent), (&BOTH, red())]), [home, tmp]);
        assert_eq!(broken(&[(&BOTH, red())]), [home, tmp]);
    }

    #[test]
    fn what_pid_1_found_counts_by_guard_and_unknown_words_do_not() {
        let mut findings = Findings::default();
        findings.seen_by_pid_1("HomeHidden: /home is ext4; a word; NoGuard: x", &[]);
        let found: Vec<_> = findings.by_pid_1.into_iter().collect();
        assert_eq!(
            found,
            [(Guard::HomeHidden, "PID 1 found /home is ext4".into())]
        );
    }
}
