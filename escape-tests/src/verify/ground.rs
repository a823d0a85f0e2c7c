//! Owns what is planted on a person's own machine, and taken away again: canaries with random names, a folder of bait in the
//! home folder, the neighbour. What is the person's own is only named (`ground::host`), to be read to nowhere.

mod host;

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command};

use claudebox::facts::Facts;
use claudebox::guard::Guard;
use claudebox::plan::{Action, Plan};
use claudebox::text::Text;
use tempfile::TempDir;

use self::host::{existing_secrets, host_folders, inside_uid, shown};
use super::Failure;
use crate::harness::bait::Bait;
use crate::harness::lab;
use crate::harness::neighbour::Order;

/// How every name of what is planted begins.
pub const PREFIX: &str = "claudebox-verify-";

/// All that is planted. Dropping it takes it away, the neighbour first.
#[derive(Debug)]
pub struct Ground {
    bait: Bait,
    neighbour: Leashed,
    planted: Planted,
    folder: TempDir,
}

/// The neighbour, which ends with its standard input, and when this is dropped.
#[derive(Debug)]
struct Leashed(
    Child,
    #[expect(dead_code, reason = "it is held, not used")] ChildStdin,
);

impl Drop for Leashed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Files outside of the folder of bait.
#[derive(Debug, Default)]
struct Planted(Vec<PathBuf>);

impl Planted {
    /// A new file that only its owner can read.
    fn file(&mut self, path: PathBuf, content: &str) -> io::Result<PathBuf> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        self.0.push(path.clone());
        file.write_all(content.as_bytes())?;
        Ok(path)
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

impl Ground {
    /// Plants everything for the sandbox of `plan`.
    ///
    /// # Errors
    /// What could not be planted; what was, is gone then.
    pub fn plant(plan: &Plan, facts: &Facts) -> Result<Self, Failure> {
        let home = facts.user.home.path();
        Self::try_plant(plan, facts).map_err(|error| {
            let what = format!("cannot plant bait for the attacks: {error}");
            let hint = format!(
                "make room in {}, and make it writable for you",
                Text::from(home)
            );
            Failure::new(what, hint)
        })
    }

    fn try_plant(plan: &Plan, facts: &Facts) -> io::Result<Self> {
        let (home, uid) = (facts.user.home.path().to_owned(), facts.user.uid);
        let mark = format!("canary{}", lab::random()?);
        let folder = tempfile::Builder::new()
            .prefix(&format!(".{PREFIX}"))
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&home)?;
        let at = |name: &str| folder.path().join(name);
        for name in ["granted", "beside", "shared", "inside", "other"] {
            fs::create_dir(at(name))?;
        }
        for (name, content) in [
            ("secret", mark.as_str()),
            ("other/.env", &mark),
            ("granted/file", "as it was\n"),
            ("beside/file", "as it was\n"),
            ("agent", ""),
            ("heard", ""),
            ("in", ""),
            ("ran", ""),
        ] {
            fs::write(at(name), content)?;
        }
        fs::write(at("out"), format!("{mark}{}\n", lab::EARLIER))?;
        // A copy: where this program lies, a grant may not be allowed.
        let inside = at("inside").join("claudebox-verify");
        fs::copy(std::env::current_exe()?, &inside)?;
        fs::set_permissions(&inside, Permissions::from_mode(0o755))?;

