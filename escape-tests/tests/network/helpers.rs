//! Owns the same session on every helper: pasta and slirp4netns as this machine has them, and the pinned versions that
//! `lab/helpers/install` brings. Each reaches what it should and nothing else, and is closed by itself, without a fence.

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use claudebox::config::Openings;
use claudebox::facts::{NetworkTools, Tool};
use claudebox::helper::{self, FORWARDER, Families, Flag, GATEWAY, Kind};
use claudebox::outer::join::NETWORK_PATH;
use escape_tests::harness::addresses::ADDRESSES;
use escape_tests::harness::network::behind_the_fence;
use escape_tests::harness::trial::Way;
use escape_tests::network_lab::entrance::{Resolver, Swap};
use escape_tests::network_lab::ground::Ground;
use escape_tests::network_lab::map::{NEIGHBOURS, OWN, PUBLIC, parsed};
use escape_tests::network_lab::names::PUBLIC_NAME;
use escape_tests::probe::{Act, Errno, Guard, Need, Probe};
use escape_tests::{probes, target_folder, until};
use libtest_mimic::{Completion, Failed, Trial};

use crate::scene::{Killed, Scene, all_of};

/// Which helper.
#[derive(Debug, Clone)]
pub(crate) struct Helper {
    kind: Kind,
    /// The folder of a pinned version; `None` for that of this machine.
    pinned: Option<PathBuf>,
}

impl Helper {
    /// That of this machine.
    pub(crate) const SLIRP4NETNS: Self = Self {
        kind: Kind::Slirp4netns,
        pinned: None,
    };

    const PASTA: Self = Self {
        kind: Kind::Pasta,
        pinned: None,
    };

    pub(crate) fn is_pasta(&self) -> bool {
        self.kind == Kind::Pasta
    }

    pub(crate) fn all() -> Vec<Self> {
        let of_this_machine = [Self::PASTA, Self::SLIRP4NETNS];
        let folders = fs::read_dir(target_folder().join("lab/helpers"));
        let folders = folders.into_iter().flatten().flatten();
        let pinned = folders.filter_map(|entry| {
            let folder = entry.path();
            let known = [Kind::Pasta, Kind::Slirp4netns].into_iter();
            let kind = known
                .into_iter()
                .find(|kind| folder.join(kind.name()).exists())?;
            Some(Self {
                kind,
                pinned: Some(folder),
            })
        });
        of_this_machine.into_iter().chain(pinned).collect()
    }

    pub(crate) fn name(&self) -> String {
        match &self.pinned {
            None => self.kind.name().into(),
            Some(folder) => folder.file_name().unwrap_or_default().display().to_string(),
        }
    }

    /// A lab where it is what the launcher finds.
    pub(crate) fn scene(&self) -> Result<Scene, Failed> {
        let mut scene = Scene::new(Resolver::Stub)?;
        scene.swaps = self.swaps(scene.no_program()?)?;
        Ok(scene)
    }

    /// Programs of the machine that are others, so that it is what the launcher finds. `nothing` is a file that nobody can run.
    fn swaps(&self, nothing: PathBuf) -> io::Result<Vec<Swap>> {
        let place = |kind: Kind| fs::canonicalize(Path::new("/usr/bin").join(kind.name()));
        let mut swaps = Vec::new();
        if let Some(folder) = &self.pinned {
            let (at, with) = (place(self.kind)?, folder.join(self.kind.name()));
            swaps.push(Swap { at, with });
        }
        if self.kind == Kind::Slirp4netns {
            let (at, with) = (place(Kind::Pasta)?, nothing);
            swaps.push(Swap { at, with });
        }
        Ok(swaps)
    }

    /// Whether this attack reaches something by this helper where its guards are taken away. By a pinned version only those are
    /// tried that are about the helper's own options: what the fence keeps away is the same behind any.
    fn bites(&self, name: &str, probe: &Probe) -> bool {
        let by_options = probe.behind == [Guard::HelperClosed];
        let by_the_fence = probe.behind == [Guard::EgressFence] && self.pinned.is_none();
        let carried = self.carries_six() || !NOT_BY_SLIRP.iter().any(|(known, _)| *known == name);
        (by_options || by_the_fence) && carried
    }

    /// What shows in the command line of its process.
    fn trace(&self) -> String {
        match &self.pinned {
            None if self.kind == Kind::Pasta => "pasta --foreground".into(),
            None => self.kind.name().into(),
            Some(folder) => folder.display().to_string(),
        }
    }

    fn carries_six(&self) -> bool {
        self.is_pasta()
    }

