//! Owns the real Claude Code of the tests: the pinned package that `lab/claude-code/install` brings, laid out in a home in
//! each of the forms in which people have it, and whole turns of it against the stand-in of the API.
//!
//! The executable has 245 MB: it is linked into place, and copied only where the file system or its owner forbids links.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::messages_api::MessagesApi;
use crate::{Caller, skipped, target_folder};

/// What `ANTHROPIC_API_KEY` is in turns. The stand-in takes any key.
pub const API_KEY: &str = "sk-ant-api03-this-key-opens-nothing";

/// npm's name of the executable inside the package, on every system.
const PROGRAM: &str = "bin/claude.exe";

/// The pinned package, unpacked.
#[derive(Debug, Clone)]
pub struct Package {
    modules: PathBuf,
}

/// The forms in which Claude Code gets onto a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstallForm {
    /// The native installer: `~/.local/bin/claude` leads to a file named after its version.
    Native,
    /// `npm install --global` with the prefix in the home folder that npm's manual proposes, not on PATH.
    NpmGlobal,
    /// The same with a prefix of the user's own choice, on PATH.
    NpmPrefix,
    /// nvm: a prefix for each version of node; its shell functions are not loaded.
    Nvm,
    /// A prefix outside of the home folder that belongs to the administrator, on PATH.
    SystemWide,
}

/// Where an install is.
#[derive(Debug)]
pub struct Installed {
    /// What the user would call.
    pub claude: PathBuf,
    /// The folder of it, if the user's shell has it on PATH.
    pub on_path: Option<PathBuf>,
}

impl Package {
    /// The pinned package, if it was brought; else the reason is printed.
    #[must_use]
    pub fn find() -> Option<Self> {
        match Self::missing() {
            None => Some(Self::pinned()),
            Some(why) => {
                skipped(&why);
                None
            }
        }
    }

    /// Why there is none, if there is none.
    #[must_use]
    pub fn missing() -> Option<String> {
        let why = "the pinned Claude Code is not installed; escape-tests/lab/claude-code/install brings it";
        (!Self::pinned().program().is_file()).then(|| why.to_owned())
    }

    /// Where the pinned package lies, if it was brought.
    #[must_use]
    pub fn pinned() -> Self {
        let modules = target_folder().join("lab/claude-code/node_modules/@anthropic-ai");
        Self { modules }
    }

    /// The executable.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        self.modules.join("claude-code").join(PROGRAM)
    }

    /// The version that is pinned.
    ///
    /// # Panics
    ///
    /// When the package does not say.
    #[must_use]
    pub fn version(&self) -> String {
        let manifest = fs::read(self.modules.join("claude-code/package.json"))
            .expect("each package has its package.json");
        let manifest: serde_json::Value =
            serde_json::from_slice(&manifest).expect("package.json is JSON");
        manifest["version"]
            .as_str()
            .expect("each package has a version")
            .to_owned()
    }

    /// Installs it for the caller.
    ///
    /// # Panics
    ///
    /// When the layout cannot be made.
    #[must_use]
    pub fn install(&self, form: InstallForm, caller: &Caller) -> Installed {
        let home = caller.home();
        let installed = match form {
            InstallForm::Native => self.native(&home),
            InstallForm::NpmGlobal => Installed {
                claude: self.npm(&home.join(".npm-global")),
                on_path: None,
            },
            InstallForm::NpmPrefix => on_path(self.npm(&home.join("tools/npm"))),
            InstallForm::Nvm => Installed {
                claude: self.npm(&home.join(".nvm/versions/node/v22.11.0")),
                on_path: None,
            },
            InstallForm::SystemWide => on_path(self.npm(&caller.folder().join("opt/node"))),
        };
        caller.own(&home);
        installed
    }

    fn native(&self, home: &Path) -> Installed {
        let share = home
            .join(".local/share/claude/versions")
            .join(self.version());
        link_or_copy(&self.program(), &share);
        let claude = home.join(".local/bin/claude");
        link(&share, &claude);
        Installed {
            claude,
            on_path: None,
        }
    }

    /// The tree that npm makes in a prefix: the wrapper package, and nested in it the one for this platform.
    fn npm(&self, prefix: &Path) -> PathBuf {
        let package = prefix.join("lib/node_modules/@anthropic-ai/claude-code");
        copy_tree(&self.modules.join("claude-code"), &package);
        let others = fs::read_dir(&self.modules)
            .expect("reading the package")
            .flatten();
        for platform in others.filter(|entry| entry.file_name() != "claude-code") {
            copy_tree(
                &platform.path(),
                &package
                    .join("node_modules/@anthropic-ai")
                    .join(platform.file_name()),
            );
        }
        let claude = prefix.join("bin/claude");
        link(
            &Path::new("../lib/node_modules/@anthropic-ai/claude-code").join(PROGRAM),
            &claude,
        );
        claude
    }
}

