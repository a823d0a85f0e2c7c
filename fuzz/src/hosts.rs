//! Owns turning bytes into facts and arguments: a host of `launcher/tests/hosts`, edited where the bytes say.
//!
//! Two forms. `{"host": NAME, "args": […], "patch": {…}}` is for people, and for regressions. Anything else are choices:
//! which host, which arguments, and then which leaf of the facts becomes which value.

use std::ffi::OsString;

use clap::Parser;
use claudebox::cli::{Args, Entry, Wish};
use claudebox::config::Config;
use claudebox::facts::{Content, Facts, ProfileFile};
use claudebox::hint::Hint;
use claudebox::plan::Plan;
use serde_json::{Value, json};

use super::laws::merge;

const HOSTS: [(&str, &str); 9] = [
    (
        "debian",
        include_str!("../../launcher/tests/hosts/debian.json"),
    ),
    (
        "debian-not-merged",
        include_str!("../../launcher/tests/hosts/debian-not-merged.json"),
    ),
    (
        "fedora",
        include_str!("../../launcher/tests/hosts/fedora.json"),
    ),
    (
        "alpine",
        include_str!("../../launcher/tests/hosts/alpine.json"),
    ),
    (
        "nix-on-debian",
        include_str!("../../launcher/tests/hosts/nix-on-debian.json"),
    ),
    (
        "nixos",
        include_str!("../../launcher/tests/hosts/nixos.json"),
    ),
    (
        "no-bwrap",
        include_str!("../../launcher/tests/hosts/no-bwrap.json"),
    ),
    (
        "userns-off",
        include_str!("../../launcher/tests/hosts/userns-off.json"),
    ),
    (
        "uid-0",
        include_str!("../../launcher/tests/hosts/uid-0.json"),
    ),
];

/// Arguments to choose from.
const ARGUMENTS: [&[&str]; 20] = [
    &["--network", "none"],
    &["--network", "full"],
    &["--mount", "~/notes"],
    &["--mount", "~/notes:rw"],
    &["--mount", "~/data:rw"],
    &["--mount", "~/src"],
    &["--mount", "/opt/tools"],
    &["--mount", "vendor"],
    &["--mount-home", "notes"],
    &["--mount-home", "data"],
    &["--path-add", "/opt/tools"],
    &["--path-add", "~/tools"],
    &["--env", "AWS_SECRET_ACCESS_KEY"],
    &["--env", "GH_TOKEN"],
    &["--env", "DATABASE_URL"],
    &["--with-ssh"],
    &["--ssh-key", "~/.ssh/id_work"],
    &["--profile", "fuzzed"],
    &["--allow-root"],
    &["-y"],
];

/// Values that a leaf may become: places that matter, and text that is hard to show.
const VALUES: [&str; 30] = [
    "/",
    "",
    "/usr",
    "/usr/bin",
    "/nix/store",
    "/nix/store/x",
    "/etc",
    "/etc/passwd",
    "/etc/ssl/certs",
    "/tmp",
    "/dev",
    "/dev/shm",
    "/proc",
    "/run",
    "/run/claudebox",
    "/run/claudebox/bin/claude",
    "/home",
    "/home/ann",
    "/home/ann/src",
    "/home/ann/src/app",
    "/home/ann/src/app/vendor",
    "/home/ann/notes",
    "/home/ann/.ssh",
    "/home/ann/.config/git/config",
    "/srv/data/ann",
    "relative/../x",
    "a\\nb",
    "\\x1b[2J",
    "\\u{202e}x",
    "n\\x00l",
];

/// The facts of a host by name, `like` followed.
pub(crate) fn facts(name: &str) -> Facts {
    serde_json::from_value(host(name)).expect("a host of the tests is facts")
}

fn host(name: &str) -> Value {
    let (_, text) = HOSTS
        .iter()
        .find(|(known, _)| *known == name)
        .unwrap_or(&HOSTS[0]);
    let mut own: Value = serde_json::from_str(text).expect("a host of the tests is JSON");
    match own.as_object_mut().and_then(|own| own.remove("like")) {
        Some(like) => {
            let mut base = host(like.as_str().unwrap_or_default());
            merge(&mut base, own);
            base
        }
        None => own,
    }
}

