//! Owns one start of CMD: the bait, the trial that becomes CMD, the one line that comes back.

use std::collections::BTreeSet;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use claudebox::cli::Tier;
use serde::{Deserialize, Serialize};

use super::command::{Template, places};
use super::traces::Traces;
use super::{INSIDE, TRIAL};
use crate::harness::bait::Bait;
use crate::harness::drive;
use crate::harness::inside::Report;
use crate::harness::lab::Lab;
use crate::harness::start::{Start, Told};
use crate::harness::trial::{be_careless, reach_everything};
use crate::probe::{Probe, Seen};

/// Variables of the caller that steer the interpreters, clients and proxies that another sandbox is made of: a canary is no
/// value that these start with.
const STEERS: [&str; 8] = [
    "ALL_PROXY",
    "DOCKER_HOST",
    "HTTP_PROXY",
    "JAVA_TOOL_OPTIONS",
    "NIX_CONFIG",
    "NODE_OPTIONS",
    "PERL5OPT",
    "RUBYOPT",
];

/// Variables for the loader of each program, CMD first.
const LOADER: [&str; 2] = ["LD_DEBUG", "LD_DEBUG_OUTPUT"];

/// What a trial is told.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    bait: Bait,
    /// What it becomes.
    words: Vec<OsString>,
    /// The PATH of CMD.
    path: OsString,
    /// Whether all bait must be reachable for who starts this.
    reach: bool,
}

/// Shows that all bait is reachable, then becomes CMD.
///
/// # Errors
/// What could not be done.
pub fn trial(order: &Order) -> Result<u8, String> {
    if order.reach {
        reach_everything(&order.bait)?;
    }
    be_careless(&order.bait)?;
    let (program, arguments) = order.words.split_first().ok_or("there is no command")?;
    let mut command = Command::new(program);
    command.args(arguments).env("PATH", &order.path);
    LOADER.iter().for_each(|name| _ = command.env_remove(name));
    let error = command.exec();
    Err(format!("starting {}: {error}", program.display()))
}

/// The sandbox that is measured.
#[derive(Debug)]
pub struct Sandbox {
    /// CMD.
    pub template: Template,
    /// What it claims for the network.
    pub tier: Tier,
    /// Whether uid 0 starts it.
    pub as_root: bool,
    /// How long a start may take.
    pub limit: Duration,
    /// This program.
    pub this: PathBuf,
}

/// What came of one start.
#[derive(Debug)]
pub struct Attempt {
    /// The report, or what was wrong with it.
    pub report: Result<Report, String>,
    /// Everything that was said.
    pub told: Told,
    /// How long it took.
    pub took: Duration,
    /// The bait. It is taken away with this value.
    pub lab: Lab,
    _traces: Traces,
}

impl Sandbox {
    /// Starts CMD with the attempt `name`.
    ///
    /// # Errors
    /// What could not be planted or started; CMD itself has no part in it.
    pub fn attempt(&self, name: &str, probe: &Probe) -> Result<Attempt, String> {
        let planting = |error: std::io::Error| format!("planting the bait: {error}");
        let mut lab = Lab::new(probe, self.tier, self.as_root, &self.this).map_err(planting)?;
        let bait = &mut lab.bait;
        bait.environment
            .retain(|(name, _)| !STEERS.contains(&name.as_str()));
        let traces = Traces::of(&lab.bait, &path(&lab.bait));
        let half = [self.this.as_os_str(), INSIDE.as_ref(), name.as_ref()];
        let words = self.template.fill(&places(&lab.bait), &half)?;
        let began = Instant::now();
        let told = self.start(&lab, words, probe, self.as_root, true)?;
        Ok(Attempt {
            report: drive::report(&told, name, self.limit),
            told,
            took: began.elapsed(),
            lab,
            _traces: traces,
        })
    }

    /// The same attempt with the same bait and without CMD, always as an ordinary user.
    #[must_use]
    pub fn outside(&self, lab: &Lab, name: &str, probe: &Probe) -> Option<Seen> {
        let half = [self.this.as_os_str(), INSIDE.as_ref(), name.as_ref()];
        let words = half.map(OsStr::to_owned).to_vec();
        let told = self.start(lab, words, probe, false, false).ok()?;
        // What CMD said stands before it, where the standard output is a file.
        let report: Report = serde_json::from_str(told.stdout.lines().last()?).ok()?;
        (report.probe == name).then_some(report.seen)
    }

    fn start(
        &self,
        lab: &Lab,
        words: Vec<OsString>,
        probe: &Probe,
        as_root: bool,
        reach: bool,
    ) -> Result<Told, String> {
        let order = Order {
            bait: lab.bait.clone(),
            words,
            path: path(&lab.bait),
            reach,
        };
        let file = lab.caller.folder().join("trial.json");
        let order = serde_json::to_string(&order).map_err(|error| error.to_string())?;
        fs::write(&file, order).map_err(|error| format!("writing the order: {error}"))?;
        let input = serde_json::to_vec(&lab.bait).map_err(|error| error.to_string())?;
        let start = Start {
            folder: &lab.bait.project,
            program: (&self.this, &[TRIAL.to_owned(), file.display().to_string()]),
            as_root,
            probe,
            input: &input,
            limit: self.limit,
        };
        start
            .run(lab)
            .map_err(|error| format!("starting the trial: {error}"))
    }
}

/// The PATH of CMD: what it needs is found first, by the PATH of who measures; the folders of the project come after, for the
/// probes that look for them.
fn path(bait: &Bait) -> OsString {
    let own = env::var_os("PATH").unwrap_or_default();
    let mut known = BTreeSet::new();
    let agent = bait.agent.parent().map(PathBuf::from);
    let folders = agent
        .into_iter()
        .chain(env::split_paths(&own))
        .chain([bait.project.clone(), PathBuf::from(".")])
        .filter(|folder| known.insert(folder.clone()));
    env::join_paths(folders).unwrap_or(own)
}
