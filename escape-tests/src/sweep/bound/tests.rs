//! Bounds of a small plan on a small host.

use std::collections::BTreeMap;

use claudebox::text::Text;
use serde_json::{Value, json};

use super::*;
use crate::sweep::host::Source;
use crate::sweep::level::{Kind, Level};
use crate::sweep::mounts::Mount;

fn steps() -> Vec<Value> {
    let unshare = ["user", "mount", "pid", "ipc", "uts", "cgroup", "network"];
    let mut steps: Vec<Value> = unshare
        .map(|namespace| json!({"do": "unshare", "namespace": namespace}))
        .into();
    steps.extend([
        json!({"do": "be-user", "uid": 1000, "gid": 100}),
        json!({"do": "hostname", "name": "claudebox"}),
        json!({"do": "relay-stream", "descriptor": 1}),
        json!({"do": "be-undumpable"}),
        json!({"do": "deny", "calls": "keyrings"}),
        json!({"do": "bind", "from": "/usr", "at": "/usr", "writable": false}),
        json!({"do": "link", "at": "/bin", "to": "/usr/bin"}),
        json!({"do": "proc", "at": "/proc"}),
        json!({"do": "dev", "at": "/dev"}),
        json!({"do": "tmpfs", "at": "/home/me", "bytes": 4096, "mode": "0700"}),
        json!({"do": "file", "at": "/home/me/.config/x", "content": "a\\nb"}),
        json!({"do": "file", "at": "/etc/passwd", "content": "me"}),
        json!({"do": "bind", "from": "/home/me/p", "at": "/home/me/p", "writable": true}),
        json!({"do": "cover", "at": "/proc/keys"}),
        json!({"do": "remount-read-only", "at": "/dev"}),
        json!({"do": "remount-read-only", "at": "/"}),
    ]);
    steps
}

fn plan_of(steps: Vec<Value>, stdin: &str) -> Value {
    json!({
        "version": claudebox::plan::VERSION,
        "cwd": "/home/me/p",
        "tier": {"value": "none", "origin": "default"},
        "variables": [
            {"name": "HOME", "value": "/home/me", "origin": "generated"},
            {"name": "MY_TOKEN", "value": "***", "origin": {"flag": "--env"}},
        ],
        "steps": steps,
        "groups": [27, 100],
        "stdio": [stdin, "reopenable", "pipe"],
    })
}

fn host(uid: u32) -> Host {
    let mount = |at, device, kind, flags: &[&str]| Mount::new(at, "/", device, kind, flags);
    let folder = |uid, mode| Source {
        kind: Kind::Folder,
        mode,
        uid,
        gid: 0,
        children: 12,
    };
    let namespace = |name: &str| (name.to_owned(), format!("{name}:[1]"));
    let mut network = super::super::Seen::default();
    for (name, value) in [
        ("network device eth0", "0x1 10.0.0.1:0"),
        ("routes in /proc/net/route", "eth0 0"),
        ("tcp listens on", "A:1 B:2"),
        ("sockets in /proc/net/tcp", "7"),
    ] {
        network.add(name, value);
    }
    Host {
        uid,
        gid: 100,
        command: vec!["/sweep".into(), "now".into()],
        mounts: vec![
            mount("/", "8:1", "ext4", &["rw"]),
            mount("/usr/local", "8:2", "xfs", &["rw", "noexec"]),
            mount("/dev", "0:5", "devtmpfs", &["rw", "nosuid"]),
        ],
        sources: BTreeMap::from([
            (Text::from("/usr"), folder(0, 0o755)),
            (Text::from("/home/me/p"), folder(1000, 0o755)),
        ]),
        namespaces: ["net", "user", "time"].map(namespace).into(),
        filters: 1,
        cgroups: vec!["memory".into()],
        network,
    }
}

fn bound_of(plan: &Value, uid: u32) -> Result<Bound, String> {
    Bound::of(&Printed::of(&plan.to_string())?, &host(uid))
}

fn usual() -> Bound {
    bound_of(&plan_of(steps(), "pipe"), 1000).expect("it has a bound")
}

fn place<'a>(bound: &'a Bound, at: &str) -> &'a Place {
    let found = bound.places.iter().find(|place| place.at == *at);
    found.unwrap_or_else(|| panic!("{at} is not listed"))
}

