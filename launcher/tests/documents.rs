//! Owns that the documents stay true: their commands parse, their tables are those of the code, the ids that they name exist.
//!
//! A block between `<!-- NAME:begin -->` and `<!-- NAME:end -->` is made from the code. CLAUDEBOX_BLESS=1 writes it anew.
#![allow(
    clippy::disallowed_methods,
    reason = "tests are effects; the module boundaries are the launcher's"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use claudebox::cli::Args;
use claudebox::config::{GENERATED, HOST_ALLOWLIST, steers};
use claudebox::denied::{Condition, Denied};
use claudebox::facts::{Content, ProfileFile};
use claudebox::fence::registry::REGISTRY;
use claudebox::guard::Guard;
use claudebox::profile;

/// The families of requirements. `threats: …` of the sources is another catalogue, which the documents do not name.
const FAMILIES: [&str; 17] = [
    "RUN", "ENV", "FS", "AUD", "AWARE", "TOOL", "AUTH", "INST", "NET", "PROF", "TRUST", "SSH",
    "HARN", "HARD", "EXIT", "TEST", "PERF",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every document of the project, by its path from the root.
fn documents() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for folder in ["", "docs", "docs/decisions"] {
        for entry in fs::read_dir(root().join(folder)).expect("a folder of documents") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let name = path.file_name().expect("a name").to_string_lossy();
                let name = format!("{folder}/{name}")
                    .trim_start_matches('/')
                    .to_owned();
                found.insert(
                    name,
                    fs::read_to_string(&path).expect("a document in UTF-8"),
                );
            }
        }
    }
    for must in ["README.md", "docs/threat-model.md", "docs/requirements.md"] {
        assert!(found.contains_key(must), "{must} is missing");
    }
    found
}

/// Holds the block `name` of `document` against `expected`.
fn hold(document: &str, name: &str, expected: &str) {
    let path = root().join(document);
    let text = fs::read_to_string(&path).expect("the document");
    let (begin, end) = (
        format!("<!-- {name}:begin -->\n"),
        format!("<!-- {name}:end -->"),
    );
    let (before, rest) = text.split_once(&begin).expect("the block begins");
    let (block, after) = rest.split_once(&end).expect("the block ends");
    if std::env::var_os("CLAUDEBOX_BLESS").is_some_and(|bless| bless == "1") {
        fs::write(path, format!("{before}{begin}{expected}{end}{after}")).expect("write");
        return;
    }
    assert_eq!(
        block, expected,
        "{document}, block {name}: CLAUDEBOX_BLESS=1 cargo test -p claudebox --test documents"
    );
}

#[test]
fn the_threat_model_has_a_row_for_each_guard() {
    let mut table = "| guard | stops | enforced by |\n|---|---|---|\n".to_owned();
    for guard in Guard::ALL {
        let (stops, by) = (guard.stops(), guard.enforced_by());
        assert!(!format!("{stops}{by}").contains(['|', '\n']), "{guard:?}");
        table += &format!("| `{}` | {stops} | {by} |\n", guard.name());
    }
    hold("docs/threat-model.md", "guards", &table);
}

#[test]
fn the_lists_of_variables_are_those_of_the_code() {
    let list = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(" ")
    };
    let generated = list(&GENERATED) + "\n";
    hold("docs/environment.md", "generated", &generated);
    let host = list(&HOST_ALLOWLIST) + " `LC_*`\n";
    hold("docs/environment.md", "host", &host);
}

#[test]
fn what_a_project_may_not_set_is_refused() {
    let text = &documents()["docs/environment.md"];
    let block = text.split_once("<!-- steering:begin -->").expect("begin").1;
    let block = block.split_once("<!-- steering:end -->").expect("end").0;
    let names: Vec<&str> = block
        .split(['`', ' ', '\n'])
        .filter(|name| !name.is_empty())
        .collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        assert!(steers(&name.into()), "{name} is not refused");
    }
}

#[test]
fn the_profiles_shown_are_profiles() {
    let documents = documents();
    let text = &documents["docs/profiles.md"];
    let examples: Vec<&str> = fenced(text)
        .filter(|(language, _)| *language == "json")
        .map(|(_, code)| code)
        .collect();
    assert!(examples.len() >= 2);
    for json in examples {
        let file = ProfileFile {
            name: Some("example".into()),
            path: "example.json".into(),
            content: Content::Bytes(json.into()),
        };
        profile::parse(&file).unwrap_or_else(|error| panic!("{error}\n{json}"));
    }
    // Every key of the table is known, and every key that is known is in the table.
    let listed: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(key, _)| key)
        .filter(|key| !key.contains(['.', '[']))
        .collect();
    let unknown = profile::parse(&ProfileFile {
        name: None,
        path: "x".into(),
        content: Content::Bytes(r#"{"no such key": 1}"#.into()),
    });
    let message = unknown.expect_err("an unknown key").to_string();
    let known = message.split_once("expected").expect("the known keys").1;
    let known: BTreeSet<&str> = known.split('`').skip(1).step_by(2).collect();
    assert_eq!(listed, known);
}

