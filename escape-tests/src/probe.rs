//! Owns the words in which a probe is written: what it tries, what it saw, what it should have seen.
//!
//! A probe is one attack in one file. Its [`attempt`](Probe::attempt) runs inside and only reports raw results; the
//! table [`Expect`] and a look from outside ([`harmed`](Probe::harmed)) judge. What counts as an escape is said once,
//! here, for both trials of a probe: `holds` under the real plan, `bites` with the guards of `behind` removed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io;

pub use claudebox::cli::Tier;
pub use claudebox::guard::Guard;
pub use claudebox::plan::Plan;
pub use nix::errno::Errno;
use serde::{Deserialize, Serialize};

pub use crate::harness::bait::Bait;
pub use crate::harness::lab::Lab;
pub use crate::harness::need::Need;
pub use crate::network_lab::entrance::Resolver;

/// One attack.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// The question that it answers.
    pub asks: &'static str,
    /// Rows of the threat catalogue, by id.
    pub threats: &'static [&'static str],
    /// The guards that stop it. Empty for a useful twin: what must work all the same.
    pub behind: &'static [Guard],
    /// Whether each guard of `behind` is a wall of its own: the attack fails as long as one of them stands.
    pub walls: bool,
    /// The tiers on which it is tried.
    pub tiers: &'static [Tier],
    /// Whether it is also tried where uid 0 started the launcher. As an ordinary user it is tried always.
    pub also_as_root: bool,
    /// Whether `claudebox verify` makes it on a person's own machine. Then this holds, also where its guard is broken: the
    /// attempt changes nothing that is the person's, and shows nothing secret. It reads to nowhere; it opens to write what it
    /// does not write; it writes, signals and speaks to nothing but bait; a call that works changes nothing for longer than
    /// its own process. And its table holds on any host, beside other attempts, with any flag and profile.
    pub harmless: bool,
    /// What of the host it needs, or which guard that claudebox does not have yet. The only source of skips.
    pub needs: &'static [Need],
    /// Whether the launcher is started on the host of the lab of networks, and which resolver that has then. The inside half reaches
    /// the public side first: a trial in which nothing of it was heard fails, whatever else it saw. Goes with [`Need::NetworkLab`].
    pub networks: Option<Resolver>,
    /// What the standard streams of the launcher are.
    pub streams: Streams,
    /// What somebody outside does between the audit and the start. The launcher must refuse to start then, for the guards of
    /// `behind`; nothing runs inside, so nothing reports.
    pub meddle: Option<fn(&Bait) -> io::Result<()>>,
    /// A plan that is not quite the launcher's: with something that goes wrong while the sandbox is made, or an answer by which a
    /// guard is known.
    pub edited: Option<fn(&mut Plan, &Bait)>,
    /// How the session ends.
    pub ending: Ending,
    /// Further arguments of the launcher, as a person would give them for this project.
    pub grants: fn(&Bait) -> Vec<OsString>,
    /// Whether another session of the same caller's, in another project, runs meanwhile ([`Bait::company`]). It is as strong or as
    /// weak as the one of the attempt.
    pub in_company: bool,
    /// What the host prepares before the first session.
    pub before: Option<fn(&Lab) -> io::Result<()>>,
    /// What happens after the session of the attempt, in order, before the last look for damage.
    pub then: &'static [Then],
    /// Paths that the launcher must name when the session of the attempt is over (EXIT-A). What the host runs of them then is no
    /// damage: its user was told.
    pub reported: &'static [&'static str],
    /// What the attempt must report, exactly.
    pub expect: Expect,
    /// The attack. Runs inside; reports, does not judge.
    pub attempt: fn(&Bait) -> Seen,
    /// The damage, looked for from outside while the attempt runs.
    pub meanwhile: fn(&Bait) -> Option<String>,
    /// The damage, looked for from outside when all is over.
    pub harmed: fn(&Bait) -> Option<String>,
}

impl Probe {
    /// Whether what is expected on `tier` is known. What holds with and without the host's network holds with a part of it.
    #[must_use]
    pub fn is_known_on(&self, tier: Tier) -> bool {
        let has = |tier| self.tiers.contains(&tier);
        has(tier) || (tier == Tier::Inet && has(Tier::None) && has(Tier::Full))
    }

    /// Whether it takes more than one session, or is told at the end of it: nothing that one start under an edited plan shows.
    #[must_use]
    pub fn is_apart(&self) -> bool {
        !self.then.is_empty()
            || !self.reported.is_empty()
            || self.in_company
            || self.before.is_some()
    }

