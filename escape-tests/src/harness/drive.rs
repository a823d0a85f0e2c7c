//! Owns one trial from outside: has it started, reads its one line, judges.

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use claudebox::cli::Tier;

use super::bait::Bait;
use super::company::Company;
use super::inside::{Report, name_of_then};
use super::lab::Lab;
use super::start::{Start, Told};
use super::trial::{NO_TRIAL, Role, Spec, Way};
use crate::network_lab::ground::Ground;
use crate::probe::{Act, Ending, Probe, Seen, Session, Then, Verdict};

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

/// All that a trial showed.
#[derive(Debug)]
struct Shown {
    verdict: Verdict,
    seen: Seen,
    harm: Option<String>,
    /// What every session said.
    told: String,
}

impl Trial {
    /// Makes the trial.
    ///
    /// # Errors
    /// Why it is a failure, with all that is known.
    pub fn run(&self) -> Result<(), String> {
        self.run_in(&mut self.lab()?)
    }

    /// Everything planted.
    ///
    /// # Errors
    /// What could not be planted.
    pub fn lab(&self) -> Result<Lab, String> {
        let lab = Lab::new(&self.probe, self.tier, self.as_root, &self.inside);
        let prepared = lab.and_then(|lab| {
            self.probe.before.map_or(Ok(()), |before| before(&lab))?;
            Ok(lab)
        });
        prepared.map_err(|error| format!("planting the bait: {error}"))
    }

    /// Makes the trial with bait that is planted.
    ///
    /// # Errors
    /// Why it is a failure.
    pub fn run_in(&self, lab: &mut Lab) -> Result<(), String> {
        if self.probe.meddle.is_some() && self.way == Way::Holds {
            return self.refuses(lab);
        }
        let shown = self.show(lab)?;
        let outcome = match self.way {
            Way::Holds | Way::CommandLine => held(&shown),
            Way::Bites | Way::Outside => bit(&shown),
            Way::Alone(_) => held_alone(&shown),
        };
        outcome.map_err(|why| format!("{}\n{why}{}", self.probe.asks, shown.told))
    }

    /// Somebody meddles: the launcher must refuse.
    fn refuses(&self, lab: &Lab) -> Result<(), String> {
        let told = self.start(lab, Role::Attempt)?;
        let harm = told.harm(&self.probe, &lab.bait);
        let refused = self.refused(&told);
        refused
            .and_then(|()| harm.map_or(Ok(()), Err))
            .map_err(|why| format!("{why}{told}"))
    }

    /// The session of the attempt and all that follows, in company where the probe wants it.
    fn show(&self, lab: &mut Lab) -> Result<Shown, String> {
        // It ends with this value.
        let _company = if self.probe.in_company {
            Some(Company::start(self, lab).map_err(|why| format!("the other session: {why}"))?)
        } else {
            None
        };
        let (lab, bait) = (&*lab, &lab.bait);
        let told = self.start(lab, Role::Attempt)?;
        let mut shown = Shown {
            verdict: Verdict::default(),
            seen: Seen::default(),
            harm: None,
            told: told.to_string(),
        };
        lab.settle()
            .map_err(|error| format!("the lab of networks: {error}"))?;
        if self.probe.ending == Ending::LauncherKilledEarly {
            if !told.killed || !told.stdout.is_empty() {
                return Err(format!(
                    "it was not killed while the sandbox was made{told}"
                ));
            }
        } else {
            let report = report(&told, &self.name, self.limit);
            shown.seen = report.map_err(|why| format!("{why}{told}"))?.seen;
            shown.verdict = self.probe.expect.judge(&shown.seen, bait);
            self.reached_the_public_side(bait)
                .map_err(|why| format!("{why}{told}"))?;
        }
        for (number, then) in self.probe.then.iter().enumerate() {
            match then {
                Then::Host(act) => act(lab).map_err(|error| format!("{error}{}", shown.told))?,
                Then::Session(session) => {
                    let later = self.start(lab, Role::Then(number))?;
                    shown.told += &later.to_string();
                    let judged = self.later(session, number, &later, bait);
                    let (verdict, seen) = judged.map_err(|why| format!("{why}{}", shown.told))?;
                    shown.verdict.differences.extend(verdict.differences);
                    shown.verdict.breaches.extend(verdict.breaches);
                    for (what, act) in seen.0 {
                        shown.seen.add(format!("later: {what}"), act);
                    }
                }
            }
        }
        shown.harm = told.harm(&self.probe, bait);
        if !self.probe.reported.is_empty() {
            let unreported = self.unreported(&told);
            if unreported.is_empty() {
                shown.harm = None;
            } else {
                let silence = format!("at the end nobody names {}", unreported.join(", "));
                shown.verdict.differences.push(silence.clone());
                shown.verdict.breaches.push(silence);
            }
        }
        // CFG-16. Without a guard the attempt itself may say one.
        if self.strict() && bait.canaries_in(shown.told.as_bytes()) > 0 {
            shown.harm = Some("a canary was said aloud".into());
        }
        Ok(shown)
    }

    /// In the lab of networks silence means a refusal only where the public side was heard in the same session.
    fn reached_the_public_side(&self, bait: &Bait) -> Result<(), String> {
        let ground = bait.ground.as_ref();
        let ground = ground.filter(|_| self.tier != Tier::None);
        let missing = ground.map_or(Vec::new(), Ground::public_that_was_silent);
        if missing.is_empty() {
            return Ok(());
        }
        Err(format!(
            "the public side of the lab was not reached, so silence says nothing: {}",
            missing.join(", ")
        ))
    }

