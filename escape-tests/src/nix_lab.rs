//! Owns the machines of other shapes that the tests start the launcher on: NixOS, Nix beside this machine's distribution, a
//! distribution whose `/usr` is not merged, and one of BusyBox alone. What they are made of `lab/nix/setup` brings.
//!
//! They are shapes, not installs: no module of NixOS ran, no unit was started, and the kernel is this machine's. A machine is
//! a root folder of its own that bwrap enters. Root enters without a user namespace and only then becomes the user, so the
//! store belongs to root there as it does on NixOS. Entered by an ordinary user it belongs to nobody (uid 65534).

use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use crate::{Caller, claudebox_bin, is_root, skipped, target_folder};

/// The user's home on each of the machines.
pub const HOME: &str = "/home/boxer";

/// The project, and the current folder of every command.
pub const PROJECT: &str = "/home/boxer/src/app";

/// What enters a machine, and is this machine's own.
const BWRAP: &str = "/usr/bin/bwrap";

/// Where the launcher is on each of the machines.
const LAUNCHER: &str = "/srv/claudebox";

/// Where root finds what it becomes the user with.
const AS_USER: &str = "/srv/as_user";

/// Services of the host that a sandbox must not reach: the daemon of Nix, and the one that looks names up.
pub const SERVICES: [&str; 2] = ["/nix/var/nix/daemon-socket", "/run/nscd"];

/// The shape of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Everything in the store; `/bin` holds `sh`, `/usr/bin` holds `env`, there is no `/lib`.
    NixOs,
    /// This machine's `/usr` and `/etc`, and a store.
    NixOnDebian,
    /// `/bin` and `/lib` are folders of their own; bubblewrap 0.8, no store.
    SplitUsr,
    /// BusyBox and bubblewrap: no bash, git, certificates, store or C library.
    BusyBox,
}

/// A machine that was laid out, and its user. It vanishes with this value.
#[derive(Debug)]
pub struct Machine {
    shape: Shape,
    caller: Caller,
    /// Apart from the rest, since the path of a socket must be short.
    services: TempDir,
    calls: Arc<AtomicUsize>,
    lab: PathBuf,
    paths: Value,
}

impl Shape {
    /// Whether it has a store.
    #[must_use]
    pub fn has_nix(self) -> bool {
        matches!(self, Self::NixOs | Self::NixOnDebian)
    }
}

impl Machine {
    /// A machine of that shape, if the lab is there; else the reason is printed.
    ///
    /// # Panics
    ///
    /// When the lab is there and the machine cannot be laid out.
    #[must_use]
    pub fn lay_out(shape: Shape) -> Option<Self> {
        let lab = target_folder().join("lab/nix");
        let Ok(manifest) = fs::read_to_string(lab.join("manifest.json")) else {
            skipped(
                "the lab of other machines is not there; escape-tests/lab/nix/setup makes it, as root on Debian",
            );
            return None;
        };
        if !Path::new(BWRAP).exists() {
            skipped("machines of other shapes are entered by /usr/bin/bwrap, which is not there");
            return None;
        }
        if shape == Shape::NixOnDebian && !is_root() {
            skipped(
                "its bwrap lies in a tree of who builds the machine, and claudebox runs root's alone; run it as root",
            );
            return None;
        }
        let machine = Self {
            shape,
            caller: Caller::new(),
            services: tempfile::tempdir().expect("making a folder for sockets"),
            calls: Arc::default(),
            lab,
            paths: serde_json::from_str(&manifest).expect("reading manifest.json of the lab"),
        };
        fs::create_dir(machine.root()).expect("making the root");
        match shape {
            Shape::NixOs => machine.lay_out_nixos(),
            Shape::NixOnDebian => machine.lay_out_debian(),
            Shape::SplitUsr | Shape::BusyBox => {}
        }
        if shape.has_nix() {
            machine.lay_out_store();
            machine.lay_out_home();
        }
        Some(machine)
    }

    /// Its shape.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The user, whose home and project are those of the machine.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The store path of a name in the lab's manifest.
    ///
    /// # Panics
    ///
    /// When there is no such name.
    #[must_use]
    pub fn store(&self, name: &str) -> &str {
        self.paths[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name} in manifest.json of the lab"))
    }

    /// Whether Claude Code is in the store.
    #[must_use]
    pub fn has_claude_code(&self) -> bool {
        self.lab.join("claude-code").is_file()
    }