fn allowed<'a>(bound: &'a Bound, name: &str) -> &'a Allowed {
    bound
        .seen
        .get(name)
        .unwrap_or_else(|| panic!("{name} is not listed"))
}

#[test]
fn mounts_have_the_flags_of_the_host_and_those_of_bwrap() {
    let bound = usual();
    for (name, is) in [
        ("mount /", "tmpfs ro nosuid nodev"),
        ("mount /usr", "ext4 ro nosuid nodev"),
        ("source of /usr", "8:1 /usr"),
        ("mount /usr/local", "xfs ro nosuid nodev noexec"),
        ("source of /usr/local", "8:2 /"),
        ("mount /proc", "proc rw nosuid nodev noexec"),
        ("mount /dev", "tmpfs ro nosuid nodev"),
        ("mount /dev/null", "devtmpfs rw nosuid"),
        ("source of /dev/null", "0:5 /null"),
        ("mount /dev/pts", "devpts rw nosuid noexec"),
        ("size of /home/me", "4096"),
        ("mount /home/me/p", "ext4 rw nosuid nodev"),
        ("mount /proc/keys", "devtmpfs ro nosuid nodev"),
    ] {
        assert_eq!(*allowed(&bound, name), Allowed::is(is), "{name}");
    }
    let mounts = bound.seen.keys().filter(|name| name.starts_with("mount "));
    assert_eq!(mounts.count(), 15);
    // A tmpfs of the host is not one that was made for the session.
    assert!(allowed(&bound, "source of /home/me").allows("", "0:99 /"));
    assert!(!allowed(&bound, "source of /home/me").allows("", "8:1 /"));
}

#[test]
fn places_give_what_the_caller_has_and_the_mount_lets_through() {
    let bound = usual();
    for (at, level, below) in [
        ("/", Level::Entered, Level::Absent),
        ("/usr", Level::Entered, Level::Entered),
        ("/bin", Level::Listed, Level::Absent),
        ("/home", Level::Entered, Level::Absent),
        ("/home/me", Level::Writable, Level::Absent),
        ("/home/me/.config", Level::Writable, Level::Absent),
        ("/home/me/.config/x", Level::Writable, Level::Absent),
        ("/home/me/p", Level::Writable, Level::Writable),
        ("/etc", Level::Entered, Level::Absent),
        ("/etc/passwd", Level::Readable, Level::Absent),
        ("/proc", Level::Entered, Level::Entered),
        ("/proc/keys", Level::Listed, Level::Absent),
        ("/dev/null", Level::Writable, Level::Absent),
    ] {
        let place = place(&bound, at);
        assert_eq!(
            (place.least, place.most, place.below),
            (level, level, below),
            "{at}"
        );
    }
    let holds = |at| place(&bound, at).holds.as_deref();
    assert_eq!(holds("/bin"), Some("/usr/bin"));
    assert_eq!(holds("/home/me/.config/x"), Some("a\\nb"));
    assert_eq!(holds("/dev/zero"), Some("1:5 0666"));
    assert_eq!(holds("/home/me"), Some("0700"));
    assert!(!bound.places.iter().any(|place| place.at == *"/usr/bin"));
    assert_eq!(bound.counts.get("/usr"), Some(&12));
}

#[test]
fn what_belongs_to_another_is_what_others_may() {
    let bound = bound_of(&plan_of(steps(), "pipe"), 1001).expect("it has a bound");
    assert_eq!(place(&bound, "/home/me/p").most, Level::Entered);
}

#[test]
fn uid_0_reads_more_of_proc_and_writes_none() {
    let (user, root) = (
        usual(),
        bound_of(&plan_of(steps(), "pipe"), 0).expect("a bound"),
    );
    let listed = |bound: &Bound, at: &str| bound.places.iter().any(|place| place.at == *at);
    assert!(listed(&user, "/proc/sys/kernel/sem") && !listed(&root, "/proc/sys/kernel/sem"));
    assert!(
        listed(&root, "/proc/sys/kernel/cad_pid") && !listed(&user, "/proc/sys/kernel/cad_pid")
    );
    assert!(matches!(
        allowed(&root, "mount /proc/sys"),
        Allowed::Maybe(_)
    ));
    assert!(!user.seen.contains_key("mount /proc/sys"));
}

