//! Owns one sweep: has the plan printed, starts the launcher, has the report judged.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use escape_tests::harness::lab::Lab;
use escape_tests::harness::launched::{NOTHING, launch};
use escape_tests::harness::start::{Start, Told};
use escape_tests::harness::trial::{self, Role, Spec, Way};
use escape_tests::probe::{Bait, Guard, Probe, Streams, Tier};
use escape_tests::sweep::bound::Bound;
use escape_tests::sweep::bound::printed::Printed;
use escape_tests::sweep::host::Host;
use escape_tests::sweep::judge::differences;
use escape_tests::sweep::{NAME, Order, Report};
use escape_tests::{claudebox_bin, is_root};
use nix::unistd::getegid;
use serde::{Deserialize, Serialize};

use crate::TRIAL;

/// What is granted beside what every trial grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Extra {
    /// Nothing.
    None,
    /// A folder, and a secret.
    ReadOnly,
    /// A folder to write, and a secret.
    Writable,
}

impl Extra {
    fn options(self, bait: &Bait) -> Vec<OsString> {
        let mut folder = bait.beside.clone().into_os_string();
        match self {
            Extra::None => return Vec::new(),
            Extra::ReadOnly => {}
            Extra::Writable => folder.push(":rw"),
        }
        // A variable whose value the plan masks.
        vec![
            "--mount".into(),
            folder,
            "--env".into(),
            "GITHUB_TOKEN".into(),
        ]
    }
}

/// How the launcher is started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) tier: Tier,
    pub(crate) as_root: bool,
    pub(crate) streams: Streams,
    pub(crate) extra: Extra,
    pub(crate) way: Way,
    /// The guards that are taken away, in the way that is for it.
    pub(crate) gone: &'static [Guard],
}

/// A sweep over a host with millions of files takes longer than any attempt of a probe.
const ENOUGH: Duration = Duration::from_secs(60);

/// What a sweep gave.
#[derive(Debug)]
pub(crate) struct Swept {
    pub(crate) bound: Bound,
    pub(crate) report: Report,
    pub(crate) bait: Bait,
}

impl Swept {
    /// Nothing differs from the bound of the whole plan.
    pub(crate) fn nothing(&self) -> Result<(), String> {
        let found = differences(&self.bound, &self.report);
        if found.is_empty() {
            Ok(())
        } else {
            Err(found.join("\n"))
        }
    }

    /// The difference that starts with `word`.
    pub(crate) fn something(&self, word: &str) -> Result<String, String> {
        let found = differences(&self.bound, &self.report);
        let seen = found.iter().find(|difference| difference.starts_with(word));
        seen.cloned()
            .ok_or_else(|| format!("no difference starts with {word:?}\n{}", found.join("\n")))
    }
}

/// What a trial is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    spec: Spec,
    extra: Extra,
    gone: Vec<Guard>,
}

/// The trial of `task`: it becomes the launcher.
pub(crate) fn trial(task: &Task) -> Result<u8, String> {
    // Guards of a probe live as long as the program, which is not long here.
    let probe = probe(task.gone.clone().leak(), Streams::Pipes);
    let mut options = trial::options(&task.spec);
    options.extend(task.extra.options(&task.spec.bait));
    trial::run_with(&task.spec, &probe, trial::arguments(&task.spec, options))
}

fn probe(gone: &'static [Guard], streams: Streams) -> Probe {
    Probe {
        behind: gone,
        streams,
        ..Probe::USUAL
    }
}

impl Setting {
    pub(crate) fn name(self) -> String {
        let who = if self.as_root { "uid0" } else { "user" };
        format!("{who}::{}", self.tier.name())
    }

    /// Sweeps under the real launcher.
    pub(crate) fn sweep(self) -> Result<Swept, String> {
        self.sweep_by(claudebox_bin())
    }

