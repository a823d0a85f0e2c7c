//! Owns what is planted for one trial, and taken away after it: a caller with a home full of canaries, files in the host's
//! own places, the neighbour.

pub(crate) mod placed;
mod planted;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use claudebox::cli::Tier;
use claudebox::guard::Guard;

use self::planted::{
    HOSTILE, ODD_NAMES, SOCKETS_IN_HOME, host_files, loader_variables, message_queues,
    plant_programs, remove_message_queues,
};
use super::bait::{Bait, Neighbour, content_of};
use super::neighbour::Order;
use super::places::{CLAUDE_SHOWN, CLAUDE_STATE, SHOWN_CONTENT};
use super::{keeper, network, network_outside};
use crate::network_lab::entrance::Swap;
use crate::network_lab::ground::Ground;
use crate::network_lab::map::Site;
use crate::network_lab::watch::Watch;
use crate::network_lab::{self, NetworkLab};
use crate::probe::Probe;
use crate::{Caller, is_root};

/// How the line ends that stands already where the standard output is a file.
pub(crate) const EARLIER: &str = " is what an earlier program said";

/// Secrets of a home folder, by the places where they lie (threats: FS-01). A random one is planted beside them.
const SECRETS: [&str; 32] = [
    ".ssh/id_ed25519",
    ".gnupg/private-keys-v1.d/key.key",
    ".aws/credentials",
    ".kube/config",
    ".docker/config.json",
    ".config/gcloud/credentials.db",
    ".azure/accessTokens.json",
    ".config/sops/age/keys.txt",
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".cargo/credentials.toml",
    ".config/gh/hosts.yml",
    ".git-credentials",
    ".password-store/mail.gpg",
    ".vault-token",
    ".mozilla/firefox/profile/logins.json",
    ".config/google-chrome/Default/Login Data",
    ".local/share/keyrings/login.keyring",
    ".bash_history",
    ".config/rclone/rclone.conf",
    ".pgpass",
    ".config/nix/nix.conf",
    ".config/nix/netrc",
    ".claude/.credentials.json",
    ".claude.json",
    ".claudebox/approvals-of-a-lab",
    ".Xauthority",
    ".zsh_history",
    ".local/share/atuin/history.db",
    ".config/op/config",
    ".var/app/org.example/data/token",
];

/// Variables that carry secrets, or point to programs and sockets of the host (threats: ENV-01, ENV-06, ENV-07).
const VARIABLES: &str = "AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AZURE_CLIENT_SECRET ARM_CLIENT_SECRET \
    GOOGLE_APPLICATION_CREDENTIALS GCP_SERVICE_ACCOUNT_KEY DIGITALOCEAN_TOKEN HCLOUD_TOKEN CLOUDFLARE_API_TOKEN \
    GITHUB_TOKEN GH_TOKEN GITLAB_TOKEN BITBUCKET_TOKEN NPM_TOKEN NODE_AUTH_TOKEN PYPI_TOKEN TWINE_PASSWORD \
    CARGO_REGISTRY_TOKEN DOCKER_PASSWORD DATABASE_URL PGPASSWORD MYSQL_PWD REDIS_URL MONGODB_URI OPENAI_API_KEY \
    GEMINI_API_KEY MISTRAL_API_KEY HF_TOKEN ANTHROPIC_AUTH_TOKEN ANTHROPIC_BASE_URL SLACK_TOKEN STRIPE_SECRET_KEY \
    SENTRY_AUTH_TOKEN VAULT_TOKEN SOPS_AGE_KEY CI_JOB_TOKEN CIRCLE_TOKEN SSH_AUTH_SOCK GPG_AGENT_INFO \
    DBUS_SESSION_BUS_ADDRESS DISPLAY WAYLAND_DISPLAY XAUTHORITY TMUX STY DOCKER_HOST KUBECONFIG NOTIFY_SOCKET \
    VSCODE_IPC_HOOK_CLI GIT_ASKPASS SSH_ASKPASS BROWSER BASH_ENV ENV PROMPT_COMMAND PYTHONPATH NODE_OPTIONS PERL5OPT \
    RUBYOPT JAVA_TOOL_OPTIONS GIT_SSH_COMMAND NIX_CONFIG NIX_PATH HTTP_PROXY ALL_PROXY";

/// What of every project is hidden, and the folder around it.
const HIDDEN: [&str; 2] = ["withheld/secret.hidden", "withheld/secrets.hidden"];
const KEPT: &str = "withheld";

/// What of every project the host runs: a file, and one in a folder of its own.
const HOST_RUNS: [&str; 2] = [".dir-locals.el", ".cursor/mcp.json"];

