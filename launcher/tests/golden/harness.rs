//! Owns what a case is: how it is read from its folder, run through the pure part of the pipeline, and compared.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use claudebox::audit::{self, Look};
use claudebox::cli::{Args, Entry, Mode, Wish};
use claudebox::config::Config;
use claudebox::facts::{Content, Facts, ProfileFile};
use claudebox::hint::Hint;
use claudebox::plan::{Action, Plan};
use claudebox::text::unescape;
use libtest_mimic::Failed;
use serde_json::Value;

#[path = "../../../fuzz/src/laws.rs"]
pub(crate) mod laws;

/// A case, not yet run.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) host: String,
    arguments: Vec<std::ffi::OsString>,
}

/// What came of a case.
pub(crate) enum Came {
    Plan { plan: Box<Plan>, audit: String },
    Refusal { text: String, variants: Vec<String> },
}

/// Where the cases are.
pub(crate) fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn hosts_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts")
}

/// Every host, by name.
pub(crate) fn hosts() -> Vec<String> {
    let entries = fs::read_dir(hosts_folder()).expect("the folder of hosts");
    let names = entries.map(|entry| {
        entry
            .expect("listing")
            .file_name()
            .to_string_lossy()
            .into_owned()
    });
    names
        .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
        .collect()
}

/// A host's facts as JSON, with what it is like merged in.
fn host(name: &str) -> Value {
    let path = hosts_folder().join(format!("{name}.json"));
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut own: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    match own.as_object_mut().and_then(|own| own.remove("like")) {
        Some(like) => {
            let mut base = host(like.as_str().expect("`like` names a host"));
            laws::merge(&mut base, own);
            base
        }
        None => own,
    }
}

impl Case {
    /// Every case, by listing.
    pub(crate) fn all() -> Vec<Case> {
        let mut cases: Vec<Case> = fs::read_dir(golden())
            .expect("the folder of cases")
            .map(|entry| entry.expect("listing").path())
            .filter(|path| path.is_dir())
            .map(|path| Case::read(&path))
            .collect();
        cases.sort_by(|a, b| a.name.cmp(&b.name));
        cases
    }

    fn read(folder: &Path) -> Case {
        let name = folder
            .file_name()
            .expect("a folder has a name")
            .to_string_lossy()
            .into_owned();
        let line = fs::read_to_string(folder.join("args"))
            .unwrap_or_else(|error| panic!("{name}/args: {error}"));
        let (host, words) = line
            .trim_end()
            .split_once(": ")
            .unwrap_or_else(|| panic!("{name}/args names no host"));
        Case {
            host: host.into(),
            arguments: words_of(words),
            name,
        }
    }

    fn file(&self, name: &str) -> Option<String> {
        fs::read_to_string(golden().join(&self.name).join(name)).ok()
    }

    fn facts(&self, entry: &Entry) -> Facts {
        let mut json = host(&self.host);
        if let Some(patch) = self.file("facts.patch.json") {
            let patch = serde_json::from_str(&patch)
                .unwrap_or_else(|error| panic!("{}: {error}", self.name));
            laws::merge(&mut json, patch);
        }
        let mut facts: Facts =
            serde_json::from_value(json).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let content = |file: &str| self.file(file).map(|text| Content::Bytes(text.into()));
        let files = &mut facts.files;
        for (file, place) in [
            ("user.env", &mut files.user_env),
            ("project.env", &mut files.project_env),
            ("project.json", &mut files.project_profile),
            ("trust.json", &mut files.trust),
            ("config.json", &mut files.profiles[0].content),
        ] {
            if let Some(content) = content(file) {
                *place = content;
            }
        }
        // As `facts` reads them: in the order of the command line.
        for name in &entry.shared.profile {
            if files
                .profiles
                .iter()
                .any(|profile| profile.name.as_ref() == Some(name))
            {
                continue;
            }
            let file = format!("{name}.json");
            files.profiles.push(ProfileFile {
                name: Some(name.clone()),
                path: files.folder.join("profiles").join(&file),
                content: content(&file).unwrap_or(Content::Absent),
            });
        }
        facts
    }

    /// Runs it through the pure part of the pipeline.
    pub(crate) fn came(&self) -> Result<Came, Failed> {
        let args = Args::try_parse_from(&self.arguments)
            .map_err(|error| format!("{}: {error}", self.name))?;
        let Wish::Enter(entry) = args.wish() else {
            return Err("a case enters the sandbox".into());
        };
        let facts = self.facts(&entry);
        let config = match Config::resolve(&entry, &facts) {
            Ok(config) => config,
            Err(error) => return Ok(refusal(&error, 125)),
        };
        let plan = match Plan::new(&config, &facts) {
            Ok(plan) => plan,
            Err(error) => return Ok(refusal(&error, error.status())),
        };
        let explain = matches!(entry.mode, Mode::Plan { explain: true });
        let shown = audit::render(
            &plan,
            Look {
                wrap: true,
                explain,
            },
        );
        let plain = anstream::adapter::strip_str(&shown).to_string();
        let audit = plain.replacen(env!("CARGO_PKG_VERSION"), "VERSION", 1);
        Ok(Came::Plan {
            plan: Box::new(plan),
            audit,
        })
    }

