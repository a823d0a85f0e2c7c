//! Owns the same session on every helper: pasta as this machine has it, the pinned versions of passt that `lab/passt/install`
//! brings, and slirp4netns. Each reaches what it should and nothing else, and is closed by itself, without a fence.

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
use escape_tests::harness::network::answered;
use escape_tests::harness::start::LIMIT;
use escape_tests::harness::trial::Way;
use escape_tests::network_lab::entrance::{Resolver, Swap};
use escape_tests::network_lab::map::{NEIGHBOURS, OWN, PUBLIC, parsed};
use escape_tests::network_lab::names::PUBLIC_NAME;
use escape_tests::probe::{Act, Errno, Guard, Need, Probe};
use escape_tests::{probes, target_folder, until};
use libtest_mimic::{Completion, Failed, Trial};

use crate::scene::{Killed, Scene, all_of};

/// Which helper.
#[derive(Debug, Clone)]
pub(crate) enum Helper {
    /// pasta as this machine has it.
    Pasta,
    /// A pinned version, by its folder.
    Version(PathBuf),
    /// slirp4netns, where there is no pasta.
    Slirp4netns,
}

impl Helper {
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![Helper::Pasta, Helper::Slirp4netns];
        let pinned = fs::read_dir(target_folder().join("lab/passt"));
        let pinned = pinned.into_iter().flatten().flatten();
        let pinned = pinned.map(|entry| entry.path());
        all.extend(
            pinned
                .filter(|folder| folder.join("pasta").exists())
                .map(Helper::Version),
        );
        all
    }

    pub(crate) fn name(&self) -> String {
        match self {
            Helper::Pasta => "pasta".into(),
            Helper::Slirp4netns => "slirp4netns".into(),
            Helper::Version(folder) => {
                let version = folder.file_name().unwrap_or_default();
                format!("passt_{}", version.display())
            }
        }
    }

    /// A lab where it is what the launcher finds.
    pub(crate) fn scene(&self) -> Result<Scene, Failed> {
        let mut scene = Scene::new(Resolver::Stub)?;
        scene.swaps.extend(self.swap()?);
        if matches!(self, Helper::Slirp4netns) {
            let (at, with) = (fs::canonicalize("/usr/bin/pasta")?, scene.no_program()?);
            scene.swaps.push(Swap { at, with });
        }
        Ok(scene)
    }

    /// A pinned version is in the place of this machine's.
    fn swap(&self) -> io::Result<Option<Swap>> {
        let Helper::Version(folder) = self else {
            return Ok(None);
        };
        let (at, with) = (fs::canonicalize("/usr/bin/pasta")?, folder.join("pasta"));
        Ok(Some(Swap { at, with }))
    }

    /// What shows in the command line of its process.
    fn trace(&self) -> String {
        match self {
            Helper::Pasta => "pasta --foreground".into(),
            Helper::Slirp4netns => "slirp4netns".into(),
            Helper::Version(folder) => folder.display().to_string(),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Helper::Slirp4netns => Kind::Slirp4netns,
            Helper::Pasta | Helper::Version(_) => Kind::Pasta,
        }
    }

    fn carries_six(&self) -> bool {
        !matches!(self, Helper::Slirp4netns)
    }

    /// Its program and the options that the launcher gives it.
    fn options(&self) -> Result<(PathBuf, Vec<Flag>), Failed> {
        let program = match self {
            Helper::Slirp4netns => return Ok(("slirp4netns".into(), helper::slirp4netns())),
            Helper::Pasta => PathBuf::from("/usr/bin/pasta"),
            Helper::Version(folder) => folder.join("pasta"),
        };
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
    let pinned = Helper::all()
        .into_iter()
        .filter(|one| matches!(one, Helper::Version(_)));
    for helper in pinned {
        for (name, probe) in on_inet() {
            let mut ways = vec![(Way::CommandLine, "holds")];
            if probe.behind == [Guard::HelperClosed] {
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
    if trials.len() == 4 {
        trials.push(Trial::ignorable_test("helpers::pinned_versions", || {
            Ok(Completion::ignored_with(
                "no pinned passt is installed; escape-tests/lab/passt/install brings them",
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
    trial.limit = 3 * LIMIT;
    let mut lab = trial.lab()?;
    lab.swaps.extend(helper.swap()?);
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
    let mut wrong = Vec::new();
    for (number, (address, seen)) in addresses.iter().zip(&round).enumerate() {
        let plain = address.to_canonical();
        let wanted = match answered("tcp", *address) {
            _ if !helper.carries_six() && needs_a_router(plain) => {
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

/// Whether it is of IPv6 and leads over a router, of which there is none where a helper carries IPv4 alone.
fn needs_a_router(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(six) => {
            !six.is_loopback() && !six.is_unspecified() && !six.is_unicast_link_local()
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
    command.args(
        words
            .chain(helper::target(helper.kind()))
            .map(OsString::from),
    );
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
