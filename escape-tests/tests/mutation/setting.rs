//! Owns the mutation run of one setting: first every probe under the whole plan, then each mutation until something is red.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use escape_tests::harness::mutation::launcher::Task;
use escape_tests::harness::mutation::{
    LAST_WALLS, Listed, MISSED_AS_ROOT, last_wall, missed_as_root, unmissed,
};
use escape_tests::probe::{Ending, Guard, Probe, Streams, Tier};
use escape_tests::probes;

use crate::attempt::{Attempt, What, start};
use crate::judge::{Named, Red, reds};

/// Probes that hold in company, and are made alone all the same.
const ALONE: [(&str, &str); 7] = [
    (
        "limits_hit",
        "it asks for limits that are too low for others",
    ),
    (
        "command_lines",
        "it waits for a look from outside while it runs",
    ),
    ("project_moved", "it moves what others would look for"),
    ("claude_json_planted", LEAVES),
    ("claude_settings_planted", LEAVES),
    ("nix_settings", LEAVES),
    ("shell_snapshots", LEAVES),
];

/// Why some are made alone.
const LEAVES: &str = "it leaves in the home folder what others look for";

/// The probes that see much of a plan at once: they are asked first, beside those of the guard.
const WIDE: [&str; 8] = [
    "environment_names",
    "etc_files",
    "inet_resolver",
    "inet_topology",
    "root_folder",
    "run_folder",
    "twin_made_open",
    "writable_mounts",
];

/// The probes that look and change nothing, for a mutation by which an attack would reach the files of this very host.
const ONLY_LOOK: [&str; 3] = ["writable_mounts", "kernel_settings", "proc_of_root"];

/// How many sandboxes of one setting there are at once. On `inet` most of the time is waiting for what does not answer.
fn workers(tier: Tier) -> usize {
    match tier {
        Tier::Inet => 6,
        Tier::None | Tier::Full => 2,
    }
}

/// Where the launcher is started, and by whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) tier: Tier,
    pub(crate) as_root: bool,
}

