//! Owns the lies of bwrap in one setting: what it leaves out by itself, PID 1 must find out before the command starts (HARD-05).

use escape_tests::harness::mutation::Listed;
use escape_tests::harness::mutation::launcher::Task;
use escape_tests::probe::{Probe, Streams};

use crate::attempt::{What, start};
use crate::judge::{Red, reds};
use crate::setting::{Setting, side_by_side};

impl Setting {
    /// Has bwrap leave out, one at a time, all that PID 1 compares with the plan: the launcher must refuse, and name the guard.
    pub(crate) fn lie(self) -> Result<(), String> {
        let mutations = self.mutations()?;
        let lies: Vec<&Listed> = mutations
            .iter()
            .filter(|(listed, streams)| listed.found_out && *streams == Streams::Pipes)
            .map(|(listed, _)| listed)
            .collect();
        let told = side_by_side(&lies, |lie| (*lie, self.told_of(lie)));
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