        let mut planted = Planted::default();
        let in_home = planted.file(home.join(format!(".{PREFIX}{}", lab::random()?)), &mark)?;
        let mut tmp_files = Vec::new();
        for tmp in ["/tmp", "/var/tmp", "/dev/shm"] {
            let path = Path::new(tmp).join(format!("{PREFIX}{}", lab::random()?));
            // Not every host has all of them, open to this user.
            tmp_files.extend(planted.file(path, &mark).ok());
        }
        let mut sockets = vec![at("agent.sock")];
        // A longer name than the address of a socket takes (unix(7)): then it is tried elsewhere alone.
        sockets.retain(|socket| socket.as_os_str().len() < 108);
        let runtime = format!("/run/user/{uid}");
        for place in ["/tmp", &runtime] {
            let owned = || fs::metadata(place).is_ok_and(|folder| folder.uid() == uid);
            if place == "/tmp" || owned() {
                let socket = Path::new(place).join(format!("{PREFIX}{}.sock", lab::random()?));
                planted.0.push(socket.clone());
                sockets.push(socket);
            }
        }
        let order = Order {
            mark: mark.clone(),
            sockets: sockets.clone(),
            heard: at("heard"),
            user_keyring: false,
        };
        let mut command = Command::new(std::env::current_exe()?);
        command.env_clear().current_dir("/");
        let (child, leash, reached) = lab::neighbour(command, &order, Command::spawn)?;
        let neighbour = Leashed(child, leash);
        let (host_runs, pinned) = host_runs(plan, uid);
        let bait = Bait {
            hidden: plan.hidden().map(|at| at.path().to_owned()).collect(),
            kept: kept(plan),
            host_runs,
            pinned,
            tier: plan.tier.value,
            uid,
            inside_uid: inside_uid(plan, uid),
            user: facts.user.name.to_string_lossy().into_owned(),
            secrets: vec![at("secret"), in_home],
            existing: existing_secrets(plan, &home),
            other_projects: vec![at("other/.env")],
            host_files: host_folders(plan),
            tmp_files,
            sockets,
            granted: at("granted"),
            shared: at("shared"),
            beside: at("beside"),
            shown: shown(plan),
            agent: at("agent"),
            inside,
            in_run: lab::placed::in_run(),
            device: None,
            environment: variables(&mark)?,
            neighbour: reached,
            heard: at("heard"),
            placed_sockets: Vec::new(),
            placed_files: Vec::new(),
            own_addresses: Vec::new(),
            own_devices: Vec::new(),
            network: String::new(),
            company: None,
            ground: None,
            company_project: at("company"),
            terminal: at("recorded"),
            namespaces: lab::namespaces()?,
            hostname: nix::unistd::gethostname()?.to_string_lossy().into_owned(),
            stdin: at("in"),
            stdout: at("out"),
            loader: at("loader"),
            ran: at("ran"),
            system_v: (0, 0),
            mark,
            home,
            project: plan.project.path().to_owned(),
            folder: folder.path().to_owned(),
        };
        Ok(Self {
            bait,
            neighbour,
            planted,
            folder,
        })
    }

    /// What may be touched.
    #[must_use]
    pub fn bait(&self) -> &Bait {
        &self.bait
    }

    /// Takes everything away.
    ///
    /// # Errors
    /// What is still there.
    pub fn clear(self) -> Result<(), Failure> {
        let Self {
            bait,
            neighbour,
            planted,
            folder,
        } = self;
        drop(neighbour);
        drop(planted);
        folder.close().map_err(|error| {
            let path = Text::from(bait.folder);
            let what = format!("the bait in {path} could not be removed: {error}");
            Failure::new(what, format!("rm -r {path}"))
        })
    }
}

/// Folders above what is hidden.
fn kept(plan: &Plan) -> Vec<PathBuf> {
    let of_guard = plan
        .binds()
        .filter(|(.., step)| step.guard == Guard::ProjectSecretsHidden);
    of_guard.map(|(_, at, ..)| at.path().to_owned()).collect()
}

/// What of the project the host runs, and the folders above that: those that this user could write but for the sandbox.
fn host_runs(plan: &Plan, uid: u32) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut guarded, mut pinned) = (Vec::new(), Vec::new());
    let of_guard = plan
        .steps
        .iter()
        .filter(|step| step.guard == Guard::HostRunGuarded);
    let mounted = of_guard.filter_map(|step| match &step.action {
        Action::Bind { at, writable, .. } => Some((at, *writable)),
        Action::Replace { at, .. } => Some((at, false)),
        _ => None,
    });
    for (at, writable) in mounted {
        let path = at.path().to_owned();
        let own = |path: &Path| {
            let found = fs::metadata(path);
            found.is_ok_and(|found| found.uid() == uid && found.mode() & 0o200 != 0)
        };
        // One in a folder that is read-only is kept in its place by that.
        let free = || !guarded.iter().any(|above| path.starts_with(above));
        if !own(&path) {
            continue;
        }
        if !writable {
            guarded.push(path);
        } else if free() && path.parent().is_some_and(own) {
            pinned.push(path);
        }
    }
    (guarded, pinned)
}

/// Variables that nobody else has: those of the person keep their values.
fn variables(mark: &str) -> io::Result<Vec<(String, String)>> {
    let number = lab::random()?.to_uppercase();
    let names = ["TOKEN", "SECRET_KEY", "PASSWORD", "_SOCK"];
    let mut variables: Vec<(String, String)> = names
        .map(|name| (format!("X{number}_{name}"), format!("{mark}-{name}")))
        .into();
    // As a shell exports it.
    let function = format!("BASH_FUNC_x{number}%%");
    variables.push((function, format!("() {{ echo {mark}; }}")));
    Ok(variables)
}
