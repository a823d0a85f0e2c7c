//! Owns what an attack may touch: all of it is fresh for each trial, or only looked at. Plain data that travels inside.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use claudebox::cli::Tier;
use serde::{Deserialize, Serialize};

use crate::network_lab::ground::Ground;

use super::places::{self, FILES, Placed, SOCKETS};
use super::{inside, keeper};

/// The bait of one trial.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bait {
    /// Random; stands in the content of every canary, and in no path of the home or the project.
    pub mark: String,
    /// The tier of the trial.
    pub tier: Tier,
    /// The uid that starts the launcher, and the uid inside.
    pub uid: u32,
    /// The uid inside.
    pub inside_uid: u32,
    /// The login name.
    pub user: String,
    /// The home folder.
    pub home: PathBuf,
    /// The project.
    pub project: PathBuf,
    /// The folder around home and project: of the host, and never shown.
    pub folder: PathBuf,
    /// Secrets below the home folder.
    pub secrets: Vec<PathBuf>,
    /// Secrets that are the person's own, on a machine that is no lab: they are read to nowhere.
    pub existing: Vec<PathBuf>,
    /// Files of other projects: beside this one in the home folder, and outside of it.
    pub other_projects: Vec<PathBuf>,
    /// Files of the host that nobody listed, one in each top-level folder that has any.
    pub host_files: Vec<PathBuf>,
    /// Files in the host's temporary folders.
    pub tmp_files: Vec<PathBuf>,
    /// Where the neighbour listens, and the keeper.
    pub sockets: Vec<PathBuf>,
    /// Those among them that belong to a row of the catalogue.
    pub placed_sockets: Vec<Placed>,
    /// Those among the files of the host.
    pub placed_files: Vec<Placed>,
    /// A folder of the caller's that is shown read-only.
    pub granted: PathBuf,
    /// A folder of bait that is read-write inside and on the host: in a lab that is the project.
    pub shared: PathBuf,
    /// What else is shown on a machine that is no lab, by a flag, by a profile, or for the project.
    pub shown: Vec<PathBuf>,
    /// What of the project is hidden.
    #[serde(default)]
    pub hidden: Vec<PathBuf>,
    /// Folders above that, which must stay in their place. None is empty.
    #[serde(default)]
    pub kept: Vec<PathBuf>,
    /// What of the project the host runs and the sandbox guards.
    #[serde(default)]
    pub host_runs: Vec<PathBuf>,
    /// Folders above that, which must stay in their place. None is empty.
    #[serde(default)]
    pub pinned: Vec<PathBuf>,
    /// A folder of the caller's that nobody granted.
    pub beside: PathBuf,
    /// The agent's executable, which belongs to the caller.
    pub agent: PathBuf,
    /// The inside half, which lies at the same path inside.
    pub inside: PathBuf,
    /// Something in the host's /run.
    pub in_run: Option<PathBuf>,
    /// A device of the host that is not shown.
    pub device: Option<PathBuf>,
    /// The canaries of the caller's environment.
    pub environment: Vec<(String, String)>,
    /// A live process of the caller's.
    pub neighbour: Neighbour,
    /// What the neighbour heard, a line each.
    pub heard: PathBuf,
    /// The same in another session of the caller's, where the probe is in company.
    pub company: Option<Neighbour>,
    /// The project of that session.
    pub company_project: PathBuf,
    /// What was recorded of the terminal, where there is one: see [`Bait::recorded`].
    pub terminal: PathBuf,
    /// Namespaces of the caller, by name.
    pub namespaces: BTreeMap<String, String>,
    /// The addresses of the host's devices, but for the loopback.
    pub own_addresses: Vec<IpAddr>,
    /// Those devices.
    pub own_devices: Vec<String>,
    /// The host's network as it was: [`super::network_outside::of_the_host`].
    pub network: String,
    /// The trial's place in the lab of networks, where it is there.
    #[serde(default)]
    pub ground: Option<Ground>,
    /// The host's name.
    pub hostname: String,
    /// The file that is standard input, where streams are files.
    pub stdin: PathBuf,
    /// The file that is standard output, where streams are files.
    pub stdout: PathBuf,
    /// Where the dynamic loader of a program of the host writes when it sees the caller's variables: LD_DEBUG_OUTPUT.
    pub loader: PathBuf,
    /// What a program that was planted for the launcher to run writes when it runs, a line each.
    pub ran: PathBuf,
    /// A message queue and a semaphore of System V on the host, where the probe is about such; else 0.
    pub system_v: (i32, i32),
}

