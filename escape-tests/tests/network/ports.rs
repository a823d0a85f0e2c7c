//! Owns ports that somebody opened (NET-07): `--host-port` and `--publish` open that port by that protocol, not its neighbours, and
//! the second on the host's loopback alone. slirp4netns can do neither, and says so.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::process::Stdio;

use escape_tests::harness::packets::{tcp, udp};
use escape_tests::network_lab::map::{PUBLIC, Site, parsed};
use escape_tests::probe::Act;
use libtest_mimic::{Failed, Trial};

use crate::helpers::Helper;
use crate::scene::{Scene, Session};

/// How often a session knocks at what may be open or not.
const ROUNDS: usize = 10;

pub(crate) fn trials() -> Vec<Trial> {
    let opened = [("tcp", ""), ("udp", "/udp")];
    let mut trials = Vec::new();
    let pasta = Helper::all().into_iter();
    let pasta = pasta.filter(Helper::is_pasta);
    for (helper, (by, suffix)) in pasta.flat_map(|helper| opened.map(|one| (helper.clone(), one))) {
        let (other, name) = (helper.clone(), helper.name());
        trials.push(super::in_the_lab(
            format!("ports::{name}_host_port_{by}"),
            move || host_port(&helper, by, suffix),
        ));
        trials.push(super::in_the_lab(
            format!("ports::{name}_publish_{by}"),
            move || publish(&other, by, suffix),
        ));
    }
    trials.push(super::in_the_lab("ports::slirp4netns_refuses", refused));
    trials
}

/// The host's loopback hears what is opened, on IPv4 or on both, and nothing else.
fn host_port(helper: &Helper, by: &str, suffix: &str) -> Result<(), Failed> {
    let scene = helper.scene()?;
    let neighbour = scene.lab.watch(&scene.caller.folder().join("neighbour"))?;
    let addresses = parsed(&["127.0.0.1", PUBLIC[0]]);
    // Of the port itself, and of the one below it.
    for (opened, open) in [(scene.watch.port, true), (neighbour.port, false)] {
        let before = scene.contacts()?.len();
        let options = format!("{opened}{suffix}");
        let mut session = scene.knock(&["inet", "--host-port", &options], ROUNDS, &addresses)?;
        let mut round = session.round()?;
        for _ in 1..ROUNDS {
            round = session.round()?;
        }
        let contacts = scene.contacts()?.split_off(before);
        let host = contacts.iter().filter(|one| one.site == Site::Host.name());
        let heard: BTreeSet<&str> = host.map(|one| one.by.as_str()).collect();
        let wanted: BTreeSet<&str> = open.then_some(by).into_iter().collect();
        if heard != wanted || round.get(1).is_none_or(|act| act != "reached") {
            return Err(format!("{options}: {round:?}, heard {contacts:?}").into());
        }
    }
    Ok(())
}

/// Who listens inside at three ports is reached at the middle one, by one protocol, from the host's loopback alone.
fn publish(helper: &Helper, by: &str, suffix: &str) -> Result<(), Failed> {
    let scene = helper.scene()?;
    let port = 17000;
    let ports = [port - 1, port, port + 1];
    let mut session = answering(&scene, &format!("{port}{suffix}"), &ports)?;
    session.round()?;
    let host = |address: &str| -> Result<Vec<(u16, &str)>, Failed> {
        let address: IpAddr = address.parse()?;
        let reached = scene.lab.at(Site::Host).within(|| {
            let ways = ports.iter().flat_map(|port| {
                let acts = [("tcp", tcp(address, *port)), ("udp", udp(address, *port))];
                acts.map(|(by, act)| (*port, by, act))
            });
            let reached = ways.filter(|(.., act)| *act == Act::Reached);
            Ok(reached.map(|(port, by, _)| (port, by)).collect())
        });
        Ok(reached?)
    };
    let (on_loopback, elsewhere) = (host("127.0.0.1")?, host("192.168.77.10")?);
    if on_loopback != [(port, by)] || !elsewhere.is_empty() {
        return Err(format!("loopback {on_loopback:?}, elsewhere {elsewhere:?}").into());
    }
    Ok(())
}

/// A session in which a program answers at these ports, one of which is published.
fn answering(scene: &Scene, published: &str, ports: &[u16]) -> Result<Session, Failed> {
    let answerer = env!("CARGO_BIN_EXE_answerer");
    let mut words = vec![answerer.to_owned()];
    words.extend(ports.iter().map(u16::to_string));
    let words: Vec<std::ffi::OsString> = words.into_iter().map(Into::into).collect();
    let options = ["inet", "--publish", published, "--mount", answerer];
    scene.begin(&mut scene.claudebox(&options, &words))
}

fn refused() -> Result<(), Failed> {
    let scene = Helper::SLIRP4NETNS.scene()?;
    for (option, value) in [("--host-port", "17000"), ("--publish", "17001/udp")] {
        let mut claudebox = scene.claudebox(&["inet", option, value], &["true".into()]);
        claudebox.stdout(Stdio::piped()).stderr(Stdio::piped());
        let ended = scene.spawn(&mut claudebox)?.wait_with_output()?;
        let said = String::from_utf8_lossy(&ended.stderr);
        let number = value.trim_end_matches("/udp");
        let why = format!("slirp4netns cannot open port {number} ({option})");
        let tells = said.contains(&why) && said.contains("hint: pasta can: ");
        if ended.status.code() != Some(125) || !tells {
            return Err(format!("{option} {value}: {}\n{said}", ended.status).into());
        }
    }
    Ok(())
}