    /// Its program and the options that the launcher gives it.
    fn options(&self) -> Result<(PathBuf, Vec<Flag>), Failed> {
        let folder = self.pinned.as_deref().unwrap_or(Path::new("/usr/bin"));
        let program = folder.join(self.kind.name());
        if self.kind == Kind::Slirp4netns {
            return Ok((program, helper::slirp4netns()));
        }
        let help = Command::new(&program).arg("--help").output()?;
        let help = [help.stdout, help.stderr].concat();
        let help = String::from_utf8_lossy(&help);
        let words = help.split(|one: char| one.is_whitespace() || one == ',');
        let options = words.filter_map(|word| word.strip_prefix("--"));
        let tools = NetworkTools {
            tun: Some(true),
            nft: Tool::Missing,
            nf_tables: true,
            pasta: Tool::Missing,
            pasta_knows: options.map(str::to_owned).collect(),
            slirp4netns: Tool::Missing,
        };
        let both = Families {
            four: true,
            six: true,
        };
        let flags = helper::pasta(&tools, both, Some(FORWARDER.0.into()), &Openings::default());
        Ok((program, flags))
    }
}

/// Attacks that reach nothing by slirp4netns, whatever is taken away, and why.
const NOT_BY_SLIRP: [(&str, &str); 2] = [
    (
        "inet_loopback",
        "the loopback inside leads nowhere, whatever its options",
    ),
    (
        "inet_inbound",
        "it opens a port only where it is told by a socket that it is not given",
    ),
];

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for helper in Helper::all() {
        let (one, other, name) = (helper.clone(), helper.clone(), helper.name());
        trials.push(super::in_the_lab(
            format!("helpers::{name}_reaches_the_internet_alone"),
            move || reaches_the_internet_alone(&one),
        ));
        trials.push(super::in_the_lab(
            format!("helpers::{name}_is_closed_by_itself"),
            move || closed_by_itself(&other),
        ));
    }
    // Those of this machine's pasta are tried with all other probes.
    let others = Helper::all()
        .into_iter()
        .filter(|one| !one.is_pasta() || one.pinned.is_some());
    for helper in others {
        for (name, probe) in on_inet() {
            let mut ways = vec![(Way::CommandLine, "holds")];
            if helper.bites(name, probe) {
                ways.push((Way::Bites, "bites"));
            }
            for (way, called) in ways {
                let (helper, title) = (helper.clone(), helper.name());
                trials.push(super::in_the_lab(
                    format!("helpers::{title}::{name}::{called}"),
                    move || probe_on(&helper, name, probe, way),
                ));
            }
        }
    }
    if Helper::all().iter().all(|one| one.pinned.is_none()) {
        trials.push(Trial::ignorable_test("helpers::pinned_versions", || {
            Ok(Completion::ignored_with(
                "no pinned helper is installed; escape-tests/lab/helpers/install brings them",
            ))
        }));
    }
    trials
}

/// The probes of the tier.
fn on_inet() -> impl Iterator<Item = (&'static str, &'static Probe)> {
    let all = probes::ALL.iter().map(|(name, probe)| (*name, probe));
    all.filter(|(name, probe)| name.starts_with("inet_") && probe.needs == [Need::NetworkLab])
}

/// A probe as it is tried with every guard, on another helper.
fn probe_on(helper: &Helper, name: &str, probe: &Probe, way: Way) -> Result<(), Failed> {
    let mut trial = super::trial_of(name, probe);
    trial.way = way;
    let mut lab = trial.lab()?;
    let nothing = lab.caller.folder().join("no-program");
    fs::write(&nothing, "")?;
    lab.swaps = helper.swaps(nothing)?;
    if let Some(ground) = &mut lab.bait.ground {
        ground.six = helper.carries_six();
    }
    Ok(trial.run_in(&mut lab)?)
}

