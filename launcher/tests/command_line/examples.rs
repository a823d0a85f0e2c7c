//! Every example of `--help` runs, as it stands there (`--yes` is added where it would ask).

use std::ffi::OsString;
use std::path::Path;

use crate::common::{Boxer, skipped, stderr, stdout};

/// The lines of `--help` that start with `$`, without the explanation behind them.
fn examples(help: &str) -> Vec<String> {
    help.lines()
        .filter_map(|line| line.trim_start().strip_prefix("$ claudebox"))
        .map(|line| {
            line.trim_start()
                .split("  ")
                .next()
                .unwrap_or_default()
                .trim_end()
                .to_owned()
        })
        .collect()
}

/// Words as a shell splits them; the examples have single quotes only.
fn words(line: &str) -> Vec<OsString> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().expect("there is one").push(c),
        }
    }
    assert!(!quoted, "the quotes of the example do not match: {line}");
    words.into_iter().map(OsString::from).collect()
}

#[test]
fn each_example_of_the_help_runs() {
    let boxer = Boxer::new();
    boxer.install_claude("echo \"agent: $*\"");
    boxer.write("src/app/Makefile", "test:\n\t@echo make: test\n");
    let help = stdout(&boxer.run(["--help"]).success());
    let examples = examples(&help);
    assert!(
        examples.len() >= 6,
        "the examples were not found in:\n{help}"
    );
    for example in &examples {
        let mut arguments = words(example);
        let starts = arguments[0] == "run" || arguments[0] == "exec" || arguments[0] == "shell";
        if starts && !arguments.contains(&"-y".into()) {
            arguments.insert(1, "-y".into());
        }
        if example.contains("-- make") && !Path::new("/usr/bin/make").exists() {
            skipped("/usr/bin/make is not here, so the example that runs it cannot");
            continue;
        }
        if arguments[0] == "verify" {
            assert_eq!(
                crate::verify::told(&boxer, &arguments),
                Vec::<String>::new(),
                "{example}"
            );
            continue;
        }
        let ran = boxer.run(&arguments).success();
        let (said, audit) = (stdout(&ran), stderr(&ran));
        match arguments[0].to_str() {
            Some("run") => {
                let after = arguments.iter().skip_while(|word| *word != "--").skip(1);
                let typed: Vec<_> = after.map(|word| word.to_string_lossy()).collect();
                let expected = format!("agent: --dangerously-skip-permissions {}", typed.join(" "));
                assert_eq!(said.trim_end(), expected.trim_end(), "{example}");
            }
            Some("exec") => assert_eq!(said, "make: test\n", "{example}"),
            Some("plan") => assert!(
                said.contains("Environment") && audit.is_empty(),
                "{example}: {said}"
            ),
            Some("instances") => assert!(said.contains("src/app"), "{example}: {said}"),
            Some("check") => assert!(said.contains("can run here"), "{example}: {said}"),
            other => panic!("an example that this test does not know: {other:?}"),
        }
    }
}

#[test]
fn bare_is_run() {
    let boxer = Boxer::new();
    boxer.install_claude("echo \"agent: $*\"");
    boxer
        .run(["-y", "--", "-p", "hi"])
        .success()
        .stdout("agent: --dangerously-skip-permissions -p hi\n");
}

#[test]
fn another_agent_gets_no_flag_of_claude_code() {
    let boxer = Boxer::new();
    let agent = boxer.script("tools/other", "#!/bin/sh\necho \"other: $*\"\n");
    let agent = agent.to_str().expect("a plain path");
    boxer
        .run(["run", "-y", "--cmd", agent, "--", "--full-auto"])
        .success()
        .stdout("other: --full-auto\n");
    boxer
        .run(["run", "-y", "--agent", agent, "--", "-p"])
        .success()
        .stdout("other: --dangerously-skip-permissions -p\n");
}