/// The probes of a setting.
#[derive(Default)]
pub(crate) struct Probes {
    /// Those that hold together in one sandbox.
    together: Vec<Named>,
    /// Those that want one of their own.
    alone: Vec<Named>,
    /// Those that do not even hold, and why: nothing can be learned from them.
    broken: Vec<(&'static str, String)>,
    /// Those that were not written for uid 0, and do not hold there.
    unfit: Vec<&'static str>,
}

/// How a mutation ended.
enum Ended {
    /// A probe was red, or nothing started.
    Red(Red),
    /// An attack of this probe reached something when the other walls were gone too.
    AsLastWall(&'static str, String),
    /// Nothing was red, and nothing need be: see `UNMISSED`.
    Unmissed(&'static str),
    /// Nothing was red.
    Survives,
}

impl Probes {
    /// Those behind this guard.
    fn of_guard(&self, guard: Guard) -> Self {
        let own = |probes: &[Named]| -> Vec<Named> {
            let own = |(_, probe): &&Named| probe.behind.contains(&guard);
            probes.iter().filter(own).copied().collect()
        };
        Self {
            together: own(&self.together),
            alone: own(&self.alone),
            ..Self::default()
        }
    }
}

impl Setting {
    pub(crate) fn name(self) -> String {
        let who = if self.as_root { "uid0" } else { "user" };
        format!("{who}::{}", self.tier.name())
    }

    pub(crate) fn uid(self) -> u32 {
        u32::from(!self.as_root)
    }

    /// The setting in which the rules of the filter are left out: they are the same in each.
    fn is_usual(self) -> bool {
        self.tier == Tier::None && !self.as_root
    }

    /// Makes every mutation.
    pub(crate) fn run(self) -> Result<(), String> {
        let began = Instant::now();
        let probes = self.probes()?;
        let mutations = self.mutations()?;
        let ended: BTreeMap<String, _> =
            side_by_side(self.tier, &mutations, |(listed, streams)| {
                let red = self.mutate(listed, *streams, &probes);
                (listed.name.clone(), red)
            })
            .into_iter()
            .collect();
        let (table, mut wrong) = self.sum_up(&ended, mutations.len());
        wrong.extend(probes.broken.iter().map(|(_, why)| why.clone()));
        let (together, seconds) = (probes.together.len(), began.elapsed().as_secs_f64());
        let alone: Vec<&str> = probes.alone.iter().map(|(name, _)| *name).collect();
        let alone = alone.join(", ");
        println!(
            "{table}  {seconds:.1} s; {together} probes in one sandbox, each in its own: {alone}"
        );
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(wrong.join("\n"))
        }
    }

    /// The probes of this setting, each shown to hold under the whole plan.
    pub(crate) fn probes(self) -> Result<Probes, String> {
        let mut found = Probes::default();
        for (name, probe) in probes::ALL {
            // In the lab of networks, which takes its time, `none` and `full` are no other than on this machine.
            let same_here = probe.networks.is_some() && self.tier != Tier::Inet;
            let not_promised = probe.needs.iter().any(|need| need.is_not_promised());
            let other_tier = !probe.tiers.contains(&self.tier);
            if other_tier || probe.is_apart() || same_here || not_promised {
                continue;
            }
            let missing: Vec<String> = probe
                .needs
                .iter()
                .filter_map(|need| need.missing())
                .collect();
            if !missing.is_empty() {
                escape_tests::skipped(&format!("{name}: {}", missing.join("; ")));
                continue;
            }
            let alone = probe.streams != Streams::Pipes
                || probe.ending != Ending::ByItself
                || probe.meddle.is_some()
                || probe.edited.is_some()
                || probe.networks.is_some()
                || ALONE.iter().any(|(alone, _)| alone == name);
            if alone {
                found.alone.push((name, probe));
            } else {
                found.together.push((name, probe));
            }
        }
        // What does not hold in company is made alone. Twice, so that what holds by chance is found out.
        for _ in 0..2 {
            let reds = self.together(&found.together, &Task::Whole, false)?;
            for red in reds {
                let (Red::Reached(name, _) | Red::Differs(name, _)) = red else {
                    return Err(format!("under the whole plan: {red:?}"));
                };
                let at = found.together.iter().position(|(known, _)| *known == name);
                found.alone.extend(at.map(|at| found.together.remove(at)));
            }
        }
        let made = side_by_side(self.tier, &found.alone, |probe| {
            (*probe, self.alone(*probe, &Task::Whole, false))
        });
        for ((name, probe), reds) in made {
            // Somebody meddles: the launcher must refuse.
            let held = match reds.as_deref() {
                Ok([]) => probe.meddle.is_none(),
                Ok([Red::Refused(_)]) => probe.meddle.is_some(),
                _ => false,
            };
            // One that was not written for uid 0 may serve there all the same.
            if !held && self.as_root && !probe.also_as_root {
                found.unfit.push(name);
            } else if !held {
                let why = format!("{name} does not hold under the whole plan: {reds:?}");
                found.broken.push((name, why));
            }
        }
        let broken = &found.broken;
        let unfit = &found.unfit;
        let fails =
            |name: &&str| broken.iter().any(|(broken, _)| broken == name) || unfit.contains(name);
        found.alone.retain(|(name, _)| !fails(name));
        // Those of the lab of networks are alone in any case.
        let alone = found
            .alone
            .iter()
            .filter(|(_, probe)| probe.networks.is_none());
        if found.together.len() < alone.clone().count() {
            let alone: Vec<&str> = alone.map(|(name, _)| *name).collect();
            return Err(format!("most probes do not hold in company: {alone:?}"));
        }
        Ok(found)
    }

    /// What the launcher lists.
    pub(crate) fn listed(self, streams: Streams, task: &Task) -> Result<Vec<Listed>, String> {
        let probe = Probe {
            streams,
            ..Probe::USUAL
        };
        let Attempt { told, .. } = start(self, What::One("list", &probe), task, false)?;
        serde_json::from_str(told.stdout.trim())
            .map_err(|error| format!("listing: {error}: {}", told.stderr))
    }

    /// The mutations that are made on the tier `none`, and are the same here: the network is one step, and few guards know of it.
    fn made_on_none(self, streams: Streams) -> Result<BTreeSet<String>, String> {
        let tier = Tier::None;
        if self.tier == tier {
            return Ok(BTreeSet::new());
        }
        let of_the_network: &[Guard] = match self.tier {
            // A network of its own, as on `none`.
            Tier::Inet => &[Guard::NetNamespace, Guard::NoResolvers],
            Tier::None | Tier::Full => &[
                Guard::AbstractSockets,
                Guard::SignalScope,
                Guard::NetNamespace,
                Guard::NoResolvers,
            ],
        };
        let none = Self { tier, ..self }.listed(streams, &Task::List)?;
        let same = none.into_iter();
        let same = same.filter(|one| !of_the_network.contains(&one.guard));
        Ok(same.map(|one| one.name).collect())
    }

    /// Every mutation of the plan here, with the streams that it is made with.
    pub(crate) fn mutations(self) -> Result<Vec<(Listed, Streams)>, String> {
        let mut mutations: Vec<(Listed, Streams)> = Vec::new();
        for streams in [Streams::Pipes, Streams::Files] {
            let listed = self.listed(streams, &Task::List)?.into_iter();
            let elsewhere = self.made_on_none(streams)?;
            let is_here =
                |one: &Listed| !elsewhere.contains(&one.name) && (self.is_usual() || !one.is_rule);
            for one in listed.filter(is_here) {
                let known = mutations.iter().any(|(known, _)| known.name == one.name);
                if !known {
                    mutations.push((one, streams));
                } else if mutations
                    .iter()
                    .any(|(known, of)| *of == streams && known.name == one.name)
                {
                    return Err(format!("two mutations are {}", one.name));
                }
            }
        }
        Ok(mutations)
    }

    /// What is red without what `listed` takes away; as the last wall, where others stand before it.
    fn mutate(self, listed: &Listed, streams: Streams, probes: &Probes) -> Result<Ended, String> {
        let alone = vec![listed.name.clone()];
        if let Some(why) = unmissed(&listed.name) {
            let own = probes.of_guard(listed.guard);
            let task = Task::Mutated(alone);
            let red = self.first_red(&task, listed, streams, &own, true)?;
            return Ok(red.map_or(Ended::Unmissed(why), Ended::Red));
        }
        let Some(wall) = last_wall(&listed.name, self.tier, self.uid()) else {
            let task = Task::Mutated(alone);
            let every = missed_as_root(&listed.name, self.uid()).is_none();
            let red = self.first_red(&task, listed, streams, probes, every)?;
            return Ok(red.map_or(Ended::Survives, Ended::Red));
        };
        let task = Task::Mutated(alone.clone());
        if let Some(red) = self.first_red(&task, listed, streams, probes, false)? {
            return Err(format!(
                "it is listed as one behind others, and is missed alone: {red:?}"
            ));
        }
        // A probe of this one's own guard must be red without all of them: those of the others would be in any case.
        let own = probes.of_guard(listed.guard);
        let others: Vec<String> = wall.behind.iter().map(|name| (*name).to_owned()).collect();
        let task = Task::Mutated(others.clone());
        let reached = self.first_red(&task, listed, streams, &own, true)?;
        if let Some(red @ Red::Reached(..)) = reached {
            return Err(format!(
                "it is no wall of its own: without {:?}, {red:?}",
                wall.behind
            ));
        }
        let task = Task::Mutated([others, alone].concat());
        match self.first_red(&task, listed, streams, &own, true)? {
            Some(Red::Reached(probe, what)) => Ok(Ended::AsLastWall(probe, what)),
            red => Err(format!(
                "without {:?} too, nothing is reached: {red:?}",
                wall.behind
            )),
        }
    }

    /// What is red first: of the probes of its guard, then of all. `every` includes those of other guards that want a
    /// sandbox of their own; what is known not to be missed alone is spared them, as each is a start.
    pub(crate) fn first_red(
        self,
        task: &Task,
        listed: &Listed,
        streams: Streams,
        probes: &Probes,
        every: bool,
    ) -> Result<Option<Red>, String> {
        let fits = |(name, probe): &&Named| {
            (streams == Streams::Pipes || probe.streams == streams)
                && (!listed.only_look || ONLY_LOOK.contains(name))
        };
        let of_guard = |(_, probe): &Named| probe.behind.contains(&listed.guard);
        let fitting = |probes: &[Named]| -> (Vec<Named>, Vec<Named>) {
            let fitting = probes.iter().filter(fits).copied();
            fitting.partition(|named| of_guard(named) || WIDE.contains(&named.0))
        };
        let (first, then) = fitting(&probes.together);
        let (alone_first, alone_then) = fitting(&probes.alone);
        let one_by_one = |probes: Vec<Named>| -> Result<Option<Red>, String> {
            for probe in probes {
                let reds = self.alone(probe, task, listed.leaves_open)?;
                // Where somebody meddles, to refuse is to hold.
                let holds = |red: &Red| probe.1.meddle.is_some() && matches!(red, Red::Refused(_));
                let red = reds.into_iter().find(|red| !holds(red));
                if red.is_some() {
                    return Ok(red);
                }
            }
            Ok(None)
        };
        let at_once = |probes: Vec<Named>| -> Result<Option<Red>, String> {
            if probes.is_empty() {
                return Ok(None);
            }
            let reds = self.together(&probes, task, listed.leaves_open)?;
            Ok(best(reds, listed.guard))
        };
        if let Some(red) = at_once(first)? {
            return Ok(Some(red));
        }
        if let Some(red) = one_by_one(alone_first)? {
            return Ok(Some(red));
        }
        if let Some(red) = at_once(then)? {
            return Ok(Some(red));
        }
        if every {
            one_by_one(alone_then)
        } else {
            Ok(None)
        }
    }

    fn together(
        self,
        probes: &[Named],
        task: &Task,
        leaves_open: bool,
    ) -> Result<Vec<Red>, String> {
        let names: Vec<&str> = probes.iter().map(|(name, _)| *name).collect();
        let told = start(self, What::Many(&names), task, leaves_open)?;
        reds(&told, probes)
    }

    fn alone(self, probe: Named, task: &Task, leaves_open: bool) -> Result<Vec<Red>, String> {
        let told = start(self, What::One(probe.0, probe.1), task, leaves_open)?;
        reds(&told, &[probe])
    }

    /// What is printed, and what is wrong.
    fn sum_up(
        self,
        ended: &BTreeMap<String, Result<Ended, String>>,
        made: usize,
    ) -> (String, Vec<String>) {
        let (mut wrong, mut table) = (Vec::new(), String::new());
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, end) in ended {
            let equal = missed_as_root(name, self.uid());
            let (count, how) = match end {
                Err(why) => {
                    wrong.push(format!("{name}: {why}"));
                    continue;
                }
                Ok(Ended::Red(Red::Reached(probe, what))) => {
                    ("reached", format!("{probe}: {what}"))
                }
                Ok(Ended::Red(Red::Differs(probe, what))) => ("seen", format!("{probe}: {what}")),
                Ok(Ended::Red(Red::Refused(what))) => ("refused", what.clone()),
                Ok(Ended::Red(Red::NothingStarts(what))) => ("nothing starts", what.clone()),
                Ok(Ended::AsLastWall(probe, what)) => ("last wall", format!("{probe}: {what}")),
                Ok(Ended::Unmissed(why)) => ("shown elsewhere", (*why).to_owned()),
                Ok(Ended::Survives) => match equal {
                    Some(why) => ("missed as uid 0", why.to_owned()),
                    None => {
                        wrong.push(format!("{name} turns no probe red"));
                        ("SURVIVES", String::new())
                    }
                },
            };
            if let (Some(_), Ok(Ended::Red(red))) = (equal, end) {
                wrong.push(format!("{name} is missed as an ordinary user too: {red:?}"));
            }
            *counts.entry(count).or_default() += 1;
            let how: String = how.chars().take(110).collect();
            table += &format!("  {name:<44} {count}: {}\n", how.replace('\n', " "));
        }
        // A name that no plan has would stay on a list for ever. That of uid 0 on `none` has them all.
        if self.as_root && self.tier == Tier::None {
            let listed = LAST_WALLS.iter().map(|one| one.name);
            let listed = listed.chain(MISSED_AS_ROOT.iter().map(|(name, _)| *name));
            let of_steps = listed.filter(|name| !name.starts_with("without flag"));
            let unknown = of_steps.filter(|name| !ended.contains_key(*name));
            wrong.extend(unknown.map(|name| format!("{name} is listed, and no step")));
        }
        if ended.len() != made {
            wrong.push(format!("{made} mutations were made, {} ended", ended.len()));
        }
        let survivors = counts.get("SURVIVES").copied().unwrap_or(0);
        let counts: Vec<String> = counts
            .iter()
            .map(|(how, count)| format!("{count} {how}"))
            .collect();
        let head = format!(
            "{}: {made} mutations: {}; {survivors} survivors\n",
            self.name(),
            counts.join(", ")
        );
        (head + &table, wrong)
    }
}

/// The same for each of `things`, by a few workers.
pub(crate) fn side_by_side<T: Sync, R: Send>(
    tier: Tier,
    things: &[T],
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let ended = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..workers(tier) {
            scope.spawn(|| {
                while let Some(thing) = things.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let done = work(thing);
                    let mut ended = ended.lock().expect("no worker panics while it notes");
                    ended.push(done);
                }
            });
        }
    });
    ended.into_inner().expect("no worker panics while it notes")
}

/// The one to tell of: what an attack of this guard's own probes reached, else what any reached, else the first.
fn best(reds: Vec<Red>, guard: Guard) -> Option<Red> {
    let own = |name: &str| {
        let own = probes::ALL.iter().find(|(known, _)| *known == name);
        own.is_some_and(|(_, probe)| probe.behind.contains(&guard))
    };
    reds.into_iter().min_by_key(|red| match red {
        Red::Reached(name, _) if own(name) => 0,
        Red::Differs(name, _) if own(name) => 1,
        Red::Reached(..) => 2,
        _ => 3,
    })
}
