//! What the tier `inet` costs (PERF-02): a whole start, and one TCP stream, each beside the bare helper that carries its packets,
//! in alternation; for pasta as this machine has it and as `escape-tests/lab/helpers/install` brought it, and for slirp4netns.
//!
//! All of it happens in a network namespace of its own, a host whose only neighbour is nobody: no packet leaves this machine.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench is effects, and prints its result"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use benches::caller::target_folder;
use benches::clock::{alternate, median, millis, ratio};

/// Starts of each.
const RUNS: usize = 60;

/// Streams of each.
const STREAMS: usize = 15;

/// MiB of a stream.
const MEBIBYTES: usize = 256;

/// Between two reads, a wait for a retransmission: its timer takes 200 ms or more (`TCP_RTO_MIN`, include/net/tcp.h of Linux).
const WAIT: Duration = Duration::from_millis(150);

/// What a stream may wait in all. One that waits for longer is given up, and counts by what came.
const PATIENCE: Duration = Duration::from_secs(3);

/// The network namespace of this bench, for the helper that its name is told by.
const HELPER: &str = "CLAUDEBOX_BENCH_HELPER";

/// The address of that host that the listener has. pasta gives those of the device with the route to the inside: it takes another one
/// to get out.
const LISTENER: &str = "203.0.113.3";

