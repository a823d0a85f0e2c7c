//! What `plan --json` says and what really runs are one value (AUD-D, threats: CFG-15): mounts, environment, user, name,
//! command and working folder, as the command itself finds them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use claudebox::text::unescape;
use serde_json::Value;

use crate::common::{Boxer, end, stdout};

/// What the agent is in this test: it tells what it finds, each part under a heading.
const TELL: &str = r#"
echo == mounts; cat /proc/self/mountinfo
echo == environment; tr '\0' '\n' < /proc/$$/environ
echo == user; id -u; id -g
echo == hostname; cat /proc/sys/kernel/hostname
echo == cwd; pwd -P
echo == arguments; for a; do printf '%s\n' "$a"; done
echo == end
"#;

fn parts(said: &str) -> BTreeMap<String, Vec<String>> {
    let mut parts = BTreeMap::new();
    let mut current = String::new();
    for line in said.lines() {
        match line.strip_prefix("== ") {
            Some(heading) => current = heading.to_owned(),
            None => parts
                .entry(current.clone())
                .or_insert_with(Vec::new)
                .push(line.to_owned()),
        }
    }
    assert_eq!(current, "end", "the agent did not come to its end:\n{said}");
    parts
}

fn text(value: &Value) -> PathBuf {
    unescape(value.as_str().expect("text"))
        .expect("an escape of claudebox")
        .into()
}

/// Mount point to read-only, from mountinfo(5); a later line wins.
fn mounts(lines: &[String]) -> BTreeMap<PathBuf, bool> {
    let mount = |line: &String| {
        let fields: Vec<&str> = line.split(' ').collect();
        (
            PathBuf::from(fields[4].replace("\\040", " ")),
            fields[5].split(',').any(|option| option == "ro"),
        )
    };
    lines.iter().map(mount).collect()
}

/// Mount point to read-only, as the plan says.
fn planned(plan: &Value) -> BTreeMap<PathBuf, bool> {
    let mut planned = BTreeMap::new();
    for step in plan["steps"].as_array().expect("steps") {
        let at = || text(&step["at"]);
        match step["do"].as_str().expect("a step does something") {
            "bind" => planned.insert(at(), !step["writable"].as_bool().expect("bool")),
            "tmpfs" | "proc" | "dev" => planned.insert(at(), false),
            "launcher" | "remount-read-only" => planned.insert(at(), true),
            _ => None,
        };
    }
    planned
}

#[test]
fn the_plan_and_what_runs_are_one_value() {
    let boxer = Boxer::new();
    boxer.install_claude(TELL);
    boxer.make("notes with space");
    boxer.make("data");
    boxer.make("src/app/sub");
    boxer.write(".ssh/id_test", "no key");
    boxer.write(".claudebox/env", "FROM_FILE=yes\n");
    boxer.write(
        ".claudebox/profiles/p.json",
        r#"{"set": {"FROM_PROFILE": "yes"}, "mounts": [{"path": "~/data", "mode": "rw"}]}"#,
    );
    let cases: [&[&str]; 4] = [
        &[],
        &["--network", "none"],
        &[
            "--profile",
            "p",
            "--env",
            "ASKED",
            "--mount",
            "~/notes with space",
            "--ssh-key",
            "~/.ssh/id_test",
        ],
        &["--path-add", "~/data", "--", "-p", "two words", "--flag"],
    ];
    for flags in cases {
        let start = |first: &[&str]| {
            let mut command = boxer.claudebox(first.iter().chain(flags));
            command
                .env("ASKED", "asked value")
                .env("NEVER", "never")
                .env("LANG", "C.UTF-8")
                .env("TERM", "dumb");
            command.current_dir(boxer.project().join("sub"));
            end(command).success()
        };
        let plan: Value = serde_json::from_str(&stdout(&start(&["plan", "--json"]))).expect("JSON");
        let found = parts(&stdout(&start(&["run", "-y"])));

        let (planned, mounted) = (planned(&plan), mounts(&found["mounts"]));
        for (at, read_only) in &planned {
            assert_eq!(
                mounted.get(at),
                Some(read_only),
                "{}: planned read-only {read_only}; {mounted:#?}",
                at.display()
            );
        }
        // bwrap makes /dev of many mounts, and binds what is mounted beneath a folder of the host along with it.
        let explained = |at: &&PathBuf| {
            planned.contains_key(*at)
                || planned
                    .keys()
                    .any(|above| above != &PathBuf::from("/") && at.starts_with(above))
        };
        let surprises: Vec<_> = mounted.keys().filter(|at| !explained(at)).collect();
        assert!(surprises.is_empty(), "not in the plan: {surprises:#?}");

        let variables = plan["variables"].as_array().expect("variables");
        let planned: BTreeSet<String> = variables
            .iter()
            .map(|one| {
                format!(
                    "{}={}",
                    one["name"].as_str().expect("a name"),
                    one["value"].as_str().expect("a value")
                )
            })
            .collect();
        let found_variables: BTreeSet<String> = found["environment"].iter().cloned().collect();
        assert_eq!(found_variables, planned);

        let user = plan["steps"]
            .as_array()
            .expect("steps")
            .iter()
            .find(|step| step["do"] == "be-user")
            .expect("a user");
        assert_eq!(
            found["user"],
            [user["uid"].to_string(), user["gid"].to_string()]
        );
        assert_eq!(
            found["user"][0],
            boxer.uid().to_string(),
            "the caller's own uid"
        );
        let name = plan["steps"]
            .as_array()
            .expect("steps")
            .iter()
            .find(|step| step["do"] == "hostname")
            .expect("a name");
        assert_eq!(found["hostname"], [name["name"].as_str().expect("text")]);
        assert_eq!(found["cwd"], [plan["cwd"].as_str().expect("text")]);
        let arguments: Vec<&str> = plan["command"]["arguments"]
            .as_array()
            .expect("arguments")
            .iter()
            .map(|one| one.as_str().expect("text"))
            .collect();
        assert_eq!(found["arguments"], arguments);
    }
}

#[test]
fn run_shell_and_exec_differ_in_the_command_alone() {
    let boxer = Boxer::new();
    boxer.install_claude("true");
    let plan = |line: &[&str]| {
        let said = stdout(&boxer.run(line).success());
        let same: Vec<String> = said
            .lines()
            .filter(|line| !line.starts_with("  command "))
            .map(str::to_owned)
            .collect();
        assert!(
            same.len() > 20 && same.len() + 1 == said.lines().count(),
            "one line is the command:\n{said}"
        );
        same
    };
    let run = plan(&["run", "--dry-run"]);
    assert_eq!(plan(&["shell", "--dry-run"]), run);
    assert_eq!(plan(&["exec", "--dry-run", "--", "true"]), run);
    assert_eq!(plan(&["plan"]), run);
    assert_eq!(plan(&["--dry-run"]), run);
}
