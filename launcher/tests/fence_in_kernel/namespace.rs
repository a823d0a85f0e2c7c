//! Owns the network namespaces of these tests: made in user namespaces by an ordinary user.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use claudebox::fence::Fence;
use serde_json::Value;

use crate::common;

/// A network namespace, and whoever keeps it.
pub(crate) struct Namespace {
    keeper: Child,
}

impl Namespace {
    /// A new one with loopback up; `None` where the host makes none, and then it has been told.
    pub(crate) fn new() -> Option<Self> {
        let mut keeper = as_ordinary_user("unshare")
            .args(["-Urn", "sh", "-c", "echo here; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("unshare of util-linux");
        let mut said = String::new();
        let stdout = keeper.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut said).expect("a line");
        if said.trim() != "here" {
            let mut why = String::new();
            let mut stderr = keeper.stderr.take().expect("its errors");
            stderr.read_to_string(&mut why).expect("its errors");
            keeper.wait().expect("its end");
            common::skipped(&format!("no user namespaces here: {}", why.trim()));
            return None;
        }
        let namespace = Self { keeper };
        namespace.must("ip link set lo up && ip route add local 0.0.0.0/0 dev lo && ip route add local ::/0 dev lo");
        Some(namespace)
    }

    /// One in which a link that leads nowhere can be made, as pasta and slirp4netns make one that leads out.
    pub(crate) fn with_tun() -> Option<Self> {
        if !Path::new("/dev/net/tun").exists() {
            common::skipped("there is no /dev/net/tun");
            return None;
        }
        Self::new()
    }

    pub(crate) fn enter(&self, program: &[&str]) -> Command {
        let mut command = as_ordinary_user("nsenter");
        command.args([
            "-t",
            &self.keeper.id().to_string(),
            "-U",
            "-n",
            "--preserve-credentials",
            "--",
        ]);
        command.args(program);
        command
    }

    pub(crate) fn can(&self, script: &str) -> bool {
        let mut bash = self.enter(&["bash", "-c", script]);
        bash.output().expect("bash").status.success()
    }

    /// What a script says; it must succeed.
    pub(crate) fn must(&self, script: &str) -> String {
        let output = self.enter(&["bash", "-c", script]).output().expect("bash");
        assert!(output.status.success(), "{script}\n{output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// nft opens its standard input by name, and this process's pipe may belong to root: a shell makes one of its own.
    pub(crate) fn nft(&self, commands: &Value) -> Output {
        let mut nft = self
            .enter(&["sh", "-c", "cat | nft -j -f -"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("nft");
        let mut stdin = nft.stdin.take().expect("its input");
        stdin
            .write_all(commands.to_string().as_bytes())
            .expect("writing");
        drop(stdin);
        nft.wait_with_output().expect("its end")
    }

    pub(crate) fn apply(&self, commands: &Value) {
        let output = self.nft(commands);
        assert!(output.status.success(), "{output:?}");
    }

    /// Only this fence, and no other.
    pub(crate) fn load(&self, fence: &Fence) {
        self.must("nft flush ruleset");
        self.apply(&fence.to_nft());
    }

    pub(crate) fn listing(&self) -> Value {
        serde_json::from_str(&self.must("nft -j list ruleset")).expect("JSON")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// A command of an ordinary user, also where root runs the tests, without the caller's language.
fn as_ordinary_user(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C");
    command.env(
        "PATH",
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin",
    );
    if common::is_root() {
        command.uid(common::BOXER).gid(common::BOXER);
    }
    command
}
