//! What is installed, by whom, and what is refused before anything is.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use escape_tests::terminal::{COLUMNS, ROWS, pair};

use crate::machine::{DEBIAN, Machine};
use crate::{BUILD, DEBIAN_INSTALL, PROOF, joined};

#[test]
fn each_distribution_gets_its_own_packages_and_the_second_run_installs_nothing() {
    let table: &[(&str, &str, &[&str])] = &[
        (DEBIAN, "apt-get", &DEBIAN_INSTALL),
        (
            "NAME=Ubuntu\nID=ubuntu\nID_LIKE=debian\n",
            "apt-get",
            &DEBIAN_INSTALL,
        ),
        (
            "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n",
            "apt-get",
            &DEBIAN_INSTALL,
        ),
        (
            "ID=fedora\n",
            "dnf",
            &["dnf install -y --setopt=install_weak_deps=False \
               bubblewrap passt nftables git bash ca-certificates gcc glibc-static"],
        ),
        (
            "ID='rocky'\nID_LIKE='rhel centos fedora'\n",
            "dnf",
            &["dnf install -y --setopt=install_weak_deps=False \
               bubblewrap passt nftables git bash ca-certificates gcc glibc-static"],
        ),
        (
            "ID=arch\n",
            "pacman",
            &["pacman -Sy --needed --noconfirm \
               bubblewrap passt nftables git bash ca-certificates gcc glibc"],
        ),
        (
            "ID=\"opensuse-tumbleweed\"\nID_LIKE=\"opensuse suse\"\n",
            "zypper",
            &["zypper --non-interactive install --no-recommends \
               bubblewrap passt nftables git-core bash ca-certificates-mozilla gcc glibc-devel-static"],
        ),
        (
            "ID=alpine\n",
            "apk",
            &["apk add --no-cache bubblewrap passt nftables git bash ca-certificates gcc musl-dev"],
        ),
    ];
    for (os_release, manager, install) in table {
        let machine = Machine::new(os_release, manager);
        let first = machine.bootstrap(&["run"]);
        first.did(&joined(&[install, &[BUILD], &PROOF]));
        assert!(first.out.contains("inside: uid=6001"), "{}", first.out);
        assert!(
            first.out.contains("Claude Code inside: 2.1.197"),
            "{}",
            first.out
        );
        let second = machine.bootstrap(&["run"]);
        second.did(&joined(&[&[BUILD], &PROOF]));
    }
}

#[test]
fn only_what_is_missing_is_installed() {
    let machine = Machine::complete();
    fs::remove_file(machine.path("root/usr/bin/bwrap")).expect("bwrap goes");
    // One that only PATH finds is none: the launcher takes it from fixed places.
    machine.stub("bin/bwrap", "exit 0");
    let run = machine.bootstrap(&["packages"]);
    run.did(&[
        "apt-get update",
        "apt-get install -y --no-install-recommends bubblewrap",
    ]);
}

#[test]
fn an_existing_package_database_of_arch_is_not_half_upgraded() {
    let machine = Machine::new("ID=arch\n", "pacman");
    machine.file("root/var/lib/pacman/sync/core.db", "");
    let run = machine.bootstrap(&["packages"]);
    assert!(
        run.calls[0].starts_with("pacman -S --needed "),
        "{:?}",
        run.calls
    );
}

#[test]
fn alpine_gets_a_setpriv_that_can_change_the_user() {
    let machine = Machine::new("ID=alpine\n", "apk");
    machine.stub("bin/setpriv", "exit 1");
    machine.stub("shelf/bin/setpriv", "shift 5; exec \"$@\"");
    let run = machine.bootstrap(&["packages"]);
    assert!(
        run.calls[0].ends_with(" musl-dev setpriv npm keyutils procps iproute2 openssh-client openssh-server make mandoc"),
        "{:?}",
        run.calls
    );
}

#[test]
fn a_dry_run_announces_what_a_run_does_and_does_nothing() {
    let machine = Machine::debian();
    let before = machine.listing();
    let dry = machine.bootstrap(&["run", "--dry-run"]);
    dry.did(&[]);
    assert_eq!(machine.listing(), before);
    let real = machine.bootstrap(&["run"]);
    for call in &real.calls {
        let announced = call.replace(
            "apt-get install",
            "env DEBIAN_FRONTEND=noninteractive apt-get install",
        );
        assert!(
            dry.out.contains(&announced),
            "no {announced:?} in: {}",
            dry.out
        );
    }
}

