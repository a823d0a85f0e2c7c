//! Owns which folders of a host hold what must never enter: the catalogue of secret places (FS-D), and the
//! places from which claudebox refuses to start (RUN-06). Pure: paths in, reasons out; links were followed before.

use std::path::Path;

/// Places below the home folder that hold secrets, or programs that the host runs, and what is in them.
pub const SECRET_IN_HOME: &[(&str, &str)] = &[
    (".ssh", "SSH keys"),
    (".gnupg", "GnuPG keys"),
    (".aws", "AWS credentials"),
    (".azure", "Azure credentials"),
    (".kube", "Kubernetes credentials"),
    (".docker", "container registry credentials"),
    (".config/gcloud", "Google Cloud credentials"),
    (".config/sops", "age and sops keys"),
    (".config/age", "age keys"),
    (".age", "age keys"),
    (".netrc", "passwords of hosts"),
    (".git-credentials", "passwords of git hosts"),
    (".config/git/credentials", "passwords of git hosts"),
    (".config/gh", "GitHub tokens"),
    (".config/glab-cli", "GitLab tokens"),
    (".config/hub", "GitHub tokens"),
    (".npmrc", "npm token"),
    (".pypirc", "PyPI token"),
    (".cargo/credentials.toml", "crates.io token"),
    (".cargo/credentials", "crates.io token"),
    (".gem/credentials", "RubyGems token"),
    (".m2/settings.xml", "Maven passwords"),
    (".pgpass", "PostgreSQL passwords"),
    (".my.cnf", "MySQL passwords"),
    (".vault-token", "Vault token"),
    (".config/op", "1Password data"),
    (".config/rclone", "cloud storage tokens"),
    (".config/containers", "container registry credentials"),
    (".terraform.d", "Terraform tokens"),
    (".password-store", "passwords"),
    (".local/share/keyrings", "keyrings"),
    (".local/share/kwalletd", "wallets"),
    (".mozilla", "browser profiles"),
    (".config/google-chrome", "browser profiles"),
    (".config/chromium", "browser profiles"),
    (".config/BraveSoftware", "browser profiles"),
    (".thunderbird", "mail"),
    (".bash_history", "shell history"),
    (".zsh_history", "shell history"),
    (".local/share/fish", "shell history"),
    (".python_history", "shell history"),
    (".claude", "the login and the conversations of Claude Code"),
    (".claude.json", "MCP secrets and other projects"),
    (".claudebox", "what steers claudebox"),
];

/// Places of the system that hold secrets or sockets of the host, whoever the user is.
pub const SECRET_ON_HOST: &[(&str, &str)] = &[
    ("/run", "sockets and secrets of the host"),
    ("/var/run", "sockets and secrets of the host"),
    ("/sys", "the kernel's objects"),
    ("/proc", "the host's processes"),
    ("/dev", "the host's devices"),
    ("/boot", "the boot chain"),
    ("/root", "root's home folder"),
    ("/tmp", "temporary files of everything that runs"),
    ("/var/tmp", "temporary files of everything that runs"),
    ("/var/lib/tailscale", "the Tailscale key"),
    ("/etc/shadow", "password hashes"),
    ("/etc/ssh", "SSH host keys"),
    ("/etc/sudoers", "who may become root"),
    ("/etc/wireguard", "VPN keys"),
    ("/etc/NetworkManager", "network passwords"),
    (
        "/nix/var/nix/daemon-socket",
        "the Nix daemon, which reaches the network",
    ),
];

/// What in a project the host runs without being asked twice, and who does (FS-I; threats: PER).
pub const HOST_RUNS: &[(&str, &str)] = &[
    (".git/hooks", "git"),
    (".git/config", "git, where it names programs"),
    (".envrc", "direnv"),
    (".vscode/tasks.json", "VS Code"),
    (".vscode/settings.json", "VS Code"),
    (".idea", "JetBrains IDEs"),
    (".devcontainer", "VS Code"),
    (".claude/settings.json", "Claude Code"),
    (".claude/settings.local.json", "Claude Code"),
    (".claude/hooks", "Claude Code"),
    (".mcp.json", "Claude Code"),
    (".husky", "git"),
    (".pre-commit-config.yaml", "git, by pre-commit"),
    (".mise.toml", "mise"),
    (".nvim.lua", "Neovim"),
    (".exrc", "vi"),
];

/// Folders of the system: not a project, and neither is what lies in them.
const SYSTEM: &[&str] = &[
    "/usr",
    "/etc",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/boot",
    "/dev",
    "/proc",
    "/sys",
    "/run",
    "/nix",
    "/var",
    "/snap",
    "/lost+found",
];