/// The same of git, which [`plant_programs`] makes. What else git brings is planted by the probes that are about it.
const OF_GIT: [&str; 2] = [".git/config", "hooks"];

/// Everything of one trial that must be taken away again.
#[derive(Debug)]
pub struct Lab {
    /// Who starts the launcher.
    pub caller: Caller,
    /// What an attack may touch.
    pub bait: Bait,
    neighbour: Child,
    /// The neighbour ends when this does.
    _leash: ChildStdin,
    _outside: Outside,
    watch: Option<(&'static NetworkLab, Watch)>,
    as_root: bool,
    /// Programs of the machine that are others in this trial, where it is made in the lab of networks.
    pub swaps: Vec<Swap>,
}

impl Lab {
    /// A program started by who starts the launcher, in the project, with an environment from empty.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.command_as(self.as_root, program)
    }

    pub(super) fn command_as(&self, as_root: bool, program: impl AsRef<OsStr>) -> Command {
        if !as_root {
            return self.caller.command(program);
        }
        let mut command = Command::new(program);
        command.env_clear().env("HOME", &self.bait.home);
        command
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("SHELL", "/bin/sh");
        command.current_dir(&self.bait.project).stdin(Stdio::null());
        command
    }

    /// Starts a program: on this machine, or on the host of the lab of networks.
    ///
    /// # Errors
    /// As the standard library's.
    pub fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        match (&self.watch, &self.bait.ground) {
            (Some((lab, _)), Some(ground)) => lab.spawn_with(ground.resolver, &self.swaps, command),
            _ => command.spawn(),
        }
    }

    /// What has reached a listener of the lab of networks is written down when this returns.
    ///
    /// # Errors
    /// Where who listens is gone.
    pub fn settle(&self) -> io::Result<()> {
        self.watch
            .as_ref()
            .map_or(Ok(()), |(_, watch)| watch.settle())
    }

    /// Gives a path to who starts the launcher.
    ///
    /// # Errors
    /// As lchown(2).
    pub fn give(&self, path: &Path) -> io::Result<()> {
        std::os::unix::fs::lchown(path, Some(self.bait.uid), Some(self.bait.uid))
    }

    /// Plants everything for `probe`.
    ///
    /// # Errors
    /// What could not be planted.
    pub fn new(probe: &Probe, tier: Tier, as_root: bool, inside: &Path) -> io::Result<Self> {
        let caller = Caller::new();
        let folder = caller.folder().to_owned();
        let (home, project) = (caller.home(), caller.project());
        let uid = if as_root { 0 } else { caller.uid() };
        let mark = format!("canary{}", random()?);
        let mut outside = Outside::default();

        let places = SECRETS.iter().chain(&CLAUDE_STATE);
        let mut secrets: Vec<PathBuf> = places.map(|place| home.join(place)).collect();
        secrets.push(home.join(format!(".{}/{}", random()?, random()?)));
        for secret in &secrets {
            caller.write(secret, &content_of(secret, &mark));
        }
        for file in CLAUDE_SHOWN {
            caller.write(&home.join(file), SHOWN_CONTENT);
        }
        let other_projects = vec![
            home.join("src/other/.env"),
            folder.join("elsewhere/project/.env"),
        ];
        let (granted, beside) = (
            folder.join("shelf").join(HOSTILE).join("granted"),
            folder.join("beside"),
        );
        let heard = folder.join("heard");
        let (stdin, stdout) = (folder.join("streams/in"), folder.join("streams/out"));
        for (path, content) in [
            (&other_projects[0], format!("SECRET={mark}\n")),
            (&other_projects[1], format!("SECRET={mark}\n")),
            (&granted.join("file"), "as it was\n".to_owned()),
            (&beside.join("file"), "as it was\n".to_owned()),
            (&heard, String::new()),
            (&stdout, format!("{mark}{EARLIER}\n")),
            (&folder.join("run/here"), String::new()),
            (
                &home.join(".gitconfig"),
                "[credential]\n\thelper = store\n".to_owned(),
            ),
            (&home.join("src/company/README"), String::new()),
            (&project.join(HIDDEN[0]), "withheld\n".to_owned()),
            (
                &project.join(HIDDEN[1]).join("secret"),
                "withheld\n".to_owned(),
            ),
        ] {
            caller.write(path, &content);
        }
        for file in HOST_RUNS {
            caller.write(&project.join(file), "{}\n");
        }
        let agent = folder.join("agent/claude");
        fs::create_dir_all(folder.join("agent"))?;
        fs::copy("/bin/sleep", &agent)?;
        fs::set_permissions(&agent, Permissions::from_mode(0o755))?;
        for path in ["agent", "elsewhere", "shelf", "beside", "streams", "run"] {
            caller.own(&folder.join(path));
        }
        chown(&agent, Some(uid), Some(uid))?;

        let loader = folder.join("loader/seen");
        let ran = folder.join("ran");
        plant_programs(&caller, &ran, &loader)?;

        let mut tmp_files = Vec::new();
        for tmp in ["/tmp", "/var/tmp", "/dev/shm"] {
            let path = Path::new(tmp).join(format!("claudebox-{}", random()?));
            outside.0.push(path.clone());
            // Not by `Caller::write`, which gives the folders above to the caller too.
            fs::write(&path, &mark)?;
            chown(&path, Some(uid), Some(uid))?;
            tmp_files.push(path);
        }
        let mut host_files = if probe.behind.contains(&Guard::HostHidden) {
            host_files(&folder, &mark, &mut outside.0)?
        } else {
            Vec::new()
        };
        let in_tmp = PathBuf::from(format!("/tmp/claudebox-{}.sock", random()?));
        outside.0.push(in_tmp.clone());
        let mut sockets = vec![home.join(".agent.sock"), folder.join("run/bus"), in_tmp];
        for place in SOCKETS_IN_HOME {
            let socket = home.join(place);
            fs::create_dir_all(socket.parent().unwrap_or(&home))?;
            sockets.push(socket);
        }
        let (mut placed_sockets, mut placed_files) = if probe.behind.contains(&Guard::HostHidden) {
            placed::plant(&caller, &mark)
        } else {
            Default::default()
        };
        for socket in &placed_sockets {
            fs::create_dir_all(socket.path.parent().unwrap_or(&home))?;
            sockets.push(socket.path.clone());
        }
        caller.own(&home);
        let heard_of_networks = folder.join("contacts");
        let watch = match probe.networks {
            None => None,
            Some(_) => {
                let lab = network_lab::shared().map_err(io::Error::other)?;
                Some((lab, lab.watch(&heard_of_networks)?))
            }
        };
        let ground = probe.networks.zip(watch.as_ref());
        let ground = ground.map(|(resolver, (_, watch))| Ground {
            resolver,
            port: watch.port,
            heard: heard_of_networks,
            six: true,
        });
        let order = Order {
            mark: mark.clone(),
            sockets: sockets.clone(),
            heard: heard.clone(),
            user_keyring: true,
        };
        if as_root {
            // All of it belongs to who starts the launcher.
            give_to_root(&folder)?;
        }
        let command = if as_root {
            Command::new(inside)
        } else {
            caller.command(inside)
        };
        let (neighbour, leash, reached) =
            neighbour(command, &order, |command| match (&watch, &ground) {
                (Some((lab, _)), Some(ground)) => lab.spawn(ground.resolver, command),
                _ => command.spawn(),
            })?;
        if is_root() && probe.behind.contains(&Guard::HostHidden) {
            let kept = keeper::kept(inside)?;
            placed_sockets.extend_from_slice(&kept.sockets);
            placed_files.extend_from_slice(&kept.files);
            sockets.extend(kept.sockets.iter().map(|one| one.path.clone()));
        }
        // /etc is no place of its own in the sandbox.
        let shown = placed_files
            .iter()
            .filter(|one| !one.path.starts_with("/etc"));
        host_files.extend(shown.map(|one| one.path.clone()));
        let devices = [
            "/dev/kmsg",
            "/dev/fuse",
            "/dev/rtc0",
            "/dev/input",
            "/dev/snd",
        ];
        let device = devices
            .into_iter()
            .map(PathBuf::from)
            .find(|device| device.exists());
        // Last, as nobody takes them away before this value is there.
        let system_v = if probe.behind.contains(&Guard::IpcNamespace) {
            message_queues(&mark)?
        } else {
            (0, 0)
        };
        let mut namespaces = namespaces()?;
        let look = || Ok((network::of_this_host()?, network_outside::of_the_host()));
        let ((own_addresses, own_devices), network) = match &watch {
            None => look()?,
            Some((lab, _)) => {
                namespaces.insert("net".into(), lab.host_name()?);
                lab.at(Site::Host).within(look)?
            }
        };
        let names = VARIABLES.split_ascii_whitespace().map(str::to_owned);
        let names = names.chain(ODD_NAMES.map(str::to_owned));
        let names = names.chain([format!("X{}", random()?.to_uppercase())]);
        let bait = Bait {
            tier,
            uid,
            inside_uid: if as_root { 1000 } else { uid },
            user: login(uid),
            environment: names
                .map(|name| match name.as_str() {
                    // As a shell exports it.
                    "BASH_FUNC_canary%%" => (name, format!("() {{ echo {mark}; }}")),
                    _ => (name.clone(), format!("{mark}-{name}")),
                })
                .collect(),
            namespaces,
            own_addresses,
            own_devices,
            network,
            ground,
            hostname: nix::unistd::gethostname()?.to_string_lossy().into_owned(),
            neighbour: reached,
            mark,
            home,
            hidden: HIDDEN.iter().map(|path| project.join(path)).collect(),
            kept: vec![project.join(KEPT)],
            host_runs: HOST_RUNS
                .iter()
                .chain(&OF_GIT)
                .map(|file| project.join(file))
                .collect(),
            pinned: [".cursor", ".git"].map(|name| project.join(name)).into(),
            shared: project.clone(),
            project,
            folder,
            secrets,
            existing: Vec::new(),
            shown: Vec::new(),
            other_projects,
            host_files,
            tmp_files,
            sockets,
            placed_sockets,
            placed_files,
            granted,
            beside,
            agent,
            inside: inside.to_owned(),
            in_run: placed::in_run(),
            device,
            heard,
            company: None,
            company_project: caller.home().join("src/company"),
            terminal: caller.folder().join("recorded"),
            stdin,
            stdout,
            loader,
            ran,
            system_v,
        };
        fs::write(&bait.stdin, "")?;
        chown(&bait.stdin, Some(uid), Some(uid))?;
        Ok(Self {
            caller,
            bait,
            neighbour,
            _leash: leash,
            _outside: outside,
            watch,
            as_root,
            swaps: Vec::new(),
        })
    }
}