#[test]
fn an_ordinary_user_installs_through_sudo_or_doas() {
    for (helper, name) in [("sudo -n", "sudo"), ("doas -n", "doas")] {
        let machine = Machine::debian().with_an_ordinary_user();
        machine.noted(&format!("bin/{name}"), "shift; exec \"$@\"");
        let run = machine.bootstrap(&["run"]);
        let through = |call: &str| format!("{helper} {call}");
        let (update, install) = (DEBIAN_INSTALL[0], DEBIAN_INSTALL[1]);
        run.did(&joined(&[
            &[
                &through(update),
                update,
                &through(&format!("env DEBIAN_FRONTEND=noninteractive {install}")),
                install,
                BUILD,
            ],
            &PROOF,
        ]));
    }
}

#[test]
fn without_a_way_to_become_root_the_commands_for_root_are_named() {
    let run = Machine::debian()
        .with_an_ordinary_user()
        .bootstrap(&["run"]);
    run.refused(
        &[],
        &["hint: as root, run:", DEBIAN_INSTALL[0], DEBIAN_INSTALL[1]],
    );
    assert!(!run.err.contains("nobody"), "{}", run.err);
}

#[test]
fn started_through_sudo_it_goes_on_as_the_person() {
    let mut machine = Machine::debian();
    machine.environment = vec![("SUDO_UID", "1000"), ("SUDO_USER", "kim")];
    machine.noted("bin/sudo", "exit 0");
    let run = machine.bootstrap(&["run", "--yes"]);
    let script = machine.path("checkout/bootstrap");
    run.did(&[&format!(
        "sudo -u kim -H -- sh {} run --yes",
        script.display()
    )]);
}

#[test]
fn an_unknown_distribution_is_told_what_to_install() {
    let machine = Machine::new("ID=void\nPRETTY_NAME=\"Void Linux\"\n", "xbps-install");
    machine.bootstrap(&["run"]).refused(
        &[],
        &[
            "on Void Linux",
            "missing: bwrap pasta",
            "bubblewrap passt nftables git bash ca-certificates gcc libc6-dev",
        ],
    );
    // Nothing missing: nothing to know.
    let machine = Machine::complete();
    fs::remove_file(machine.path("root/etc/os-release")).expect("no os-release at all");
    let run = machine.bootstrap(&["run"]);
    run.did(&joined(&[&[BUILD], &PROOF]));
}

#[test]
fn an_image_based_fedora_is_not_asked_to_install_with_dnf() {
    let machine = Machine::new(
        "ID=fedora\nPRETTY_NAME=\"Fedora Linux (Silverblue)\"\n",
        "dnf",
    );
    machine.file("root/run/ostree-booted", "");
    machine.bootstrap(&["run"]).refused(&[], &["Silverblue"]);
}

#[test]
fn on_nixos_it_goes_on_in_a_nix_shell_or_names_the_configuration() {
    let nixos = "ID=nixos\nPRETTY_NAME=\"NixOS 26.05\"\n";
    let line = "environment.systemPackages = with pkgs; [ bubblewrap passt nftables git bashInteractive cacert gcc glibc.static ];";

    let machine = Machine::new(nixos, "nix-shell").with_an_ordinary_user();
    let run = machine.bootstrap(&["run"]);
    run.did(&["nix-shell --packages bubblewrap passt nftables git bashInteractive cacert gcc glibc.static \
               --run ./bootstrap run --yes"]);
    assert!(run.out.contains(line), "{}", run.out);
    machine.bootstrap(&["run", "--dry-run"]).did(&[]);

    machine.file("checkout/flake.nix", "");
    machine.noted("bin/nix", "exit 0");
    machine
        .bootstrap(&["run"])
        .did(&["nix --extra-experimental-features nix-command flakes develop --command ./bootstrap run --yes"]);

    // Inside that shell and still missing: no endless loop.
    let mut machine = Machine::new(nixos, "nix-shell").with_an_ordinary_user();
    machine.environment = vec![("IN_NIX_SHELL", "impure")];
    machine.bootstrap(&["run"]).refused(&[], &[line]);
}

