//! The judgement, without a sandbox: table, report, what is seen without a sandbox, damage, verdict.

use std::path::Path;

use escape_tests::elsewhere::judge::{LISTS, judge};
use escape_tests::elsewhere::select::ABOUT;
use escape_tests::elsewhere::verdict::Verdict;
use escape_tests::harness::lab::Lab;
use escape_tests::harness::survivor::NO_TRACE;
use escape_tests::probe::{Act, Errno, Expect, Probe, Seen, Tier};
use escape_tests::probes;

const SAW: Expect = Expect::Exactly(|_| Seen::one("it", Act::saw("claudebox's")));
const REFUSED: Expect = Expect::Refused(Errno::EPERM);
const BOTH: Expect = Expect::Exactly(|_| Seen::one("it", Act::Absent).and("that", Act::Absent));

const ATTACK: &str = "home_secrets";
const LIST: &str = "root_folder";
const TWIN: &str = "twin_project";

fn one(act: Act) -> Seen {
    Seen::one("it", act)
}

fn refused() -> Seen {
    one(Act::errno(Errno::EPERM))
}

fn saw(what: &str) -> Seen {
    one(Act::saw(what))
}

#[test]
fn each_report_has_its_verdict() {
    let inside = Path::new(env!("CARGO_BIN_EXE_probe-inside"));
    let lab = Lab::new(&Probe::USUAL, Tier::None, false, inside).expect("planting the bait");
    let more = || saw("claudebox's").and("more", Act::Reached);
    let damage = Some("damage");
    let cases = [
        (ATTACK, REFUSED, refused(), None, None, Verdict::Held),
        (
            ATTACK,
            REFUSED,
            one(Act::Absent),
            None,
            None,
            Verdict::HeldOtherwise,
        ),
        (
            ATTACK,
            REFUSED,
            one(Act::errno(Errno::ENOSYS)),
            None,
            None,
            Verdict::HeldOtherwise,
        ),
        (
            ATTACK,
            REFUSED,
            one(Act::Reached),
            None,
            None,
            Verdict::Escaped,
        ),
        (
            ATTACK,
            REFUSED,
            saw("something"),
            None,
            None,
            Verdict::Escaped,
        ),
        (ATTACK, REFUSED, refused(), None, damage, Verdict::Escaped),
        (
            ATTACK,
            REFUSED,
            one(Act::Broken("no file".into())),
            None,
            None,
            Verdict::NotTried,
        ),
        (
            ATTACK,
            REFUSED,
            refused().and("more", Act::Broken("no file".into())),
            None,
            None,
            Verdict::NotTried,
        ),
        (ATTACK, REFUSED, Seen::default(), None, None, Verdict::Error),
        // A lock that was never held was not outlived by anybody.
        (
            ATTACK,
            Expect::Reached,
            refused(),
            None,
            Some(NO_TRACE),
            Verdict::NotTried,
        ),
        (
            ATTACK,
            REFUSED,
            one(Act::Reached),
            None,
            Some(NO_TRACE),
            Verdict::Escaped,
        ),
        (
            ATTACK,
            Expect::Reached,
            refused(),
            None,
            None,
            Verdict::HeldOtherwise,
        ),
        // Observations: as in claudebox, as without a sandbox, neither. A canary is one wherever it is seen.
        (
            ATTACK,
            SAW,
            saw("claudebox's"),
            Some(saw("claudebox's")),
            None,
            Verdict::Held,
        ),
        (
            ATTACK,
            SAW,
            saw("the host's"),
            Some(saw("the host's")),
            None,
            Verdict::Escaped,
        ),
        (
            ATTACK,
            SAW,
            saw("its own"),
            Some(saw("the host's")),
            None,
            Verdict::Differs,
        ),
        (ATTACK, SAW, saw("its own"), None, None, Verdict::Differs),
        (
            ATTACK,
            SAW,
            saw(&lab.bait.mark),
            None,
            None,
            Verdict::Escaped,
        ),
        (
            ATTACK,
            SAW,
            one(Act::Absent),
            None,
            None,
            Verdict::HeldOtherwise,
        ),
        (ATTACK, SAW, one(Act::Reached), None, None, Verdict::Escaped),
        // An act that the table does not know.
        (ATTACK, SAW, more(), None, None, Verdict::Escaped),
        (LIST, SAW, more(), None, None, Verdict::Differs),
        (
            LIST,
            SAW,
            more(),
            Some(Seen::one("more", Act::Reached)),
            None,
            Verdict::Escaped,
        ),
        // An act that was not reported was not made; in a list, it is one thing less.
        (
            ATTACK,
            BOTH,
            one(Act::Absent),
            None,
            None,
            Verdict::NotTried,
        ),
        (
            LIST,
            BOTH,
            one(Act::Absent),
            None,
            None,
            Verdict::HeldOtherwise,
        ),
        (TWIN, REFUSED, refused(), None, None, Verdict::Works),
        (
            TWIN,
            REFUSED,
            one(Act::Reached),
            None,
            None,
            Verdict::DoesNotWork,
        ),
        (TWIN, REFUSED, refused(), None, damage, Verdict::DoesNotWork),
        (
            TWIN,
            REFUSED,
            Seen::default(),
            None,
            None,
            Verdict::DoesNotWork,
        ),
    ];
    for (name, expect, seen, outside, harm, wanted) in cases {
        let probe = Probe {
            expect,
            ..Probe::USUAL
        };
        let harm = harm.map(str::to_owned);
        let judged = judge((name, &probe), &seen, harm.clone(), &lab.bait, || {
            outside.clone()
        });
        assert_eq!(
            judged.verdict, wanted,
            "{name}, {expect:?}: {seen:?}, outside {outside:?}, {harm:?}: {judged:?}"
        );
    }
}

#[test]
fn each_name_in_a_table_is_a_probe() {
    let names = LISTS.iter().chain(ABOUT.iter().map(|(name, _)| name));
    for name in names {
        assert!(probes::ALL.iter().any(|(known, _)| known == name), "{name}");
    }
}
