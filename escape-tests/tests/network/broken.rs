//! Owns parts of the host that are broken: a pasta or an nft that hangs, talks nonsense, dies, or lies. Each is a refusal within
//! 5 seconds that names the program and what it said; nothing of it is left, and no packet left.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use escape_tests::network_lab::entrance::{Resolver, Swap};
use escape_tests::network_lab::map::{PUBLIC, parsed};
use libtest_mimic::{Failed, Trial};

use crate::scene::{Scene, all_of, helpers_in};

/// How long a refusal may take.
const LIMIT: Duration = Duration::from_secs(5);

/// A broken program.
#[derive(Debug, Clone, Copy)]
struct Broken {
    name: &'static str,
    /// Its place.
    at: &'static str,
    /// What it does, as a script: `$real` is the program as it should be, `$sleep` never ends.
    script: &'static str,
    /// What the error says.
    words: &'static [&'static str],
}

/// pasta that tells its options as it should, and then does something else.
const PASTA: &str = "/usr/bin/pasta";
const NFT: &str = "/usr/sbin/nft";

const ALL: [Broken; 13] = [
    Broken {
        name: "pasta_hangs",
        at: PASTA,
        script: r#"case "$*" in *--help*) exec $real --help;; esac; exec $sleep 60"#,
        words: &["passt set up no network", "no default route within"],
    },
    Broken {
        name: "pasta_prints_garbage",
        at: PASTA,
        script: r#"case "$*" in *--help*) exec $real --help;; esac; printf '\033[31m%%garbage\n' >&2; exec $sleep 60"#,
        words: &["passt set up no network", "%garbage"],
    },
    Broken {
        name: "pasta_never_stops_talking",
        at: PASTA,
        script: r#"case "$*" in *--help*) exec $real --help;; esac; while :; do echo words >&2; done"#,
        words: &["passt set up no network", "words; words"],
    },
    Broken {
        name: "pasta_dies_at_once",
        at: PASTA,
        script: r#"case "$*" in *--help*) exec $real --help;; esac; echo 'not today' >&2; exit 3"#,
        words: &["passt set up no network (exit status: 3): not today"],
    },
    Broken {
        name: "pasta_sets_up_no_device",
        at: PASTA,
        script: r#"for word; do shift; [ "$word" = --config-net ] || set -- "$@" "$word"; done; exec $real "$@""#,
        words: &["passt set up no network", "no default route within"],
    },
    Broken {
        name: "pasta_hangs_when_asked",
        at: PASTA,
        script: "echo 'one moment'; exec $sleep 60",
        words: &[
            "passt cannot be used",
            "did not end within 1s",
            "one moment",
        ],
    },
    Broken {
        name: "pasta_names_no_options",
        at: PASTA,
        script: "echo 'what is it?'",
        words: &["passt cannot be used", "it names none", "what is it?"],
    },
    Broken {
        name: "nft_fails",
        at: NFT,
        script: "echo 'no tables today' >&2; exit 1",
        words: &["/usr/sbin/nft ended (exit status: 1)", "no tables today"],
    },
    Broken {
        name: "nft_hangs",
        at: NFT,
        script: "echo 'one moment' >&2; $sleep 60",
        words: &["/usr/sbin/nft", "did not end within", "one moment"],
    },
    Broken {
        name: "nft_prints_garbage",
        at: NFT,
        script: r#"case "$*" in *list*) echo garbage;; *) exec $real "$@";; esac"#,
        words: &["/usr/sbin/nft", "it said: garbage"],
    },
    Broken {
        name: "nft_loads_nothing",
        at: NFT,
        script: r#"case "$*" in *list*) exec $real "$@";; esac"#,
        words: &["find the fence that /usr/sbin/nft was to load"],
    },
    Broken {
        name: "nft_loads_another_address",
        at: NFT,
        script: r#"case "$*" in *list*) exec $real "$@";; esac; sed 's/"192\.168\.0\.0"/"11.99.0.0"/g' | $real "$@""#,
        words: &["find the fence that /usr/sbin/nft was to load"],
    },
    Broken {
        name: "nft_never_stops_talking",
        at: NFT,
        script: "exec yes",
        words: &["/usr/sbin/nft", "it said: y"],
    },
];

