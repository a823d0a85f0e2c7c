//! Owns `claudebox verify` (HARD-05): the harmless probes, made against the sandbox of the very project, flags and profile, on
//! the person's own machine, and a verdict for each guard.
//!
//! The launcher is started by its command line, as a person starts it. What is planted for it is bait of this run alone
//! ([`ground`]), and gone at the end. Each attempt is judged by the table of its probe and by a look from outside ([`judge`]);
//! silence, a bad report, a hang or another exit status prove nothing. [`rows`] says of each guard what its proof is.

pub mod ground;
pub mod judge;
pub mod rows;
pub mod session;
pub mod table;
mod watch;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use claudebox::cli::{Entry, Target, VerifyArgs};
use claudebox::config::Config;
use claudebox::facts::{Facts, Query};
use claudebox::hint::Hint;
use claudebox::plan::Plan;
use claudebox::text::escape;
use nix::sys::signal::Signal;

use self::ground::Ground;
use self::judge::Findings;
use self::session::{Session, Started};
use self::table::Report;
use self::watch::{Progress, Signals};
use crate::harness::{batch, inside, neighbour};
use crate::probe::{Ending, Probe, Streams};
use crate::probes;

/// Nothing could be tried.
const UNTRIED: u8 = 125;
/// A guard is broken.
const BROKEN: u8 = 1;

/// A probe with its name.
pub type Named = (&'static str, &'static Probe);

/// The command line of the companion, which the launcher writes.
#[derive(Debug, Parser)]
#[command(
    name = "claudebox-verify",
    about = "The companion of `claudebox verify`, which starts it",
    version
)]
struct Args {
    /// The launcher that is tried
    #[arg(long, value_name = "PATH")]
    launcher: PathBuf,

    /// How many seconds a sandbox may take
    #[arg(long, value_name = "SECONDS", default_value_t = 20, hide = true)]
    patience: u64,

    #[command(flatten)]
    verify: VerifyArgs,
}

/// Why there are no verdicts.
#[derive(Debug)]
pub enum Failure {
    /// Something could not be done, and what helps.
    Untried {
        /// What, on what, and why.
        what: String,
        /// What helps.
        hint: String,
    },
    /// The launcher refused, in its own words.
    Refused(Vec<String>),
    /// A signal came.
    Interrupted(Signal),
}

impl Failure {
    /// With a hint.
    pub fn new(what: impl fmt::Display, hint: impl Into<String>) -> Self {
        Failure::Untried {
            what: what.to_string(),
            hint: hint.into(),
        }
    }

    fn of(error: &dyn Hint) -> Self {
        let mut what = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            what += &format!(": {cause}");
            source = cause.source();
        }
        let hint = error.hint();
        Self::new(
            what,
            hint.unwrap_or_else(|| "claudebox check tells what is in the way".into()),
        )
    }

    /// Tells it, and returns the exit status that belongs to it.
    fn tell(&self) -> u8 {
        let (text, status) = match self {
            Failure::Untried { what, hint } => {
                (format!("claudebox: {what}\nhint: {hint}\n"), UNTRIED)
            }
            Failure::Refused(lines) => (lines.concat(), UNTRIED),
            Failure::Interrupted(signal) => (String::new(), 128 + *signal as u8),
        };
        let _ = io::stderr().lock().write_all(text.as_bytes());
        status
    }
}

/// The program: the verdicts, or one of the parts that it plays for them. Returns the exit status.
#[must_use]
pub fn main(words: Vec<OsString>) -> u8 {
    let word = words
        .get(1)
        .and_then(|word| word.to_str())
        .unwrap_or_default();
    let part = match word {
        "--neighbour" => Some(neighbour::run()),
        session::TRIAL => return session::become_the_launcher(words.get(2).map(Path::new)),
        batch::NAME => Some(batch::run()),
        name if probes::ALL.iter().any(|(known, _)| *known == name) => {
            Some(inside::run(name, None))
        }
        _ => None,
    };
    match part {
        Some(Ok(())) => 0,
        Some(Err(error)) => {
            Failure::new(format!("{word}: {error}"), "start `claudebox verify`").tell()
        }
        None => verify(words).unwrap_or_else(|failure| failure.tell()),
    }
}

