//! Owns tests of the lab itself: each listener is reached and says by whom, two labs know nothing of each other, nothing is left of
//! one whose process was killed, and its names lead where they say.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use escape_tests::harness::addresses::ADDRESSES;
use escape_tests::harness::network;
use escape_tests::harness::packets::{echo, tcp, udp};
use escape_tests::network_lab::entrance::Resolver;
use escape_tests::network_lab::map::{NEIGHBOURS, OWN, PUBLIC, Site, parsed};
use escape_tests::network_lab::watch::{contacts, word};
use escape_tests::network_lab::{NetworkLab, shared};
use escape_tests::probe::{Act, Expect, Probe, Tier};
use escape_tests::{BOXER, SOON, until};
use libtest_mimic::{Failed, Trial};
use nix::sched::{CloneFlags, setns};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        super::in_the_lab("honest::each_listener_is_reached", each_listener_is_reached),
        super::in_the_lab("honest::two_labs_are_two", two_labs_are_two),
        super::in_the_lab("honest::nothing_is_left_of_a_killed_one", nothing_is_left),
        super::in_the_lab(
            "honest::names_lead_where_they_say",
            names_lead_where_they_say,
        ),
        super::in_the_lab(
            "honest::each_resolver_hears_its_questions",
            each_resolver_hears,
        ),
        super::in_the_lab("honest::silence_of_the_public_side_fails", silence_fails),
        super::in_the_lab(
            "honest::this_machine_is_not_touched",
            this_machine_is_not_touched,
        ),
    ]
}

/// Every address of the tables.
fn all_addresses() -> BTreeSet<IpAddr> {
    let listed = ADDRESSES.iter().map(|(_, address, _)| *address);
    let listed = listed.chain(NEIGHBOURS).chain(OWN).chain(PUBLIC);
    parsed(&listed.collect::<Vec<_>>()).into_iter().collect()
}

/// Where an address is heard.
fn site_of(address: IpAddr) -> Site {
    let address = address.to_canonical();
    let metadata = [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "192.0.0.192",
        "168.63.129.16",
        "fd00:ec2::254",
        "fd20:ce::254",
    ];
    let mesh = [
        "100.64.0.1",
        "100.127.255.254",
        "100.100.100.100",
        "100.100.100.200",
        "45.83.64.9",
        "2a0b:f4c0:77::9",
        "fd7a:115c:a1e0::1",
        "fd7a:115c:a1e0::2",
    ];
    let host = address.is_loopback() || address.is_unspecified();
    let text = address.to_string();
    match text.as_str() {
        _ if host || OWN.contains(&text.as_str()) || text.starts_with("127.") => Site::Host,
        "172.17.0.2" | "fd00:d0c::2" => Site::Container,
        one if metadata.contains(&one) => Site::Metadata,
        one if mesh.contains(&one) => Site::Mesh,
        one if PUBLIC.contains(&one) => Site::Internet,
        _ => Site::Lan,
    }
}