/// Folders that are no project themselves, while what lies in them may be one.
const SHELVES: &[&str] = &[
    "/home",
    "/opt",
    "/srv",
    "/mnt",
    "/media",
    "/tmp",
    "/var/tmp",
    "/var/www",
    "/run/media",
    "/root",
    "/gnu",
    "/data",
];

/// Why `path` cannot be a project (RUN-06), or `None`.
///
/// `path`, `home` and `own` (`~/.claudebox`) have all links followed, so every spelling leads to one answer.
#[must_use]
pub fn refusal(path: &Path, home: &Path, own: &Path) -> Option<String> {
    if path == Path::new("/") {
        return Some("it is the root of the file system".into());
    }
    if path == home {
        return Some("it is the home folder".into());
    }
    if home.starts_with(path) {
        return Some("the home folder lies in it".into());
    }
    if path.starts_with(own) || own.starts_with(path) {
        return Some("it holds what steers claudebox".into());
    }
    if path.starts_with(home.join(".config")) {
        return Some("it holds the configuration of your programs".into());
    }
    for (place, what) in SECRET_IN_HOME {
        if path.starts_with(home.join(place)) {
            return Some(format!("it holds {what}"));
        }
    }
    if path.starts_with(home) {
        return None;
    }
    if SHELVES.iter().any(|shelf| path == Path::new(shelf)) {
        return Some("it is a folder of the system".into());
    }
    let below_shelf = SHELVES.iter().any(|shelf| path.starts_with(shelf));
    (!below_shelf && SYSTEM.iter().any(|folder| path.starts_with(folder)))
        .then(|| "it is a folder of the system".into())
}

/// What a grant of `path` would uncover: the secret place that it is, lies in, or lies above.
///
/// `home` and `path` have all links followed; `resolved` gives the real place of a secret place that is a link.
pub fn uncovers<'a>(
    path: &Path,
    home: &Path,
    resolved: impl Fn(&Path) -> Option<&'a Path>,
) -> Option<(String, &'static str)> {
    if path == Path::new("/") || home.starts_with(path) {
        return Some((home.display().to_string(), "the whole home folder"));
    }
    let in_home = SECRET_IN_HOME
        .iter()
        .map(|(place, what)| (home.join(place), *what));
    let on_host = SECRET_ON_HOST
        .iter()
        .map(|(place, what)| (Path::new(place).to_owned(), *what));
    for (place, what) in in_home.chain(on_host) {
        let meets = |place: &Path| path.starts_with(place) || place.starts_with(path);
        let in_home_below = path.starts_with(home) && !place.starts_with(home);
        if !in_home_below && (meets(&place) || resolved(&place).is_some_and(meets)) {
            return Some((place.display().to_string(), what));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = "/home/ann";

    fn refused(path: &str) -> bool {
        refusal(
            Path::new(path),
            Path::new(HOME),
            Path::new("/home/ann/.claudebox"),
        )
        .is_some()
    }

    #[test]
    fn no_project_where_secrets_or_the_system_lie() {
        for path in [
            "/",
            "/home",
            HOME,
            "/usr",
            "/usr/src/x",
            "/etc",
            "/nix/store/x",
            "/var/lib/x",
            "/tmp",
            "/opt",
            "/root",
            "/home/ann/.ssh",
            "/home/ann/.ssh/x",
            "/home/ann/.config",
            "/home/ann/.config/nvim",
            "/home/ann/.claude/x",
            "/home/ann/.claudebox",
            "/home/ann/.claudebox/projects/x",
            "/home/ann/.aws",
            "/home/ann/.password-store",
        ] {
            assert!(refused(path), "{path} must be refused");
        }
        for path in [
            "/home/ann/src",
            "/home/ann/.dotfiles",
            "/tmp/x",
            "/opt/app",
            "/srv/www",
            "/work/x",
            "/run/media/ann/disk",
        ] {
            assert!(!refused(path), "{path} is a project");
        }
    }

    #[test]
    fn a_grant_above_inside_or_at_a_secret_place_uncovers_it() {
        let uncovers = |path: &str| {
            uncovers(Path::new(path), Path::new(HOME), |place| {
                (place == Path::new("/home/ann/.aws")).then_some(Path::new("/secure/aws"))
            })
        };
        for path in [
            "/",
            "/home",
            HOME,
            "/home/ann/.ssh",
            "/home/ann/.ssh/id",
            "/home/ann/.config",
            "/run",
            "/run/user/1",
            "/var",
            "/etc",
            "/tmp",
            "/tmp/x",
            "/secure",
            "/secure/aws/x",
        ] {
            assert!(uncovers(path).is_some(), "{path} uncovers something");
        }
        for path in [
            "/home/ann/src",
            "/home/ann/.config/nvim",
            "/opt",
            "/srv/data",
            "/etc/hosts",
            "/var/cache/x",
        ] {
            assert_eq!(uncovers(path), None, "{path}");
        }
    }
}
