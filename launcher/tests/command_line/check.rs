//! `check`: whether it can run here, part by part, for people and as JSON (RUN-09).

use crate::common::{Boxer, stdout};

#[test]
fn check_names_each_part_and_ends_as_run_would() {
    let boxer = Boxer::new();
    boxer.install_claude("true");
    let said = stdout(&boxer.run(["check"]).success().stderr(""));
    for part in [
        "bubblewrap",
        "user namespaces",
        "sandbox",
        "landlock",
        "claude",
        "nix",
        "limits",
    ] {
        assert!(said.contains(part), "no {part}:\n{said}");
    }
    assert!(said.contains("can run here"), "{said}");
    boxer.run(["exec", "-y", "--", "true"]).success();
    boxer.run(["check", "--network", "none"]).success();
}

#[test]
fn the_json_says_the_same() {
    let boxer = Boxer::new();
    boxer.install_claude("true");
    let ran = boxer.run(["check", "--json"]).success();
    let report: serde_json::Value =
        serde_json::from_slice(&ran.get_output().stdout).expect("JSON and nothing else");
    assert_eq!(report["version"], 1);
    assert_eq!(report["can_run"], true);
    let findings = report["findings"].as_array().expect("findings");
    let people = stdout(&boxer.run(["check"]).success());
    assert!(findings.len() > 4);
    for finding in findings {
        let (part, found) = (
            finding["part"].as_str().expect("a part"),
            finding["found"].as_str().expect("what was found"),
        );
        assert!(
            people.contains(part)
                && people
                    .replace(['\n', ' '], "")
                    .contains(&found.replace(' ', "")),
            "{part}: {found}\n{people}"
        );
        assert!(
            ["ok", "warning", "failure"].contains(&finding["verdict"].as_str().expect("a verdict"))
        );
        if finding["verdict"] == "failure" {
            assert!(finding["fix"].is_string(), "a failure has a fix: {finding}");
        }
    }
}

#[test]
fn what_cannot_run_is_125_in_both_forms() {
    let boxer = Boxer::new();
    for line in ["check", "check --network inet --json"] {
        let ran = crate::common::end(boxer.without_a_route(line)).code(125);
        let said = stdout(&ran);
        assert!(
            said.contains("inet")
                && said.contains("no route to the internet")
                && !said.contains("`inet` can run here")
                && !said.contains("\"can_run\": true"),
            "{said}"
        );
    }
    // The variable that `run` would follow counts here too.
    let mut command = boxer.claudebox(["check"]);
    command.env("CLAUDEBOX_NETWORK", "none");
    let said = stdout(&crate::common::end(command).code(0));
    assert!(said.contains("`none` can run here"), "{said}");
    let off = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$0\" check";
    let mut command = boxer.command("unshare");
    command
        .args(["--user", "--map-root-user", "sh", "-c", off])
        .arg(crate::common::claudebox_bin());
    let said = stdout(&crate::common::end(command).code(125));
    assert!(
        said.contains("user.max_user_namespaces") && said.contains("hint: "),
        "{said}"
    );
}

#[test]
fn a_claude_that_is_missing_is_said_and_stops_only_run() {
    let boxer = Boxer::new();
    let said = stdout(&boxer.run(["check"]));
    assert!(
        said.contains("not found") && said.contains("hint: "),
        "{said}"
    );
}
