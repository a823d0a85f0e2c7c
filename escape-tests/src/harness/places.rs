//! Owns the conventional places of the host's sockets and secrets, by the row of the catalogue that they belong to. Data alone.
//!
//! `~/` is the home folder, `$/` the runtime folder of the user (XDG Base Directory Specification), all else is absolute. What
//! is planted where is up to [`super::lab`] and [`super::keeper`]; what of it an attack tries, to the probe of the row.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Where daemons and programs listen.
pub const SOCKETS: &[(&str, &str)] = &[
    // The session bus and what speaks its protocol beside it.
    ("SOCK-03", "$/bus"),
    ("SOCK-03", "$/at-spi/bus_0"),
    ("SOCK-03", "$/gvfsd/socket"),
    ("SOCK-03", "/tmp/dbus-claudebox"),
    ("SOCK-04", "/run/dbus/system_bus_socket"),
    ("SOCK-04", "/run/avahi-daemon/socket"),
    // systemd(1), varlink(7) and sd_notify(3).
    ("SOCK-05", "$/systemd/private"),
    ("SOCK-05", "$/systemd/notify"),
    ("SOCK-05", "/run/systemd/private"),
    ("SOCK-05", "/run/systemd/notify"),
    ("SOCK-05", "/run/systemd/io.systemd.Hostname"),
    ("SOCK-05", "/run/systemd/userdb/io.systemd.Multiplexer"),
    ("SOCK-05", "/run/systemd/machine/io.systemd.Machine"),
    ("SOCK-05", "/run/systemd/resolve/io.systemd.Resolve"),
    ("SOCK-06", "/run/docker.sock"),
    ("SOCK-06", "$/docker.sock"),
    ("SOCK-06", "~/.docker/desktop/docker.sock"),
    ("SOCK-06", "~/.colima/default/docker.sock"),
    ("SOCK-06", "/run/podman/podman.sock"),
    ("SOCK-06", "$/podman/podman.sock"),
    ("SOCK-06", "/run/containerd/containerd.sock"),
    ("SOCK-06", "/run/crio/crio.sock"),
    ("SOCK-06", "/run/buildkit/buildkitd.sock"),
    ("SOCK-06", "/run/libvirt/libvirt-sock"),
    ("SOCK-06", "$/libvirt/libvirt-sock"),
    ("SOCK-06", "/var/lib/lxd/unix.socket"),
    ("SOCK-06", "/var/lib/incus/unix.socket"),
    ("SOCK-06", "/run/snapd.socket"),
    ("SOCK-07", "$/ssh-agent.socket"),
    ("SOCK-07", "/tmp/ssh-claudebox/agent.1"),
    ("SOCK-07", "~/.gnupg/S.gpg-agent.ssh"),
    ("SOCK-07", "~/.gnupg/S.gpg-agent.extra"),
    ("SOCK-07", "~/.gnupg/S.gpg-agent.browser"),
    ("SOCK-07", "$/gnupg/S.gpg-agent"),
    ("SOCK-07", "$/gnupg/S.gpg-agent.ssh"),
    ("SOCK-07", "$/keyring/control"),
    ("SOCK-07", "$/keyring/ssh"),
    ("SOCK-07", "$/gcr/ssh"),
    ("SOCK-07", "$/kwallet5.socket"),
    ("SOCK-07", "~/.bitwarden-ssh-agent.sock"),
    ("SOCK-07", "/run/pcscd/pcscd.comm"),
    ("SOCK-08", "$/wayland-0"),
    ("SOCK-08", "$/wayland-1"),
    ("SOCK-08", "$/hypr/one/.socket.sock"),
    ("SOCK-08", "/tmp/.X11-unix/X97"),
    ("SOCK-08", "/tmp/.ICE-unix/97"),
    ("SOCK-08", "~/.cache/xdg-desktop-portal.sock"),
    ("SOCK-09", "$/pipewire-0"),
    ("SOCK-09", "$/pipewire-0-manager"),
    ("SOCK-09", "$/pulse/native"),
    ("SOCK-09", "/run/pulse/native"),
    ("SOCK-09", "~/.config/pulse/native"),
    ("SOCK-09", "/dev/shm/jack_default_0"),
    ("SOCK-10", "/tmp/tmux-claudebox/default"),
    ("SOCK-10", "~/.screen/1.pts-0"),
    ("SOCK-10", "$/zellij/main"),
    ("SOCK-10", "/tmp/kitty-claudebox"),
    ("SOCK-10", "$/wezterm/sock"),
    ("SOCK-10", "$/emacs/server"),
    ("SOCK-10", "~/.emacs.d/server/server"),
    ("SOCK-10", "$/nvim.1.0"),
    ("SOCK-11", "$/vscode-ipc-1.sock"),
    ("SOCK-11", "$/vscode-git-1.sock"),
    ("SOCK-11", "~/.config/Code/main.sock"),
    ("SOCK-11", "~/.config/Cursor/main.sock"),
    ("SOCK-11", "~/.local/share/code-server/ipc.sock"),
    ("SOCK-11", "~/.cache/JetBrains/idea/.sock"),
    ("SOCK-11", "/tmp/.java_pid97"),
    ("SOCK-12", "/run/nscd/socket"),
    ("SOCK-12", "/var/lib/sss/pipes/nss"),
    ("SOCK-13", "/dev/log"),
    ("SOCK-13", "/run/systemd/journal/dev-log"),
    ("SOCK-13", "/run/systemd/journal/socket"),
    ("SOCK-13", "/run/systemd/journal/stdout"),
    ("SOCK-14", "~/.cache/bazel/server.sock"),
    ("SOCK-14", "~/.gradle/daemon.sock"),
    ("SOCK-14", "~/.local/share/mutagen/daemon.sock"),
    ("SOCK-14", "~/.android/adb.sock"),
    ("SOCK-15", "/run/tailscale/tailscaled.sock"),
    ("SOCK-15", "/run/wireguard/wg0.sock"),
    ("SOCK-15", "/run/NetworkManager/private"),
    ("SOCK-15", "/run/wpa_supplicant/wlan0"),
    ("SOCK-15", "/run/netbird.sock"),
    ("SOCK-15", "~/.local/share/tailscale/tailscaled.sock"),
    // Programs by which a container, or WSL, starts programs of the host.
    ("SOCK-19", "/run/host-services/ssh-auth.sock"),
    ("SOCK-19", "/run/host-services/docker.proxy.sock"),
    ("SOCK-19", "/run/WSL/1_interop"),
    ("SOCK-19", "$/.flatpak-helper/bus"),
    ("NIX-01", "/nix/var/nix/daemon-socket/socket"),
    ("NIX-01", "/nix/var/nix/gc-socket/socket"),
    ("NIX-01", "/nix/var/determinate/determinate-nixd.socket"),
    // Who fetches, prints or mails for others.
    ("NET-03", "/run/cups/cups.sock"),
    ("NET-03", "/var/spool/postfix/public/pickup"),
    ("NET-03", "/run/dnf5daemon/socket"),
    // git-credential-cache(1).
    ("CRED-16", "~/.git-credential-cache/socket"),
    ("CRED-16", "~/.cache/git/credential/socket"),
];

