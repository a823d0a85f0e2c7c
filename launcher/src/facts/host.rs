//! Owns what the machine is: distribution, layout of `/usr`, the Nix store, `/etc`, bwrap, and what the kernel offers.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{NetworkTools, Tool, User, variable};
use crate::place;
use crate::text::Text;

/// Folders beside `/usr` that hold programs and libraries: links into `/usr` where it is merged, else real folders.
pub const SYSTEM_FOLDERS: [&str; 6] = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// What of the host's `/etc` is shown, links followed, where it exists. Nothing of it is secret or names a person.
pub const RESOLVED_ETC: [&str; 16] = [
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/ca-trust/extracted",
    "/etc/ca-certificates",
    "/etc/locale.conf",
    "/etc/localtime",
    "/etc/zoneinfo",
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/services",
    "/etc/protocols",
    "/etc/static",
];

/// Files of `/proc` that are kept for root, by their mode or by that of their folder (proc(5)): physical pages, kernel memory,
/// the kernel's log, the key of TCP's cookies, and the counters of serial lines, which tell when a key was struck.
pub const OF_ROOT_ALONE: [&str; 13] = [
    "/proc/kcore",
    "/proc/kmsg",
    "/proc/kpagecgroup",
    "/proc/kpagecount",
    "/proc/kpageflags",
    "/proc/pagetypeinfo",
    "/proc/sched_debug",
    "/proc/slabinfo",
    "/proc/sys/net/ipv4/tcp_fastopen_key",
    "/proc/sysrq-trigger",
    "/proc/timer_list",
    "/proc/tty/driver/serial",
    "/proc/vmallocinfo",
];

/// The programs that a host with Nix puts on PATH inside (ENV-E), each by the folder in the store that holds it.
const NIX_TOOLS: [&str; 19] = [
    "ls", "bash", "git", "curl", "jq", "rg", "fd", "node", "nix", ",", "grep", "sed", "find",
    "awk", "diff", "tar", "gzip", "less", "ps",
];

/// The machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// `ID` of os-release(5), such as `debian` or `nixos`; `linux` where there is none.
    pub os: String,
    /// `PRETTY_NAME` of os-release(5).
    pub os_name: String,
    /// Whether `/usr` holds a system (it does everywhere but on NixOS).
    pub usr: bool,
    /// Whether there is a Nix store.
    pub nix_store: bool,
    /// Folders of the store with the programs of a host with Nix, in order.
    pub nix_tools: Vec<Text>,
    /// bash, as it is reached inside.
    pub bash: Option<Text>,
    /// `nameserver` and `options` lines of resolv.conf(5); no search list.
    pub resolvers: Vec<String>,
    /// bubblewrap.
    pub bwrap: Tool,
    /// What the tier `inet` needs; `None` where it was not looked at, as another tier was asked for.
    #[serde(default)]
    pub network_tools: Option<NetworkTools>,
    /// The kernel.
    pub kernel: Kernel,
    /// The running claudebox, which becomes PID 1 inside.
    pub launcher: Text,
}

/// What the kernel says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// `uname -r`
    pub release: String,
    /// Landlock ABI, 0 without (landlock(7)).
    pub landlock_abi: u8,
    /// `user.max_user_namespaces` (namespaces(7)); `None` where the kernel has no user namespaces.
    pub max_user_namespaces: Option<u64>,
    /// `kernel.unprivileged_userns_clone`, Debian's and Arch's switch, where there is one.
    pub unprivileged_userns_clone: Option<bool>,
    /// `kernel.apparmor_restrict_unprivileged_userns`, Ubuntu's since 23.10, where there is one.
    pub apparmor_restricts_userns: Option<bool>,
    /// Whether this is already inside a container, and which kind.
    pub container: Option<String>,
    /// Whether a seccomp filter is on this process already.
    pub seccomp: bool,
    /// Whether it is WSL.
    pub wsl: bool,
}

/// The hosts that the system knows, for ssh.
pub const SYSTEM_KNOWN_HOSTS: &str = "/etc/ssh/ssh_known_hosts";

/// One line of passwd(5).
#[derive(Debug)]
pub(super) struct PasswdEntry {
    pub(super) name: Text,
    pub(super) home: Text,
}