    /// What most probes share. Its attempt reports nothing, which is a failure, so that it cannot be forgotten.
    pub const USUAL: Probe = Probe {
        asks: "",
        threats: &[],
        behind: &[],
        walls: false,
        tiers: &[Tier::None, Tier::Full],
        also_as_root: false,
        harmless: false,
        needs: &[],
        networks: None,
        streams: Streams::Pipes,
        meddle: None,
        edited: None,
        ending: Ending::ByItself,
        grants: |_| Vec::new(),
        in_company: false,
        before: None,
        then: &[],
        reported: &[],
        expect: Expect::Absent,
        attempt: |_| Seen::default(),
        meanwhile: |_| None,
        harmed: |_| None,
    };
}

/// Every guard that is a seccomp filter: without all of them there is none.
pub const FILTER: &[Guard] = &[
    Guard::KeyringCalls,
    Guard::TerminalInjection,
    Guard::SetIdModes,
    Guard::SocketFamilies,
    Guard::SyscallFilter,
];

impl Probe {
    /// The guards of `behind` that there are on `tier`.
    pub fn behind_on(&self, tier: Tier) -> impl Iterator<Item = Guard> {
        let there = move |guard: &Guard| match guard {
            Guard::NetNamespace => tier != Tier::Full,
            Guard::NoResolvers => tier == Tier::None,
            Guard::EgressFence | Guard::HelperClosed => tier == Tier::Inet,
            _ => true,
        };
        self.behind.iter().copied().filter(there)
    }
}

/// What happens after a session.
#[derive(Debug, Clone, Copy)]
pub enum Then {
    /// The caller starts another session.
    Session(Session),
    /// A program of the host, or its user, does with the project what it always does. What went wrong is no escape: the damage
    /// is looked for when all is over.
    Host(fn(&Lab) -> io::Result<()>),
}

impl Then {
    /// Whether it is a session in the other project.
    #[must_use]
    pub fn in_other_project(&self) -> bool {
        matches!(self, Then::Session(session) if session.in_other_project)
    }
}

/// A later session.
#[derive(Debug, Clone, Copy)]
pub struct Session {
    /// Further arguments of the launcher.
    pub grants: fn(&Bait) -> Vec<OsString>,
    /// Whether it is started in the project of [`Bait::company_project`], and not in the same one.
    pub in_other_project: bool,
    /// Where the launcher must refuse to start: what it says then. Without the guards it may start all the same.
    pub refused: Option<&'static str>,
    /// What the attempt must report.
    pub expect: Expect,
    /// What is tried inside.
    pub attempt: fn(&Bait) -> Seen,
}

impl Session {
    /// What most later sessions share.
    pub const USUAL: Session = Session {
        grants: |_| Vec::new(),
        in_other_project: false,
        refused: None,
        expect: Expect::Reached,
        attempt: |_| Seen::one("a second session", Act::Reached),
    };
}

/// What the caller connects the launcher to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streams {
    /// Pipes.
    Pipes,
    /// Files of the host, as in `claudebox <in >>out`.
    Files,
    /// A terminal as standard input and error, which is the controlling one; the report goes over a pipe.
    Terminal,
    /// A TCP socket of the host as standard input.
    Socket,
    /// A FIFO with a name as standard input.
    Fifo,
    /// A terminal as standard input that is not the controlling one.
    ForeignTerminal,
}

impl Streams {
    /// Whether standard input is a terminal, whose lines are shorter than what the inside half is told.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Streams::Terminal | Streams::ForeignTerminal)
    }
}

/// How a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The attempt returns.
    ByItself,
    /// The launcher is killed with SIGKILL once the attempt has reported.
    LauncherKilled,
    /// The launcher is killed with SIGKILL while bwrap still makes the sandbox. Nothing runs inside, so nothing reports.
    LauncherKilledEarly,
}

/// What one act gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// It worked.
    Reached,
    /// ENOENT: there is no such thing.
    Absent,
    /// Any other error number.
    Refused(i32),
    /// An observation.
    Saw(String),
    /// The act itself could not be made: never what was expected, never an escape.
    Broken(String),
}

impl Act {
    /// Of a result of the standard library.
    pub fn of<T>(result: io::Result<T>) -> Self {
        match result {
            Ok(_) => Act::Reached,
            Err(error) => match error.raw_os_error() {
                Some(number) => Self::errno(Errno::from_raw(number)),
                None => Act::Broken(error.to_string()),
            },
        }
    }

    /// Of a result of `nix`.
    pub fn of_nix<T>(result: nix::Result<T>) -> Self {
        result.map_or_else(Self::errno, |_| Act::Reached)
    }

