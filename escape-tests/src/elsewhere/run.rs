//! Owns a whole measurement: the control attempt, the probes side by side, the exit status.

use std::env;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use claudebox::text::escape;
use nix::unistd::{AccessFlags, access};

use super::Complaint;
use super::attempt::{Attempt, Sandbox};
use super::cli::Args;
use super::command::{Template, places};
use super::judge::{Difference, Judged, damage, judge};
use super::look::{self, There};
use super::output::{Head, json, table};
use super::select::{Chosen, select};
use super::traces::Processes;
use super::verdict::Verdict;
use crate::harness::bait::Bait;
use crate::harness::start::Told;
use crate::probe::Probe;

/// What became of a probe.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) name: &'static str,
    pub(super) probe: &'static Probe,
    pub(super) verdict: Verdict,
    pub(super) took: Duration,
    /// Why, in a line.
    pub(super) detail: String,
    pub(super) differences: Vec<Difference>,
    /// What was said, where the report is not to be believed.
    pub(super) said: String,
}

/// Measures, and prints. Returns the exit status.
///
/// # Errors
/// Why nothing could be measured.
pub fn run(args: &Args) -> Result<u8, Complaint> {
    let sandbox = Sandbox {
        template: Template::parse(&args.sandbox)?,
        tier: args.tier,
        as_root: args.as_root,
        limit: Duration::from_secs(args.limit),
        this: place(args)?,
    };
    // Before anything is measured: it would be in vain.
    let mut json = open_json(args)?;
    let began = Instant::now();
    let _processes = Processes::watch().map_err(|errno| Complaint {
        what: format!("becoming the parent of what CMD leaves behind: {errno}"),
        hint: "this needs a Linux kernel with prctl(2)".into(),
    })?;
    let (there, uid) = control(&sandbox)?;
    let chosen = select(args, there)?;
    let jobs = args.jobs.map_or_else(cores, usize::from);
    let outcomes = all(&sandbox, &chosen, jobs);
    let head = Head::new(args, uid, began.elapsed());
    if let Some(out) = &mut json {
        write(out, &json::text(&head, &outcomes)).map_err(|error| not_written(args, &error))?;
    }
    if !to_stdout(args) {
        let written = write(&mut io::stdout(), &table::text(&head, &outcomes));
        written.map_err(|error| Complaint {
            what: format!("writing the table to standard output: {error}"),
            hint: "let whoever reads it read to its end, or give --json a file".into(),
        })?;
    }
    let any = |verdict| outcomes.iter().any(|outcome| outcome.verdict == verdict);
    if outcomes
        .iter()
        .all(|outcome| outcome.verdict == Verdict::NotTried)
    {
        return Err(Complaint {
            what: "none of these probes could be tried".into(),
            hint: "the table says why of each".into(),
        });
    }
    Ok(match (any(Verdict::Escaped), any(Verdict::Error)) {
        (true, _) => 1,
        (false, true) => 2,
        (false, false) => 0,
    })
}

fn write(to: &mut impl Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes()).and_then(|()| to.flush())
}

fn to_stdout(args: &Args) -> bool {
    args.json
        .as_ref()
        .is_some_and(|file| file.as_os_str() == "-")
}

fn open_json(args: &Args) -> Result<Option<Box<dyn Write>>, Complaint> {
    let Some(file) = &args.json else {
        return Ok(None);
    };
    if to_stdout(args) {
        return Ok(Some(Box::new(io::stdout())));
    }
    match File::create(file) {
        Ok(file) => Ok(Some(Box::new(file))),
        Err(error) => Err(not_written(args, &error)),
    }
}

fn not_written(args: &Args, error: &io::Error) -> Complaint {
    let file = args.json.as_deref().unwrap_or("-".as_ref());
    Complaint {
        what: format!("writing {}: {error}", escape(file.as_os_str())),
        hint: "give --json a file that can be written".into(),
    }
}

fn cores() -> usize {
    2 * thread::available_parallelism().map_or(1, NonZero::get)
}

/// This program, once it is known that a trial can be made of it.
fn place(args: &Args) -> Result<std::path::PathBuf, Complaint> {
    let complain = |what: String, hint: &str| Complaint {
        what,
        hint: hint.to_owned(),
    };
    if args.as_root && !crate::is_root() {
        return Err(complain(
            "--as-root: this is not run by root".into(),
            "leave it out, or run this as root",
        ));
    }
    let this = env::current_exe()
        .map_err(|error| complain(format!("looking for this program: {error}"), "mount /proc"))?;
    let target = crate::target_around(&this).ok_or_else(|| {
        complain(
            format!(
                "{} lies in no target folder, where homes could be made",
                escape(this.as_os_str())
            ),
            "run it where it was built: cargo run -p escape-tests -- --sandbox CMD",
        )
    })?;
    let homes =
        crate::open_to_the_caller(&target).map_err(|why| match why.split_once("\nhint: ") {
            Some((what, hint)) => complain(what.to_owned(), hint),
            None => complain(why, "move the checkout"),
        })?;
    let writable = std::fs::create_dir_all(&homes)
        .and_then(|()| Ok(access(&homes, AccessFlags::W_OK)?))
        .map_err(|error| {
            complain(
                format!("making homes in {}: {error}", escape(homes.as_os_str())),
                "run it as the user who built it, or as root",
            )
        });
    writable.map(|()| this)
}

