//! Owns the other session: while the attempt is made, another sandbox of the same caller's runs in another project, and in it a
//! neighbour that listens. An attack that crosses from one sandbox to the other is heard there.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin};

use rustix::process::{Pid, Signal, kill_process};

use super::bait::{HEARD, Neighbour};
use super::drive::Trial;
use super::lab::Lab;
use super::neighbour::Order;
use super::start::Start;
use super::trial::Role;
use crate::probe::{Probe, Streams};

/// The other session. It ends when this value does.
#[derive(Debug)]
pub(super) struct Company {
    launcher: Child,
    leash: Option<ChildStdin>,
}

impl Company {
    /// Starts the other session the way of `trial`, and tells the bait how its neighbour is reached.
    pub(super) fn start(trial: &Trial, lab: &mut Lab) -> Result<Self, String> {
        let (order, _) = trial.order(lab, Role::Company)?;
        let mut arguments = trial.again.1.clone();
        arguments.push(order.display().to_string());
        let probe = Probe {
            streams: Streams::Pipes,
            ..trial.probe
        };
        let start = Start {
            program: (&trial.again.0, &arguments),
            as_root: trial.as_root,
            probe: &probe,
            input: &[],
            limit: trial.limit,
            folder: &lab.bait.company_project.clone(),
        };
        let (company, neighbour) = Self::spawn(&start, lab).map_err(|error| error.to_string())?;
        lab.bait.company = Some(neighbour);
        Ok(company)
    }

    fn spawn(start: &Start<'_>, lab: &Lab) -> io::Result<(Self, Neighbour)> {
        let mut launcher = lab.spawn(&mut start.command(lab)?)?;
        let mut leash = launcher.stdin.take().expect("it is piped");
        let stdout = launcher.stdout.take().expect("it is piped");
        let mut stderr = launcher.stderr.take().expect("it is piped");
        let company = |leash| Self { launcher, leash };
        let order = Order {
            mark: lab.bait.mark.clone(),
            sockets: Vec::new(),
            heard: lab.bait.company_project.join(HEARD),
            user_keyring: false,
        };
        writeln!(leash, "{}", serde_json::to_string(&order)?)?;
        let company = company(Some(leash));
        let mut hello = String::new();
        BufReader::new(stdout).read_line(&mut hello)?;
        match serde_json::from_str(&hello) {
            Ok(neighbour) => {
                // What it says from now on is nobody's, and must not fill the pipe.
                std::thread::spawn(move || io::copy(&mut stderr, &mut io::sink()));
                Ok((company, neighbour))
            }
            Err(error) => {
                drop(company);
                let said = io::read_to_string(stderr)?;
                Err(io::Error::other(format!(
                    "it said {hello:?}: {error}\n{said}"
                )))
            }
        }
    }
}

impl Drop for Company {
    fn drop(&mut self) {
        // Its neighbour ends with its standard input, and the launcher with that. One that does not is killed.
        drop(self.leash.take());
        for _ in 0..500 {
            if let Ok(Some(_)) = self.launcher.try_wait() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        let _ = kill_process(Pid::from_child(&self.launcher), Signal::KILL);
        let _ = self.launcher.wait();
    }
}