/// Those that take datagrams.
const DATAGRAMS: [&str; 6] = [
    "$/systemd/notify",
    "/run/systemd/notify",
    "/dev/log",
    "/run/systemd/journal/dev-log",
    "/run/systemd/journal/socket",
    "/run/wpa_supplicant/wlan0",
];

/// Every program of a host asks this one first, so nothing must answer there that is none.
const NEVER_PLANTED: &str = "/run/nscd/socket";

/// Files that must not be seen.
pub const FILES: &[(&str, &str)] = &[
    ("NIX-11", "/etc/nix/nix.conf"),
    ("NIX-11", "/etc/nix/netrc"),
    ("NIX-11", "/etc/nix/machines"),
    ("NIX-12", "/run/wrappers/bin/claudebox-bait"),
    ("NIX-12", "/run/current-system/claudebox-bait"),
    ("NIX-12", "/run/booted-system/claudebox-bait"),
    ("NIX-12", "/run/secrets/token"),
    ("NIX-12", "/run/secrets.d/1/token"),
    ("NIX-12", "/run/agenix/token"),
    ("NIX-12", "/run/agenix.d/1/token"),
    ("NIX-12", "/run/keys/token"),
    ("NIX-12", "$/secrets.d/1/token"),
    ("NIX-12", "$/agenix/token"),
    (
        "NIX-13",
        "/nix/var/nix/profiles/per-user/boxer/manifest.nix",
    ),
    ("NIX-13", "/nix/var/nix/gcroots/per-user/boxer/root"),
    ("NIX-13", "/nix/var/nix/gcroots/auto/root"),
    ("NIX-13", "/nix/var/nix/temproots/1"),
    ("NET-03", "/var/spool/cron/crontabs/boxer"),
    ("NET-03", "/var/spool/cron/atjobs/claudebox-bait"),
    ("NET-03", "/var/spool/cups/claudebox-bait"),
    ("NET-03", "/var/mail/claudebox-bait"),
];