/// One start of CMD. What plants the bait panics where it cannot; that is this attempt's trouble and no other's.
fn attempt(sandbox: &Sandbox, name: &str, probe: &Probe) -> Result<Attempt, String> {
    let made = catch_unwind(AssertUnwindSafe(|| sandbox.attempt(name, probe)));
    made.unwrap_or_else(|_| Err("planting the bait failed, as said above".into()))
}

/// Shows that CMD starts anything at all. A sandbox that starts nothing would hold every probe.
fn control(sandbox: &Sandbox) -> Result<(There, u32), Complaint> {
    let hint = "CMD must start its last words as a program inside, connect its standard streams, print nothing of its own to \
                standard output, and exit as the program does; the program must be shown inside ({inside})";
    let no_attempt = |what| Complaint {
        what,
        hint: "make room on the disk, and run it where it was built".into(),
    };
    let attempt = attempt(sandbox, look::NAME, &Probe::USUAL).map_err(no_attempt)?;
    match &attempt.report {
        Ok(report) => {
            let there = look::there(&report.seen, &attempt.lab.bait)?;
            Ok((there, attempt.lab.bait.uid))
        }
        Err(why) => Err(Complaint {
            what: format!(
                "the control attempt: CMD started nothing that reports: {}\n{}",
                escape(why.as_ref()),
                said(&attempt.told)
            ),
            hint: hint.into(),
        }),
    }
}

/// The beginning of what was said, each line escaped.
fn said(told: &Told) -> String {
    let mut lines = Vec::new();
    for (name, text) in [("stdout", &told.stdout), ("stderr", &told.stderr)] {
        let shown: Vec<&str> = text.lines().take(8).collect();
        if shown.is_empty() {
            lines.push(format!("{name}: nothing"));
        }
        for line in shown {
            let cut: String = line.chars().take(160).collect();
            lines.push(format!("{name}: {}", escape(cut.as_ref())));
        }
    }
    lines.join("\n")
}

/// Every probe, some at a time, in the order of the list.
fn all(sandbox: &Sandbox, chosen: &[Chosen], jobs: usize) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(Vec::new());
    let progress = io::stderr().is_terminal();
    let work = || {
        while let Some(one) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = made(sandbox, one);
            let mut outcomes = outcomes
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            outcomes.push(outcome);
            if progress {
                let count = outcomes.len();
                eprint!("\r\u{1b}[K{count}/{} {}", chosen.len(), one.name);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..jobs.min(chosen.len()) {
            scope.spawn(work);
        }
    });
    if progress {
        eprint!("\r\u{1b}[K");
    }
    let mut outcomes = outcomes
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    outcomes.sort_by_key(|outcome| outcome.name);
    outcomes
}

fn made(sandbox: &Sandbox, one: &Chosen) -> Outcome {
    let outcome = |verdict, took, detail, differences, said| Outcome {
        name: one.name,
        probe: one.probe,
        verdict,
        took,
        detail,
        differences,
        said,
    };
    let without = |verdict, why| outcome(verdict, Duration::ZERO, why, Vec::new(), String::new());
    if let Some(why) = &one.why_not {
        return without(Verdict::NotTried, why.clone());
    }
    let attempt = match attempt(sandbox, one.name, one.probe) {
        Ok(attempt) => attempt,
        Err(why) => return without(Verdict::Error, why),
    };
    let Attempt {
        report,
        told,
        took,
        lab,
        ..
    } = &attempt;
    // Damage counts, whatever was reported.
    let harm = told.harm(one.probe, &lab.bait);
    match report {
        Ok(report) => {
            let outside = || sandbox.outside(lab, one.name, one.probe);
            let probe = (one.name, one.probe);
            let Judged {
                verdict,
                detail,
                differences,
            } = judge(probe, &report.seen, harm, &lab.bait, outside);
            let differences = differences.into_iter().map(|difference| Difference {
                act: named(&difference.act, &lab.bait),
                gave: named(&difference.gave, &lab.bait),
                in_claudebox: named(&difference.in_claudebox, &lab.bait),
                ..difference
            });
            let detail = named(&detail, &lab.bait);
            outcome(verdict, *took, detail, differences.collect(), String::new())
        }
        Err(why) => {
            let (verdict, detail) = match damage(one.name, harm) {
                Some(damage) => (Verdict::Escaped, named(&damage, &lab.bait)),
                None => (Verdict::Error, why.clone()),
            };
            outcome(verdict, *took, detail, Vec::new(), said(told))
        }
    }
}

/// The places of the trial by the names that they have in CMD: the same in each trial, and short.
fn named(text: &str, bait: &Bait) -> String {
    let places = places(bait)
        .into_iter()
        .chain([("{lab}", bait.folder.as_path())]);
    places.fold(text.to_owned(), |text, (name, path)| {
        text.replace(&path.display().to_string(), name)
    })
}
