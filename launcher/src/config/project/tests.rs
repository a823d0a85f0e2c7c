//! What nobody approved may tighten, and nothing else: as laws over any profile, on a host from a file.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::cli::SharedArgs;
use crate::config::Config;

fn facts(user: &Value, project: &Value) -> Facts {
    let host = include_str!("../../../tests/hosts/debian.json");
    let mut facts: Facts = serde_json::from_str(host).expect("facts");
    let bytes = |profile: &Value| Content::Bytes(profile.to_string().into());
    facts.files.profiles[0].content = bytes(user);
    facts.files.project_profile = bytes(project);
    facts
}

fn entry(network: Option<Tier>) -> Entry {
    Entry {
        shared: SharedArgs {
            network,
            ..SharedArgs::default()
        },
        ..Entry::default()
    }
}

/// As a person approves it.
fn approved(mut facts: Facts) -> Facts {
    let mut trust = Trust::default();
    for file in project_files(&facts).expect("it can be approved") {
        file.approve(&mut trust);
    }
    facts.files.trust = Content::Bytes(trust.to_json().into());
    facts
}

fn merged(parts: Vec<Value>) -> Value {
    let mut whole = json!({});
    for part in parts {
        for (key, value) in part.as_object().into_iter().flatten() {
            whole[key] = value.clone();
        }
    }
    whole
}

fn tightening() -> impl Strategy<Value = Value> {
    let one = prop_oneof![
        Just(json!({"description": "x"})),
        prop_oneof!["none", "inet", "full"].prop_map(|tier| json!({"network": tier})),
        (16u64..9000, 64u64..100_000).prop_map(
            |(processes, files)| json!({"limits": {"processes": processes, "files": files}})
        ),
        Just(json!({"hide": [".env", "keys/"]})),
    ];
    prop::collection::vec(one, 0..4).prop_map(merged)
}

fn opening() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({"env": ["DATABASE_URL"]})),
        Just(json!({"set": {"MODE": "x"}})),
        Just(json!({"mounts": [{"path": "~/notes"}]})),
        Just(json!({"path": ["~/tools"]})),
        Just(json!({"allow": ["192.168.1.10:5432"]})),
        Just(json!({"host_ports": ["5432"]})),
        Just(json!({"publish": ["3000"]})),
        Just(json!({"agent": {"command": "sh"}})),
        Just(json!({"ssh": {"agent": true}})),
        Just(json!({"ssh": {"keys": ["~/.ssh/id_ed25519"]}})),
        Just(json!({"limits": {"locked-memory": "1024G"}})),
    ]
}

fn any() -> impl Strategy<Value = Value> {
    let opening = prop::collection::vec(opening(), 0..3);
    (tightening(), opening)
        .prop_map(|(base, opening)| merged(std::iter::once(base).chain(opening).collect()))
}

/// Whether `one` gives nothing that `other` does not.
fn within(one: &Config, other: &Config) -> bool {
    let lower = one.limits.iter().zip(&other.limits);
    let lower = lower
        .into_iter()
        .all(|(one, other)| one.on == other.on && one.most.value <= other.most.value);
    one.tier.value <= other.tier.value
        && lower
        && one.limits.len() == other.limits.len()
        && one.openings == other.openings
        && one.variables == other.variables
        && one.grants == other.grants
        && one.path == other.path
        && one.ssh == other.ssh
        && one.start == other.start
        && one.hidden.len() >= other.hidden.len()
}