/// The line of `/etc/passwd` for `uid`. NSS is not asked: a static binary must not load its modules.
pub(super) fn passwd_entry(uid: u32) -> Option<PasswdEntry> {
    let text = fs::read_to_string("/etc/passwd").ok()?;
    text.lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find_map(|fields| {
            (fields.len() >= 6 && fields[2].parse() == Ok(uid)).then(|| PasswdEntry {
                name: fields[0].into(),
                home: fields[5].into(),
            })
        })
}

/// The fixed paths whose ends a plan may ask for.
pub(super) fn paths_of_interest(user: &User) -> impl Iterator<Item = Text> + use<'_> {
    let fixed = SYSTEM_FOLDERS.into_iter().chain(RESOLVED_ETC).chain([
        "/bin/sh",
        "/usr/bin/env",
        "/nix/store",
    ]);
    let covered = ["/proc/keys", "/proc/key-users", "/etc/nix/nix.conf"]
        .into_iter()
        .chain(OF_ROOT_ALONE)
        .filter(|path| user.uid == 0 || !OF_ROOT_ALONE.contains(path))
        .map(Text::from);
    let config = [user.home.join(".config")];
    // Most of the catalogue is in no home folder: one listing of it answers that.
    let present: std::collections::HashSet<std::ffi::OsString> = fs::read_dir(&user.home)
        .map(|names| names.flatten().map(|entry| entry.file_name()).collect())
        .unwrap_or_default();
    let is_present = move |place: &Path| {
        place
            .components()
            .next()
            .is_some_and(|first| present.contains(first.as_os_str()))
    };
    let secrets = place::SECRET_IN_HOME
        .iter()
        .map(|(place, _)| Path::new(place));
    let secrets = secrets
        .filter(move |place| is_present(place))
        .map(|place| user.home.join(place));
    let known_hosts = [
        user.home.join(".ssh/known_hosts"),
        SYSTEM_KNOWN_HOSTS.into(),
    ];
    fixed
        .map(Text::from)
        .chain(secrets)
        .chain(known_hosts)
        .chain(covered)
        .chain(config)
}

/// The home folders of passwd(5) that are not this user's: those of people, and root's.
pub(super) fn other_homes(user: &User) -> Vec<Text> {
    let text = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut homes: Vec<Text> = Vec::new();
    for fields in text.lines().map(|line| line.split(':').collect::<Vec<_>>()) {
        // 1000 and up are people on every distribution here; 65534 is nobody (login.defs(5)).
        let person = fields.get(2).and_then(|uid| uid.parse::<u32>().ok());
        let person = person.is_some_and(|uid| uid == 0 || (1000..65_534).contains(&uid));
        let Some(home) = fields.get(5).filter(|_| person) else {
            continue;
        };
        let home = super::real(Path::new(home));
        let odd = place::refuse_home(home.path()).is_some();
        if !odd && !user.home.path().starts_with(home.path()) && !homes.contains(&home) {
            homes.push(home);
        }
    }
    homes
}

impl Host {
    pub(super) fn read(user: &User, environment: &[(Text, Text)], for_inet: bool) -> Self {
        let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
        let os = release_field(&release, "ID").unwrap_or_else(|| "linux".into());
        let nix_store = Path::new("/nix/store").is_dir();
        let nix_tools = if nix_store {
            nix_tools(user, environment)
        } else {
            Vec::new()
        };
        let usr = Path::new("/usr/lib").is_dir();
        Self {
            os_name: release_field(&release, "PRETTY_NAME").unwrap_or_else(|| os.clone()),
            os,
            bash: bash(usr, &nix_tools),
            usr,
            nix_store,
            nix_tools,
            resolvers: resolvers(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default()),
            bwrap: Tool::find("bwrap", user, option_env!("CLAUDEBOX_BWRAP")),
            network_tools: for_inet.then(|| NetworkTools::read(user)),
            kernel: Kernel::read(),
            launcher: super::real(Path::new("/proc/self/exe")),
        }
    }
}

fn release_field(release: &str, key: &str) -> Option<String> {
    let line = release
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
    Some(line.trim().trim_matches(['"', '\'']).to_owned())
}

fn bash(usr: bool, nix_tools: &[Text]) -> Option<Text> {
    let system = ["/usr/bin/bash", "/bin/bash"]
        .into_iter()
        .filter(|_| usr)
        .map(Text::from);
    let nix = nix_tools.iter().map(|folder| folder.join("bash"));
    system.chain(nix).find(|bash| bash.path().is_file())
}