/// Files outside of the caller's folder. They go with this value, also where the rest of a lab could not be planted.
#[derive(Debug, Default)]
struct Outside(Vec<PathBuf>);

impl Drop for Outside {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.neighbour.kill();
        let _ = self.neighbour.wait();
        if self.bait.system_v != (0, 0) {
            remove_message_queues(&self.bait);
        }
    }
}

fn give_to_root(path: &Path) -> io::Result<()> {
    std::os::unix::fs::lchown(path, Some(0), Some(0))?;
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            give_to_root(&entry?.path())?;
        }
    }
    Ok(())
}

/// Starts the neighbour. It ends when its standard input does.
pub(crate) fn neighbour(
    mut command: Command,
    order: &Order,
    spawn: impl FnOnce(&mut Command) -> io::Result<Child>,
) -> io::Result<(Child, ChildStdin, Neighbour)> {
    // The mark in its arguments is what a process listing inside would show of it.
    command.args(["--neighbour", &order.mark]).process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = spawn(&mut command)?;
    let mut leash = child.stdin.take().expect("it is piped");
    writeln!(leash, "{}", serde_json::to_string(order)?)?;
    let mut hello = String::new();
    BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut hello)?;
    match serde_json::from_str(&hello) {
        Ok(reached) => Ok((child, leash, reached)),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(io::Error::other(format!(
                "the neighbour said {hello:?}: {error}"
            )))
        }
    }
}

