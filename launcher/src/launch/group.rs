//! Owns the control group of a session: makes it, puts into it what will become bwrap, sees that its limits are in force, and reads
//! what the kernel counted. With the last process the group is gone: systemd takes its scope away, and what was made here this takes
//! away itself.

use std::fs::{self, File};
use std::io::{self, PipeWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

use super::{LaunchError, held};
use crate::facts::Facts;
use crate::group::{GroupLimit, Way, address_of, number_of, unified};
use crate::plan::{Action, Plan};
use crate::report;
use crate::text::{Text, escape};

/// How long systemd may take, and a group until it is empty.
const LIMIT: Duration = Duration::from_secs(5);

/// How the name of a group begins.
pub(super) const PREFIX: &str = "claudebox-";

/// How long to wait between two looks.
const TURN: Duration = Duration::from_millis(2);

/// What the plan wants of a group.
pub(super) fn wanted(plan: &Plan) -> Option<(&[GroupLimit], &Way, &Text)> {
    plan.steps.iter().find_map(|step| match &step.action {
        Action::JoinGroup {
            limits,
            way,
            hierarchy,
        } => Some((limits.as_slice(), way, hierarchy)),
        _ => None,
    })
}

/// A group that a session is in.
pub(super) struct Group {
    folder: PathBuf,
    limits: Vec<GroupLimit>,
    /// Who takes it away, where it was made here: also when this process was killed.
    #[expect(dead_code, reason = "it acts when it is dropped")]
    tidy: Option<held::Tidy>,
}

impl Group {
    /// Makes the group of `plan` and puts `child` into it, which waits at the other end of `hold`. Where that cannot be, it is ended.
    pub(super) fn join(
        plan: &Plan,
        facts: &Facts,
        child: &mut Child,
        hold: PipeWriter,
    ) -> Result<Self, LaunchError> {
        let made = Self::make(plan, facts, child.id());
        let joined = made.and_then(|group| {
            group.verify()?;
            (&hold)
                .write_all(b"\n")
                .map_err(|error| format!("what becomes bwrap is gone: {error}"))?;
            Ok(group)
        });
        // It ends where it has no word.
        drop(hold);
        joined.map_err(|why| {
            let _ = child.wait();
            LaunchError::Group { why }
        })
    }

    fn make(plan: &Plan, facts: &Facts, process: u32) -> Result<Self, String> {
        let (limits, way, hierarchy) = wanted(plan).ok_or("the plan has none")?;
        // No two sessions have one launcher at a time.
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |now| now.tv_sec());
        let name = format!("{PREFIX}{}-{now}", std::process::id());
        let group = |folder, tidy| Self {
            folder,
            limits: limits.to_vec(),
            tidy,
        };
        match way {
            Way::Scope { busctl, bus } => {
                let unit = format!("{name}.scope");
                start_scope(busctl, bus, &unit, process, limits)?;
                let folder = moved(hierarchy.path(), process, &unit)?;
                Ok(group(folder, None))
            }
            Way::Child { parent } => {
                let folder = parent.path().join(name);
                fs::create_dir(&folder)
                    .map_err(|error| format!("making {}: {error}", folder.display()))?;
                let tidy = held::Tidy::start(&facts.host.launcher, &folder);
                let group = group(folder, Some(tidy.map_err(|error| error.to_string())?));
                for limit in limits {
                    let (file, content) = limit.on.file(limit.most);
                    group.write(file, &content)?;
                }
                // Where there is swap, it is no way round the limit.
                if group.folder.join("memory.swap.max").exists() && group.limits_memory() {
                    group.write("memory.swap.max", "0")?;
                }
                group.write("cgroup.procs", &process.to_string())?;
                Ok(group)
            }
        }
    }

    fn limits_memory(&self) -> bool {
        let memory = crate::group::Grouped::Memory;
        self.limits.iter().any(|limit| limit.on == memory)
    }

    fn write(&self, file: &str, content: &str) -> Result<(), String> {
        let path = self.folder.join(file);
        let open = File::options().write(true).open(&path);
        open.and_then(|mut file| file.write_all(content.as_bytes()))
            .map_err(|error| format!("writing {}: {error}", path.display()))
    }

    fn read(&self, file: &str) -> io::Result<String> {
        fs::read_to_string(self.folder.join(file))
    }

    /// The kernel says so itself: systemd leaves a limit out where it has not been given the controller.
    fn verify(&self) -> Result<(), String> {
        for limit in &self.limits {
            let (file, _) = limit.on.file(limit.most);
            let content = self.read(file).unwrap_or_default();
            if !limit.on.is_in_force(limit.most, &content) {
                let controller = limit.on.controller();
                let group = Text::from(self.folder.as_path());
                return Err(format!(
                    "{} {} is not in force in {group}: the controller `{controller}` was not handed down to it",
                    limit.on.name(),
                    limit.on.shown(limit.most)
                ));
            }
        }
        let swap = self.read("memory.swap.max");
        if self.limits_memory() && swap.is_ok_and(|most| most.trim() != "0") {
            return Err("swap is not limited with memory".into());
        }
        Ok(())
    }

    /// The limits that were met so far.
    pub(super) fn hit(&self) -> Vec<report::Limit> {
        let hit = self.limits.iter().filter_map(|limit| {
            let (file, key, from) = limit.on.count();
            let count = number_of(key, &self.read(file).ok()?)?;
            (count >= from).then(|| report::Limit {
                name: limit.on.name().to_owned(),
                value: limit.on.shown(limit.most),
                hit: limit.on.hit(count),
            })
        });
        hit.collect()
    }
}

