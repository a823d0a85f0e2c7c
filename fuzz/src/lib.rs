//! Owns what is fuzzed, as plain functions of bytes: each panics where a promise is broken. `fuzz_targets/` hands them to
//! libfuzzer, and `launcher/tests/fuzz_regressions.rs` replays corpora and regressions through the very same functions.

mod hosts;
mod laws;
mod networks;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use claudebox::audit::{self, Look};
use claudebox::facts::{Content, Facts, GitIdentity, ProfileFile};
use claudebox::hint::Hint;
use claudebox::text::{Text, escape, unescape};
use claudebox::{envfile, gitconfig, secret, trust};

/// A function of bytes.
pub type Target = fn(&[u8]);

/// Every target, by the name of its corpus.
pub const TARGETS: [(&str, Target); 7] = [
    ("profile", profile),
    ("envfile", envfile),
    ("gitconfig", gitconfig),
    ("text_escape", text_escape),
    ("plan", plan),
    ("display", display),
    ("fence", fence),
];

/// Nothing in `shown` moves a cursor, turns the direction of writing, or hides.
fn assert_plain(shown: &str) {
    let hostile = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    assert!(!shown.contains(hostile), "not plain: {shown:?}");
}

/// A profile parses or is refused in one plain line.
pub fn profile(data: &[u8]) {
    let file = ProfileFile {
        name: Some("x".into()),
        path: "/p/x.json".into(),
        content: Content::Bytes(OsStr::from_bytes(data).into()),
    };
    match claudebox::profile::parse(&file) {
        Err(error) => {
            let said = format!("{error} {}", error.hint().unwrap_or_default());
            assert_plain(&said);
            assert!(!said.contains('\n'), "one line: {said:?}");
        }
        Ok(profile) => said(&trust::of_profile(&profile.unwrap_or_default())),
    }
    let _ = (
        claudebox::profile::paths(&file),
        claudebox::profile::agent(&file),
    );
}

/// What a file says is told in plain lines, and is no other than itself.
fn said(all: &[trust::Said]) {
    assert!(trust::difference(all, all).is_empty());
    let added = trust::difference(&[], all);
    assert_eq!(added.len(), all.len());
    for change in added {
        let line = change.to_string();
        assert_plain(&line);
        assert!(!line.contains('\n'), "one line: {line:?}");
    }
}

/// An env file parses into what stands in it, or is refused without showing any of it.
pub fn envfile(data: &[u8]) {
    match envfile::parse(data) {
        Ok(assignments) => {
            for one in &assignments {
                assert!(envfile::valid_name(one.name.as_bytes()));
                let value = one.value.as_bytes();
                assert!(
                    value.is_empty() || data.windows(value.len()).any(|window| window == value)
                );
                assert!(!value.contains(&0) && !value.contains(&b'\n'));
            }
            let content = Text::from(OsStr::from_bytes(data));
            said(&trust::of_env(&content).expect("it parsed"));
        }
        Err(bad) => {
            let lines = data.split(|byte| *byte == b'\n').count();
            assert!((1..=lines).contains(&bad.line) && bad.column >= 1, "{bad}");
        }
    }
}

/// git's configuration, also where every include leads back to it.
pub fn gitconfig(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    gitconfig::each(text, |_, _, _| {});
    let mut identity = GitIdentity::default();
    let reads = std::cell::Cell::new(0u32);
    gitconfig::apply(
        &mut identity,
        Path::new("/h/.gitconfig"),
        Path::new("/h"),
        |_| {
            reads.set(reads.get() + 1);
            // A file that includes itself twice doubles the work with each level: somebody must put an end to it.
            assert!(reads.get() <= 2_000, "includes are read without end");
            Some(text.to_owned())
        },
    );
    for value in [identity.name, identity.email].into_iter().flatten() {
        assert!(!value.contains('\n'), "one line: {value:?}");
    }
}

