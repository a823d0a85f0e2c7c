//! Owns what one session in a lab that stays as it is cannot show of the tier `inet`: a network that changes while a session runs,
//! many starts, and a turn of a client on the internet of the lab.

use std::ffi::OsString;
use std::fs;
use std::net::IpAddr;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use escape_tests::harness::network::REFUSED;
use escape_tests::network_lab::entrance::Resolver;
use escape_tests::network_lab::map::{NEIGHBOURS, OWN, PUBLIC, Site, parsed};
use escape_tests::network_lab::watch::word;
use escape_tests::until;
use libtest_mimic::{Failed, Trial};
use nix::sys::signal::{Signal, kill};

use crate::scene::{Scene, helpers_in, processes_in};
use crate::weaker::Without;

/// How soon the fence follows the host (NET-09).
const FOLLOWS: Duration = Duration::from_secs(2);

/// Longer than the kernel goes on with a connection that nobody answers: 7 s in the lab.
const UNDER_WAY: Duration = Duration::from_secs(20);

/// How many sessions are started to catch a fence that comes late (NET-36).
const STARTS: usize = 200;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        super::in_the_lab("drivers::a_new_address_is_refused_soon", a_new_address),
        super::in_the_lab("drivers::not_followed_it_is_reached", not_followed),
        super::in_the_lab("drivers::a_new_route_is_refused_soon", a_new_route),
        super::in_the_lab("drivers::an_exception_opens_just_that", exceptions),
        super::in_the_lab("drivers::no_packet_before_the_fence", no_packet_before),
        super::in_the_lab("drivers::a_killed_session_leaves_nothing", nothing_is_left),
        super::in_the_lab("drivers::not_a_child_the_helper_stays", something_is_left),
    ];
    for resolver in Resolver::ALL {
        let name = format!("drivers::names_work_by_{resolver:?}").to_lowercase();
        trials.push(super::in_the_lab(name, move || names_work(resolver)));
    }
    trials.push(super::in_the_lab(
        "drivers::a_knocker_is_heard",
        a_knocker_is_heard,
    ));
    trials
}

/// The driver's own proof: on `full` a knocker reaches and is heard, on `none` it is not.
fn a_knocker_is_heard() -> Result<(), Failed> {
    let scene = Scene::new(Resolver::Stub)?;
    let addresses = parsed(&[PUBLIC[0], "192.168.77.11"]);
    let mut session = scene.knock(&["none"], 0, &addresses)?;
    session.until(1, "ENETUNREACH")?;
    drop(session);
    if !scene.contacts()?.is_empty() {
        return Err(format!("heard on `none`: {:?}", scene.contacts()?).into());
    }
    let mut session = scene.knock(&["full"], 0, &addresses)?;
    session.until(0, "reached")?;
    session.until(1, "reached")?;
    drop(session);
    let sites: Vec<String> = scene.contacts()?.into_iter().map(|one| one.site).collect();
    for site in [Site::Internet, Site::Lan] {
        if !sites.contains(&site.name().to_owned()) {
            return Err(format!("{} heard nothing", site.name()).into());
        }
    }
    Ok(())
}

/// What `ip` is told on the host and on the local network where a public network becomes the host's own link, as on a new wireless
/// network.
const NEW_LINK: [&str; 2] = [
    "addr add 151.101.65.1/24 dev eth0\naddr add 2a04:4e42::1/64 dev eth0 nodad\n",
    "addr add 151.101.65.69/24 dev eth0\naddr add 2a04:4e42::347/64 dev eth0 nodad\n",
];

/// NET-09: the host has a new address while a session runs.
fn a_new_address() -> Result<(), Failed> {
    let [on_host, on_lan] = NEW_LINK;
    changed(on_host, on_lan)
}

/// The same under a plan that does not follow the network: who has the address now is reached.
fn not_followed() -> Result<(), Failed> {
    let mut scene = Scene::new(Resolver::Stub)?;
    scene.launcher = Without::Following.place(scene.caller.folder())?;
    let addresses = parsed(&PUBLIC);
    let mut session = scene.knock(&["inet"], 0, &addresses)?;
    for number in 0..addresses.len() {
        session.until(number, "reached")?;
    }
    let [on_host, on_lan] = NEW_LINK;
    scene.lab.at(Site::Lan).ip(&[], on_lan)?;
    scene.lab.at(Site::Host).ip(&[], on_host)?;
    let end = Instant::now() + FOLLOWS;
    while Instant::now() < end {
        session.round()?;
    }
    let round = session.round()?;
    let on_lan = scene.contacts()?.into_iter();
    let on_lan = on_lan.filter(|one| one.site == Site::Lan.name() && addresses.contains(&one.to));
    if round != ["reached"; 4] || on_lan.count() == 0 {
        return Err(format!("nobody followed, and still: {round:?}").into());
    }
    Ok(())
}

/// NET-09: a VPN comes up, with routes in a table of its own.
fn a_new_route() -> Result<(), Failed> {
    changed(
        "route add 151.101.65.0/24 dev tailscale0 table 52\nroute add 2a04:4e42::/64 dev tailscale0 table 52\n",
        "",
    )
}