impl InstallForm {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Native,
        Self::NpmGlobal,
        Self::NpmPrefix,
        Self::Nvm,
        Self::SystemWide,
    ];
}

impl Installed {
    /// Gives a command the PATH that the user's shell would have.
    pub fn put_on_path(&self, command: &mut Command) {
        if let Some(folder) = &self.on_path {
            command.env(
                "PATH",
                format!("{}:/usr/local/bin:/usr/bin:/bin", folder.display()),
            );
        }
    }
}

/// What Claude Code's talk with the stand-in takes of the environment. The last one keeps it from looking up other hosts.
pub const TURN_ENV: [&str; 2] = [
    "ANTHROPIC_BASE_URL",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
];

/// Sets the environment of a turn.
pub fn turn_env(command: &mut Command, api: &MessagesApi) {
    command
        .env("ANTHROPIC_BASE_URL", api.url())
        .env("ANTHROPIC_API_KEY", API_KEY);
    command.env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
}

/// What the launcher is told for a turn on its own tier: what to take of the environment, and the port of the stand-in.
#[must_use]
pub fn passed(api: &MessagesApi) -> Vec<String> {
    let variables = TURN_ENV.iter().flat_map(|name| ["--env", name]);
    let mut flags: Vec<String> = variables.map(str::to_owned).collect();
    flags.extend(["--host-port".to_owned(), api.port().to_string()]);
    flags
}

/// One turn in the sandbox: `claudebox run -y FLAGS -- -p PROMPT`.
#[must_use]
pub fn turn(caller: &Caller, api: &MessagesApi, flags: &[&str], prompt: &str) -> Command {
    let mut command = caller.claudebox();
    turn_env(&mut command, api);
    command.args(["run", "-y"]);
    if flags.contains(&"--network") {
        command.args(TURN_ENV.iter().flat_map(|name| ["--env", name]));
    } else {
        command.args(passed(api));
    }
    command.args(flags).args(["--", "-p", prompt]);
    command
}

/// The folder in the home that holds the settings of a person who has been through the first start.
pub const CONFIG: &str = "claude-config";

/// What `claudebox run` needs so that Claude Code shows its prompt at once and stays off the internet: the first start asks
/// a dozen questions and looks for the vendor's host, and each interactive one for the official plugins.
pub const ONBOARDED: [&str; 6] = [
    "--mount-home",
    CONFIG,
    "--env",
    "CLAUDE_CONFIG_DIR",
    "--env",
    "CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL",
];

/// Lays out what the first start leaves behind.
pub fn onboard(caller: &Caller) {
    // Of the key the client remembers the last 20 characters.
    let key = &API_KEY[API_KEY.len() - 20..];
    let project = caller.project().display().to_string();
    let state = serde_json::json!({
        "hasCompletedOnboarding": true,
        "lastOnboardingVersion": "2.1.197",
        "theme": "dark",
        "bypassPermissionsModeAccepted": true,
        "customApiKeyResponses": { "approved": [key], "rejected": [] },
        "projects": { project: { "hasTrustDialogAccepted": true, "hasCompletedProjectOnboarding": true } },
    });
    let folder = caller.home().join(CONFIG);
    caller.write(&folder.join(".claude.json"), &state.to_string());
    caller.write(
        &folder.join("settings.json"),
        r#"{ "skipDangerousModePermissionPrompt": true }"#,
    );
}

/// Sets the environment that belongs to [`onboard`].
pub fn onboarded_env(command: &mut Command, caller: &Caller) {
    command.env("CLAUDE_CONFIG_DIR", caller.home().join(CONFIG));
    command.env("CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL", "1");
}

fn on_path(claude: PathBuf) -> Installed {
    let on_path = claude.parent().map(Path::to_owned);
    Installed { claude, on_path }
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("making a folder");
    for entry in fs::read_dir(from).expect("reading the package").flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_tree(&from, &to)
        } else {
            link_or_copy(&from, &to)
        }
    }
}

fn link_or_copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().expect("an install has a folder")).expect("making a folder");
    // A link is refused where the file is another user's (fs.protected_hardlinks) or on another file system.
    if fs::hard_link(from, to).is_err() {
        fs::copy(from, to).expect("copying a file of the package");
    }
}

fn link(target: &Path, link: &Path) {
    fs::create_dir_all(link.parent().expect("a link has a folder")).expect("making a folder");
    symlink(target, link).expect("making a link");
}