    /// Of an error number.
    #[must_use]
    pub fn errno(number: Errno) -> Self {
        match number {
            Errno::ENOENT => Act::Absent,
            other => Act::Refused(other as i32),
        }
    }

    /// An observation.
    pub fn saw(what: impl fmt::Display) -> Self {
        Act::Saw(what.to_string())
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Act::Reached => f.write_str("reached"),
            Act::Absent => f.write_str("absent"),
            Act::Refused(number) => write!(f, "refused with {:?}", Errno::from_raw(*number)),
            Act::Saw(what) => write!(f, "saw {what:?}"),
            Act::Broken(why) => write!(f, "not tried: {why}"),
        }
    }
}

/// What an attempt saw: each act under a name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen(pub BTreeMap<String, Act>);

impl Seen {
    /// One act.
    pub fn one(what: impl fmt::Display, act: Act) -> Self {
        Self::default().and(what, act)
    }

    /// One act more.
    #[must_use]
    pub fn and(mut self, what: impl fmt::Display, act: Act) -> Self {
        self.add(what, act);
        self
    }

    /// One act more. Two acts of one name are one report too few: the second says so.
    pub fn add(&mut self, what: impl fmt::Display, act: Act) {
        let act_of_that_name = self.0.entry(what.to_string());
        act_of_that_name
            .and_modify(|act| *act = Act::Broken("two acts of this name".into()))
            .or_insert(act);
    }

    /// The same report under other names.
    #[must_use]
    pub fn renamed(self, name: impl Fn(String) -> String) -> Self {
        let mut renamed = Self::default();
        for (what, act) in self.0 {
            renamed.add(name(what), act);
        }
        renamed
    }

    /// The same act on many things.
    pub fn each<T: fmt::Display>(
        things: impl IntoIterator<Item = T>,
        act: impl Fn(&T) -> Act,
    ) -> Self {
        let mut seen = Self::default();
        for thing in things {
            let act = act(&thing);
            seen.add(thing, act);
        }
        seen
    }
}

/// What an attempt must report under the real plan.
#[derive(Debug, Clone, Copy)]
pub enum Expect {
    /// Every act worked; the damage, if any, is seen from outside.
    Reached,
    /// Every act met ENOENT.
    Absent,
    /// Every act was refused with this error number.
    Refused(Errno),
    /// This and nothing else.
    Exactly(fn(&Bait) -> Seen),
}

/// What is wrong with a report, if anything.
#[derive(Debug, Default)]
pub struct Verdict {
    /// The ways in which it is not what was expected.
    pub differences: Vec<String>,
    /// Those among them by which something was reached or seen that should not have been.
    pub breaches: Vec<String>,
}

/// What each act should give, by its name.
#[derive(Debug)]
pub struct Wanted {
    /// Of acts by whatever name.
    all: Option<Act>,
    /// Of the acts that there should be, and of no other.
    pub named: BTreeMap<String, Act>,
}

impl Wanted {
    /// Of the act of this name, if there should be one.
    #[must_use]
    pub fn of(&self, what: &str) -> Option<&Act> {
        self.all.as_ref().or_else(|| self.named.get(what))
    }
}

impl Expect {
    /// What each act should give.
    #[must_use]
    pub fn wanted(self, bait: &Bait) -> Wanted {
        let (all, named) = match self {
            Expect::Reached => (Some(Act::Reached), Seen::default()),
            Expect::Absent => (Some(Act::Absent), Seen::default()),
            Expect::Refused(errno) => (Some(Act::Refused(errno as i32)), Seen::default()),
            Expect::Exactly(exact) => (None, exact(bait)),
        };
        let named = named.0;
        Wanted { all, named }
    }

    /// Compares a report with this.
    #[must_use]
    pub fn judge(self, seen: &Seen, bait: &Bait) -> Verdict {
        let mut verdict = Verdict::default();
        if seen.0.is_empty() {
            verdict.differences.push("nothing was reported".into());
        }
        let table = self.wanted(bait);
        for (what, act) in &seen.0 {
            let wanted = table.of(what);
            if wanted == Some(act) {
                continue;
            }
            let wanted =
                wanted.map_or_else(|| "nothing of that name".to_owned(), |act| act.to_string());
            let difference = format!("{what}: {act}; expected: {wanted}");
            if matches!(act, Act::Reached | Act::Saw(_)) {
                verdict.breaches.push(difference.clone());
            }
            verdict.differences.push(difference);
        }
        for (what, act) in &table.named {
            if !seen.0.contains_key(what) {
                verdict
                    .differences
                    .push(format!("{what}: not reported; expected: {act}"));
            }
        }
        verdict
    }
}