/// What of the user's own Claude Code is seen inside, read-only.
pub const CLAUDE_SHOWN: [&str; 7] = [
    ".claude/CLAUDE.md",
    ".claude/settings.json",
    ".claude/agents/agent.md",
    ".claude/commands/command.md",
    ".claude/skills/skill/SKILL.md",
    ".claude/output-styles/style.md",
    ".claude/plugins/config.json",
];

/// What each of them holds, which is JSON too.
pub const SHOWN_CONTENT: &str = "{}\n";

/// What Claude Code keeps in the home folder beside its login (threats: CRED-02).
pub const CLAUDE_STATE: [&str; 12] = [
    ".claude/history.jsonl",
    ".claude/projects/-home-boxer-src-other/0.jsonl",
    ".claude/todos/0.json",
    ".claude/ide/48123.lock",
    ".claude/settings.local.json",
    ".claude/shell-snapshots/snapshot-bash-0.sh",
    ".claude/file-history/0/file",
    ".claude/statsig/cache",
    ".claude/debug/0.txt",
    ".claude/hooks/hook.sh",
    ".claude.json.backup",
    ".cache/claude-cli-nodejs/project/mcp-logs",
];

/// Something of the host with the row that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// The row.
    pub row: String,
    /// Where.
    pub path: PathBuf,
    /// Whether it is a socket that takes datagrams.
    pub datagrams: bool,
}

/// The places of `table` for the user of this home and uid.
#[must_use]
pub fn of(table: &[(&str, &str)], home: &Path, uid: u32) -> Vec<Placed> {
    let runtime = PathBuf::from(format!("/run/user/{uid}"));
    let place = |(row, path): &(&str, &str)| Placed {
        row: (*row).to_owned(),
        path: match path.split_at(2) {
            ("~/", rest) => home.join(rest),
            ("$/", rest) => runtime.join(rest),
            _ => PathBuf::from(path),
        },
        datagrams: DATAGRAMS.contains(path),
    };
    table.iter().map(place).collect()
}

/// What of `table` the host's own folders hold, and may be planted there.
#[must_use]
pub fn on_host(table: &[(&str, &str)], uid: u32) -> Vec<Placed> {
    let home = Path::new("~");
    let mut places = of(table, home, uid);
    places.retain(|place| !place.path.starts_with(home) && place.path != Path::new(NEVER_PLANTED));
    places
}

/// What of `table` the home folder holds.
#[must_use]
pub fn in_home(table: &[(&str, &str)], home: &Path) -> Vec<Placed> {
    let mut places = of(table, home, 0);
    places.retain(|place| place.path.starts_with(home));
    places
}

/// The rows of `table`.
#[must_use]
pub fn rows(table: &[(&'static str, &str)]) -> Vec<&'static str> {
    let mut rows: Vec<&str> = table.iter().map(|(row, _)| *row).collect();
    rows.dedup();
    rows
}