/// How the neighbour can be reached.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Neighbour {
    /// Its PID, which is its process group and that of the launcher too.
    pub pid: i32,
    /// Its TCP port on the host's loopback.
    pub port: u16,
    /// Its UDP port there.
    pub udp_port: u16,
    /// Its abstract socket. One for datagrams and one for packets have this name with an ending of their own.
    pub abstract_name: String,
    /// Its System V shared memory.
    pub shared_memory: i32,
    /// Its user keyring, which is that of every process of the user, by serial number; 0 where it reaches none.
    pub user_keyring: i32,
}

/// What a terminal showed, and how it was left.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Every byte that was written to it.
    pub bytes: Vec<u8>,
    /// Its settings before and after, as text (termios(3)).
    pub settings: [String; 2],
    /// Whether its foreground process group is the one of before.
    pub foreground_given_back: bool,
    /// The status flags of its open file description, before and after (fcntl(2), F_GETFL).
    pub flags: [i32; 2],
    /// What was there to be read as if it had been typed, when all was over.
    pub typed: Vec<u8>,
}

/// Where the neighbour in another session writes down what it hears, in its project.
pub const HEARD: &str = "heard";

/// The description of the key in the caller's session keyring.
pub const KEY: &str = "claudebox-probe";

/// The ending of the name of the abstract socket for datagrams.
pub const DATAGRAMS: &str = "-datagrams";
/// The ending of the name of the abstract socket for packets.
pub const PACKETS: &str = "-packets";

/// The name of a POSIX message queue on the host, where the probe is about such.
#[must_use]
pub fn queue_name(mark: &str) -> String {
    format!("claudebox-{mark}")
}

/// The word that a connection sends to show from outside that the neighbour listens.
pub const PROOF: &str = "proof";
/// The word that an attack sends.
pub const ATTACK: &str = "attack";

/// What stands in a secret.
#[must_use]
pub fn content_of(secret: &Path, mark: &str) -> String {
    format!("{mark} {}\n", secret.display())
}

impl Bait {
    /// What Claude Code keeps in the home folder.
    pub fn claude_state(&self) -> impl Iterator<Item = &PathBuf> {
        let of_claude = |path: &&PathBuf| path.to_string_lossy().contains("/.claude");
        let secrets = self.secrets.iter().filter(of_claude);
        secrets.filter(|path| !path.starts_with(self.home.join(".claudebox")))
    }

    /// What of it is not as it was planted, or is there beside it.
    #[must_use]
    pub fn claude_state_changed(&self) -> Option<String> {
        let as_it_was = |path: &Path| {
            let is_file = fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
            let content = content_of(path, &self.mark);
            is_file && fs::read(path).is_ok_and(|found| found == content.as_bytes())
        };
        let mut state = self.claude_state();
        let changed = state.find(|path| !as_it_was(path)).cloned();
        let shown = places::CLAUDE_SHOWN.map(|file| self.home.join(file));
        let other = |path: &&PathBuf| {
            fs::read(path).ok().as_deref() != Some(places::SHOWN_CONTENT.as_bytes())
        };
        let changed = changed.or_else(|| shown.iter().find(other).cloned());
        let found = inside::walk(&self.home.join(".claude"), &|_| false).unwrap_or_default();
        let mut found = found.into_iter();
        let unknown = |path: &PathBuf| !self.secrets.contains(path) && !shown.contains(path);
        let changed = changed.or_else(|| found.find(unknown));
        changed.map(|path| format!("{} of the host is not as it was", path.display()))
    }