#[test]
fn without_a_fitting_rust_nothing_is_installed() {
    let machine = Machine::debian();
    fs::remove_file(machine.path("bin/cargo")).expect("cargo goes");
    machine.bootstrap(&["run"]).refused(
        &[],
        &[
            "no Rust toolchain",
            "hint: Debian 13",
            "rustup default stable",
        ],
    );

    let machine = Machine::debian();
    machine.stub("bin/rustc", "echo 'rustc 1.63.0 (4b91a6ea7 2022-08-08)'");
    let wanted = env!("CARGO_PKG_RUST_VERSION");
    machine
        .bootstrap(&["run"])
        .refused(&[], &["Rust 1.63 is too old", &format!("needs {wanted}")]);

    let machine = Machine::debian();
    machine.stub(
        "bin/rustc",
        "echo 'error: no default toolchain' >&2; exit 1",
    );
    machine.bootstrap(&["run"]).refused(
        &[],
        &["no default toolchain", "rustc is there but does not run"],
    );
}

#[test]
fn a_newer_rust_of_one_digit_less_is_not_taken_for_an_older_one() {
    let machine = Machine::complete();
    machine.stub(
        "bin/rustc",
        "case $1 in --version) echo 'rustc 1.100.0 (0 2027-01-01)' ;; *) echo 'host: a-host' ;; esac",
    );
    machine
        .bootstrap(&["run"])
        .did(&joined(&[&[BUILD], &PROOF]));
}

#[test]
fn a_package_manager_that_fails_ends_it() {
    let machine = Machine::debian();
    machine.noted("bin/apt-get", "[ \"$1\" = update ] || exit 100");
    machine
        .bootstrap(&["run"])
        .refused(&DEBIAN_INSTALL, &["could not be installed", "universe"]);
}

#[test]
fn a_package_list_that_cannot_be_refreshed_does_not_end_it() {
    let machine = Machine::debian();
    machine.also("bin/apt-get", "[ \"$1\" = install ]");
    machine
        .bootstrap(&["run"])
        .did(&joined(&[&DEBIAN_INSTALL, &[BUILD], &PROOF]));
}

#[test]
fn a_package_manager_that_only_says_so_is_not_believed() {
    let machine = Machine::debian();
    machine.noted("bin/apt-get", "exit 0");
    machine.bootstrap(&["run"]).refused(
        &DEBIAN_INSTALL,
        &["bwrap pasta nft git bash CA cc libc.a cannot be found"],
    );
}

#[test]
fn at_a_terminal_it_asks_and_a_no_installs_nothing() {
    for (answer, installs) in [("n\n", false), ("\n", true)] {
        let machine = Machine::debian();
        let (master, slave) = pair(ROWS, COLUMNS).expect("a pseudo-terminal");
        let mut command = machine.command(&["packages"]);
        command
            .stdin(Stdio::from(slave))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        fs::File::from(master.try_clone().expect("a second descriptor"))
            .write_all(answer.as_bytes())
            .expect("the answer is typed");
        let run = machine.noted_in(command.output().expect("/bin/sh starts"));
        assert!(run.out.contains("Proceed? [Y/n]"), "{}", run.out);
        if installs {
            assert_eq!(run.code, Some(0), "{}", run.err);
            assert_eq!(run.calls.len(), 2, "{:?}", run.calls);
        } else {
            run.refused(&[], &["nothing was installed"]);
        }
    }
}

#[test]
fn a_wrong_command_line_names_the_help() {
    let machine = Machine::debian();
    for (arguments, words) in [
        (&["runn"][..], "unknown argument: runn"),
        (&["run", "--force"], "unknown argument: --force"),
        (&["run", "test"], "two commands: run and test"),
        (&[], "no command"),
    ] {
        machine
            .bootstrap(arguments)
            .refused(&[], &[words, "hint: ./bootstrap --help"]);
    }
    let help = machine.bootstrap(&["--help"]);
    help.did(&[]);
    for word in ["run ", "test ", "packages ", "--dry-run", "--yes"] {
        assert!(help.out.contains(word), "{}", help.out);
    }
}

#[test]
fn a_checkout_that_the_sandbox_treats_apart_is_built_elsewhere() {
    // The machine lies in a folder for temporary files, and its own target folder is not asked for here.
    let machine = Machine::debian();
    let target = |machine: &Machine| {
        let mut command = machine.command(&["target"]);
        let run = command.env_remove("CARGO_TARGET_DIR").output();
        String::from_utf8(run.expect("/bin/sh starts").stdout).expect("a path")
    };
    assert_eq!(target(&machine), "/srv/claudebox-target\n");
    let machine = machine.with_an_ordinary_user();
    let cache = machine.path("home/.cache/claudebox-target");
    assert_eq!(target(&machine), format!("{}\n", cache.display()));
    assert_eq!(
        machine.bootstrap(&["target"]).out,
        format!("{}\n", machine.path("checkout/target").display())
    );
}
