//! Owns the person who starts `claudebox verify`, as a user or as root: a home with something in it, an agent, and claudebox
//! with its companion as a package installs them.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};
use std::process::Command;

use escape_tests::probe::Guard;
use escape_tests::verify::ground::PREFIX;
use escape_tests::{Caller, Ran, SOON, claudebox_bin, run};
use serde_json::Value;

/// The companion under test.
pub(crate) const COMPANION: &str = env!("CARGO_BIN_EXE_claudebox-verify");

/// Whoever starts it.
pub(crate) struct Person {
    pub(crate) caller: Caller,
    pub(crate) as_root: bool,
}

impl Person {
    pub(crate) fn new(as_root: bool) -> Self {
        let caller = Caller::new();
        caller.write(&caller.project().join("src/main.c"), "int main;\n");
        caller.write(&caller.project().join(".vscode/tasks.json"), "{}\n");
        caller.write(
            &caller.project().join("keys/site.pem"),
            "a key of this project\n",
        );
        caller.write(
            &caller.home().join(".ssh/id_ed25519"),
            "a key of this person\n",
        );
        let agent = caller.folder().join("agent/claude");
        fs::create_dir(caller.folder().join("agent")).expect("a folder for the agent");
        fs::copy("/bin/sleep", &agent).expect("a program as the agent");
        fs::set_permissions(&agent, Permissions::from_mode(0o755)).expect("chmod");
        caller.own(&caller.folder().join("agent"));
        lchown(&agent, Some(caller.uid()), Some(caller.uid())).expect("the agent is the caller's");
        let person = Self { caller, as_root };
        if as_root {
            give_to_root(person.caller.folder());
        }
        person
    }

    /// A program that this person starts in the project.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = if self.as_root {
            let mut command = Command::new(program.as_ref());
            command.env_clear().env("HOME", self.caller.home());
            command.current_dir(self.caller.project());
            command
        } else {
            self.caller.command(program.as_ref())
        };
        let agent = self.caller.folder().join("agent");
        command.env("PATH", format!("{}:/usr/bin:/bin", agent.display()));
        command
    }

    /// claudebox, installed so that nobody else can write it, with its companion or without.
    pub(crate) fn installed(&self, folder: &str, with_companion: bool) -> PathBuf {
        let folder = self.caller.folder().join(folder);
        fs::create_dir_all(&folder).expect("a folder for claudebox");
        let install = |from: &Path| {
            let to = folder.join(from.file_name().expect("a program has a name"));
            fs::remove_file(&to).ok();
            fs::copy(from, &to).expect("installing");
            fs::set_permissions(&to, Permissions::from_mode(0o755)).expect("chmod");
            to
        };
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).expect("chmod");
        if with_companion {
            install(COMPANION.as_ref());
        }
        install(&claudebox_bin())
    }

    /// `claudebox verify` to its end.
    pub(crate) fn verify(&self, flags: &[&str]) -> Ran {
        let mut command = self.command(self.installed("bin", true));
        command.arg("verify").args(flags);
        if self.as_root {
            command.arg("--allow-root");
        }
        run(&mut command, SOON)
    }

    /// The companion for another launcher.
    pub(crate) fn companion(&self, launcher: &Path, flags: &[&str]) -> Command {
        let mut command = self.command(COMPANION);
        command.arg("--launcher").arg(launcher).args(flags);
        if self.as_root {
            command.arg("--allow-root");
        }
        command
    }

    /// A launcher that is this shell script; `REAL` stands for the real one.
    pub(crate) fn script(&self, body: &str) -> PathBuf {
        let path = self.caller.folder().join("launcher");
        let real = claudebox_bin().display().to_string();
        let text = format!("#!/bin/sh\n{}\n", body.replace("REAL", &real));
        // By another process: whoever this one forks meanwhile would hold the file open, and it could not be run then.
        let write = ["-c", "printf %s \"$1\" >\"$0\" && chmod 755 \"$0\""];
        let mut shell = Command::new("/bin/sh");
        let written = shell.args(write).arg(&path).arg(text).status();
        assert!(written.expect("a shell").success(), "a script");
        path
    }

    /// Everything of the person's: mode, owner, time of change and content, by path.
    pub(crate) fn belongings(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        let mut left = vec![self.caller.home(), self.caller.folder().join("agent")];
        while let Some(path) = left.pop() {
            // What is kept of the project is made by every start in it.
            if path.ends_with(".claudebox") {
                continue;
            }
            let metadata = fs::symlink_metadata(&path).expect("looking at what was listed");
            let content = if metadata.is_dir() {
                let entries = fs::read_dir(&path).expect("listing").flatten();
                left.extend(entries.map(|entry| entry.path()));
                String::new()
            } else {
                // That of the home folder itself changes with the bait that comes and goes.
                {
                    let mut hash = DefaultHasher::new();
                    fs::read(&path).expect("reading").hash(&mut hash);
                    format!("{} {}", metadata.mtime_nsec(), hash.finish())
                }
            };
            let about = format!("{:o} {} {content}", metadata.mode(), metadata.uid());
            found.insert(path, about);
        }
        assert!(found.len() > 5, "a person has more than that: {found:?}");
        found
    }

    /// Whether bait lies in the home folder.
    pub(crate) fn bait(&self) -> Option<PathBuf> {
        let entries = fs::read_dir(self.caller.home())
            .expect("the home folder")
            .flatten();
        let mut bait = entries.filter(|entry| entry.file_name().to_string_lossy().contains(PREFIX));
        Some(bait.next()?.path())
    }

    /// Processes that stand in the folder of this person, or have something of it open.
    pub(crate) fn processes(&self) -> Vec<String> {
        let mut found = Vec::new();
        for process in fs::read_dir("/proc").expect("/proc").flatten() {
            let links = fs::read_dir(process.path().join("fd"))
                .into_iter()
                .flatten()
                .flatten();
            let links = links.map(|entry| entry.path());
            let links = links.chain(["cwd", "exe"].map(|name| process.path().join(name)));
            let of_this = |link: PathBuf| {
                fs::read_link(link).is_ok_and(|end| end.starts_with(self.caller.folder()))
            };
            if links.into_iter().any(of_this) {
                let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
                found.push(String::from_utf8_lossy(&line).replace('\0', " "));
            }
        }
        found
    }
}

fn give_to_root(path: &Path) {
    lchown(path, Some(0), Some(0)).expect("giving a path to root");
    if path.is_dir() && !path.is_symlink() {
        for entry in fs::read_dir(path).expect("listing").flatten() {
            give_to_root(&entry.path());
        }
    }
}

/// The rows of the JSON form: verdict and reason by guard, one for each.
pub(crate) fn rows(ran: &Ran) -> BTreeMap<Guard, (String, String)> {
    let report: Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}:{ran}"));
    assert_eq!(report["version"], 1, "{ran}");
    let rows = report["guards"]
        .as_array()
        .unwrap_or_else(|| panic!("no guards:{ran}"));
    let rows: BTreeMap<Guard, (String, String)> = rows
        .iter()
        .map(|row| {
            let guard = serde_json::from_value(row["guard"].clone()).expect("a guard");
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (guard, (text(&row["verdict"]), text(&row["why"])))
        })
        .collect();
    let guards: Vec<Guard> = rows.keys().copied().collect();
    assert_eq!(guards, Guard::ALL, "a row for each guard:{ran}");
    rows
}