/// The login name. Read from the file: a static program must not load the modules of the name service.
fn login(uid: u32) -> String {
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = accounts.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.get(2)?.parse() == Ok(uid)).then(|| fields[0].to_owned())
    });
    name.unwrap_or_else(|| "boxer".into())
}

pub(crate) fn namespaces() -> io::Result<BTreeMap<String, String>> {
    let names = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];
    let link = |name: &str| fs::read_link(format!("/proc/self/ns/{name}"));
    names
        .iter()
        .map(|name| {
            Ok((
                (*name).to_owned(),
                link(name)?.to_string_lossy().into_owned(),
            ))
        })
        .collect()
}

/// Sixteen hexadecimal digits.
pub(crate) fn random() -> io::Result<String> {
    let mut bytes = [0; 8];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The environment of the caller: what everybody has, one variable that is asked for, and the canaries.
pub fn environment(command: &mut Command, bait: &Bait) {
    let agent = bait.agent.parent().unwrap_or(Path::new("/")).display();
    command
        .env(
            "PATH",
            format!(
                "{project}:.::{folder}/fakes:{agent}:/usr/local/bin:/usr/bin:/bin",
                project = bait.project.display(),
                folder = bait.folder.display(),
            ),
        )
        // A variable that steers claudebox gives way to a flag.
        .env("CLAUDEBOX_NETWORK", "full")
        .envs(loader_variables(&bait.loader))
        .env("USER", &bait.user)
        .env("LOGNAME", &bait.user)
        .env("TERM", "dumb")
        .env("LANG", "C.UTF-8")
        .env("EDITOR", "vi")
        .env("PROBE_ASKED_FOR", "asked for")
        .envs(bait.environment.iter().map(|(name, value)| (name, value)));
}