    /// How often a service of the machine was called so far.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// A program that the user starts on the machine, in the project, with the environment of a login there.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = self.caller.command(BWRAP);
        command.env("HOME", HOME);
        match self.shape {
            Shape::NixOs => command
                .env("PATH", NIXOS_PATH)
                .env("SHELL", "/run/current-system/sw/bin/bash"),
            Shape::NixOnDebian => command
                .env("PATH", DEBIAN_PATH)
                .env("SHELL", "/bin/bash")
                .env("NIX_SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"),
            Shape::SplitUsr => command.env("PATH", "/usr/bin:/bin"),
            Shape::BusyBox => command
                .env("PATH", "/usr/bin:/bin")
                .env("SHELL", "/bin/ash"),
        };
        command
            .args(["--die-with-parent", "--ro-bind"])
            .args([&self.entered(), Path::new("/")]);
        if self.shape == Shape::NixOnDebian {
            for folder in ["/usr", "/etc"] {
                command.args(["--ro-bind", folder, folder]);
            }
        }
        if self.shape.has_nix() {
            let store = self.lab.join("image/nix/store");
            command
                .arg("--ro-bind")
                .args([&store, Path::new("/nix/store")]);
            for service in SERVICES {
                command
                    .arg("--bind")
                    .arg(self.service(service))
                    .arg(service);
            }
        }
        command
            .arg("--bind")
            .args([&self.caller.folder().join("home"), Path::new("/home")])
            .arg("--ro-bind")
            .args([&claudebox_bin(), Path::new(LAUNCHER)])
            .args(["--bind", "/proc", "/proc", "--dev-bind", "/dev", "/dev"])
            .args(["--tmpfs", "/tmp", "--chdir", PROJECT]);
        if is_root() {
            let as_user = claudebox_bin().with_file_name("as_user");
            let uid = self.caller.uid().to_string();
            command
                .uid(0)
                .gid(0)
                .args(["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"])
                .arg("--ro-bind")
                .args([&as_user, Path::new(AS_USER)])
                .args(["--", AS_USER, &uid, program]);
        } else {
            command.args(["--", program]);
        }
        command
    }

    /// The launcher, started by the user.
    #[must_use]
    pub fn claudebox(&self) -> Command {
        self.command(LAUNCHER)
    }

    fn root(&self) -> PathBuf {
        self.caller.folder().join("root")
    }

    /// The root that is entered: one that was laid out, or one of the lab as it is.
    fn entered(&self) -> PathBuf {
        match self.shape {
            Shape::NixOs | Shape::NixOnDebian => self.root(),
            Shape::SplitUsr => self.lab.join("roots/split"),
            Shape::BusyBox => self.lab.join("roots/busybox"),
        }
    }

    fn lay_out_nixos(&self) {
        let (system, coreutils) = (self.store("system"), self.store("coreutils"));
        let etc = format!("{}/etc", self.store("etc"));
        self.link("/bin/sh", &format!("{}/bin/bash", self.store("bash")));
        self.link("/usr/bin/env", &format!("{coreutils}/bin/env"));
        self.link("/run/current-system", system);
        self.link("/run/booted-system", system);
        self.file(
            "/run/wrappers/bin/sudo",
            "#!/bin/sh\necho a set-id wrapper\n",
        );
        self.link("/nix/var/nix/profiles/system", "system-1-link");
        self.link("/nix/var/nix/profiles/system-1-link", system);
        // Links lead through /etc/static by absolute paths, and folders that packages share are real ones.
        self.link("/etc/static", &etc);
        for name in ["profile", "os-release", "nsswitch.conf", "nix", "zoneinfo"] {
            self.link(&format!("/etc/{name}"), &format!("/etc/static/{name}"));
        }
        for leaf in [
            "ssl/certs/ca-bundle.crt",
            "ssl/certs/ca-certificates.crt",
            "pki/tls/certs/ca-bundle.crt",
            "profiles/per-user/boxer",
        ] {
            self.link(&format!("/etc/{leaf}"), &format!("/etc/static/{leaf}"));
        }
        self.link("/etc/localtime", "/etc/zoneinfo/Europe/Berlin");
        let shell = "/run/current-system/sw/bin/bash";
        let uid = self.caller.uid();
        self.file(
            "/etc/passwd",
            &format!("root:x:0:0::/root:{shell}\nboxer:x:{uid}:100::{HOME}:{shell}\nother:x:6002:100::/home/other:{shell}\n"),
        );
        self.file("/etc/group", "root:x:0:\nusers:x:100:\nnixbld:x:30000:\n");
        self.file("/etc/hosts", "127.0.0.1 localhost\n127.0.0.2 lab\n");
        self.file(
            "/etc/resolv.conf",
            "search corp.example\nnameserver 127.0.0.53\n",
        );
        for folder in ["root", "sys", "var/tmp"] {
            fs::create_dir_all(self.root().join(folder)).expect("making a folder of the root");
        }
        self.mount_points();
    }

    fn lay_out_debian(&self) {
        for folder in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
            let real = Path::new("/").join(folder);
            if let Ok(target) = fs::read_link(real) {
                symlink(target, self.root().join(folder)).expect("linking into /usr");
            }
        }
        for folder in ["usr", "etc", "var/tmp", "run", "sys", "root"] {
            fs::create_dir_all(self.root().join(folder)).expect("making a folder of the root");
        }
        self.mount_points();
    }

    fn mount_points(&self) {
        for folder in ["proc", "dev", "tmp", "home", "srv", "nix/store"] {
            fs::create_dir_all(self.root().join(folder)).expect("making a mount point");
        }
        self.file(LAUNCHER, "");
        self.file(AS_USER, "");
    }

    /// What is beside the store: profiles, and services that count who calls.
    fn lay_out_store(&self) {
        let default = fs::read_to_string(self.lab.join("claude-code"));
        let default = default.as_deref().unwrap_or(self.store("userEnvironment"));
        self.link("/nix/var/nix/profiles/default", "default-1-link");
        self.link("/nix/var/nix/profiles/default-1-link", default.trim());
        fs::set_permissions(self.services.path(), Permissions::from_mode(0o755))
            .expect("opening the sockets to the user");
        for service in SERVICES {
            fs::create_dir_all(self.root().join(&service[1..])).expect("making a mount point");
            let folder = self.service(service);
            fs::create_dir(&folder).expect("making a folder for a socket");
            let socket = folder.join("socket");
            let listener = UnixListener::bind(&socket).expect("listening at a socket");
            fs::set_permissions(&socket, Permissions::from_mode(0o666))
                .expect("opening a socket to everyone");
            let calls = Arc::clone(&self.calls);
            // It ends with the test's process; nobody calls it after the folder is gone.
            thread::spawn(move || {
                for call in listener.incoming() {
                    calls.fetch_add(1, Ordering::SeqCst);
                    drop(call.map(|mut call| call.read(&mut [0; 16])));
                }
            });
        }
    }

    fn lay_out_home(&self) {
        let home = self.caller.home();
        let managed = self.store("homeFiles");
        for file in [".config/git/config", ".bashrc", ".claude/CLAUDE.md"] {
            let link = home.join(file);
            fs::create_dir_all(link.parent().expect("it lies in the home folder"))
                .expect("making a folder of the home");
            symlink(format!("{managed}/{file}"), link).expect("linking a managed file");
        }
        let profiles = home.join(".local/state/nix/profiles");
        fs::create_dir_all(&profiles).expect("making the folder of profiles");
        symlink("profile-1-link", profiles.join("profile")).expect("linking the profile");
        symlink(
            self.store("userEnvironment"),
            profiles.join("profile-1-link"),
        )
        .expect("linking a generation");
        symlink(
            format!("{HOME}/.local/state/nix/profiles/profile"),
            home.join(".nix-profile"),
        )
        .expect("linking the profile into the home folder");
        self.caller.own(&home);
    }

    /// The folder outside that is `service` on the machine.
    fn service(&self, service: &str) -> PathBuf {
        self.services
            .path()
            .join(service.trim_start_matches('/').replace('/', "-"))
    }

    fn link(&self, at: &str, to: &str) {
        let at = self.root().join(&at[1..]);
        fs::create_dir_all(at.parent().expect("it is below the root"))
            .expect("making a folder of the root");
        symlink(to, at).expect("making a link of the root");
    }

    fn file(&self, at: &str, content: &str) {
        let at = self.root().join(&at[1..]);
        fs::create_dir_all(at.parent().expect("it is below the root"))
            .expect("making a folder of the root");
        fs::write(&at, content).expect("writing a file of the root");
        fs::set_permissions(at, Permissions::from_mode(0o755)).expect("opening a file to everyone");
    }
}

/// As NixOS sets it at login.
const NIXOS_PATH: &str = "/run/wrappers/bin:/home/boxer/.nix-profile/bin:/nix/profile/bin:\
    /home/boxer/.local/state/nix/profile/bin:/etc/profiles/per-user/boxer/bin:\
    /nix/var/nix/profiles/default/bin:/run/current-system/sw/bin";

/// As the installer of Nix has it set by the shell.
const DEBIAN_PATH: &str =
    "/home/boxer/.nix-profile/bin:/nix/var/nix/profiles/default/bin:/usr/local/bin:/usr/bin:/bin";
