//! Owns what a start of a launcher proves: which probe is red, or who refused. Judged as every trial is, by the table of the
//! probe and by a look at the bait.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;

use escape_tests::harness::inside::Report;
use escape_tests::harness::mutation::launcher;
use escape_tests::harness::trial::NO_TRIAL;
use escape_tests::probe::{Ending, Probe, Seen, Verdict};

use crate::attempt::Attempt;

/// Why a mutation does not survive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Red {
    /// An attack of this probe reached what it should not.
    Reached(&'static str, String),
    /// This probe is red because what it reported is not what it should be.
    Differs(&'static str, String),
    /// PID 1 or the launcher saw it, and nothing was started.
    Refused(String),
    /// No sandbox could be made, or no command be started in it.
    NothingStarts(String),
}

/// A probe with its name.
pub(crate) type Named = (&'static str, &'static Probe);

/// Everything that is red of `probes` in what was `told`.
pub(crate) fn reds(Attempt { told, lab }: &Attempt, probes: &[Named]) -> Result<Vec<Red>, String> {
    let whole = || format!("{}\n{}\n{}", told.status, told.stdout, told.stderr);
    if told.status.code() == Some(NO_TRIAL.into()) {
        return Ok(vec![launch_error(&told.stderr).ok_or_else(whole)?]);
    }
    let mut stray = None;
    let mut reports: BTreeMap<String, Seen> = BTreeMap::new();
    for line in told.stdout.lines() {
        match serde_json::from_str::<Report>(line) {
            Ok(report) => _ = reports.insert(report.probe, report.seen),
            Err(_) => stray = Some(line),
        }
    }
    let ended_well = if told.killed {
        told.status.signal() == Some(9)
    } else {
        told.status.success()
    };
    let mut reds = Vec::new();
    for (name, probe) in probes {
        let seen = reports.remove(*name).unwrap_or_default();
        // Where nothing runs inside, nothing reports.
        let verdict = match probe.ending {
            Ending::LauncherKilledEarly => Verdict::default(),
            Ending::ByItself | Ending::LauncherKilled => probe.expect.judge(&seen, &lab.bait),
        };
        let harm = told.harm(probe, &lab.bait);
        let breach = harm.or_else(|| verdict.breaches.first().cloned());
        match (breach, verdict.differences.first()) {
            (Some(breach), _) => reds.push(Red::Reached(name, breach)),
            (None, Some(difference)) => reds.push(Red::Differs(name, difference.clone())),
            (None, None) => {}
        }
    }
    if let (true, Some(line)) = (reds.is_empty(), stray) {
        let name = probes.first().map_or("nothing", |(name, _)| *name);
        reds.push(Red::Differs(
            name,
            format!("something else was said: {line}"),
        ));
    }
    if reds.is_empty() && (told.late || !ended_well) {
        let name = probes.first().map_or("nothing", |(name, _)| *name);
        let how = if told.late {
            "it did not end"
        } else {
            "it did not end well"
        };
        reds.push(Red::Differs(name, format!("{how}: {}", whole())));
    }
    Ok(reds)
}

/// What the launcher said when it started nothing.
fn launch_error(stderr: &str) -> Option<Red> {
    let said = stderr.split_once(launcher::REFUSED)?.1;
    let said = said.lines().next().unwrap_or_default().to_owned();
    let by_its_check = ["the sandbox is not what was planned", "nothing was started"];
    Some(
        if by_its_check.iter().any(|words| said.starts_with(words)) {
            Red::Refused(said)
        } else {
            Red::NothingStarts(said)
        },
    )
}