proptest! {
    #[test]
    fn what_nobody_approved_gives_nothing(
        user in tightening(),
        project in any(),
        flag in prop::option::of(prop_oneof![Just(Tier::None), Just(Tier::Inet), Just(Tier::Full)]),
    ) {
        let entry = entry(flag);
        let without = Config::resolve(&entry, &facts(&user, &json!({})));
        match (Config::resolve(&entry, &facts(&user, &project)), without) {
            (Ok(with), Ok(without)) => prop_assert!(within(&with, &without), "{project}"),
            (Err(ConfigError::Unapproved { changed: false, opens, .. }), _) => {
                prop_assert!(!opens.is_empty());
            }
            (Err(error), _) => prop_assert!(false, "{project}: {error}"),
            (Ok(_), Err(error)) => prop_assert!(false, "{user}: {error}"),
        }
    }

    #[test]
    fn what_opens_is_refused_by_its_key(user in tightening(), base in tightening(), one in opening()) {
        let key = one.as_object().expect("an object").keys().next().expect("a key").clone();
        let project = merged(vec![base, one]);
        match Config::resolve(&entry(None), &facts(&user, &project)) {
            Err(ConfigError::Unapproved { opens, .. }) => prop_assert!(opens.contains(&&*key), "{opens:?}"),
            other => prop_assert!(false, "{project}: {other:?}"),
        }
    }

    #[test]
    fn what_is_approved_is_never_called_unapproved(user in tightening(), project in any()) {
        let facts = approved(facts(&user, &project));
        let came = Config::resolve(&entry(None), &facts);
        let unapproved = matches!(came, Err(ConfigError::Unapproved { .. }));
        prop_assert!(!unapproved, "{project}");
        if let Ok(config) = came {
            let path = facts.project.root.join(PROFILE);
            prop_assert!(config.profiles.contains(&path));
        }
    }
}

#[test]
fn a_change_is_never_taken_and_what_is_gone_is_missed() {
    let narrow = json!({"network": "none"});
    let mut facts = approved(facts(&json!({}), &narrow));
    let config = Config::resolve(&entry(None), &facts).expect("it is approved");
    assert_eq!(config.tier.value, Tier::None);
    // Nothing but what was closed is opened.
    facts.files.project_profile = Content::Bytes("{}".into());
    let refused = Config::resolve(&entry(None), &facts);
    assert!(matches!(
        refused,
        Err(ConfigError::Unapproved { changed: true, .. })
    ));
    facts.files.project_profile = Content::Absent;
    let refused = Config::resolve(&entry(None), &facts);
    assert!(matches!(refused, Err(ConfigError::Gone { .. })));
}

#[test]
fn an_approved_profile_that_closed_nothing_may_go() {
    let mut facts = approved(facts(&json!({}), &json!({"set": {"MODE": "x"}})));
    let config = Config::resolve(&entry(None), &facts).expect("it is approved");
    assert!(
        config
            .variables
            .iter()
            .any(|variable| variable.name == "MODE")
    );
    facts.files.project_profile = Content::Absent;
    let config = Config::resolve(&entry(None), &facts).expect("it closed nothing");
    assert!(config.notes.iter().any(|note| note.contains("is gone")));
}

#[test]
fn a_project_s_profile_neither_steers_tools_nor_uncovers_secrets() {
    for profile in [
        json!({"set": {"LD_PRELOAD": "/x.so"}}),
        json!({"env": ["GIT_SSH_COMMAND"]}),
        json!({"set": {"PATH": "/x"}}),
        json!({"mounts": [{"path": "~/.kube", "uncover_secret": true}]}),
    ] {
        let mut facts = facts(&json!({}), &profile);
        assert!(project_files(&facts).is_err(), "{profile}");
        // Nor where it stands in `trust.json` all the same.
        let mut trust = Trust::default();
        let content = Text::from(profile.to_string().as_str());
        let root = facts.project.root.clone();
        trust.approve(&root, PROFILE, Approval::of(&content, Vec::new()));
        facts.files.trust = Content::Bytes(trust.to_json().into());
        let came = Config::resolve(&entry(None), &facts);
        let is_refused = matches!(
            came,
            Err(ConfigError::VariableRefused { .. } | ConfigError::Grant { .. })
        );
        assert!(is_refused, "{profile}: {came:?}");
    }
}

#[test]
fn the_project_speaks_after_the_user_s_profiles_and_before_no_flag() {
    let user = json!({"network": "none"});
    let project = json!({"network": "inet"});
    let facts = approved(facts(&user, &project));
    let tier = |flag| {
        Config::resolve(&entry(flag), &facts)
            .expect("approved")
            .tier
            .value
    };
    assert_eq!(tier(None), Tier::Inet);
    assert_eq!(tier(Some(Tier::None)), Tier::None);
}
