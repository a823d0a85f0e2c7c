//! Owns what is said after the trials: a row for each probe, counts, and for each guard which probes fell when it was gone. For
//! people, and as JSON where CLAUDEBOX_TESTS_JSON names a file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use claudebox::facts::Facts;
use escape_tests::harness::breaking::bites_by;
use escape_tests::harness::drive;
use escape_tests::harness::trial::Way;
use escape_tests::is_root;
use escape_tests::probe::{Guard, Probe, Streams, Tier};
use escape_tests::probes;
use serde::Serialize;

use crate::registry::DRIVERS;

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// It held, or it bit.
    AsItShould,
    /// It did not.
    Failed,
    /// It could not be made here, for this reason.
    Skipped(String),
}

/// One trial.
#[derive(Debug, Clone, Serialize)]
struct Row {
    probe: String,
    tier: &'static str,
    way: String,
    uid: &'static str,
    terminal: bool,
    guards: Vec<&'static str>,
    outcome: Outcome,
    seconds: f64,
    #[serde(skip)]
    bit: bool,
}

/// What the trials gave. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table(Arc<Mutex<Vec<Row>>>);

/// What is counted of some rows.
#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Counts {
    trials: usize,
    held: usize,
    bit: usize,
    failed: usize,
    skipped: usize,
}

impl Counts {
    fn of<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Self {
        let mut counts = Self::default();
        for row in rows {
            counts.trials += 1;
            match (&row.outcome, row.bit) {
                (Outcome::Failed, _) => counts.failed += 1,
                (Outcome::Skipped(_), _) => counts.skipped += 1,
                (Outcome::AsItShould, true) => counts.bit += 1,
                (Outcome::AsItShould, false) => counts.held += 1,
            }
        }
        counts
    }
}

impl Table {
    /// Notes one trial.
    pub(crate) fn note(&self, trial: &drive::Trial, outcome: Outcome, took: Duration) {
        let behind = trial.probe.behind_on(trial.tier);
        self.rows().push(Row {
            probe: trial.name.clone(),
            tier: trial.tier.name(),
            way: format!("{:?}", trial.way),
            uid: if trial.as_root { "0" } else { "ordinary" },
            terminal: trial.probe.streams == Streams::Terminal,
            guards: behind.map(Guard::name).collect(),
            outcome,
            seconds: took.as_secs_f64(),
            bit: matches!(trial.way, Way::Bites | Way::Outside),
        });
    }

    fn rows(&self) -> MutexGuard<'_, Vec<Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The guards that some probe should have missed, and none did. For a run of all trials.
    pub(crate) fn not_missed(&self) -> Vec<&'static str> {
        let rows = self.rows();
        let missed = fallen(&rows);
        let guards = Guard::ALL.iter().filter(|guard| can_go(**guard));
        let names = guards.map(|guard| guard.name());
        names.filter(|name| !missed.contains_key(name)).collect()
    }

    /// Prints everything, unless no trial was made. What did not fall is told of a `whole` run alone.
    pub(crate) fn print(&self, whole: bool) {
        let rows = self.rows();
        if rows.is_empty() {
            return;
        }
        println!("{}\n", host());
        print_probes(&rows);
        let all = Counts::of(rows.iter());
        let Counts {
            trials,
            held,
            bit,
            failed,
            skipped,
        } = all;
        let made: BTreeSet<&str> = rows.iter().map(|row| row.probe.as_str()).collect();
        let waiting = rows
            .iter()
            .filter(|row| matches!(row.outcome, Outcome::Skipped(_)));
        let waiting: BTreeSet<&str> = waiting.map(|row| row.probe.as_str()).collect();
        println!(
            "\n{} probes, {} of them live; {trials} trials: {held} held, {bit} bit, {failed} failed, {skipped} skipped",
            made.len(),
            made.len() - waiting.len(),
        );
        let of = |is_used: fn(&Probe) -> bool| {
            let known = probes::ALL
                .iter()
                .filter(|(name, probe)| made.contains(name) && is_used(probe));
            known.count()
        };
        let ways = DRIVERS
            .iter()
            .map(|(driver, is_used)| format!("{} {driver}", of(*is_used)));
        println!("  {}", ways.collect::<Vec<_>>().join(", "));
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for row in rows.iter() {
            if let Outcome::Skipped(why) = &row.outcome {
                *reasons.entry(why).or_default() += 1;
            }
        }
        for (why, times) in reasons {
            println!("  skipped {times} times: {why}");
        }
        if !is_root() {
            println!(
                "  not made: trials in which uid 0 starts the launcher, as these tests do not run as root"
            );
        }
        println!("\nwhat fell when a guard was gone:");
        let fallen = fallen(&rows);
        for guard in Guard::ALL {
            let name = guard.name();
            match fallen.get(name) {
                Some(fell) => println!("  {name:<20} {}", fell.join(", ")),
                None if !whole => {}
                None if can_go(*guard) => println!("  {name:<20} NOTHING"),
                None => println!("  {name:<20} only root can start it without"),
            }
        }
        println!();
    }

    /// Writes everything into the file that CLAUDEBOX_TESTS_JSON names.
    pub(crate) fn write(&self) -> Result<(), String> {
        let Some(path) = std::env::var_os("CLAUDEBOX_TESTS_JSON") else {
            return Ok(());
        };
        let rows = self.rows();
        let report = serde_json::json!({
            "version": 1,
            "host": host(),
            "counts": Counts::of(rows.iter()),
            "fell": fallen(&rows),
            "trials": *rows,
        });
        fs::write(&path, format!("{report:#}\n"))
            .map_err(|error| format!("writing {}: {error}", path.display()))
    }
}

