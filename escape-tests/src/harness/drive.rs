//! Owns one trial from outside: has it started, reads its one line, judges.

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use claudebox::cli::Tier;

use super::inside::Report;
use super::lab::Lab;
use super::start::{Start, Told};
use super::trial::{Spec, Way};
use crate::probe::{Act, Probe, Seen, Verdict};

/// One trial.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The probe's name.
    pub name: String,
    /// The probe.
    pub probe: Probe,
    /// How the launcher is started.
    pub way: Way,
    /// On which tier.
    pub tier: Tier,
    /// Whether uid 0 starts it.
    pub as_root: bool,
    /// The launcher.
    pub launcher: PathBuf,
    /// The inside half.
    pub inside: PathBuf,
    /// How this program is started so that it is a trial: it gets the path of the [`Spec`] as one more argument.
    pub again: (PathBuf, Vec<String>),
    /// How long it may take.
    pub limit: Duration,
}

impl Trial {
    /// Makes the trial.
    ///
    /// # Errors
    /// Why it is a failure, with all that is known.
    pub fn run(&self) -> Result<(), String> {
        let lab = Lab::new(&self.probe, self.tier, self.as_root, &self.inside)
            .map_err(|error| format!("planting the bait: {error}"))?;
        self.run_in(&lab)
    }

    /// Makes the trial with bait that is planted.
    ///
    /// # Errors
    /// Why it is a failure.
    pub fn run_in(&self, lab: &Lab) -> Result<(), String> {
        let bait = &lab.bait;
        let told = self.start(lab)?;
        if self.probe.meddle.is_some() && self.way == Way::Holds {
            let harm = told.harm(&self.probe, bait);
            return self
                .refused(&told)
                .and_then(|()| harm.map_or(Ok(()), Err))
                .map_err(|why| format!("{why}{told}"));
        }
        let report = self.report(&told).map_err(|why| format!("{why}{told}"))?;
        let verdict = self.probe.expect.judge(&report.seen, bait);
        let harm = told.harm(&self.probe, bait);
        let outcome = match self.way {
            Way::Holds | Way::CommandLine => held(&verdict, harm),
            Way::Bites => bit(&verdict, harm),
            Way::Alone(_) => held_alone(&verdict, &report.seen, harm),
        };
        outcome.map_err(|why| format!("{}\n{why}{told}", self.probe.asks))
    }

    fn start(&self, lab: &Lab) -> Result<Told, String> {
        let bait = &lab.bait;
        let spec = Spec {
            probe: self.name.clone(),
            way: self.way,
            bait: bait.clone(),
            launcher: self.launcher.clone(),
            inside: self.inside.clone(),
        };
        let failed = |what: &str, error: std::io::Error| format!("{what}: {error}");
        let order = lab.caller.folder().join("trial.json");
        let spec = serde_json::to_string(&spec).map_err(|error| error.to_string())?;
        fs::write(&order, &spec)
            .map_err(|error| failed("writing the order of the trial", error))?;
        let mut arguments = self.again.1.clone();
        arguments.push(order.display().to_string());
        let input = serde_json::to_vec(bait).map_err(|error| error.to_string())?;
        let start = Start {
            program: (&self.again.0, &arguments),
            as_root: self.as_root,
            probe: &self.probe,
            input: &input,
            limit: self.limit,
        };
        start
            .run(lab)
            .map_err(|error| failed("starting the trial", error))
    }

    /// The one line. Anything else is a failure: silence, two lines, another probe's line, an exit status that is not 0.
    fn report(&self, told: &Told) -> Result<Report, String> {
        if told.late {
            return Err(format!("it did not end within {:?}", self.limit));
        }
        let as_wished = if told.killed {
            told.status.signal() == Some(9)
        } else {
            told.status.success()
        };
        if !as_wished {
            return Err(format!("the trial ended with {}", told.status));
        }
        let mut lines = told.stdout.lines();
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return Err(format!(
                "{} lines were reported, not one",
                told.stdout.lines().count()
            ));
        };
        let report: Report =
            serde_json::from_str(line).map_err(|error| format!("not a report: {error}"))?;
        if report.probe != self.name {
            return Err(format!("the report is of {}", report.probe));
        }
        Ok(report)
    }
}

impl Trial {
    /// The launcher refused to start, and named a guard of the probe. No other failure will do.
    fn refused(&self, told: &Told) -> Result<(), String> {
        let named = self
            .probe
            .behind
            .iter()
            .any(|guard| told.stderr.contains(&format!("{}: ", guard.name())));
        if told.late
            || told.status.code() != Some(super::trial::NO_TRIAL.into())
            || !named
            || !told.stdout.is_empty()
        {
            return Err("it did not refuse to start for the guards of this probe".into());
        }
        Ok(())
    }
}

/// Under the real plan: exactly what was expected, and no damage.
fn held(verdict: &Verdict, harm: Option<String>) -> Result<(), String> {
    let wrong: Vec<String> = verdict.differences.iter().cloned().chain(harm).collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n"))
    }
}

/// With one guard left: nothing is reached, and no damage. Another wall may answer with another error.
fn held_alone(verdict: &Verdict, seen: &Seen, harm: Option<String>) -> Result<(), String> {
    let silent = seen.0.is_empty().then(|| "nothing was reported".to_owned());
    let not_tried = seen
        .0
        .iter()
        .filter(|(_, act)| matches!(act, Act::Broken(_)));
    let not_tried = not_tried.map(|(what, act)| format!("{what}: {act}"));
    let wrong = verdict
        .breaches
        .iter()
        .cloned()
        .chain(silent)
        .chain(not_tried)
        .chain(harm);
    let wrong: Vec<String> = wrong.collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n"))
    }
}

/// With the guards taken away: the attack works. Another error than before is not that.
fn bit(verdict: &Verdict, harm: Option<String>) -> Result<(), String> {
    if harm.is_some() || !verdict.breaches.is_empty() {
        return Ok(());
    }
    let mut why =
        "with its guards taken away, nothing was reached: the probe proves nothing".to_owned();
    for difference in &verdict.differences {
        why += &format!("\nonly: {difference}");
    }
    Err(why)
}

/// Whether this run of the test program is a trial: then it is made, and this is its exit status.
#[must_use]
pub fn trial_of<S: serde::de::DeserializeOwned>(
    arguments: &[String],
    word: &str,
    run: impl Fn(&S) -> Result<u8, String>,
) -> Option<u8> {
    let [first, path] = arguments else {
        return None;
    };
    if first != word {
        return None;
    }
    let spec = fs::read_to_string(Path::new(path)).map_err(|error| error.to_string());
    let spec = spec.and_then(|spec| serde_json::from_str(&spec).map_err(|error| error.to_string()));
    Some(spec.and_then(|spec| run(&spec)).unwrap_or_else(|why| {
        let _ = writeln!(std::io::stderr(), "no trial: {why}");
        super::trial::NO_TRIAL
    }))
}