/// What `ip` is told on the host and on the local network makes two addresses inner ones that were public. They are refused soon,
/// and the others are reached all the while. How soon is measured up to three times, as a machine may have much else to do;
/// the rest must be so each time.
fn changed(on_host: &str, on_lan: &str) -> Result<(), Failed> {
    let mut late = Vec::new();
    for _ in 0..3 {
        match refused_after(on_host, on_lan)? {
            soon if soon <= FOLLOWS => return Ok(()),
            more => late.push(more),
        }
    }
    Err(format!("refused only after {late:?}").into())
}

/// How long it took until both were refused.
fn refused_after(on_host: &str, on_lan: &str) -> Result<Duration, Failed> {
    let scene = Scene::new(Resolver::Stub)?;
    let addresses = parsed(&PUBLIC);
    let mut session = scene.knock(&["inet"], 0, &addresses)?;
    for number in 0..addresses.len() {
        session.until(number, "reached")?;
    }
    scene.lab.at(Site::Lan).ip(&[], on_lan)?;
    scene.lab.at(Site::Host).ip(&[], on_host)?;
    let refused = format!("{REFUSED:?}");
    let four = session.until(2, &refused)?;
    let six = session.until(3, &refused)?;
    // What was under way by then is still heard: of a connection that the helper had begun, the kernel of the host sends the SYN again
    // after 1 and 3 s (RFC 6298; tcp_syn_retries of the lab). Nothing of the session passes over it.
    let end = Instant::now() + UNDER_WAY;
    while begun(&scene, &addresses[2..])? {
        if Instant::now() > end {
            return Err("what the helper had begun does not end".into());
        }
        thread::sleep(Duration::from_millis(100));
    }
    let before = scene.contacts()?.len();
    for _ in 0..5 {
        let round = session.round()?;
        if round != ["reached", "reached", &refused, &refused] {
            return Err(format!("later: {round:?}").into());
        }
    }
    let later = scene.contacts()?.split_off(before);
    let inner = later.iter().find(|one| addresses[2..].contains(&one.to));
    match inner {
        None => Ok(four + six),
        Some(one) => Err(format!("heard later: {one}").into()),
    }
}

/// Whether the host has a connection to one of these that is not answered (state 02 of proc_net_tcp.rst, SYN_SENT).
fn begun(scene: &Scene, addresses: &[IpAddr]) -> Result<bool, Failed> {
    // As the kernel writes them: each four octets as one number of the machine.
    let hexadecimal = |address: &IpAddr| {
        let octets = match address {
            IpAddr::V4(four) => four.octets().to_vec(),
            IpAddr::V6(six) => six.octets().to_vec(),
        };
        let (numbers, _) = octets.as_chunks::<4>();
        let numbers = numbers.iter().copied().map(u32::from_ne_bytes);
        numbers
            .map(|number| format!("{number:08X}"))
            .collect::<String>()
    };
    let wanted: Vec<String> = addresses.iter().map(hexadecimal).collect();
    let tables = scene.lab.at(Site::Host).within(|| {
        let four = fs::read_to_string("/proc/thread-self/net/tcp")?;
        Ok(four + &fs::read_to_string("/proc/thread-self/net/tcp6")?)
    })?;
    Ok(tables.lines().any(|line| {
        let mut words = line.split_ascii_whitespace().skip(2);
        let (to, state) = (words.next(), words.next());
        let to = to.and_then(|to| to.split_once(':'));
        state == Some("02") && to.is_some_and(|(to, _)| wanted.iter().any(|one| one == to))
    }))
}

/// NET-07: `--allow` opens one port at one address, of either family or of a name as it is at the start, by TCP. Another address,
/// another port and datagrams stay closed.
fn exceptions() -> Result<(), Failed> {
    let scene = Scene::new(Resolver::Stub)?;
    let (port, [four, six]) = (scene.watch.port, ["192.168.77.11", "2600:1901:77::11"]);
    // Who listens at another port for nobody.
    let nobody = scene.lab.watch(&scene.caller.folder().join("nobody"))?;
    let addresses = parsed(&[PUBLIC[0], four, six, "192.168.77.1", "2600:1901:77::1"]);
    let refused = format!("{REFUSED:?}");
    let shut = refused.as_str();
    let opened = "udp-refused-with-EPERM";
    let name = format!("inner.{}.lab.example", word(port));
    for (allowed, wanted) in [
        (
            format!("{four}:{port}"),
            ["reached", opened, shut, shut, shut],
        ),
        (
            format!("[{six}]:{port}"),
            ["reached", shut, opened, shut, shut],
        ),
        (
            format!("{name}:{port}"),
            ["reached", opened, opened, shut, shut],
        ),
        (
            format!("{four}:{}", nobody.port),
            ["reached", shut, shut, shut, shut],
        ),
    ] {
        // A helper may lose a packet of what is open; what is shut is so each time.
        let mut rounds = Vec::new();
        while rounds.last().is_none_or(|round| round != &wanted) {
            let mut session = scene.knock(&["inet", "--allow", &allowed], 1, &addresses)?;
            let round = session.round()?;
            let mut pairs = round.iter().zip(wanted);
            let open = pairs.any(|(seen, wanted)| wanted == shut && seen != shut);
            rounds.push(round);
            if open || rounds.len() > 3 {
                return Err(format!("--allow {allowed}: {rounds:?}").into());
            }
        }
    }
    Ok(())
}