/// Where this ran.
fn host() -> String {
    use claudebox::facts::Tool;
    let query = claudebox::facts::Query::of(&claudebox::cli::Entry::default());
    match Facts::read(&query) {
        Ok(facts) => {
            let bwrap = match &facts.host.bwrap {
                Tool::Found(path) => claudebox::launch::bwrap_version(path),
                Tool::Missing | Tool::Unfit(..) => None,
            };
            let bwrap = bwrap.map_or("unknown".to_owned(), |(a, b)| format!("{a}.{b}"));
            let kernel = &facts.host.kernel;
            format!(
                "{}, Linux {}, bubblewrap {bwrap}, Landlock ABI {}",
                facts.host.os_name, kernel.release, kernel.landlock_abi
            )
        }
        Err(error) => format!("a host that cannot be read: {error}"),
    }
}

/// Whether the guard can be taken away by whoever runs this.
fn can_go(guard: Guard) -> bool {
    bites_by(&[guard], 1).is_some() || is_root()
}

/// The probes that fell when a guard was gone, by its name.
fn fallen(rows: &[Row]) -> BTreeMap<&'static str, Vec<String>> {
    let mut fallen: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for row in rows {
        if row.bit && row.outcome == Outcome::AsItShould {
            for guard in &row.guards {
                fallen.entry(guard).or_default().insert(row.probe.clone());
            }
        }
    }
    let lists = fallen.into_iter();
    lists
        .map(|(guard, probes)| (guard, probes.into_iter().collect()))
        .collect()
}

fn print_probes(rows: &[Row]) {
    let mut by_probe: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        by_probe.entry(&row.probe).or_default().push(row);
    }
    println!(
        "{:<30} {:<14} {:>4} {:>4} {:>6} {:>7} {:>7}",
        "probe", "on", "held", "bit", "failed", "skipped", "seconds"
    );
    for (probe, rows) in by_probe {
        let mut places: Vec<&str> = Vec::new();
        for tier in [Tier::None, Tier::Inet, Tier::Full] {
            if rows.iter().any(|row| row.tier == tier.name()) {
                places.push(tier.name());
            }
        }
        if rows.iter().any(|row| row.uid == "0") {
            places.push("uid0");
        }
        let Counts {
            held,
            bit,
            failed,
            skipped,
            ..
        } = Counts::of(rows.iter().copied());
        let seconds: f64 = rows.iter().map(|row| row.seconds).sum();
        let places = places.join(" ");
        println!(
            "{probe:<30} {places:<14} {held:>4} {bit:>4} {failed:>6} {skipped:>7} {seconds:>7.2}"
        );
    }
}