fn each_listener_is_reached() -> Result<(), Failed> {
    let lab = shared()?;
    let folder = tempfile::tempdir()?;
    let heard = folder.path().join("heard");
    let watch = lab.watch(&heard)?;
    let mut wrong = Vec::new();
    for address in all_addresses() {
        let before = contacts(&heard).len();
        let acts = lab.at(Site::Host).within(|| {
            let port = watch.port;
            Ok([
                tcp(address, port),
                udp(address, port),
                echo(address, &word(port)),
            ])
        })?;
        watch.settle()?;
        let new = contacts(&heard).split_off(before);
        let shown = match address.to_canonical() {
            one if one.is_unspecified() && one.is_ipv4() => IpAddr::from([127, 0, 0, 1]),
            one if one.is_unspecified() => "::1".parse()?,
            one => one,
        };
        for (by, act) in ["tcp", "udp", "icmp"].into_iter().zip(acts) {
            // The kernel takes `::` for the loopback, but not for an echo request: that leaves the host.
            let (site, to) = match (by, address) {
                ("icmp", IpAddr::V6(six)) if six.is_unspecified() => (Site::Lan, address),
                _ => (site_of(address), shown),
            };
            let site = site.name();
            let mut counted = new.iter();
            let counted = counted.any(|one| one.by == by && one.to == to && one.site == site);
            let to_many = by == "tcp" && act == Act::Refused(nix::libc::ENETUNREACH);
            if !(to_many || act == Act::Reached && counted) {
                wrong.push(format!(
                    "{by} {address}: {act}, heard at {site}: {counted}, of {new:?}"
                ));
            }
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}

fn two_labs_are_two() -> Result<(), Failed> {
    let (one, other) = (shared()?, NetworkLab::new()?);
    let folder = tempfile::tempdir()?;
    let (heard, not_heard) = (folder.path().join("one"), folder.path().join("other"));
    // One port in both.
    let mut watches = (one.watch(&heard)?, other.watch(&not_heard)?);
    while watches.0.port != watches.1.port {
        if watches.0.port < watches.1.port {
            watches.0 = one.watch(&heard)?;
        } else {
            watches.1 = other.watch(&not_heard)?;
        }
    }
    let port = watches.0.port;
    let neighbour = IpAddr::from([192, 168, 77, 11]);
    let act = one.at(Site::Host).within(|| Ok(tcp(neighbour, port)))?;
    watches.0.settle()?;
    watches.1.settle()?;
    let counts = (contacts(&heard).len(), contacts(&not_heard).len());
    if act != Act::Reached || counts != (1, 0) {
        return Err(format!("{act}, heard {counts:?}").into());
    }
    Ok(())
}

/// The other half of [`nothing_is_left`]: says where its local network is, and waits.
pub(crate) fn wait_with_a_lab() -> ExitCode {
    let lab = match NetworkLab::new() {
        Ok(lab) => lab,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            return ExitCode::FAILURE;
        }
    };
    let _ = writeln!(std::io::stdout(), "{}", lab.at(Site::Lan).path().display());
    std::thread::sleep(SOON);
    drop(lab);
    ExitCode::SUCCESS
}

/// The local network is held by this process too when the other is killed. Its device is one end of a pair: that it vanishes shows
/// that the host of that lab did (veth(4)).
fn nothing_is_left() -> Result<(), Failed> {
    let mut this = Command::new(std::env::current_exe()?);
    let mut child = this.arg(super::WAITS).stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("no standard output")?).read_line(&mut line)?;
    let lan = fs::File::open(Path::new(line.trim()));
    let devices = || -> Option<String> {
        let lan = lan.as_ref().ok()?;
        std::thread::scope(|scope| {
            let look = scope.spawn(|| {
                setns(lan, CloneFlags::CLONE_NEWNET).ok()?;
                fs::read_to_string("/proc/thread-self/net/dev").ok()
            });
            look.join().ok()?
        })
    };
    let there = devices().is_some_and(|devices| devices.contains("eth0:"));
    child.kill()?;
    child.wait()?;
    if !there {
        return Err("the other lab had no local network".into());
    }
    until("the end of the other lab", Duration::from_secs(5), || {
        devices().filter(|devices| !devices.contains("eth0:"))
    });
    Ok(())
}

/// What a program on the host is told of a name.
fn led_to(resolver: Resolver, name: &str) -> Result<BTreeSet<String>, Failed> {
    use std::os::unix::process::CommandExt;
    let mut getent = Command::new("getent");
    getent.args(["ahosts", name]).uid(BOXER).gid(BOXER);
    getent.stdin(Stdio::null()).stdout(Stdio::piped());
    let ended = shared()?.spawn(resolver, &mut getent)?.wait_with_output()?;
    let said = String::from_utf8(ended.stdout)?;
    let addresses = said.lines().filter_map(|line| line.split(' ').next());
    Ok(addresses.map(str::to_owned).collect())
}