#[test]
fn a_value_is_compared_as_it_is_shown() {
    let bound = usual();
    let home = allowed(&bound, "variable HOME");
    assert!(home.allows("variable HOME", "/home/me"));
    assert!(!home.allows("variable HOME", "/home/me/"));
    let token = allowed(&bound, "variable MY_TOKEN");
    assert!(token.allows("variable MY_TOKEN", "hunter2"));
    assert!(!token.allows("variable MY_TOKEN", ""));
    // The name is part of the rule.
    assert!(!token.allows("variable OTHER", "hunter2"));
}

#[test]
fn the_process_is_what_the_plan_says() {
    let bound = usual();
    for (name, is) in [
        ("descriptor 0", "pipe, read"),
        ("descriptor 1", "pipe, write"),
        ("process of the sweep", "/sweep now"),
        ("Uid of PID 1", "1000 1000 1000 1000"),
        ("Groups of the sweep", "65534 100"),
        ("owner of PID 1's files", "65534"),
        ("namespace time", "time:[1]"),
        ("cgroup memory", "/"),
        ("call keyctl(2)", "refused with EPERM"),
    ] {
        assert_eq!(*allowed(&bound, name), Allowed::is(is), "{name}");
    }
    assert!(!allowed(&bound, "namespace net").allows("", "net:[1]"));
    // No step refuses it, so nothing is said of it.
    assert_eq!(*allowed(&bound, "call ioctl(2) TIOCSTI"), Allowed::Any);
    // The caller's filter, that of PID 1 for this one answer, and on this ABI that for another.
    let filters = if cfg!(target_arch = "x86_64") { 3 } else { 2 };
    assert!(allowed(&bound, "Seccomp_filters of PID 1").allows("", &filters.to_string()));
}

#[test]
fn a_network_is_its_own_or_that_of_the_host() {
    let none = usual();
    assert!(!none.seen.contains_key("network device eth0"));
    assert!(none.seen.contains_key("network device lo"));
    assert_eq!(*allowed(&none, "sockets in /proc/net/tcp"), Allowed::is(0));
    let routes = allowed(&none, "routes in /proc/net/route");
    assert!(routes.allows("", "") && routes.allows("", "0 1 lo; 2 lo"));
    assert!(!routes.allows("", "0 lo; 1 eth0"));

    let mut steps = steps();
    steps.retain(|step| step["namespace"] != "network");
    let mut plan = plan_of(steps, "pipe");
    plan["tier"]["value"] = "full".into();
    let full = bound_of(&plan, 1000).expect("it has a bound");
    assert_eq!(
        *allowed(&full, "network device eth0"),
        Allowed::is("0x1 10.0.0.1:0")
    );
    let listens = allowed(&full, "tcp listens on");
    assert!(listens.allows("", "A:1 B:2 C:3") && listens.allows("", "C:3 B:2 A:1"));
    assert!(!listens.allows("", "A:1 C:3"));
    assert_eq!(*allowed(&full, "namespace net"), Allowed::is("net:[1]"));
}

#[test]
fn what_has_no_bound_is_an_error() {
    let usual = plan_of(steps(), "pipe");
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut plan = usual.clone();
        change(&mut plan);
        bound_of(&plan, 1000).expect_err("it has no bound")
    };
    let with = |step: Value| {
        changed(&|plan| {
            plan["steps"]
                .as_array_mut()
                .expect("steps")
                .push(step.clone())
        })
    };
    for (error, words) in [
        (changed(&|plan| plan["version"] = 99.into()), "version 99"),
        (
            changed(&|plan| plan["tier"]["value"] = "inet".into()),
            "inet",
        ),
        (
            changed(&|plan| plan["stdio"][0] = "terminal".into()),
            "terminal",
        ),
        (
            changed(&|plan| plan["steps"] = json!([{"do": "relay-stream", "descriptor": 1}])),
            "who the inside is",
        ),
        (with(json!({"do": "fly"})), "fly"),
        (with(json!({"do": "remount-read-only", "at": "/x"})), "/x"),
        (
            with(json!({"do": "bind", "from": "/y", "at": "/y", "writable": false})),
            "nothing is known of /y",
        ),
    ] {
        assert!(error.contains(words), "{error}");
    }
}
