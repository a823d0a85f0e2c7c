//! The laws of what crosses, and what is taken for a login.

use proptest::prelude::*;

use super::*;

const NOW: u64 = 1_800_000_000_000;

fn json(token: &str, expires: u64) -> String {
    format!(
        r#"{{"claudeAiOauth":{{"accessToken":"access-{token}","refreshToken":"refresh-{token}","expiresAt":{expires},"scopes":["user:inference"],"subscriptionType":null}},"mcpOAuth":{{"db":"secret-of-mcp"}}}}"#
    )
}

fn login(token: &str, expires: u64) -> Login {
    Login::of(json(token, expires).as_bytes(), NOW).expect("it is one")
}

fn known() -> Known<'static> {
    Known {
        start: false,
        of_host: true,
        last: None,
        same_account: true,
    }
}

#[test]
fn only_the_login_crosses_and_each_side_keeps_the_rest() {
    let new = login("new", NOW + 1);
    let there = r#"{"claudeAiOauth":{"accessToken":"old","later":1},"mcpOAuth":{"x":"own"},"organizationUuid":"o"}"#;
    let merged = new.within(Some(there.as_bytes()));
    for part in [
        "access-new",
        "refresh-new",
        "own",
        "organizationUuid",
        "later",
    ] {
        assert!(merged.contains(part), "{part}: {merged}");
    }
    for part in ["secret-of-mcp", "old"] {
        assert!(!merged.contains(part), "{part}: {merged}");
    }
    assert_eq!(Login::of(merged.as_bytes(), NOW), Ok(new.clone()));
    assert_eq!(Login::of(new.within(None).as_bytes(), NOW), Ok(new.clone()));
    assert_eq!(Login::of(new.within(Some(b"[")).as_bytes(), NOW), Ok(new));
}