/// Makes that namespace a host with a route to the internet, and starts $@ there without any capability. With `slirp4netns` as $0,
/// pasta's program is covered by what is no program; with a path, by that program.
const ENTER: &str = r#"set -e
ip link set lo up
ip link add eth0 type veth peer name eth1
ip address add 198.51.100.2/24 dev eth0
ip address add 203.0.113.3/32 dev lo
ip link set eth0 up
ip link set eth1 up
ip route add default via 198.51.100.1
case $0 in
slirp4netns) cover=/dev/null ;;
/*) cover=$0 ;;
*) cover='' ;;
esac
pasta=$(readlink -f "$(command -v pasta || echo /dev/null)")
[ -z "$cover" ] || [ "$pasta" = /dev/null ] || mount --bind "$cover" "$pasta"
exec setpriv --ambient-caps=-all --inh-caps=-all "$@""#;

/// What slirp4netns leaves to others: namespaces, waiting for the device, the command.
const SLIRP: &str = r#"coproc N { exec unshare --user --map-root-user --net sh -c 'echo up; read -r go; exec "$@"' sh "$@"; }
read -r up <&"${N[0]}"
exec 5< <(exec slirp4netns --configure --mtu=65520 --ready-fd=7 "$N_PID" tap0 7>&1 >/dev/null 2>&1)
helper=$! command=$N_PID
read -rn1 -u5
echo go >&"${N[1]}"
wait "$command"; status=$?
kill "$helper"; wait "$helper"
exit $status"#;

fn main() {
    benches::caller::run(|claudebox| match std::env::var(HELPER) {
        Ok(helper) => measure(claudebox, &helper),
        Err(_) => {
            println!();
            in_a_host_of_its_own("pasta");
            for pinned in pinned() {
                in_a_host_of_its_own(&pinned);
            }
            in_a_host_of_its_own("slirp4netns");
        }
    });
}

/// The versions of pasta that were brought for the tests, oldest first. They are in the place of this machine's.
fn pinned() -> Vec<String> {
    let folders = std::fs::read_dir(target_folder().join("lab/helpers"));
    let folders = folders.into_iter().flatten().flatten();
    let programs = folders.map(|folder| folder.path().join("pasta"));
    let programs = programs.filter(|program| program.exists());
    let mut programs: Vec<String> = programs
        .map(|program| program.display().to_string())
        .collect();
    programs.sort();
    programs
}

fn in_a_host_of_its_own(helper: &str) {
    let name = Path::new(helper)
        .parent()
        .and_then(Path::file_name)
        .filter(|_| helper.starts_with('/'));
    if let Some(name) = name {
        println!("\n{}", name.display());
    }
    let there = Command::new(helper)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok();
    if !there {
        println!("PERF-02  {helper}: not installed");
        return;
    }
    let this = std::env::current_exe().expect("a running program has a path");
    let status = Command::new("unshare")
        .args(["--user", "--map-current-user", "--keep-caps"])
        .args(["--net", "--mount", "sh", "-c", ENTER, helper])
        .arg(this)
        .env(HELPER, helper)
        .status()
        .expect("unshare starts");
    assert!(status.success(), "{helper}: {status}");
}

fn measure(claudebox: &Path, helper: &str) {
    let planned = Command::new(claudebox)
        .args(["plan", "--json", "--network", "inet", "--cmd", "true"])
        .output()
        .expect("claudebox starts");
    let planned = String::from_utf8_lossy(&planned.stdout).into_owned();
    assert_eq!(
        planned.contains("slirp4netns"),
        helper == "slirp4netns",
        "claudebox has chosen another helper than {helper}"
    );
    start(claudebox, helper);
    stream(claudebox, helper);
}

fn start(claudebox: &Path, helper: &str) {
    let called = called(helper);
    let (ours, theirs) = (
        || boxed(claudebox, &[], &["true"]),
        || bare(helper, &["true"]),
    );
    let medians = alternate(RUNS, &[("claudebox", &ours), (helper, &theirs)]);
    println!(
        "PERF-02  a start: claudebox {:.1} ms, bare {called} {:.1} ms, ratio {:.2}   ({})",
        millis(medians[0]),
        millis(medians[1]),
        ratio(medians[0], medians[1]),
        aim(helper, "at most 1.30")
    );
}

/// From the first to the last byte, as the listener sees them: the start has no part in it. Segments that pasta loses in a burst are
/// sent again by a timer, with a fence and without (docs/network.md), for seconds: how fast a stream flows and how long it waited are
/// told apart.
fn stream(claudebox: &Path, helper: &str) {
    let called = called(helper);
    let listener = TcpListener::bind((LISTENER, 0)).expect("an address of this host");
    let to = listener.local_addr().expect("it is bound");
    let send = format!(
        "exec 3<>/dev/tcp/{}/{}; dd if=/dev/zero bs=128k count={} >&3 2>/dev/null && read -r -u3",
        to.ip(),
        to.port(),
        MEBIBYTES * 8
    );
    let line = ["bash", "-c", &send];
    let allow = ["--allow".to_owned(), to.to_string()];
    let runs: [&dyn Fn() -> Command; 2] =
        [&|| boxed(claudebox, &allow, &line), &|| bare(helper, &line)];
    let mut flows = [Vec::new(), Vec::new()];
    for _ in 0..STREAMS {
        for (command, flows) in runs.iter().zip(&mut flows) {
            flows.push(receive(&listener, to, command()));
        }
    }
    let [ours, theirs] = flows
        .each_ref()
        .map(|flows| median(flows.iter().map(Flow::of_a_mebibyte).collect()));
    println!(
        "PERF-02  one TCP stream while it flows, median of {STREAMS}: claudebox {:.0} MiB/s, bare {called} {:.0} MiB/s, ratio {:.2}   ({})",
        1.0 / ours.as_secs_f64(),
        1.0 / theirs.as_secs_f64(),
        ratio(theirs, ours),
        aim(helper, "at least 0.95")
    );
    let [ours, theirs] = flows.each_ref().map(|flows| with_waits(flows));
    println!(
        "         all streams with their waits: claudebox {ours:.0} MiB/s, bare {called} {theirs:.0} MiB/s, ratio {:.2}",
        ours / theirs
    );
    for (whose, flows) in ["claudebox", called].iter().zip(&flows) {
        let waited = flows.iter().filter(|flow| !flow.waited.is_zero()).count();
        let in_all: Duration = flows.iter().map(|flow| flow.waited).sum();
        println!(
            "         {whose}: {waited} of {STREAMS} waited for a retransmission, {:.1} s in all",
            in_all.as_secs_f64()
        );
    }
}

/// MiB a second of all that came, in all the time that it took.
fn with_waits(flows: &[Flow]) -> f64 {
    let mebibytes: f64 = flows.iter().map(Flow::mebibytes).map(f64::from).sum();
    let time: Duration = flows.iter().map(|flow| flow.flowing + flow.waited).sum();
    mebibytes / time.as_secs_f64()
}

/// What came of a stream.
struct Flow {
    bytes: usize,
    flowing: Duration,
    waited: Duration,
}

impl Flow {
    fn mebibytes(&self) -> u32 {
        u32::try_from(self.bytes >> 20).expect("no more than was asked for")
    }

    /// How long a MiB took while it flowed.
    fn of_a_mebibyte(&self) -> Duration {
        assert!(self.mebibytes() > 0, "nothing came");
        self.flowing / self.mebibytes()
    }

    fn is_whole(&self) -> bool {
        self.bytes == MEBIBYTES << 20
    }
}

fn receive(listener: &TcpListener, to: SocketAddr, mut command: Command) -> Flow {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let flow = std::thread::scope(|scope| {
        let taking = scope.spawn(|| take(&listener.accept().expect("it connects").0));
        while !taking.is_finished() {
            if child.try_wait().expect("it can be asked").is_some() {
                // Nobody else will connect: whoever waits is let go.
                drop(TcpStream::connect(to));
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        taking.join().expect("it was received")
    });
    if !flow.is_whole() {
        child.kill().expect("it is a child");
    }
    child.wait().expect("it ends");
    flow
}

/// Everything, and a line back: what is on its way when the sender ends is lost with the namespace, in bare pasta too.
fn take(mut stream: &TcpStream) -> Flow {
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a time that is not zero");
    let mut buffer = vec![0; 256 << 10];
    let mut flow = Flow {
        bytes: stream.read(&mut buffer).unwrap_or(0),
        flowing: Duration::ZERO,
        waited: Duration::ZERO,
    };
    let mut last = Instant::now();
    while !flow.is_whole() && flow.waited < PATIENCE {
        let read = stream.read(&mut buffer);
        match last.elapsed() {
            gap if gap < WAIT => flow.flowing += gap,
            gap => flow.waited += gap,
        }
        last = Instant::now();
        match read {
            Ok(0) => break,
            Ok(more) => flow.bytes += more,
            Err(_) => {}
        }
    }
    if flow.is_whole() && stream.write_all(b"\n").is_ok() {
        // Until the sender closes.
        while stream.read(&mut buffer).is_ok_and(|more| more > 0) {}
    }
    flow
}

fn boxed(claudebox: &Path, flags: &[String], command: &[&str]) -> Command {
    let mut boxed = Command::new(claudebox);
    boxed
        .args(["exec", "--network", "inet", "-y"])
        .args(flags)
        .arg("--")
        .args(command);
    boxed
}

fn bare(helper: &str, command: &[&str]) -> Command {
    if helper != "slirp4netns" {
        let mut bare = Command::new("pasta");
        bare.args(["--config-net", "--"]).args(command);
        bare
    } else {
        let mut bare = Command::new("bash");
        bare.args(["-c", SLIRP, "slirp"]).args(command);
        bare
    }
}

/// A pinned pasta is pasta.
fn called(helper: &str) -> &str {
    if helper == "slirp4netns" {
        helper
    } else {
        "pasta"
    }
}

/// PERF-02 is about pasta.
fn aim(helper: &str, aim: &str) -> String {
    if helper != "slirp4netns" {
        format!("aim: {aim}")
    } else {
        "no aim".into()
    }
}