/// NET-36. Whoever listens on the local network or on the host hears nothing of 200 sessions that knock from their first
/// instruction on.
fn no_packet_before() -> Result<(), Failed> {
    let scene = Scene::new(Resolver::Stub)?;
    let mut addresses = parsed(&NEIGHBOURS);
    addresses.extend(parsed(&OWN));
    // Last, so that it is the end of the one round.
    addresses.push(parsed(&PUBLIC)[0]);
    let started: Result<(), String> = thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| -> Result<(), String> {
                    let (mut reached, mut late) = (0, 0);
                    while reached < STARTS / 4 {
                        let failed = |error: Failed| format!("{error:?}");
                        let mut session = scene.knock(&["inet"], 1, &addresses).map_err(failed)?;
                        let round = session.round().map_err(failed)?;
                        if round.last().is_some_and(|act| act == "reached") {
                            reached += 1;
                            continue;
                        }
                        // A machine with much else to do: such a start proves nothing, and is not counted.
                        late += 1;
                        if late > STARTS / 8 {
                            return Err(format!("the public side was not reached: {round:?}"));
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        let mut ended = workers.into_iter().map(thread::ScopedJoinHandle::join);
        ended.try_for_each(|ended| ended.unwrap_or_else(|_| Err("it panicked".into())))
    });
    started?;
    match scene.elsewhere()?.as_slice() {
        [] => Ok(()),
        heard => Err(format!("heard: {heard:?}").into()),
    }
}

/// NET-41: after a launcher was killed the host has the devices, addresses, routes, rules and tables that it had, and no helper.
fn nothing_is_left() -> Result<(), Failed> {
    let scene = Scene::new(Resolver::Stub)?;
    // The kernel tells the state of a new link up to a second later (linkwatch).
    let up = |line: &str| line.contains("docker0:") && line.contains(" state UP ");
    let settled = || {
        let shown = scene.lab.at(Site::Host).shown().ok()?;
        shown.lines().any(up).then_some(shown)
    };
    let before = until("the bridge of the lab", Duration::from_secs(5), settled);
    let mut session = scene.knock(&["inet"], 0, &parsed(&PUBLIC))?;
    session.until(0, "reached")?;
    drop(session);
    let end = Instant::now() + Duration::from_secs(3);
    loop {
        let after = scene.lab.at(Site::Host).shown()?;
        let name = scene.lab.host_name()?;
        let helpers = helpers_in(&name);
        if after == before && helpers.is_empty() {
            return Ok(());
        }
        if Instant::now() > end {
            let new = after.lines().find(|line| !before.contains(line));
            return Err(format!("left: {new:?}, helpers {helpers:?}").into());
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// The same where the helper is no child of the launcher: it stays. Where the launcher sees its child end before the network is there,
/// it starts nothing, and that is tried again.
fn something_is_left() -> Result<(), Failed> {
    let mut said = Vec::new();
    for _ in 0..5 {
        let mut scene = Scene::new(Resolver::Stub)?;
        scene.launcher = Without::Foreground.place(scene.caller.folder())?;
        let mut session = scene.knock(&["inet"], 0, &parsed(&PUBLIC))?;
        let reached = session.until(0, "reached");
        drop(session);
        thread::sleep(FOLLOWS);
        let left = processes_in(&scene.lab.host_name()?);
        for (pid, _) in &left {
            let _ = kill(*pid, Signal::SIGKILL);
        }
        if !left.is_empty() {
            return Ok(());
        }
        said.push(format!("{reached:?}"));
    }
    Err(format!("no helper stayed, though nothing ends it: {said:?}").into())
}

/// NET-08: a name of the internet is resolved behind each kind of resolver, and reached by it. The resolver of the host hears the
/// question, and nobody else does.
fn names_work(resolver: Resolver) -> Result<(), Failed> {
    let scene = Scene::new(resolver)?;
    let name = escape_tests::network_lab::names::PUBLIC_NAME;
    let command = ["getent", "ahosts", name].map(OsString::from);
    let mut claudebox = scene.claudebox(&["inet"], &command);
    claudebox
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let ended = scene
        .lab
        .spawn(resolver, &mut claudebox)?
        .wait_with_output()?;
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    for address in &PUBLIC[..2] {
        if !said.contains(address) {
            let why = String::from_utf8_lossy(&ended.stderr);
            return Err(format!("{name} does not lead to {address}: {said}\n{why}").into());
        }
    }
    Ok(())
}