#[test]
fn what_is_no_login_is_told_without_a_word_of_it() {
    let long = "x".repeat(MOST);
    let part = |part: &str| {
        format!(
            r#"{{"claudeAiOauth":{{"accessToken":"secret-a","refreshToken":"secret-r","expiresAt":{NOW},{part}}}}}"#
        )
    };
    let spent = r#"{"claudeAiOauth":{"accessToken":"","refreshToken":"","expiresAt":0}}"#;
    for odd in [
        String::new(),
        "[]".into(),
        "secret-not-json".into(),
        "[".repeat(100_000),
        "{}".into(),
        spent.into(),
        r#"{"claudeAiOauth":"secret"}"#.into(),
        r#"{"claudeAiOauth":{"accessToken":"secret-a"}}"#.into(),
        part(r#""scopes":"secret""#),
        part(r#""scopes":[1]"#),
        part(r#""clientId":{"secret":1}"#),
        part(r#""expiresAt":"secret""#),
        part(r#""expiresAt":-1"#),
        part(r#""expiresAt":0"#),
        part(r#""expiresAt":1.5"#),
        r#"{"claudeAiOauth":{"accessToken":"secret-a","refreshToken":"","expiresAt":5}}"#.into(),
        part(&format!(r#""clientId":"{long}""#)),
        json("secret", NOW + MOST_AHEAD + 1),
    ] {
        let unfit = Login::of(odd.as_bytes(), NOW).expect_err("it is none");
        let said = format!("{unfit} {unfit:?}");
        assert!(!said.contains("secret"), "{said}");
    }
}

#[test]
fn a_login_is_never_printed() {
    let login = login("secret", NOW);
    let side = Side::Good(login.clone());
    assert!(!format!("{login:?} {side:?}").contains("secret"));
}

#[test]
fn a_part_of_another_time_is_left_behind() {
    let json = r#"{"claudeAiOauth":{"accessToken":"a","expiresAt":5,"helper":"sh -c evil"}}"#;
    let login = Login::of(json.as_bytes(), NOW).expect("the rest of it is one");
    assert!(!login.within(None).contains("evil"));
}

#[test]
fn the_account_is_that_of_the_client() {
    let json = br#"{"oauthAccount":{"accountUuid":"a","organizationUuid":"o","emailAddress":"e"}}"#;
    assert_eq!(account(json).as_deref(), Some("a o"));
    for none in [&b"{}"[..], b"[", br#"{"oauthAccount":{"accountUuid":5}}"#] {
        assert_eq!(account(none), None);
    }
}

#[test]
fn who_logs_out_inside_is_logged_in_by_the_next_session_or_a_new_login() {
    let (outer, newer) = (login("o", NOW), login("n", NOW + 1));
    let outside = Side::Good(outer.clone());
    let given = Known {
        last: Some(&outer),
        ..known()
    };
    assert_eq!(decide(&outside, &Side::Absent, given), Crossing::Stay);
    assert_eq!(
        decide(&Side::Good(newer), &Side::Absent, given),
        Crossing::In
    );
    let start = Known {
        start: true,
        ..given
    };
    assert_eq!(decide(&outside, &Side::Absent, start), Crossing::In);
}

#[test]
fn of_two_that_refresh_at_once_the_refused_one_gets_the_others() {
    let (old, new) = (login("old", NOW), login("new", NOW + 1));
    let known = Known {
        last: Some(&old),
        ..known()
    };
    let fresh = Side::Good(new);
    assert_eq!(decide(&fresh, &Side::Spent, known), Crossing::In);
    assert_eq!(decide(&Side::Spent, &fresh, known), Crossing::Out);
    // What is spent on one side is not brought back from the other.
    let stale = Side::Good(old.clone());
    assert_eq!(decide(&stale, &Side::Spent, known), Crossing::Stay);
    assert_eq!(decide(&Side::Spent, &stale, known), Crossing::Stay);
}

#[test]
fn a_login_without_a_refresh_token_replaces_none_with_one() {
    let bare = r#"{"claudeAiOauth":{"accessToken":"a","expiresAt":1800000000009}}"#;
    let bare = Side::Good(Login::of(bare.as_bytes(), NOW).expect("a login"));
    let full = Side::Good(login("o", NOW));
    assert_eq!(decide(&full, &bare, known()), Crossing::Stay);
    assert_eq!(decide(&bare, &full, known()), Crossing::In);
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![
        Just(Side::Absent),
        Just(Side::Spent),
        Just(Side::Unfit("odd".into())),
        ("[ab]", 0..4_u64).prop_map(|(token, more)| Side::Good(login(&token, NOW + more))),
    ]
}

fn expires(side: &Side) -> u64 {
    match side {
        Side::Good(login) => login.expires,
        Side::Absent | Side::Spent | Side::Unfit(_) => 0,
    }
}

proptest! {
    #[test]
    fn nothing_that_is_lost_odd_older_or_foreign_crosses(
        outside in side(), inside in side(), last in side(), start: bool, of_host: bool, same_account: bool,
    ) {
        let last = match &last { Side::Good(login) => Some(login), _ => None };
        let known = Known { start, of_host, last, same_account };
        match decide(&outside, &inside, known) {
            Crossing::Out => {
                prop_assert!(matches!(inside, Side::Good(_)) && !matches!(outside, Side::Unfit(_)));
                prop_assert!(expires(&inside) > expires(&outside));
                prop_assert!(same_account || outside == Side::Absent);
                prop_assert!(outside != Side::Absent || !of_host);
                prop_assert!(outside != Side::Spent || same_account);
            }
            Crossing::In => {
                prop_assert!(matches!(outside, Side::Good(_)));
                prop_assert!(expires(&outside) >= expires(&inside) || (start && !same_account));
                prop_assert!(same_account || start || !matches!(inside, Side::Good(_)));
            }
            Crossing::Foreign => prop_assert!(!same_account && !start),
            Crossing::Stay => {}
        }
    }

    #[test]
    fn what_crossed_stays(outside in side(), inside in side(), of_host: bool) {
        let first = Known { start: false, of_host, last: None, same_account: true };
        let (outer, inner) = match decide(&outside, &inside, first) {
            Crossing::In => (outside.clone(), outside),
            Crossing::Out => (inside.clone(), inside),
            Crossing::Stay | Crossing::Foreign => return Ok(()),
        };
        let last = match &outer { Side::Good(login) => Some(login), _ => None };
        let again = Known { last, ..first };
        prop_assert_eq!(decide(&outer, &inner, again), Crossing::Stay);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = (Login::of(&bytes, NOW), account(&bytes));
    }
}
