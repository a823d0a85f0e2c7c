//! Owns what is printed after the trials: how many there were and how they ended, and for each guard which probes fell
//! when it was gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use escape_tests::harness::breaking::breaking;
use escape_tests::harness::trial::Way;
use escape_tests::is_root;
use escape_tests::probe::{Guard, Probe, Tier};

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It held, or it bit.
    AsItShould,
    /// It did not.
    Failed,
    /// It could not be made here, for this reason.
    Skipped(String),
}

#[derive(Debug, Default)]
struct Counts {
    probes: BTreeSet<&'static str>,
    held: usize,
    bit: usize,
    failed: usize,
    skipped: BTreeMap<String, usize>,
    fell: BTreeMap<Guard, BTreeSet<&'static str>>,
}

/// What the trials gave. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table(Arc<Mutex<Counts>>);

impl Table {
    /// Notes one trial.
    pub(crate) fn note(
        &self,
        name: &'static str,
        probe: &Probe,
        tier: Tier,
        way: Way,
        outcome: Outcome,
    ) {
        let mut counts = self.0.lock().expect("no trial panics while it notes");
        counts.probes.insert(name);
        match (outcome, way) {
            (Outcome::Failed, _) => counts.failed += 1,
            (Outcome::Skipped(why), _) => *counts.skipped.entry(why).or_default() += 1,
            (Outcome::AsItShould, Way::Bites) => {
                counts.bit += 1;
                for guard in probe.behind_on(tier) {
                    counts.fell.entry(guard).or_default().insert(name);
                }
            }
            (Outcome::AsItShould, Way::Holds | Way::CommandLine | Way::Alone(_)) => {
                counts.held += 1
            }
        }
    }

    /// Prints everything, unless no trial was made.
    pub(crate) fn print(&self) {
        let counts = self.0.lock().expect("no trial panics while it notes");
        let skipped: usize = counts.skipped.values().sum();
        let trials = counts.held + counts.bit + counts.failed + skipped;
        if trials == 0 {
            return;
        }
        let (probes, held, bit, failed) =
            (counts.probes.len(), counts.held, counts.bit, counts.failed);
        println!(
            "{probes} probes, {trials} trials: {held} held, {bit} bit, {failed} failed, {skipped} skipped"
        );
        for (why, times) in &counts.skipped {
            println!("  skipped {times} times: {why}");
        }
        if !is_root() {
            println!(
                "  not made: trials in which uid 0 starts the launcher, as these tests do not run as root"
            );
        }
        println!("\nwhat fell when a guard was gone:");
        for guard in Guard::ALL {
            let fell: Vec<&str> = counts
                .fell
                .get(guard)
                .into_iter()
                .flatten()
                .copied()
                .collect();
            let uid = if is_root() { 0 } else { 1 };
            match (fell.is_empty(), breaking(*guard).edit(uid)) {
                (true, Err(why)) => println!("  {:<20} not taken away: {why}", guard.name()),
                (true, Ok(_)) => println!("  {:<20} nothing in this run", guard.name()),
                (false, _) => println!("  {:<20} {}", guard.name(), fell.join(", ")),
            }
        }
        println!();
    }
}
