//! Owns that a flow stops when where it goes becomes denied: two processes of this test talk across a link, one of them fenced.

use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use claudebox::facts::Address;
use claudebox::fence::Fence;

use crate::namespace::Namespace;
use crate::{INSIDE, address, common, denied, host};

#[test]
fn a_flow_to_what_becomes_denied_stops() {
    match std::env::var(INSIDE).as_deref() {
        Ok("hear") => return hear(),
        Ok("talk") => return talk(),
        _ => {}
    }
    let Some(namespace) = Namespace::new() else {
        return;
    };
    let this = std::env::current_exe().expect("this test");
    let this = this.to_str().expect("a path in UTF-8");
    let again = [
        this,
        "--exact",
        "flow::a_flow_to_what_becomes_denied_stops",
        "--nocapture",
    ];
    let start = |before: &[&str], role: &str| {
        let mut command = namespace.enter(&[before, &again].concat());
        command.env(INSIDE, role);
        command.stdout(Stdio::piped()).stdin(Stdio::piped());
        Ended(command.spawn().expect("this test"))
    };
    if !namespace.can("ip link add up0 type veth peer name up1") {
        common::skipped("the kernel has no veth");
        return;
    }
    let mut neighbour = start(&["unshare", "-n"], "hear");
    let mut heard = BufReader::new(neighbour.0.stdout.take().expect("its output")).lines();
    // Sixty words are six seconds: whoever is still heard then is not stopped.
    let mut until = |word: &str| {
        heard
            .by_ref()
            .map_while(Result::ok)
            .take(60)
            .find(|line| line == word)
    };
    assert!(until("here").is_some());
    // The pid is the same through each exec: nsenter, unshare, the test.
    namespace.must(&format!(
        "ip link set up1 netns {} && ip addr add 20.0.0.2/24 dev up0 && ip link set up0 up \\
         && ip route del local 0.0.0.0/0 dev lo",
        neighbour.0.id()
    ));
    let denies = |prefix: u8, own: &str| {
        let mut network = host();
        network.addresses.push(Address {
            address: address(own),
            prefix,
            peer: None,
            link: 2,
        });
        Fence::new(denied(&network), Vec::new())
    };
    let (before, after) = (denies(32, "20.0.0.9"), denies(24, "20.0.0.9"));
    namespace.load(&before);
    neighbour
        .0
        .stdin
        .take()
        .expect("its input")
        .write_all(b"go\n")
        .expect("writing");
    assert!(until("listening").is_some());
    let speaker = start(&[], "talk");
    assert!(until("word").is_some(), "the flow stands");
    namespace.apply(&before.update());
    assert!(
        until("word").is_some(),
        "an update that changes nothing leaves it be"
    );
    namespace.apply(&after.update());
    // Silence is told by the neighbour itself.
    assert!(until("silence").is_some());
    namespace.apply(&before.update());
    assert!(until("word").is_some(), "it was the fence that stopped it");
    drop(speaker);
}

/// A process that does not outlive its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The neighbour: says each word that it hears, and each second without one.
fn hear() {
    say("\nhere");
    std::io::stdin()
        .read_line(&mut String::new())
        .expect("a line");
    let up = "ip addr add 20.0.0.1/24 dev up1 && ip link set up1 up";
    let status = Command::new("sh").args(["-c", up]).status().expect("sh");
    assert!(status.success());
    // Of datagrams each one counts: of a stream that is not answered any more, the sender stops by itself.
    let socket = UdpSocket::bind("20.0.0.1:8080").expect("bind");
    say("listening");
    socket
        .set_read_timeout(Some(Duration::from_secs(1)))
        .expect("a time limit");
    let mut word = [0; 1];
    loop {
        match socket.recv_from(&mut word) {
            Ok((_, whom)) => {
                // What has been answered is established to connection tracking.
                socket.send_to(&word, whom).expect("an answer");
                say("word");
            }
            Err(_) => say("silence"),
        }
    }
}

/// Whoever is fenced: one word after the other.
fn talk() {
    let socket = UdpSocket::bind("20.0.0.2:0").expect("bind");
    socket.connect("20.0.0.1:8080").expect("connect");
    loop {
        // A refusal is an error of this call, and not the end.
        let _ = socket.send(b"x");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn say(word: &str) {
    writeln!(std::io::stdout(), "{word}").expect("writing");
}
