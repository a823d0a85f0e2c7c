//! ssh works inside where it was asked for, against a real server on the host's loopback, and with nothing more than was asked for
//! (SSH-01, threats: CRED-15, SOCK-07).

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::common::{Boxer, is_root, refused, stderr, stdout, until};

/// sshd for one key. Whoever runs the tests is whoever it logs in.
struct Server {
    daemon: Child,
    port: u16,
    user: String,
    folder: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// As whoever runs the tests: ssh-keygen and sshd want a line in /etc/passwd.
fn run(program: &str, arguments: &[&str]) {
    let ran = Command::new(program).args(arguments).output();
    let ran = ran.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(ran.status.success(), "{program} {arguments:?}: {ran:?}");
}

fn make_key(at: &Path) {
    let at = at.to_str().expect("a plain path");
    run(
        "ssh-keygen",
        &["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", at],
    );
}

/// A caller with a key at `~/.ssh/id_work`, whom a server knows and who knows the server.
fn with_server() -> (Boxer, Server) {
    let boxer = Boxer::new();
    let folder = boxer.folder().join("server");
    fs::create_dir(&folder).expect("making a folder");
    let ssh = boxer.make(".ssh");
    fs::set_permissions(&ssh, Permissions::from_mode(0o700)).expect("chmod");
    make_key(&folder.join("host_key"));
    make_key(&ssh.join("id_work"));
    fs::copy(ssh.join("id_work.pub"), folder.join("authorized")).expect("copying");
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr());
    let port = port.expect("a free port").port();
    let public = fs::read_to_string(folder.join("host_key.pub")).expect("a public key");
    boxer.write(".ssh/known_hosts", format!("[127.0.0.1]:{port} {public}"));
    let config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {0}/host_key\nAuthorizedKeysFile {0}/authorized\nStrictModes no\nUsePAM no\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nPidFile none\n",
        folder.display()
    );
    fs::write(folder.join("config"), config).expect("writing");
    let sshd = [
        "/usr/sbin/sshd",
        "/usr/bin/sshd",
        "/run/current-system/sw/bin/sshd",
    ];
    let sshd = sshd.iter().find(|path| Path::new(path).exists());
    let sshd = sshd.expect("openssh-server is there: ./bootstrap packages");
    let serve = format!(
        "exec {sshd} -D -e -f '{}/config' 2>'{0}/log'",
        folder.display()
    );
    let mut command;
    if is_root() {
        // It wants /run/sshd, which is made for it alone.
        command = Command::new("unshare");
        let line = format!("mount -t tmpfs none /run && mkdir -m 755 /run/sshd && {serve}");
        command.args(["--mount", "sh", "-ec", &line]);
    } else {
        command = Command::new("sh");
        command.args(["-ec", &serve]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let server = Server {
        daemon: command.spawn().expect("a shell"),
        port,
        user: nix::unistd::User::from_uid(nix::unistd::geteuid())
            .ok()
            .flatten()
            .expect("whoever runs the tests has a name")
            .name,
        folder,
    };
    until("sshd", || {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
    });
    (boxer, server)
}

impl Server {
    /// ssh to it, as typed inside; what it complains of goes to stdout. pasta opens a port a moment after the session starts.
    fn ssh(&self, more: &str) -> String {
        let Self { user, port, .. } = self;
        format!(
            "ssh -o BatchMode=yes -o ConnectionAttempts=10 {more} -p {port} {user}@127.0.0.1 'echo over ssh' 2>&1"
        )
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

#[test]
fn ssh_works_with_one_key_and_complains_of_nothing() {
    let (boxer, server) = with_server();
    // What it says is the host's own business.
    boxer.write(
        ".ssh/config",
        "Host *\n\tProxyCommand touch ~/src/app/by-config\n",
    );
    boxer.write(".ssh/id_other", "another key\n");
    let port = server.port.to_string();
    let script = format!(
        "{}; ls -A ~/.ssh; stat -c '%a %u' ~/.ssh/id_work",
        server.ssh("")
    );
    let expected = format!(
        "over ssh\nid_work\nid_work.pub\nknown_hosts\n600 {}\n",
        boxer.uid()
    );
    for tier in [
        &["--network", "full"][..],
        &["--network", "inet", "--host-port", &port],
    ] {
        let flags = [tier, &["--ssh-key", "~/.ssh/id_work"]].concat();
        let said = boxer.inside(&flags, &script);
        assert_eq!(said, expected, "{tier:?}: {}", server.log());
    }
    assert!(!boxer.project().join("by-config").exists());
    // The twin: without the flag there is no key, and so no way in.
    let without = format!(
        "{} || true; ls -A ~/.ssh 2>&1 || true",
        server.ssh("-o StrictHostKeyChecking=no")
    );
    let said = boxer.inside(&["--network", "full"], &without);
    assert!(said.contains("Permission denied (publickey)"), "{said}");
    assert!(
        !said.contains("over ssh") && !said.contains("id_work"),
        "{said}"
    );
}

/// Who is uid 0 outside owns these files inside too, by another number.
#[test]
fn ssh_works_where_root_starts_it() {
    if !is_root() {
        return;
    }
    let (boxer, server) = with_server();
    let all = boxer.home().display().to_string();
    run("chown", &["-R", "0:0", &all]);
    let script = format!("{}; stat -c '%a' ~/.ssh/id_work", server.ssh(""));
    let line = [
        "exec",
        "-y",
        "--allow-root",
        "--network",
        "full",
        "--ssh-key",
        "~/.ssh/id_work",
        "--",
        "sh",
        "-ec",
        &script,
    ];
    let mut command = boxer.claudebox(line);
    std::os::unix::process::CommandExt::uid(&mut command, 0);
    std::os::unix::process::CommandExt::gid(&mut command, 0);
    let ran = crate::common::end(command).success();
    assert_eq!(stdout(&ran), "over ssh\n600\n", "{}", server.log());
}

#[test]
fn a_host_that_is_not_known_is_not_trusted() {
    let (boxer, server) = with_server();
    boxer.write(".ssh/known_hosts", "");
    let flags = ["--network", "full", "--ssh-key", "~/.ssh/id_work"];
    let said = boxer.inside(&flags, &format!("{} || true", server.ssh("")));
    assert!(said.contains("Host key verification failed"), "{said}");
    // known_hosts of the host stays as it is, whatever is accepted inside.
    let accepted = server.ssh("-o StrictHostKeyChecking=accept-new");
    let said = boxer.inside(
        &flags,
        &format!("{accepted}; echo x >>~/.ssh/known_hosts || true"),
    );
    assert!(said.contains("over ssh"), "{said}");
    let known = fs::read_to_string(boxer.home().join(".ssh/known_hosts")).expect("it is there");
    assert_eq!(known, "");
}

#[test]
fn git_clones_and_pushes_over_ssh_with_a_forwarded_agent() {
    let (boxer, server) = with_server();
    let served = server.folder.join("served.git");
    run(
        "git",
        &[
            "init",
            "-q",
            "--bare",
            "-b",
            "main",
            served.to_str().expect("a plain path"),
        ],
    );
    let socket = boxer.home().join("agent.socket");
    let mut agent = boxer.command("ssh-agent");
    agent.args(["-D", "-a"]).arg(&socket).stdout(Stdio::null());
    let mut agent = agent.spawn().expect("ssh-agent");
    until("ssh-agent", || socket.exists());
    let mut add = boxer.command("ssh-add");
    add.env("SSH_AUTH_SOCK", &socket)
        .args(["-q", ".ssh/id_work"])
        .current_dir(boxer.home());
    crate::common::end(add).success();

    let url = format!(
        "ssh://{}@127.0.0.1:{}{}",
        server.user,
        server.port,
        served.display()
    );
    let script = format!(
        "git clone -q {url} it 2>&1; cd it; echo inside >file; git add file; \
         git -c user.name=A -c user.email=a@b.example commit -qm inside; git push -q origin HEAD:main 2>&1; ls -A ~/.ssh"
    );
    let with = |flags: &[&str]| {
        let flags = [
            &["exec", "-y", "--network", "full"],
            flags,
            &["--", "sh", "-ec", &script],
        ]
        .concat();
        let mut command = boxer.claudebox(flags);
        command.env("SSH_AUTH_SOCK", &socket);
        crate::common::end(command)
    };
    // The socket is there on the host, and without the flag not inside.
    let without = with(&[]).failure();
    assert!(
        stdout(&without).contains("Host key verification failed"),
        "{without}"
    );
    fs::remove_dir_all(boxer.project().join("it")).ok();
    let ran = with(&["--with-ssh"]).success();
    agent.kill().expect("it runs");
    agent.wait().expect("it ended");
    let said = stdout(&ran);
    assert!(
        said.ends_with("known_hosts\n") && !said.contains("id_work"),
        "{said}{}",
        server.log()
    );
    let log = Command::new("git")
        .arg("-C")
        .arg(&served)
        .args(["log", "--format=%s by %an", "main"])
        .output();
    assert_eq!(
        log.expect("git").stdout,
        b"inside by A\n",
        "the commit is on the server"
    );
    let audit = stderr(&ran);
    assert!(
        audit.contains("what runs inside can sign as you"),
        "{audit}"
    );
}

#[test]
fn what_was_given_is_said_to_the_person_and_to_the_agent() {
    let boxer = Boxer::new();
    boxer.write(".ssh/id_work", "a key\n");
    boxer.write(".ssh/known_hosts", "\n");
    let look = [
        "exec",
        "-y",
        "--network",
        "none",
        "--ssh-key",
        "~/.ssh/id_work",
        "--",
        "cat",
        "/etc/claude-code/CLAUDE.md",
    ];
    let ran = boxer.run(look).success();
    for name in ["id_work", "known_hosts"] {
        let at = boxer.home().join(".ssh").join(name).display().to_string();
        assert!(stderr(&ran).contains(&at), "{name}: {}", stderr(&ran));
        assert!(stdout(&ran).contains(name), "{name}: {}", stdout(&ran));
    }
    assert!(
        stderr(&ran).contains("!! an ssh key: what runs inside can read this private key"),
        "{ran}"
    );
    assert!(
        stdout(&ran).contains("The user gave you an SSH key"),
        "{ran}"
    );
    let ran = boxer
        .run([
            "exec",
            "-y",
            "--network",
            "none",
            "--",
            "cat",
            "/etc/claude-code/CLAUDE.md",
        ])
        .success();
    assert!(
        stdout(&ran).contains("There is no SSH key and no ssh agent"),
        "{ran}"
    );
    assert!(!stderr(&ran).contains(".ssh"), "{ran}");
}

#[test]
fn known_hosts_are_led_nowhere_by_a_link_of_the_project() {
    let boxer = Boxer::new();
    boxer.write(".ssh/id_work", "a key\n");
    boxer.write(".netrc", "a secret\n");
    // The user keeps them in the project; a session then leads them elsewhere.
    boxer.write("src/app/hosts", "x ssh-ed25519 AAAA\n");
    boxer.link(boxer.project().join("hosts"), ".ssh/known_hosts");
    let look = [
        "exec",
        "-y",
        "--network",
        "none",
        "--ssh-key",
        "~/.ssh/id_work",
        "--",
        "cat",
    ];
    let known = boxer.home().join(".ssh/known_hosts").display().to_string();
    let cat = || boxer.run(look.iter().copied().chain([known.as_str()]));
    cat().success().stdout("x ssh-ed25519 AAAA\n");
    boxer.inside(&["--network", "none"], "ln -sf ~/.netrc hosts");
    refused(cat(), "a link in");
}