    /// What the neighbour heard of `what` that was an attack, if anything.
    #[must_use]
    pub fn attack_heard(&self, what: &str) -> Option<String> {
        let heard = fs::read_to_string(&self.heard).unwrap_or_default();
        let line = format!("{what} {ATTACK}");
        heard
            .lines()
            .any(|heard| heard == line)
            .then(|| format!("the neighbour heard an attack on its {what}"))
    }

    /// The word of an attack on a socket. No other trial sends it.
    #[must_use]
    pub fn word(&self) -> String {
        let tag = &self.mark[self.mark.len() - 9..];
        format!("{ATTACK} {tag}")
    }

    /// What the neighbour or the keeper heard of that word, if anything.
    #[must_use]
    pub fn word_heard(&self) -> Option<String> {
        let word = self.word();
        let heard = fs::read_to_string(&self.heard).unwrap_or_default();
        let line = heard.lines().find(|line| line.contains(&word));
        let line = line.map(str::to_owned).or_else(|| keeper::heard(&word));
        line.map(|line| format!("a socket of the host heard: {line}"))
    }

    /// Where sockets of `row` are on a host: those that were planted, and all places that are known.
    #[must_use]
    pub fn sockets_of(&self, row: &str) -> Vec<PathBuf> {
        self.places_of(row, SOCKETS, &self.placed_sockets)
    }

    /// The same of files.
    #[must_use]
    pub fn files_of(&self, row: &str) -> Vec<PathBuf> {
        self.places_of(row, FILES, &self.placed_files)
    }

    fn places_of(&self, row: &str, table: &[(&str, &str)], placed: &[Placed]) -> Vec<PathBuf> {
        let known = places::of(table, &self.home, self.uid);
        let all = known.iter().chain(placed).filter(|one| one.row == row);
        let all: BTreeSet<PathBuf> = all.map(|one| one.path.clone()).collect();
        all.into_iter().collect()
    }

    /// How often the neighbour got the signal. Once shows that it does.
    #[must_use]
    pub fn signals_heard(&self) -> usize {
        let heard = fs::read_to_string(&self.heard).unwrap_or_default();
        heard.lines().filter(|line| *line == "signal").count()
    }

    /// What the terminal of the trial recorded.
    #[must_use]
    pub fn recorded(&self) -> Option<Recorded> {
        serde_json::from_slice(&fs::read(&self.terminal).ok()?).ok()
    }

    /// What the neighbour in the other session heard that was an attack, if anything.
    #[must_use]
    pub fn company_heard(&self) -> Option<String> {
        let heard = fs::read_to_string(self.company_project.join(HEARD)).unwrap_or_default();
        let attack = heard
            .lines()
            .find(|line| line.ends_with(ATTACK) || *line == "signal");
        attack.map(|line| format!("the other session heard: {line}"))
    }

    /// A report that a path is there on the host, if it is.
    #[must_use]
    pub fn there(&self, path: &Path) -> Option<String> {
        fs::symlink_metadata(path)
            .is_ok()
            .then(|| format!("{} is on the host", path.display()))
    }

    /// The name under which an attack of this trial makes something in a folder of the host's own. It is no canary.
    #[must_use]
    pub fn new_name(&self) -> String {
        format!("claudebox-{}", self.mark.trim_start_matches("canary"))
    }

    /// A report that an attack made something beside one of these files of the host, which is taken away again.
    #[must_use]
    pub fn made_beside(&self, files: &[PathBuf]) -> Option<String> {
        let folders = files.iter().filter_map(|file| file.parent());
        let made = folders.map(|folder| folder.join(self.new_name()));
        let made: Vec<PathBuf> = made.filter(|path| fs::remove_file(path).is_ok()).collect();
        let first = made.first()?;
        Some(format!("{} was on the host", first.display()))
    }

    /// Whether `text` holds a canary.
    #[must_use]
    pub fn canaries_in(&self, text: &[u8]) -> usize {
        let mark = self.mark.as_bytes();
        text.windows(mark.len())
            .filter(|window| *window == mark)
            .count()
    }
}