/// The lines that tell where names are resolved. A search list names the user's employer: it is left out (FS-03).
fn resolvers(resolv_conf: &str) -> Vec<String> {
    let lines = resolv_conf
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines
        .filter(|line| line.starts_with("nameserver ") || line.starts_with("options "))
        .collect()
}

/// The folders of the store that hold [`NIX_TOOLS`]: those that the package was built with, then the user's and
/// the system's profiles. Folders of the caller's PATH count only where they lead into the store.
fn nix_tools(user: &User, environment: &[(Text, Text)]) -> Vec<Text> {
    if let Some(folders) = option_env!("CLAUDEBOX_TOOLS") {
        return folders.split(':').map(Text::from).collect();
    }
    let profiles = [
        user.home.join(".nix-profile/bin"),
        user.home.join(".local/state/nix/profile/bin"),
        Text::from(
            Path::new("/etc/profiles/per-user")
                .join(user.name.path())
                .join("bin"),
        ),
        Text::from("/nix/var/nix/profiles/default/bin"),
        Text::from("/run/current-system/sw/bin"),
    ];
    let path = variable(environment, "PATH").cloned().unwrap_or_default();
    let searched: Vec<PathBuf> = profiles
        .iter()
        .map(|folder| folder.path().to_owned())
        .chain(std::env::split_paths(&path))
        .collect();
    let mut folders: Vec<Text> = Vec::new();
    for tool in NIX_TOOLS {
        let found = searched.iter().find_map(|folder| {
            let real = fs::canonicalize(folder.join(tool)).ok()?;
            real.starts_with("/nix/store")
                .then(|| real.parent().map(Text::from))?
        });
        folders.extend(found.filter(|folder| !folders.contains(folder)));
    }
    folders
}

impl Kernel {
    fn read() -> Self {
        let release = fs::read_to_string("/proc/sys/kernel/osrelease")
            .unwrap_or_default()
            .trim()
            .to_owned();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
        Self {
            wsl: release.to_lowercase().contains("microsoft"),
            release,
            landlock_abi: landlock_abi(),
            max_user_namespaces: number("/proc/sys/user/max_user_namespaces"),
            unprivileged_userns_clone: number("/proc/sys/kernel/unprivileged_userns_clone")
                .map(|n| n != 0),
            apparmor_restricts_userns: number(
                "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
            )
            .map(|n| n != 0),
            container: container(),
            seccomp: status
                .lines()
                .any(|line| line.starts_with("Seccomp:") && !line.ends_with('0')),
        }
    }
}

fn container() -> Option<String> {
    let by_file = [
        ("/run/.containerenv", "podman"),
        ("/.dockerenv", "docker"),
        ("/run/systemd/container", "a container"),
    ];
    by_file
        .iter()
        .find(|(file, _)| Path::new(file).exists())
        .map(|(_, kind)| (*kind).to_owned())
}

impl Kernel {
    /// Major and minor version; zero where the release does not tell.
    #[must_use]
    pub fn version(&self) -> (u32, u32) {
        let mut numbers = self
            .release
            .split(['.', '-'])
            .map(|number| number.parse().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }
}

/// The Landlock ABI, found by asking for what each version brought: the version number alone may lie (seccomp).
fn landlock_abi() -> u8 {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, Scope,
    };
    let asks = || Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let has = |abi: ABI| match abi {
        ABI::V6 => asks().scope(Scope::from_all(abi)),
        ABI::V4 => asks().handle_access(AccessNet::from_all(abi)),
        _ => asks().handle_access(AccessFs::from_all(abi)),
    };
    // The newest first: on a current kernel the first question is the last.
    let known = [ABI::V6, ABI::V5, ABI::V4, ABI::V3, ABI::V2, ABI::V1];
    let newest = known
        .into_iter()
        .find(|abi| has(*abi).and_then(|ruleset| ruleset.create()).is_ok());
    newest.map_or(0, |abi| abi as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_list_does_not_enter() {
        let lines = resolvers(
            "search corp.example\nnameserver  10.0.0.1\n# nameserver 9.9.9.9\noptions edns0\ndomain x\n",
        );
        assert_eq!(lines, ["nameserver 10.0.0.1", "options edns0"]);
    }
}