/// Asks the user's systemd for a scope with `process` in it. Its environment is empty: the socket stands in an argument.
fn start_scope(
    busctl: &Text,
    bus: &Text,
    unit: &str,
    process: u32,
    limits: &[GroupLimit],
) -> Result<(), String> {
    let mut properties: Vec<[String; 3]> = Vec::new();
    let mut add = |name: &str, kind: &str, value: String| {
        properties.push([name.to_owned(), kind.to_owned(), value]);
    };
    add("Description", "s", "a session of claudebox".into());
    // A process that is ended for its memory is not the end of all: that is the default of what is delegated (systemd.service(5),
    // OOMPolicy=).
    add("Delegate", "b", "true".into());
    // Nothing of it stays to be looked at, however it ended.
    add("CollectMode", "s", "inactive-or-failed".into());
    for limit in limits {
        let (name, value) = limit.on.property(limit.most);
        add(name, "t", value.to_string());
        if name == "MemoryMax" {
            add("MemorySwapMax", "t", "0".into());
        }
    }
    let output = Command::new(busctl)
        .env_clear()
        .arg(format!("--address={}", address_of(bus)))
        .args(["--quiet", &format!("--timeout={}", LIMIT.as_secs()), "call"])
        .args(["org.freedesktop.systemd1", "/org/freedesktop/systemd1"])
        .args(["org.freedesktop.systemd1.Manager", "StartTransientUnit"])
        .args(["ssa(sv)a(sa(sv))", unit, "fail"])
        .arg((properties.len() + 1).to_string())
        .args(properties.iter().flatten())
        .args(["PIDs", "au", "1", &process.to_string(), "0"])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("running {busctl}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = escape(said.trim().as_ref());
    Err(format!("systemd at {bus} makes no scope: {said}"))
}

/// Waits until `process` is in `unit`; the folder of that.
fn moved(hierarchy: &Path, process: u32, unit: &str) -> Result<PathBuf, String> {
    let end = Instant::now() + LIMIT;
    loop {
        let cgroup = fs::read_to_string(format!("/proc/{process}/cgroup"))
            .map_err(|error| format!("what becomes bwrap is gone: {error}"))?;
        let path = unified(&cgroup).map(Path::new);
        if let Some(path) = path.filter(|path| path.ends_with(unit)) {
            return Ok(hierarchy.join(path.strip_prefix("/").unwrap_or(path)));
        }
        if Instant::now() > end {
            return Err(format!(
                "systemd put nothing into {unit} within {} s",
                LIMIT.as_secs()
            ));
        }
        std::thread::sleep(TURN);
    }
}