/// Escaping loses nothing, shows one plain line, and is what JSON carries.
pub fn text_escape(data: &[u8]) {
    let text = OsStr::from_bytes(data);
    let shown = escape(text);
    assert_plain(&shown);
    assert!(!shown.contains('\n'));
    assert_eq!(unescape(&shown).as_deref(), Some(text));
    let json = serde_json::to_string(&Text::from(text)).expect("text serialises");
    let back: Text = serde_json::from_str(&json).expect("it reads what it writes");
    assert_eq!(&*back, text);
    if let Ok(shown) = std::str::from_utf8(data) {
        let _ = unescape(shown);
        let _ = serde_json::from_str::<Text>(shown);
    }
    for name in ["PLAIN", "MY_TOKEN"] {
        let shown = secret::shown(OsStr::new(name), text);
        assert_plain(&shown);
        assert!(!shown.contains('\n'));
    }
}

/// Any facts, any arguments: a plan that keeps the laws, or a refusal; and no secret in either.
pub fn plan(data: &[u8]) {
    let Some((arguments, facts)) = hosts::scenario(data) else {
        return;
    };
    let Some(entry) = hosts::entry(&arguments) else {
        return;
    };
    match hosts::planned(&entry, &facts) {
        Ok(plan) => {
            laws::keeps(&plan).unwrap_or_else(|why| panic!("{why}"));
            let json = serde_json::to_string(&plan).expect("a plan serialises");
            for wrap in [true, false] {
                let shown = audit::render(
                    &plan,
                    Look {
                        wrap,
                        explain: true,
                    },
                );
                let shown = anstream::adapter::strip_str(&shown).to_string();
                assert_plain(&shown);
                for secret in hosts::secrets(&facts) {
                    assert!(
                        !shown.contains(&secret) && !json.contains(&secret),
                        "{secret} is shown"
                    );
                }
            }
            let _ = claudebox::bwrap::Invocation::of(&plan);
        }
        Err(said) => {
            assert_plain(&said);
            for secret in hosts::secrets(&facts) {
                assert!(!said.contains(&secret), "{secret} is shown");
            }
        }
    }
}

/// Whatever the names and values are, the audit has the same lines: one item, one line.
pub fn display(data: &[u8]) {
    let hostile: Vec<Text> = data
        .split(|byte| *byte == 0)
        .map(|part| OsStr::from_bytes(part).into())
        .collect();
    let lines = |names: &dyn Fn(usize) -> Text| {
        let mut facts: Facts = hosts::facts("debian");
        facts.project.root = facts
            .user
            .home
            .join("src")
            .join(names(0).to_string().trim_start_matches('/'));
        facts.project.cwd = facts.project.root.clone();
        for (name, value) in &mut facts.environment {
            if *name == "LANG" || *name == "EDITOR" {
                *value = names(1);
            }
        }
        facts.git_identity.name = Some(names(2).to_string_lossy().into_owned());
        facts.host.os_name = names(3).to_string_lossy().into_owned();
        let arguments = [
            "claudebox".into(),
            "run".into(),
            "--".into(),
            names(4).into(),
        ];
        let entry = hosts::entry(&arguments)?;
        let plan = hosts::planned(&entry, &facts).ok()?;
        let shown = audit::render(
            &plan,
            Look {
                wrap: false,
                explain: false,
            },
        );
        let shown = anstream::adapter::strip_str(&shown).to_string();
        assert_plain(&shown);
        let wrapped = audit::render(
            &plan,
            Look {
                wrap: true,
                explain: true,
            },
        );
        assert_plain(&anstream::adapter::strip_str(&wrapped).to_string());
        Some(shown.lines().count())
    };
    let plain = lines(&|_| "plain".into());
    assert!(plain.is_some(), "the plain case is planned");
    let came = lines(&|number| hostile.get(number).cloned().unwrap_or_default());
    assert!(
        came.is_none() || came == plain,
        "{came:?} lines, not {plain:?}"
    );
}

/// Any network of a host: a fence that keeps its laws, and its ruleset.
pub fn fence(data: &[u8]) {
    networks::fence(data);
}