#[test]
fn every_command_line_parses() {
    let mut seen = 0;
    for (document, text) in documents() {
        for line in command_lines(&text) {
            seen += 1;
            let words = words(&line);
            match Args::try_parse_from(&words) {
                Ok(_) => {}
                // `--help` and `--version` end in what clap counts as an error.
                Err(error) if !error.use_stderr() => {}
                Err(error) => panic!("{document}: {line}\n{words:?}\n{error}"),
            }
        }
    }
    assert!(seen > 30, "only {seen} command lines were found");
}

#[test]
fn every_requirement_that_is_named_exists() {
    let documents = documents();
    let table = &documents["docs/requirements.md"];
    let mut known = BTreeSet::new();
    for line in table.lines() {
        if let Some((id, _)) = line.strip_prefix("| ").and_then(|row| row.split_once(" |"))
            && ids(id).next() == Some(id)
        {
            assert!(known.insert(id), "{id} stands twice");
        }
    }
    assert!(known.len() > 80, "only {} requirements", known.len());
    let mut named = 0;
    // What that one names are rows of the catalogue of threats, which escape-tests holds it to.
    let others = documents
        .iter()
        .filter(|(document, _)| *document != "docs/guarantees.md");
    for (document, text) in others {
        for id in ids(text) {
            named += 1;
            assert!(
                known.contains(id),
                "{document} names {id}, which is no requirement"
            );
        }
    }
    assert!(named > known.len());
}

#[test]
fn every_link_leads_somewhere() {
    let mut seen = 0;
    for (document, text) in documents() {
        let folder = root().join(&document);
        let folder = folder.parent().expect("a folder");
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let target = target.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            seen += 1;
            assert!(
                folder.join(target).exists(),
                "{document}: {target} is not there"
            );
        }
    }
    assert!(seen > 15, "only {seen} links were found");
}

/// Fenced blocks, each with its language.
fn fenced(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("```")
        .skip(1)
        .step_by(2)
        .filter_map(|block| block.split_once('\n'))
}

/// Lines of code that start claudebox: in shell blocks, in indented blocks, and between backquotes.
fn command_lines(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (language, code) in fenced(text) {
        if ["sh", "console"].contains(&language) {
            found.extend(code.lines().map(str::to_owned));
        }
    }
    let prose: Vec<&str> = text.split("```").step_by(2).collect();
    for part in prose {
        found.extend(
            part.lines()
                .filter_map(|line| line.strip_prefix("    "))
                .map(str::to_owned),
        );
        // Code spans may go on in the next line.
        let joined = part.replace('\n', " ");
        found.extend(joined.split('`').skip(1).step_by(2).map(str::to_owned));
    }
    found
        .into_iter()
        .map(|line| line.trim_start_matches("$ ").trim().to_owned())
        .filter(|line| line == "claudebox" || line.starts_with("claudebox "))
        // The picture of the processes names the second stage.
        .filter(|line| line != "claudebox init")
        .collect()
}

/// A line as a shell takes it apart, as far as documents need it: blanks, quotes, a comment.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    assert_eq!(quote, None, "an open quote: {line}");
    words.extend(word);
    words
}

/// Requirement ids in `text`: a family, a dash, two digits or one letter.
fn ids(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
        .filter(|word| {
            word.split_once('-').is_some_and(|(family, rest)| {
                let letter = rest.len() == 1 && rest.chars().all(|c| c.is_ascii_uppercase());
                let number = rest.len() == 2 && rest.chars().all(|c| c.is_ascii_digit());
                FAMILIES.contains(&family) && (letter || number)
            })
        })
}

/// How a person reads it.
fn condition(condition: Condition) -> String {
    match condition {
        Condition::Equal(argument, value) => format!("argument {argument} = {value:#x}"),
        Condition::Not(argument, value) => format!("argument {argument} ≠ {value:#x}"),
        Condition::Bit(argument, bit) => format!("argument {argument} has {bit:#x}"),
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn the_refused_calls_are_those_of_the_filter() {
    let mut table = String::from("| call | where | answer | why |\n|---|---|---|---|\n");
    for rule in Denied::ALL.iter().flat_map(|group| group.rules()) {
        let only: Vec<String> = rule.call.only.iter().copied().map(condition).collect();
        let only = if only.is_empty() {
            "always".into()
        } else {
            only.join(", ")
        };
        let errno = nix::errno::Errno::from_raw(rule.call.errno);
        table += &format!(
            "| `{}` | {only} | `{errno:?}` | {} |\n",
            rule.name, rule.why
        );
    }
    hold("docs/system-calls.md", "refused-calls", &table);
}

#[test]
fn the_special_prefixes_are_those_of_the_fence() {
    let mut table = String::from("| prefix | is | says |\n|---|---|---|\n");
    for special in REGISTRY {
        let (name, source) = (special.name, special.source);
        assert!(
            !format!("{name}{source}").contains(['|', '\n']),
            "{special:?}"
        );
        table += &format!("| `{}` | {name} | {source} |\n", special.prefix);
    }
    hold("docs/network.md", "special-prefixes", &table);
}
