//! The launcher on hosts of other shapes (FS-A, FS-B, FS-C, FS-D, FS-H, ENV-E, RUN-09, RUN-10): NixOS, Nix beside another
//! distribution, a `/usr` that is not merged, BusyBox alone. Each claim is a test on each machine that it holds for.
//!
//! A claim that something is absent inside first sees it on the machine itself.
#![allow(
    clippy::disallowed_methods,
    reason = "tests are effects; the module boundaries are the launcher's"
)]

#[path = "../src/nix_lab.rs"]
#[allow(unreachable_pub, reason = "a module of the library")]
mod nix_lab;

use std::collections::BTreeSet;
use std::process::Command;

use escape_tests::{Caller, Ran, SOON, claudebox_bin, is_root, run, skipped, target_folder};
use nix_lab::{HOME, Machine, PROJECT, Shape};
use serde_json::Value;

/// Makes a claim a test on each machine that is named.
macro_rules! claim {
    ($($(#[$doc:meta])* $claim:ident on $($name:ident)+ = $judge:expr;)+) => {$(
        $(#[$doc])*
        mod $claim {
            use super::*;
            $(
                #[test]
                fn $name() {
                    if let Some(machine) = Machine::lay_out(shape(stringify!($name))) {
                        let judge: fn(&Machine) = $judge;
                        judge(&machine);
                    }
                }
            )+
        }
    )+};
}

fn shape(name: &str) -> Shape {
    match name {
        "nixos" => Shape::NixOs,
        "nix_on_debian" => Shape::NixOnDebian,
        "split_usr" => Shape::SplitUsr,
        "busybox" => Shape::BusyBox,
        other => panic!("no shape is called {other}"),
    }
}

claim! {
    a_command_runs_and_its_status_comes_back on nixos nix_on_debian split_usr busybox = |machine| {
        let ran = inside(machine, "echo in $PWD as $(id -u), box $CLAUDEBOX; exit 7");
        assert_eq!(ran.status.code(), Some(7), "{ran}");
        let said = format!("in {PROJECT} as {}, box ", machine.caller().uid());
        assert!(ran.stdout.starts_with(&said) && ran.stdout.len() > said.len() + 1, "{ran}");
    };

    the_project_is_the_one_of_the_machine on nixos nix_on_debian split_usr busybox = |machine| {
        let outside = machine.caller().project().join("from-inside");
        let ran = inside(machine, "echo written > from-inside").success();
        let text = std::fs::read_to_string(outside).unwrap_or_else(|error| panic!("{error}{ran}"));
        assert_eq!(text, "written\n");
    };

    sh_env_and_the_shell_are_there on nixos nix_on_debian split_usr busybox = |machine| {
        let script = "set -e; test -x /bin/sh; test -x /usr/bin/env; test -x \"$SHELL\"\n\
            printf '#!/usr/bin/env sh\\necho by env' > tool; chmod +x tool; ./tool; \"$SHELL\" -c 'echo by shell'";
        assert_eq!(inside(machine, script).success().stdout, "by env\nby shell\n");
    };

    bash_answers_to_its_name on nixos nix_on_debian split_usr = |machine| {
        let script = "printf '#!/usr/bin/env bash\\necho ${BASH_VERSION%%%%.*}' > tool; chmod +x tool; ./tool";
        assert_eq!(inside(machine, script).success().stdout, "5\n");
        let shell = run(
            machine.claudebox().args(["shell", "-y", "--network", "none"]).stdin(script_of("echo ${BASH_VERSION%%.*}")),
            SOON,
        );
        assert_eq!(shell.success().stdout, "5\n");
    };

    /// A folder that the agent can write, ahead in PATH, would answer to every name.
    path_holds_only_folders_that_cannot_be_written on nixos nix_on_debian split_usr busybox = |machine| {
        let script = "try() { if (: > $1/planted) 2>/dev/null; then echo \"$2writable $1\"; else echo \"$2kept $1\"; fi; }\n\
            try $PWD 'twin '; try $HOME 'twin '; IFS=:; for folder in $PATH; do test -d $folder || echo absent $folder; try $folder; done";
        let ran = inside(machine, script).success();
        let mut lines: Vec<&str> = ran.stdout.lines().collect();
        let twins = [format!("twin writable {PROJECT}"), format!("twin writable {HOME}")];
        assert_eq!(lines.drain(..2).collect::<Vec<_>>(), twins, "{ran}");
        let kept: BTreeSet<&str> = lines
            .iter()
            .map(|line| line.strip_prefix("kept ").unwrap_or_else(|| panic!("{line}{ran}")))
            .collect();
        assert_eq!(kept.len(), lines.len(), "a folder stands there twice{ran}");
        // It holds Claude Code, where there is one.
        let has_claude = machine.shape().has_nix() && machine.has_claude_code();
        assert_eq!(kept.contains("/run/claudebox/bin"), has_claude, "{ran}");
        let (store, system): (Vec<&str>, Vec<&str>) = kept
            .into_iter()
            .filter(|folder| *folder != "/run/claudebox/bin")
            .partition(|folder| folder.starts_with("/nix/store/"));
        let distribution: &[&str] = if machine.shape() == Shape::NixOs { &[] } else { &["/bin", "/usr/bin"] };
        assert_eq!(system, distribution, "{ran}");
        assert_eq!(!store.is_empty(), machine.shape().has_nix(), "{ran}");
    };

    the_tools_of_nix_are_on_path on nixos nix_on_debian = |machine| {
        let mut tools = vec![("rg", "ripgrep"), ("jq", "jq")];
        if machine.shape() == Shape::NixOs {
            tools.extend([("bash", "bash"), ("ls", "coreutils"), ("git", "git"), ("curl", "curl"), ("nix", "nix")]);
        }
        for (tool, package) in tools {
            let ran = inside(machine, &format!("command -v {tool}; {tool} --version >&2")).success();
            assert_eq!(ran.stdout.trim(), format!("{}/bin/{tool}", machine.store(package)), "{ran}");
        }
    };

    certificates_are_where_programs_look on nixos nix_on_debian split_usr = |machine| {
        let mut places = vec!["/etc/ssl/certs/ca-certificates.crt"];
        if machine.shape() == Shape::NixOs {
            places.extend(["/etc/ssl/certs/ca-bundle.crt", "/etc/pki/tls/certs/ca-bundle.crt"]);
        }
        for place in places {
            let script = format!("grep -c 'BEGIN CERTIFICATE' {place}");
            let outside = on(machine, &script).success().stdout;
            assert!(outside.trim().parse::<u32>().is_ok_and(|count| count > 50), "{place}: {outside}");
            assert_eq!(inside(machine, &script).success().stdout, outside, "{place}");
        }
    };

    /// The installer of Nix sets it in the user's shell, and it is among what enters.
    the_certificate_variable_leads_to_a_file on nix_on_debian = |machine| {
        let script = "grep -q 'BEGIN CERTIFICATE' $NIX_SSL_CERT_FILE && echo read";
        assert_eq!(inside(machine, script).success().stdout, "read\n");
    };

    /// `/etc/localtime` leads through `/etc/zoneinfo` and `/etc/static` into the store.
    the_time_zone_is_that_of_the_machine on nixos = |machine| {
        let script = "date -d 2026-01-15T12:00:00Z +%H:%M%Z";
        assert_eq!(on(machine, script).success().stdout, "13:00CET\n");
        assert_eq!(inside(machine, script).success().stdout, "13:00CET\n");
    };

    /// Its configuration is a link into the store by home-manager, and it has an alias that runs a program.
    git_knows_who_commits_and_no_more on nixos nix_on_debian = |machine| {
        if !is_root() {
            // The launcher takes an identity only from files of root and of the user.
            skipped("entered by an ordinary user, the machine has a store that belongs to nobody; run it as root");
            return;
        }
        let alias = "git config --get alias.pwn";
        assert_eq!(on(machine, alias).success().stdout, "!echo pwned\n");
        let ran = inside(machine, "git init -q . && git commit -q --allow-empty -m one && git log --format='%an <%ae>'");
        assert_eq!(ran.success().stdout, "Nix Lab <nix-lab@example.org>\n");
        let ran = inside(machine, alias);
        assert_eq!((ran.status.code(), ran.stdout.as_str()), (Some(1), ""), "{ran}");
    };

    etc_static_is_there_where_the_machine_has_it on nixos nix_on_debian split_usr busybox = |machine| {
        let script = "test -d /etc/static/. && echo there";
        let has = machine.shape() == Shape::NixOs;
        assert_eq!(on(machine, script).stdout.trim() == "there", has);
        assert_eq!(inside(machine, script).stdout.trim() == "there", has);
    };

    /// Links into the store among it, and what set-user-ID programs there are (threats: NIX-11, NIX-12, NIX-13).
    what_nixos_keeps_beside_the_store_stays_outside on nixos = |machine| {
        for path in [
            "/run/current-system",
            "/run/booted-system",
            "/run/wrappers/bin/sudo",
            "/run/nscd/socket",
            "/nix/var/nix/daemon-socket/socket",
            "/nix/var/nix/profiles/system",
            "/etc/profiles/per-user/boxer",
            "/etc/nix/nix.conf",
        ] {
            let script = format!("test -e {path} && echo there");
            assert_eq!(on(machine, &script).success().stdout, "there\n", "{path}");
            let ran = inside(machine, &script);
            assert_eq!((ran.status.code(), ran.stdout.as_str()), (Some(1), ""), "{path}{ran}");
        }
    };

    /// Whoever talks to the daemon has its network (threats: NIX-01, NIX-04).
    no_service_of_the_machine_can_be_called on nixos nix_on_debian = |machine| {
        let curl = format!("{}/bin/curl", machine.store("curl"));
        let call = |socket: &str| format!("{curl} -s -m 5 --unix-socket {socket}/socket http://localhost/ || echo ended with $?");
        for (calls, service) in nix_lab::SERVICES.into_iter().enumerate() {
            let _ = on(machine, &call(service)).success();
            let counted = || (machine.calls() > calls).then_some(());
            escape_tests::until("the service to count a call", SOON, counted);
        }
        let before = machine.calls();
        for service in nix_lab::SERVICES {
            // 7: nothing to connect to.
            assert_eq!(inside(machine, &call(service)).success().stdout, "ended with 7\n", "{service}");
        }
        assert_eq!(machine.calls(), before);
        let found = inside(machine, "find / -type s 2>/dev/null; true").success();
        assert_eq!(found.stdout, "", "a socket is visible{found}");
    };

    /// All of it, as the audit says (threats: NIX-08).
    the_store_is_there_to_read on nixos nix_on_debian = |machine| {
        let script = "ls /nix; (: > /nix/store/planted) 2>&1 | grep -o 'Read-only file system'";
        assert_eq!(inside(machine, script).success().stdout, "store\nRead-only file system\n");
    };

    /// No option of this version binds the daemon's socket, and a mount of it is refused by every name, so it does not matter
    /// whom the daemon trusts (threats: NIX-02).
    a_mount_of_the_daemon_is_refused on nixos nix_on_debian = |machine| {
        for (mount, mode) in [
            ("/nix/var/nix/daemon-socket/socket", ""),
            ("/nix/var/nix/daemon-socket", ":rw"),
            ("/nix/var/nix", ""),
            ("/nix/var", ""),
            ("/nix/store/../var/nix/daemon-socket", ""),
        ] {
            assert!(on(machine, &format!("test -e {mount}")).status.success(), "{mount}");
            let mount = format!("{mount}{mode}");
            let arguments = ["exec", "-y", "--network", "none", "--mount", &mount, "--", "echo", "started"];
            let ran = run(machine.claudebox().args(arguments), SOON);
            assert_eq!((ran.status.code(), ran.stdout.as_str()), (Some(125), ""), "{mount}{ran}");
            let reasons = ["the Nix daemon, which reaches the network", "it is a socket", "it is a folder of the system"];
            assert!(reasons.iter().any(|why| ran.stderr.contains(why)), "{mount}{ran}");
        }
    };

    /// Neither by its own programs nor by hand (threats: NIX-03, NIX-09, NIX-13).
    the_store_takes_nothing_from_inside on nixos = |machine| {
        for attempt in [
            // Without this, `nix` that finds no /nix/var makes a store of its own in the home folder, which is throwaway.
            "NIX_REMOTE=daemon nix-store --add planted",
            "NIX_REMOTE=daemon nix-store --gc --print-dead",
            "NIX_REMOTE=daemon NIX_CONFIG='post-build-hook = ./hook' nix-store --add planted",
            "mkdir -p /nix/var/nix/gcroots/auto",
            "ln -s $PWD /nix/root",
        ] {
            let script = format!("export PATH=$PATH:{}/bin; echo > planted; {attempt}", machine.store("nix"));
            let ran = inside(machine, &script);
            assert!(!ran.status.success() && ran.status.code() != Some(127), "{attempt}{ran}");
        }
        assert_eq!(machine.calls(), 0);
    };

    there_is_no_nix_where_the_machine_has_none on split_usr busybox = |machine| {
        assert_eq!(inside(machine, "test -e /nix || echo none").success().stdout, "none\n");
    };

    nobody_else_has_an_account_inside on nixos = |machine| {
        assert!(on(machine, "cat /etc/passwd").success().stdout.contains("/home/other"));
        let ran = inside(machine, "cut -d: -f1 /etc/passwd").success();
        assert_eq!(ran.stdout, "boxer\nnobody\n");
    };

    claude_code_of_the_store_starts on nixos nix_on_debian = |machine| {
        if !claude_code_is_there(machine) {
            return;
        }
        let arguments = ["run", "-y", "--network", "none", "--", "--version"];
        let ran = run(machine.claudebox().args(arguments), SOON).success();
        assert!(ran.stdout.ends_with("(Claude Code)\n"), "{ran}");
        let ran = inside(machine, "command -v claude; claude --version").success();
        assert!(ran.stdout.starts_with("/run/claudebox/bin/claude\n"), "{ran}");
        assert!(ran.stdout.ends_with("(Claude Code)\n"), "{ran}");
    };

    check_says_that_it_can_run_here on nixos nix_on_debian = |machine| {
        if !claude_code_is_there(machine) {
            return;
        }
        let ran = run(machine.claudebox().args(["check", "--network", "none"]), SOON).success();
        assert!(!ran.stdout.is_empty(), "{ran}");
        let ran = run(machine.claudebox().args(["check", "--network", "none", "--json"]), SOON).success();
        json(&ran);
    };

    /// A sandbox runs there; Claude Code alone is to be installed, and the finding says how.
    check_misses_claude_code_alone on split_usr busybox = |machine| {
        let ran = run(machine.claudebox().args(["check", "--network", "none", "--json"]), SOON);
        let report = json(&ran);
        assert_eq!(ran.status.success(), report["can_run"] == true, "{ran}");
        for (part, expected) in [("bubblewrap", "ok"), ("user namespaces", "ok"), ("sandbox", "ok"), ("claude", "warning")] {
            let findings = report["findings"].as_array().unwrap_or_else(|| panic!("no findings{ran}"));
            let finding = findings.iter().find(|finding| finding["part"] == part);
            let finding = finding.unwrap_or_else(|| panic!("nothing of {part}{ran}"));
            assert_eq!(finding["verdict"], expected, "{part}{ran}");
            assert_eq!(finding["fix"].is_string(), expected != "ok", "{part}{ran}");
        }
    };

    /// Two links, both of the store: ~/.claude/CLAUDE.md, and what home-manager keeps its files by.
    memory_that_home_manager_keeps_is_seen_and_cannot_be_changed on nixos nix_on_debian = |machine| {
        let script = "cat ~/.claude/CLAUDE.md; echo planted >> ~/.claude/CLAUDE.md";
        let ran = inside(machine, script);
        assert_eq!(ran.stdout, "Memory kept by home-manager.\n", "{ran}");
        assert!(!ran.status.success() && ran.stderr.contains("Read-only file system"), "{ran}");
    };

    the_plan_binds_the_store_and_nothing_beside_it on nixos nix_on_debian = |machine| {
        let arguments = ["plan", "--json", "--network", "none", "--cmd", "true"];
        let ran = run(machine.claudebox().args(arguments), SOON).success();
        let mut texts = BTreeSet::new();
        strings(&json(&ran), &mut texts);
        assert!(texts.contains("/nix/store"), "{ran}");
        let beside = |text: &&String| text.starts_with("/nix/var") || text.starts_with("/run/current-system");
        let beside: Vec<&String> = texts.iter().filter(beside).collect();
        assert!(beside.is_empty(), "{beside:?}{ran}");
        let usr = texts.contains("/usr");
        assert_eq!(usr, machine.shape() == Shape::NixOnDebian, "{ran}");
    };
}

/// Its shape, that is: a stand-in is in the place of nixpkgs.
#[test]
fn the_flake_evaluates() {
    if !is_root() {
        skipped("escape-tests/lab/nix/flake-check mounts, which only root may");
        return;
    }
    let lab = target_folder().join("lab/nix/stamp");
    if !lab.is_file() {
        skipped(
            "the lab with Nix is not there; escape-tests/lab/nix/setup makes it, as root on Debian",
        );
        return;
    }
    let mut check = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/lab/nix/flake-check"));
    let ran = run(check.env("CARGO_TARGET_DIR", target_folder()), SOON).success();
    for output in [
        "packages.x86_64-linux.default",
        "devShells.aarch64-linux.default",
        "checks.x86_64-linux.vm-none-full",
    ] {
        assert!(
            ran.stderr
                .contains(&format!("checking derivation {output}...")),
            "{output}{ran}"
        );
    }
    assert!(ran.stderr.contains("all checks passed"), "{ran}");
}

/// Whether Claude Code is in the machine's store; else the reason is printed.
fn claude_code_is_there(machine: &Machine) -> bool {
    if !machine.has_claude_code() {
        skipped(
            "no Claude Code in the lab's store; lab/claude-code/install, then lab/nix/setup put it there",
        );
    }
    machine.has_claude_code()
}

/// Runs a script in the sandbox.
fn inside(machine: &Machine, script: &str) -> Ran {
    let arguments = ["exec", "-y", "--network", "none", "--", "sh", "-c", script];
    run(machine.claudebox().args(arguments), SOON)
}

/// Runs a script on the machine itself.
fn on(machine: &Machine, script: &str) -> Ran {
    run(machine.command("/bin/sh").args(["-c", script]), SOON)
}

/// A script as standard input.
fn script_of(script: &str) -> std::process::Stdio {
    let echo = Command::new("printf")
        .args(["%s\n", script])
        .stdout(std::process::Stdio::piped())
        .spawn();
    echo.expect("starting printf")
        .stdout
        .expect("the stream is piped")
        .into()
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|error| panic!("stdout is not JSON: {error}{ran}"))
}

fn strings(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            into.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| strings(item, into)),
        Value::Object(fields) => fields.values().for_each(|field| strings(field, into)),
        _ => {}
    }
}