    /// Sweeps where this program stands in the launcher's place, but for printing the plan.
    pub(crate) fn sweep_by(self, launcher: PathBuf) -> Result<Swept, String> {
        let inside = PathBuf::from(env!("CARGO_BIN_EXE_probe-inside"));
        let probe = probe(self.gone, self.streams);
        let lab = Lab::new(&probe, self.tier, self.as_root, &inside)
            .map_err(|error| format!("planting the bait: {error}"))?;
        let bait = &lab.bait;
        let task = Task {
            spec: Spec {
                probe: NAME.into(),
                way: self.way,
                role: Role::Attempt,
                bait_in_file: false,
                bait: bait.clone(),
                launcher,
                inside: inside.clone(),
            },
            extra: self.extra,
            gone: self.gone.to_vec(),
        };
        // What is kept of the project is made by the first session: it is looked at before the one that is swept.
        launch(&lab, &bait.project, &NOTHING)
            .started()
            .map_err(|error| format!("the first session: {error}"))?;
        let plan = self.printed(&lab, &probe, &task)?;
        let command = vec![inside.into(), NAME.into()];
        // Where root has the launcher started, the caller's group has the number of the caller.
        let gid = if is_root() {
            bait.uid
        } else {
            getegid().as_raw()
        };
        let mut host = Host::read(&plan, bait.uid, gid, command)
            .map_err(|error| format!("looking at the host: {error}"))?;
        let places = Bound::of(&plan, &host)?.places;

        let order = text(&Order { places })?;
        let file = lab.caller.folder().join("trial.json");
        write(&file, &text(&task)?)?;
        let this = std::env::current_exe().map_err(|error| error.to_string())?;
        let again = [TRIAL.to_owned(), file.display().to_string()];
        let told = self.start(&lab, &probe, (&this, &again), &order)?;
        let report = one_line(&told)?;
        host.keep_what_stays()
            .map_err(|error| format!("looking at the host again: {error}"))?;
        Ok(Swept {
            bound: Bound::of(&plan, &host)?,
            report,
            bait: bait.clone(),
        })
    }

    /// The plan as this caller has it printed, with the same options and streams of the same kind.
    fn printed(self, lab: &Lab, probe: &Probe, task: &Task) -> Result<Printed, String> {
        let mut arguments = vec![OsString::from("plan"), "--json".into()];
        arguments.extend(trial::options(&task.spec));
        arguments.extend(self.extra.options(&lab.bait));
        let words = |word: OsString| word.into_string().map_err(|word| format!("{word:?}"));
        let arguments: Vec<String> = arguments.into_iter().map(words).collect::<Result<_, _>>()?;
        let told = self.start(lab, probe, (&claudebox_bin(), &arguments), "")?;
        if told.late || !told.status.success() {
            return Err(format!("the plan was not printed:{told}"));
        }
        Printed::of(&told.stdout).map_err(|why| format!("{why}{told}"))
    }

    fn start(
        self,
        lab: &Lab,
        probe: &Probe,
        program: (&Path, &[String]),
        input: &str,
    ) -> Result<Told, String> {
        if self.streams == Streams::Files {
            write(&lab.bait.stdin, input)?;
            write(&lab.bait.stdout, "")?;
        }
        let start = Start {
            folder: &lab.bait.project,
            program,
            as_root: self.as_root,
            probe,
            input: input.as_bytes(),
            limit: ENOUGH,
        };
        start
            .run(lab)
            .map_err(|error| format!("starting {}: {error}", program.0.display()))
    }
}

/// The report. Silence, a second line or another exit status is a failure, and no difference.
fn one_line(told: &Told) -> Result<Report, String> {
    let mut lines = told.stdout.lines();
    let (false, true, Some(line), None) =
        (told.late, told.status.success(), lines.next(), lines.next())
    else {
        return Err(format!("the sweep did not report in one line:{told}"));
    };
    serde_json::from_str(line).map_err(|error| format!("not a report: {error}{told}"))
}

fn text(value: &impl Serialize) -> Result<String, String> {
    serde_json::to_string(value).map_err(|error| error.to_string())
}

fn write(path: &Path, content: &str) -> Result<(), String> {
    fs::write(path, content).map_err(|error| format!("writing {}: {error}", path.display()))
}