pub(crate) fn trials() -> Vec<Trial> {
    let trials = ALL.iter().map(|broken| {
        let name = format!("broken::{}", broken.name);
        super::in_the_lab(name, || is_refused(broken))
    });
    trials
        .chain([super::in_the_lab("broken::not", not_broken)])
        .collect()
}

/// A lab where this program is that script. There is no other helper.
fn scene(at: &str, script: &str) -> Result<Scene, Failed> {
    let mut scene = Scene::new(Resolver::Stub)?;
    let folder = scene.caller.folder().to_owned();
    let real = folder.join(at.rsplit('/').next().unwrap_or(at));
    fs::copy(at, &real)?;
    let sleep = folder.join("sleep");
    fs::copy("/bin/sleep", &sleep)?;
    let (real, sleep) = (real.display(), sleep.display());
    let text = format!("real={real} sleep={sleep}\n{script}");
    let with = scene.script("broken", &text)?;
    let at = fs::canonicalize(at)?;
    scene.swaps.push(Swap { at, with });
    if let Ok(at) = fs::canonicalize("/usr/bin/slirp4netns") {
        let with = scene.no_program()?;
        scene.swaps.push(Swap { at, with });
    }
    Ok(scene)
}

/// The driver's own proof: a script that does what the program does is none the worse.
fn not_broken() -> Result<(), Failed> {
    for at in [PASTA, NFT] {
        let scene = scene(at, r#"exec $real "$@""#)?;
        let mut session = scene.knock(&["inet"], 1, &parsed(&PUBLIC[..1]))?;
        let round = session.round()?;
        if round != ["reached"] {
            return Err(format!("{at}: {round:?}").into());
        }
    }
    Ok(())
}

fn is_refused(broken: &Broken) -> Result<(), Failed> {
    let scene = scene(broken.at, broken.script)?;
    let knocker = env!("CARGO_BIN_EXE_knocker");
    let port = scene.watch.port.to_string();
    let mut claudebox = scene.claudebox(
        &["inet"],
        &[knocker, &port, "1", PUBLIC[0], "192.168.77.11"].map(Into::into),
    );
    claudebox.stdout(Stdio::piped()).stderr(Stdio::piped());
    let began = Instant::now();
    let ended = scene.spawn(&mut claudebox)?.wait_with_output()?;
    let took = began.elapsed();
    let said = String::from_utf8_lossy(&ended.stderr);
    let error = said
        .lines()
        .find(|line| line.starts_with("claudebox: "))
        .unwrap_or_default();
    let mut wrong = Vec::new();
    if ended.status.code() != Some(125) || !ended.stdout.is_empty() {
        wrong.push(format!("it ended with {}", ended.status));
    }
    if took > LIMIT {
        wrong.push(format!("it took {took:?}"));
    }
    let missing = broken.words.iter().filter(|words| !error.contains(**words));
    wrong.extend(missing.map(|words| format!("it does not say `{words}`")));
    if !said.lines().any(|line| line.starts_with("hint: ")) {
        wrong.push("no hint".into());
    }
    let (folder, own) = (
        scene.caller.folder().display().to_string(),
        scene.lab.host_name()?,
    );
    let mut left = all_of(|process| process.line.contains(&folder));
    left.extend(helpers_in(&own));
    if !left.is_empty() {
        wrong.push(format!("left: {left:?}"));
    }
    let heard = scene.contacts()?;
    if !heard.is_empty() {
        wrong.push(format!("heard: {heard:?}"));
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("{}\n{said}", wrong.join("\n")).into())
    }
}