fn verify(words: Vec<OsString>) -> Result<u8, Failure> {
    let args = match Args::try_parse_from(words) {
        Ok(args) => args,
        Err(error) if !error.use_stderr() => {
            let _ = io::stdout().lock().write_all(error.to_string().as_bytes());
            return Ok(0);
        }
        Err(error) => {
            let said = error.to_string();
            let said = said
                .lines()
                .next()
                .unwrap_or_default()
                .trim_start_matches("error: ");
            return Err(Failure::new(
                escape(said.as_ref()),
                "start it as `claudebox verify`",
            ));
        }
    };
    // Before there is a second thread: a signal is for the one that takes everything away again.
    let signals = Signals::listen()
        .map_err(|error| Failure::new(format!("cannot listen for signals: {error}"), REPORT))?;
    let report = report(&args, &signals)?;
    let text = if args.verify.json {
        report.to_json()
    } else {
        report.render(io::stdout().is_terminal())
    };
    if let Err(error) = anstream::stdout().write_all(text.as_bytes())
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        let what = format!("cannot write to standard output: {error}");
        return Err(Failure::new(what, "make room where the output goes"));
    }
    match report.untried {
        _ if report.broken => Ok(BROKEN),
        Some(why) => Err(Failure::new(
            format!("not every guard could be tried: {why}"),
            REPORT,
        )),
        None => Ok(0),
    }
}

/// What helps where nothing is known to.
const REPORT: &str = "try again; if it stays so, please report this with `claudebox plan --json`";

/// What the launcher will be asked for, without what this run adds.
fn plan(args: &Args) -> Result<(Plan, Facts), Failure> {
    let command = vec!["true".into()];
    let entry = Entry {
        shared: args.verify.shared.clone(),
        target: Target::Exec(command),
        ..Entry::default()
    };
    let mut facts = Facts::read(&Query::of(&entry)).map_err(|error| Failure::of(&error))?;
    facts.host.launcher = args.launcher.as_path().into();
    let config = Config::resolve(&entry, &facts).map_err(|error| Failure::of(&error))?;
    let plan = Plan::new(&config, &facts).map_err(|error| Failure::of(&error))?;
    Ok((plan, facts))
}

fn report(args: &Args, signals: &Signals) -> Result<Report, Failure> {
    let progress = Progress::start();
    let (plan, facts) = plan(args)?;
    progress.show("planting bait");
    let ground = Ground::plant(&plan, &facts)?;
    let findings = attack(args, &plan, &ground, signals, &progress);
    progress.show("taking the bait away");
    let gone = ground.clear();
    progress.end();
    let report = Report::new(&plan, &findings?);
    gone?;
    Ok(report)
}

/// Every harmless probe of this sandbox and user, in as few starts as streams and endings allow.
fn attack(
    args: &Args,
    plan: &Plan,
    ground: &Ground,
    signals: &Signals,
    progress: &Progress,
) -> Result<Findings, Failure> {
    let bait = ground.bait();
    let chosen = |probe: &Probe| {
        probe.harmless
            && probe.is_known_on(bait.tier)
            && (bait.uid != 0 || probe.also_as_root)
            && probe
                .behind_on(bait.tier)
                .all(|guard| rows::absent(plan, guard).is_none())
    };
    let mut findings = Findings::default();
    let mut ready: Vec<Named> = Vec::new();
    for (name, probe) in probes::ALL.iter().filter(|(_, probe)| chosen(probe)) {
        match probe.needs.iter().find_map(|need| need.missing()) {
            Some(why) => findings.cannot_here(name, probe, why),
            None => ready.push((name, probe)),
        }
    }
    let (alone, together): (Vec<Named>, Vec<Named>) = ready
        .into_iter()
        .partition(|(_, probe)| probe.ending == Ending::LauncherKilled || probe.meddle.is_some());
    let mut sandboxes: Vec<Vec<Named>> = [Streams::Pipes, Streams::Files]
        .into_iter()
        .map(|streams| {
            together
                .iter()
                .filter(|(_, probe)| probe.streams == streams)
                .copied()
                .collect()
        })
        .collect();
    // Whoever meddles comes last: nothing is then where it was.
    let (meddling, alone): (Vec<Named>, Vec<Named>) = alone
        .into_iter()
        .partition(|(_, probe)| probe.meddle.is_some());
    sandboxes.extend(alone.into_iter().chain(meddling).map(|probe| vec![probe]));
    let count = sandboxes.len();
    for (number, probes) in sandboxes
        .iter()
        .enumerate()
        .filter(|(_, probes)| !probes.is_empty())
    {
        progress.show(&format!(
            "sandbox {} of {count}: {} attacks",
            number + 1,
            probes.len()
        ));
        let session = Session {
            launcher: &args.launcher,
            limit: Duration::from_secs(args.patience),
            flags: args.verify.shared.words(),
            probes,
            signals,
        };
        match session.run(ground) {
            Ok(Started::Ran(told)) => findings.add(&told, probes, bait),
            // What PID 1 saw before anything was started counts as much as what a probe sees.
            Ok(Started::NotAsPlanned(said)) => findings.seen_by_pid_1(&said, probes),
            // An attack that worked may have taken from the next one what that needs: what it told stands.
            Err(Failure::Untried { .. } | Failure::Refused(_)) if findings.any_red() => break,
            Err(failure) => return Err(failure),
        }
    }
    Ok(findings)
}