fn names_lead_where_they_say() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let watch = shared()?.watch(&folder.path().join("heard"))?;
    let own = |kind: &str| format!("{kind}.{}.lab.example", word(watch.port));
    let (inner, public) = (
        ["192.168.77.11", "2600:1901:77::11"],
        [PUBLIC[0], PUBLIC[1]],
    );
    let again = ["127.0.0.1", "192.168.77.11", "2600:1901:77::11"];
    for (name, addresses) in [
        ("public.lab.example".to_owned(), &public[..]),
        (own("inner"), &inner),
        (own("mixed"), &["192.168.77.11", PUBLIC[0], PUBLIC[1]]),
        (own("flip"), &public),
        (own("flip"), &again),
        (own("cname"), &inner),
        (own("meta"), &["169.254.169.254", "fd00:ec2::254"]),
        ("git.intranet.lab.example".to_owned(), &inner),
        ("printer".to_owned(), &["192.168.77.11"]),
        // Not below what the host searches.
        ("nobody.example.".to_owned(), &[]),
    ] {
        let found = led_to(Resolver::Stub, &name)?;
        let wanted: BTreeSet<String> = addresses.iter().map(|one| (*one).to_owned()).collect();
        if found != wanted {
            return Err(format!("{name} leads to {found:?}").into());
        }
    }
    Ok(())
}

fn each_resolver_hears() -> Result<(), Failed> {
    for resolver in Resolver::ALL {
        let folder = tempfile::tempdir()?;
        let heard = folder.path().join("heard");
        let watch = shared()?.watch(&heard)?;
        led_to(resolver, &format!("inner.{}.lab.example", word(watch.port)))?;
        watch.settle()?;
        let asked = contacts(&heard);
        let there = |address: IpAddr| address.to_string() == resolver.address();
        if asked.is_empty() || !asked.iter().all(|one| one.by == "dns" && there(one.to)) {
            return Err(format!("{resolver:?}: {asked:?}").into());
        }
    }
    Ok(())
}

/// A report that is all that could be wished, of a session that reached nobody: and one that reached too much.
fn silence_fails() -> Result<(), Failed> {
    let probe = Probe {
        expect: Expect::Reached,
        harmed: network::heard,
        tiers: &[Tier::Full],
        networks: Some(Resolver::Stub),
        ..Probe::USUAL
    };
    let report = r#"echo '{"probe":"twin_lab_on_full","seen":{"all":"reached"}}'"#;
    let inner = ["192.168.77.11"];
    for (reached, words) in [
        (Vec::new(), "the public side of the lab was not reached"),
        (
            [&PUBLIC[..], &inner].concat(),
            "contacts in the lab, first: lan",
        ),
    ] {
        let mut trial = super::trial_of("twin_lab_on_full", &probe);
        let mut lab = trial.lab()?;
        let port = lab.bait.ground.as_ref().ok_or("no lab")?.port;
        let knocker = env!("CARGO_BIN_EXE_knocker");
        let knocks = format!("{knocker} {port} 1 {} >&2", reached.join(" "));
        trial.launcher = lab.bait.folder.join("fake");
        let script = format!("#!/bin/sh\n{knocks}\n{report}\n");
        lab.caller.write(&trial.launcher, &script);
        fs::set_permissions(&trial.launcher, Permissions::from_mode(0o755))?;
        match trial.run_in(&mut lab) {
            Err(why) if why.contains(words) => {}
            outcome => return Err(format!("{words}: {outcome:?}").into()),
        }
    }
    Ok(())
}

/// The lab is made and used, and this machine has the devices, addresses and files that it had.
fn this_machine_is_not_touched() -> Result<(), Failed> {
    use escape_tests::harness::network_outside::of_the_host;
    let before = of_the_host();
    let lab = NetworkLab::new()?;
    let mut command = Command::new("true");
    lab.spawn(Resolver::Lan, &mut command)?.wait()?;
    if of_the_host() != before {
        return Err("the network of this machine is not as it was".into());
    }
    Ok(())
}