    /// Compares, or blesses.
    pub(crate) fn check(&self) -> Result<(), Failed> {
        let [plan, audit, error, told] = match self.came()? {
            Came::Plan { plan, audit } => {
                let told = self.file(TOLD).map(|_| sandbox_md(&plan));
                [Some(lines(&plan)), Some(audit), None, told]
            }
            Came::Refusal { text, .. } => [None, None, Some(text), None],
        };
        let files = [
            ("plan.json", plan),
            ("audit.txt", audit),
            ("error.txt", error),
            (TOLD, told),
        ];
        let bless = std::env::var_os("CLAUDEBOX_BLESS").is_some_and(|bless| bless == "1");
        for (name, came) in files {
            let path = golden().join(&self.name).join(name);
            let expected = fs::read_to_string(&path).ok();
            if expected == came {
                continue;
            }
            if !bless {
                return Err(format!("{}/{name}{}", self.name, difference(expected, came)).into());
            }
            match &came {
                Some(text) => fs::write(&path, text)?,
                None => fs::remove_file(&path)?,
            }
        }
        Ok(())
    }
}

/// What the agent is told; compared where a case has the file.
const TOLD: &str = "sandbox.md";

fn sandbox_md(plan: &Plan) -> String {
    let told = plan.steps.iter().find_map(|step| match &step.action {
        Action::File { at, content } if at.path().ends_with("SANDBOX.md") => Some(content),
        _ => None,
    });
    told.expect("a plan tells the agent where it is")
        .to_string_lossy()
        .into_owned()
}

/// Words as a shell splits them, single quotes only; then escapes are read back, so that any byte can be written down.
fn words_of(line: &str) -> Vec<std::ffi::OsString> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().expect("there is one").push(c),
        }
    }
    words
        .iter()
        .map(|word| unescape(word).expect("an escape that the launcher makes"))
        .collect()
}

/// The plan as JSON, one item of each list a line: a difference is one line too. What the agent is told is left out.
fn lines(plan: &Plan) -> String {
    let mut plan = plan.clone();
    for step in &mut plan.steps {
        if let Action::File { at, content } = &mut step.action
            && at.path().ends_with("SANDBOX.md")
        {
            *content = format!("({TOLD})").into();
        }
    }
    let mut plan = serde_json::to_value(plan).expect("a plan serialises");
    for step in plan["steps"].as_array_mut().into_iter().flatten() {
        only_of_this_host(step);
    }
    let Value::Object(fields) = plan else {
        unreachable!("a plan is an object")
    };
    let mut text = "{\n".to_owned();
    for (number, (key, value)) in fields.iter().enumerate() {
        let comma = if number + 1 < fields.len() { "," } else { "" };
        let _ = match value
            .as_array()
            .filter(|list| !list.is_empty() && key != "stdio")
        {
            Some(list) => {
                let items: Vec<String> = list.iter().map(|item| format!("    {item}")).collect();
                writeln!(text, "  {key:?}: [\n{}\n  ]{comma}", items.join(",\n"))
            }
            None => writeln!(text, "  {key:?}: {value}{comma}"),
        };
    }
    text + "}\n"
}

/// What every fence denies stands in docs/network.md: a case shows what its host adds.
fn only_of_this_host(step: &mut Value) {
    if let Some(denied) = step.get_mut("denied").and_then(Value::as_object_mut) {
        denied.retain(|key, _| key == "reasons");
        if let Some(reasons) = denied["reasons"].as_object_mut() {
            reasons.retain(|_, why| why.get("special").is_none());
        }
    }
}

/// As `main` tells it.
fn refusal(error: &(impl Hint + 'static), status: u8) -> Came {
    let mut chain = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(chain, ": {cause}");
        source = cause.source();
    }
    let hint = error
        .hint()
        .map_or_else(|| "(no hint)".into(), |hint| format!("hint: {hint}"));
    let debug = format!("{error:?}");
    let mut names = debug
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    let first = names.next().unwrap_or_default().to_owned();
    let inner = (first == "Profile").then(|| names.next().unwrap_or_default().to_owned());
    Came::Refusal {
        text: format!("status {status}\n{chain}\n{hint}\n"),
        variants: std::iter::once(first).chain(inner).collect(),
    }
}

fn difference(expected: Option<String>, came: Option<String>) -> String {
    match (expected, came) {
        (None, Some(came)) => format!(" is new; CLAUDEBOX_BLESS=1 writes it:\n{came}"),
        (Some(_), None) => {
            " is there, and this case no longer makes one; CLAUDEBOX_BLESS=1 removes it".into()
        }
        (None, None) => String::new(),
        (Some(expected), Some(came)) => {
            let mut text = String::new();
            let (old, new): (Vec<_>, Vec<_>) = (expected.lines().collect(), came.lines().collect());
            for line in old.iter().filter(|line| !new.contains(line)) {
                let _ = write!(text, "\n- {line}");
            }
            for line in new.iter().filter(|line| !old.contains(line)) {
                let _ = write!(text, "\n+ {line}");
            }
            if text.is_empty() {
                "\nthe same lines in another order".into()
            } else {
                text
            }
        }
    }
}