/// Arguments and facts; `None` where the bytes lead to none.
pub(crate) fn scenario(data: &[u8]) -> Option<(Vec<OsString>, Facts)> {
    let (arguments, json) = if data.first() == Some(&b'{') {
        written(data)?
    } else {
        chosen(data)
    };
    let facts: Facts = serde_json::from_value(json).ok()?;
    let arguments = std::iter::once("claudebox".to_owned()).chain(arguments);
    Some((arguments.map(OsString::from).collect(), facts))
}

fn written(data: &[u8]) -> Option<(Vec<String>, Value)> {
    let mut scenario: Value = serde_json::from_slice(data).ok()?;
    let mut json = host(scenario["host"].as_str().unwrap_or("debian"));
    merge(&mut json, scenario["patch"].take());
    let arguments = scenario["args"].as_array().map(|list| {
        list.iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    });
    Some((arguments.unwrap_or_default(), json))
}

fn chosen(data: &[u8]) -> (Vec<String>, Value) {
    let mut bytes = data.iter().copied();
    let mut next = || usize::from(bytes.next().unwrap_or(0));
    let mut json = host(HOSTS[next() % HOSTS.len()].0);
    let mut arguments: Vec<String> = vec![["run", "plan", "shell"][next() % 3].into()];
    for _ in 0..next() % 6 {
        arguments.extend(
            ARGUMENTS[next() % ARGUMENTS.len()]
                .iter()
                .map(|word| (*word).to_owned()),
        );
    }
    for _ in 0..next() % 12 {
        let leaves = leaves(&json);
        let leaf = leaves[(next() * 256 + next()) % leaves.len()].clone();
        let value = match next() % 8 {
            0 => Value::Null,
            1 => json!(next() % 2 == 0),
            2 => json!(next()),
            _ => json!(VALUES[next() % VALUES.len()]),
        };
        if let Some(place) = json.pointer_mut(&leaf) {
            *place = value;
        }
    }
    (arguments, json)
}

/// JSON pointers (RFC 6901) of all that is neither object nor array.
fn leaves(json: &Value) -> Vec<String> {
    fn walk(json: &Value, at: String, into: &mut Vec<String>) {
        match json {
            Value::Object(fields) => {
                for (key, value) in fields {
                    walk(
                        value,
                        format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")),
                        into,
                    );
                }
            }
            Value::Array(items) => items
                .iter()
                .enumerate()
                .for_each(|(index, item)| walk(item, format!("{at}/{index}"), into)),
            _ => into.push(at),
        }
    }
    let mut found = Vec::new();
    walk(json, String::new(), &mut found);
    found
}

/// What the arguments ask for; `None` where they do not enter the sandbox.
pub(crate) fn entry(arguments: &[OsString]) -> Option<Entry> {
    match Args::try_parse_from(arguments).ok()?.wish() {
        Wish::Enter(entry) => Some(*entry),
        _ => None,
    }
}

/// The plan, or what a person would read in its place.
pub(crate) fn planned(entry: &Entry, facts: &Facts) -> Result<Plan, String> {
    let mut facts = facts.clone();
    for name in &entry.shared.profile {
        if facts
            .files
            .profiles
            .iter()
            .all(|profile| profile.name.as_ref() != Some(name))
        {
            let content = Content::Bytes(r#"{"mounts": [{"path": "~/notes"}], "set": {"A_TOKEN": "0123456789012345678901234567"}}"#.into());
            facts.files.profiles.push(ProfileFile {
                name: Some(name.clone()),
                path: "/fuzzed.json".into(),
                content,
            });
        }
    }
    let told = |error: &dyn Hint| format!("{error}\n{}", error.hint().unwrap_or_default());
    let config = Config::resolve(entry, &facts).map_err(|error| told(&error))?;
    Plan::new(&config, &facts).map_err(|error| told(&error))
}

/// Values that the hosts of the tests keep under secret names, where they still stand there. The middle of each: the ends
/// are shown on purpose.
pub(crate) fn secrets(facts: &Facts) -> Vec<String> {
    [
        "Wq8rT2yUi0pAs4dF",
        "7bT1zR5wP0aL",
        "2mQ7xV4bT1zR5wP0aLcN8dEfGhIj",
    ]
    .into_iter()
    .filter(|secret| {
        let mut holders = facts
            .environment
            .iter()
            .filter(|(_, value)| value.to_string_lossy().contains(secret));
        holders.all(|(name, _)| claudebox::secret::named_secret(name))
    })
    .map(str::to_owned)
    .collect()
}