/// NET-01, NET-06, NET-08: names resolve and the internet is reached by TCP and UDP; all else is refused as the fence refuses, and
/// nobody there hears anything.
fn reaches_the_internet_alone(helper: &Helper) -> Result<(), Failed> {
    let scene = helper.scene()?;
    let listed = ADDRESSES.iter().map(|(_, address, _)| *address);
    let listed: Vec<&str> = listed.chain(NEIGHBOURS).chain(OWN).collect();
    let mut addresses = parsed(&PUBLIC);
    addresses.extend(parsed(&listed));
    addresses.extend([IpAddr::from(GATEWAY.0), IpAddr::from(GATEWAY.1)]);
    let mut session = scene.knock(&["inet"], 0, &addresses)?;
    let round = session.round()?;
    let (own, trace) = (scene.lab.host_name()?, helper.trace());
    let processes = all_of(|process| process.is_in(&own) && process.line.contains(&trace));
    drop(session);
    if processes.is_empty() {
        return Err(format!("no {trace} carries the packets").into());
    }
    let ground = Ground {
        resolver: scene.resolver,
        port: scene.watch.port,
        heard: scene.heard.clone(),
        six: helper.carries_six(),
    };
    let mut wrong = Vec::new();
    for (number, (address, seen)) in addresses.iter().zip(&round).enumerate() {
        let wanted = match behind_the_fence("tcp", *address) {
            _ if !ground.carries(*address) => {
                format!("{:?}", Errno::ENETUNREACH)
            }
            _ if number < PUBLIC.len() => "reached".to_owned(),
            Act::Refused(errno) => format!("{:?}", Errno::from_raw(errno)),
            other => other.to_string(),
        };
        if *seen != wanted {
            wrong.push(format!("{address}: {seen}, not {wanted}"));
        }
    }
    if round.len() != addresses.len() {
        wrong.push(format!("{} answers", round.len()));
    }
    let heard = scene.elsewhere()?;
    if !wrong.is_empty() || !heard.is_empty() {
        return Err(format!("{wrong:?}, heard {heard:?}").into());
    }
    let mut getent = scene.claudebox(
        &["inet"],
        &["getent", "ahosts", PUBLIC_NAME].map(Into::into),
    );
    getent.stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = scene.spawn(&mut getent)?.wait_with_output()?;
    let said = String::from_utf8_lossy(&ended.stdout);
    match PUBLIC[..2].iter().find(|address| !said.contains(**address)) {
        None => Ok(()),
        Some(address) => {
            let why = String::from_utf8_lossy(&ended.stderr);
            Err(format!("{PUBLIC_NAME} does not lead to {address}: {said}\n{why}").into())
        }
    }
}

/// NET-20, NET-21: without a fence too, the router that the helper plays leads nobody to the host's loopback. Without the options
/// that close it, it does.
fn closed_by_itself(helper: &Helper) -> Result<(), Failed> {
    for closed in [true, false] {
        let scene = helper.scene()?;
        let round = bare(&scene, helper, closed)?;
        let contacts = scene.contacts()?;
        let host = contacts.iter().filter(|one| one.site == "host").count();
        let public = contacts.iter().any(|one| one.to == parsed(&PUBLIC)[0]);
        if !public || (host == 0) != closed {
            return Err(format!("closed: {closed}, {round}, heard {contacts:?}").into());
        }
    }
    Ok(())
}

/// As the launcher does it: pasta gives up what it needs to enter a namespace of a process (proc(5), `/proc/PID/ns`).
fn see_namespace(process: u32) -> String {
    format!(
        "mount -t tmpfs none /tmp && : >{NETWORK_PATH} && mount --bind /proc/{process}/ns/net {NETWORK_PATH} && exec \"$@\""
    )
}

/// Knocks at the router, behind the helper with the options of the launcher, and without a fence.
fn bare(scene: &Scene, helper: &Helper, closed: bool) -> Result<String, Failed> {
    let piped = |command: &mut Command| -> Result<Child, Failed> {
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        Ok(scene.lab.spawn(Resolver::Stub, command)?)
    };
    let mut shell = scene.caller.command("unshare");
    shell.args(["--user", "--map-root-user", "--net", "--", "sh", "-c"]);
    shell.arg("ip link set lo up; echo ready; exec sleep 60");
    let mut shell = Killed(piped(&mut shell)?);
    let mut line = String::new();
    BufReader::new(shell.0.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    let number = shell.0.id();
    let enter = |more: &[&str], program: &Path| {
        let mut nsenter = scene.caller.command("nsenter");
        nsenter.arg(format!("--target={number}"));
        nsenter
            .args(["--user", "--preserve-credentials"])
            .args(more);
        nsenter.arg("--").arg(program);
        nsenter
    };
    let (program, flags) = helper.options()?;
    let mut command = enter(&[], Path::new("unshare"));
    command.args(["--mount", "--", "sh", "-c", &see_namespace(number), "sh"]);
    command.arg(&program);
    let words = flags.iter().filter(|flag| closed || !flag.closes);
    let words = words.flat_map(|flag| flag.words.clone());
    command.args(words.chain(helper::target(helper.kind)).map(OsString::from));
    let _helper = Killed(piped(&mut command)?);
    let routes = format!("/proc/{number}/net/route");
    until("a default route", Duration::from_secs(5), || {
        let routes = fs::read_to_string(&routes).ok()?;
        routes.contains("\t00000000\t").then_some(())
    });
    let mut knock = enter(&["--net"], Path::new(env!("CARGO_BIN_EXE_knocker")));
    knock.args([&scene.watch.port.to_string(), "1", PUBLIC[0]]);
    knock.args([GATEWAY.0.to_string(), GATEWAY.1.to_string()]);
    let ended = piped(&mut knock)?.wait_with_output()?;
    Ok(String::from_utf8(ended.stdout)?)
}