    /// What a later session showed, or that it was refused as it should be.
    fn later(
        &self,
        session: &Session,
        number: usize,
        told: &Told,
        bait: &Bait,
    ) -> Result<(Verdict, Seen), String> {
        let refused =
            !told.late && [Some(125), Some(NO_TRIAL.into())].contains(&told.status.code());
        match session.refused {
            Some(words) if refused && told.stderr.contains(words) && told.stdout.is_empty() => {
                return Ok((Verdict::default(), Seen::default()));
            }
            // Without the guards the damage is done by now, and shows.
            _ if refused && !self.strict() => return Ok((Verdict::default(), Seen::default())),
            Some(words) if self.strict() => {
                return Err(format!("it did not refuse to start: {words}"));
            }
            _ => {}
        }
        let report = report(told, &name_of_then(&self.name, number), self.limit)?;
        Ok((session.expect.judge(&report.seen, bait), report.seen))
    }

    /// Whether the launcher has guards.
    fn strict(&self) -> bool {
        matches!(self.way, Way::Holds | Way::CommandLine | Way::Alone(_))
    }

    /// What of [`Probe::reported`] the launcher does not name after its audit, whose last part is the list of guards.
    fn unreported(&self, told: &Told) -> Vec<&'static str> {
        let at_the_end = told.stderr.rsplit("\nGuards").next().unwrap_or_default();
        let names = |path: &str| {
            let mut words = at_the_end.split_whitespace();
            words.any(|word| word == path || word.ends_with(&format!("/{path}")))
        };
        let reported = self.probe.reported.iter().copied();
        reported.filter(|path| !names(path)).collect()
    }

    fn start(&self, lab: &Lab, role: Role) -> Result<Told, String> {
        let (order, input) = self.order(lab, role)?;
        let mut arguments = self.again.1.clone();
        arguments.push(order.display().to_string());
        // Only the first session ends as the probe says.
        let later = Probe {
            ending: Ending::ByItself,
            ..self.probe
        };
        let probe = if role == Role::Attempt {
            &self.probe
        } else {
            &later
        };
        let start = Start {
            program: (&self.again.0, &arguments),
            as_root: self.as_root,
            probe,
            input: &input,
            limit: self.limit,
            folder: match role {
                Role::Then(number) if self.probe.then[number].in_other_project() => {
                    &lab.bait.company_project
                }
                _ => &lab.bait.project,
            },
        };
        start
            .run(lab)
            .map_err(|error| format!("starting the trial: {error}"))
    }

    /// The file that tells the trial what it is, and what the inside half reads.
    pub(super) fn order(&self, lab: &Lab, role: Role) -> Result<(PathBuf, Vec<u8>), String> {
        let bait = &lab.bait;
        let spec = Spec {
            probe: self.name.clone(),
            way: self.way,
            role,
            bait_in_file: role != Role::Company && self.probe.streams.is_terminal(),
            bait: bait.clone(),
            launcher: self.launcher.clone(),
            inside: self.inside.clone(),
        };
        let order = lab.caller.folder().join(match role {
            Role::Company => "company.json",
            Role::Attempt | Role::Then(_) => "trial.json",
        });
        let spec = serde_json::to_string(&spec).map_err(|error| error.to_string())?;
        fs::write(&order, &spec)
            .map_err(|error| format!("writing the order of the trial: {error}"))?;
        let input = serde_json::to_vec(bait).map_err(|error| error.to_string())?;
        Ok((order, input))
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
            || told.status.code() != Some(NO_TRIAL.into())
            || !named
            || !told.stdout.is_empty()
        {
            return Err("it did not refuse to start for the guards of this probe".into());
        }
        Ok(())
    }
}

/// The one line of the probe `name`. Anything else is a failure: silence, two lines, another probe's line, an exit status
/// that is not 0.
///
/// # Errors
/// Which of these it was.
pub fn report(told: &Told, name: &str, limit: Duration) -> Result<Report, String> {
    if told.late {
        return Err(format!("it did not end within {limit:?}"));
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
    if report.probe != name {
        return Err(format!("the report is of {}", report.probe));
    }
    Ok(report)
}

/// Under the real plan: exactly what was expected, and no damage.
fn held(shown: &Shown) -> Result<(), String> {
    all_well(shown.verdict.differences.iter().chain(&shown.harm))
}

/// With one guard left: nothing is reached, and no damage. Another wall may answer with another error.
fn held_alone(shown: &Shown) -> Result<(), String> {
    let silent = shown.seen.0.is_empty();
    let silent = silent.then(|| "nothing was reported".to_owned());
    let not_tried = shown.seen.0.iter();
    let not_tried = not_tried.filter(|(_, act)| matches!(act, Act::Broken(_)));
    let not_tried: Vec<String> = not_tried
        .map(|(what, act)| format!("{what}: {act}"))
        .collect();
    let breaches = shown.verdict.breaches.iter();
    all_well(breaches.chain(&silent).chain(&not_tried).chain(&shown.harm))
}

fn all_well<'a>(wrong: impl Iterator<Item = &'a String>) -> Result<(), String> {
    let wrong: Vec<&str> = wrong.map(String::as_str).collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n"))
    }
}

/// With the guards taken away: the attack works. Another error than before is not that.
fn bit(shown: &Shown) -> Result<(), String> {
    if shown.harm.is_some() || !shown.verdict.breaches.is_empty() {
        return Ok(());
    }
    let mut why =
        "with its guards taken away, nothing was reached: the probe proves nothing".to_owned();
    for difference in &shown.verdict.differences {
        why += &format!("\nonly: {difference}");
    }
    Err(why)
}

/// Whether this run of the test program is a trial: then it is made, and this is its exit status.
#[must_use]
pub fn trial_of<Order: serde::de::DeserializeOwned>(
    arguments: &[String],
    word: &str,
    run: impl Fn(&Order) -> Result<u8, String>,
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
        NO_TRIAL
    }))
}
