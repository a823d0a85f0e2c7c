//! A slip of the hand: the message names the nearest thing that exists, and nothing is started.

use crate::common::{Boxer, end, refused, stderr, stdout};

#[test]
fn an_unknown_flag_or_word_names_the_nearest() {
    let boxer = Boxer::new();
    let before = crate::common::tree(&boxer.folder());
    for (line, typed, nearest) in [
        ("run --netwrok none", "--netwrok", "--network"),
        ("run --network fulll", "fulll", "full"),
        ("run --network None", "None", "none"),
        ("--profil x", "--profil", "--profile"),
        ("plan --jsn", "--jsn", "--json"),
        ("plan --explian", "--explian", "--explain"),
        ("shel", "shel", "shell"),
        ("exce -- true", "exce", "exec"),
        ("completions bsh", "bsh", "bash"),
        ("check --netwok none", "--netwok", "--network"),
        ("verify --netwrok none", "--netwrok", "--network"),
        ("verfy", "verfy", "verify"),
        ("run --alow-root", "--alow-root", "--allow-root"),
        ("exec --mont /x -- true", "--mont", "--mount"),
    ] {
        let said = refused(boxer.run(line.split(' ')), typed);
        // Quoted, as the thing to type; `--profile` holds `--profil`.
        assert!(
            said.contains(&format!("'{nearest}'")) || said.contains(&format!("`{nearest}`")),
            "`claudebox {line}` does not name {nearest}:\n{said}"
        );
    }
    assert_eq!(crate::common::tree(&boxer.folder()), before);
}

#[test]
fn a_tier_in_the_environment_is_as_strict_as_the_flag() {
    let boxer = Boxer::new();
    for value in ["", "FULL", "ful", "none,full", " none"] {
        let mut command = boxer.claudebox(["exec", "-y", "--", "true"]);
        command.env("CLAUDEBOX_NETWORK", value);
        let said = refused(end(command), "CLAUDEBOX_NETWORK");
        assert!(said.contains("none, inet and full"), "{said}");
    }
}

#[test]
fn inet_without_a_route_is_refused_with_the_fix() {
    let boxer = Boxer::new();
    let said = refused(
        end(boxer.without_a_route("exec -y -- true")),
        "no route to the internet",
    );
    assert!(said.contains("--network none"), "{said}");
    // The other tiers need none.
    let none = boxer.without_a_route("exec -y --network none -- true");
    let ran = end(none);
    assert!(!stderr(&ran).contains("no route"), "{}", stderr(&ran));
}

#[test]
fn what_is_opened_is_shown_and_malformed_it_is_refused() {
    let boxer = Boxer::new();
    let line = "plan --network inet --allow 192.168.1.10:5432 --host-port 8080 --cmd true";
    let plan = stdout(&boxer.run(line.split(' ')).success());
    for opened in [
        "192.168.1.10:5432/tcp",
        "port 8080/tcp of the host's loopback",
    ] {
        assert!(plan.contains(opened), "{plan}");
    }
    for (value, why) in [
        ("192.168.1.10", "names no port"),
        ("192.168.1.10:0", "from 1 to 65535"),
        ("192.168.1.10:65536", "from 1 to 65535"),
        ("192.168.1.10:80/sctp", "tcp or udp"),
        ("fd00::1:80", "in brackets"),
        ("[192.168.1.10]:80", "in brackets"),
        ("127.0.0.1:80", "own loopback"),
        ("224.0.0.1:80", "no host"),
        ("0300.0250.1.1:80", "neither an address nor a name"),
        ("0x7f000001:80", "neither an address nor a name"),
        ("a b:80", "neither an address nor a name"),
        (":80", "neither an address nor a name"),
    ] {
        refused(
            boxer.run(["exec", "-y", "--allow", value, "--", "true"]),
            why,
        );
    }
    refused(
        boxer.run([
            "exec",
            "-y",
            "--network",
            "none",
            "--allow",
            "192.168.1.10:80",
            "--",
            "true",
        ]),
        "no fence to open",
    );
}

#[test]
fn exec_without_a_command_is_a_usage_error() {
    let boxer = Boxer::new();
    for line in ["exec -y", "exec -y --"] {
        refused(boxer.run(line.split(' ')), "<CMD>");
    }
}
