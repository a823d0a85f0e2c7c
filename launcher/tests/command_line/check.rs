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
    for tier in ["none", "inet", "full"] {
        assert_eq!(
            said.matches(&format!("The tier `{tier}`")).count(),
            1,
            "{tier}: {said}"
        );
    }
    assert!(
        said.contains(", which would be used, can run here."),
        "{said}"
    );
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
    for (tier, name) in report["tiers"]
        .as_array()
        .expect("tiers")
        .iter()
        .zip(["none", "inet", "full"])
    {
        assert_eq!(tier["tier"], name);
        let why = tier["why"].as_array().expect("what is in the way");
        assert_eq!(tier["can_run"], why.is_empty(), "{tier}");
        let starts = boxer.run(["exec", "--network", name, "-y", "--", "true"]);
        assert_eq!(
            starts.get_output().status.success(),
            why.is_empty(),
            "what is said of a tier is what happens: {tier}"
        );
    }
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
    // A host without a network: a namespace with nothing but loopback.
    let offline = |line: &str| boxer.without_a_route(line);
    let said = stdout(&crate::common::end(offline("check --network inet")).code(125));
    for words in [
        "no route to the internet",
        "The tier `none` can run here.\n",
        "The tier `inet`, which would be used, cannot run here: sandbox.\n",
        "The tier `full` can run here.\n",
    ] {
        assert!(said.contains(words), "{words:?} is missing:\n{said}");
    }
    let json = stdout(&crate::common::end(offline("check --network inet --json")).code(125));
    let report: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(report["can_run"], false);
    // The variable that `run` would follow counts here too.
    for (tier, status) in [("inet", 125), ("none", 0)] {
        let mut command = offline("check");
        command.env("CLAUDEBOX_NETWORK", tier);
        crate::common::end(command).code(status);
    }
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
