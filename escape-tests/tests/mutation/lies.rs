//! Owns a bwrap that cannot be relied on, in one setting: what it leaves out by itself, PID 1 must find out before the command starts
//! (HARD-05), or a probe must; and one that does nothing of what it should starts nothing (CFG-11).

use std::time::{Duration, Instant};

use escape_tests::harness::mutation::launcher::{REFUSED, Task};
use escape_tests::harness::mutation::{Listed, missed_as_root};
use escape_tests::probe::{Probe, Streams};

use crate::attempt::{What, start, start_within};
use crate::judge::{Red, reds};
use crate::setting::{Setting, side_by_side};

/// Longer than the launcher waits for a bwrap that hangs, and the time to tell.
const PATIENCE: Duration = Duration::from_secs(15);

/// What each does in the place of bwrap. The command of the sandbox is its last arguments: `-- INIT init`.
const BROKEN: [(&str, &str); 7] = [
    ("fails", "exit 1"),
    ("fails as if it were not there", "exit 127"),
    ("succeeds, and did nothing", "exit 0"),
    (
        "says that all is well",
        "echo ok; echo ok >&2; echo '{\"started\":null}' >&3; exit 0",
    ),
    ("says garbage", "head -c 100000 /dev/urandom >&3; exit 0"),
    ("is killed", "kill -KILL $$"),
    ("hangs", "exec sleep 30"),
];

impl Setting {
    /// Has bwrap leave out, one at a time, all that PID 1 compares with the plan: the launcher must refuse, and name the guard.
    pub(crate) fn lie(self) -> Result<(), String> {
        let mutations = self.mutations()?;
        let lies: Vec<&Listed> = mutations
            .iter()
            .filter(|(listed, streams)| listed.found_out && *streams == Streams::Pipes)
            .map(|(listed, _)| listed)
            .collect();
        let told = side_by_side(self.tier, &lies, |lie| (*lie, self.told_of(lie)));
        let refused = told
            .iter()
            .filter(|(_, told)| matches!(told, Ok(true)))
            .count();
        println!(
            "{}: {} lies of bwrap: {refused} found out by PID 1, the others start nothing",
            self.name(),
            lies.len()
        );
        let wrong = told.iter().filter_map(|(lie, told)| {
            let why = told.as_ref().err()?;
            Some(format!("{}: {why}", lie.name))
        });
        let mut wrong: Vec<String> = wrong.collect();
        if refused * 2 < lies.len() {
            wrong.push(format!(
                "only {refused} of {} lies were found out",
                lies.len()
            ));
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(wrong.join("\n"))
        }
    }

    /// Has bwrap leave out each of its flags, one at a time: the launcher must refuse, or a probe must be red.
    pub(crate) fn flags(self) -> Result<(), String> {
        let probes = self.probes()?;
        let listed = self.listed(Streams::Pipes, &Task::ListFlags)?;
        let ended = side_by_side(self.tier, &listed, |flag| {
            let task = Task::FlagLeftOut(flag.name.clone());
            let red = self.first_red(&task, flag, Streams::Pipes, &probes, true);
            (flag.clone(), red)
        });
        let (mut wrong, mut refused, mut red) = (Vec::new(), 0, 0);
        for (flag, ended) in &ended {
            let equal = missed_as_root(&flag.name, self.uid());
            match (ended, equal) {
                (Err(why), _) => wrong.push(format!("{}: {why}", flag.name)),
                (Ok(Some(Red::Refused(_) | Red::NothingStarts(_))), None) => refused += 1,
                (Ok(Some(Red::Reached(..) | Red::Differs(..))), None) => red += 1,
                (Ok(None), None) => wrong.push(format!("{} turns no probe red", flag.name)),
                (Ok(None), Some(_)) => {}
                (Ok(Some(red)), Some(_)) => {
                    wrong.push(format!(
                        "{} is missed as an ordinary user too: {red:?}",
                        flag.name
                    ));
                }
            }
        }
        println!(
            "{}: {} flags of bwrap left out: {refused} start nothing, {red} turn a probe red, {} are missed as uid 0",
            self.name(),
            listed.len(),
            listed.len() - refused - red
        );
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(wrong.join("\n"))
        }
    }

    /// Puts programs in the place of bwrap that do nothing of what it should (CFG-11): the launcher must refuse, and soon.
    pub(crate) fn broken(self) -> Result<(), String> {
        for (what, script) in BROKEN {
            let task = Task::Instead(format!("#!/bin/sh\n{script}\n"));
            let probe = Probe::USUAL;
            let began = Instant::now();
            let attempt =
                start_within(self, What::One("hostname", &probe), &task, false, PATIENCE)?;
            let said = attempt.told.stderr.contains(REFUSED);
            let reported = attempt.told.stdout.contains("seen");
            if !said || reported || attempt.told.late {
                return Err(format!("bwrap {what}: nobody refused{}", attempt.told));
            }
            println!(
                "{}: bwrap {what}: refused after {:.1?}",
                self.name(),
                began.elapsed()
            );
        }
        Ok(())
    }

    /// Whether PID 1 found it out; false where bwrap itself could not make a sandbox.
    fn told_of(self, lie: &Listed) -> Result<bool, String> {
        let task = Task::Lied(lie.name.clone());
        let attempt = start(self, What::One("hostname", &Probe::USUAL), &task, false)?;
        match reds(&attempt, &[])?.as_slice() {
            [Red::Refused(said)] if said.contains(&format!("{}: ", lie.guard.name())) => Ok(true),
            [Red::NothingStarts(_)] => Ok(false),
            other => Err(format!(
                "the launcher did not refuse: {other:?}{}",
                attempt.told
            )),
        }
    }
}
