//! Each guard taken away in turn: `verify` says that it is broken, or why that cannot be seen stands here.

use escape_tests::harness::breaking::breaking;
use escape_tests::probe::{Guard, Tier};
use escape_tests::{SOON, is_root, run};
use libtest_mimic::Trial;

use crate::person::{Person, rows};
use crate::{test, weakened};

/// The tests.
pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for guard in Guard::ALL {
        // As root where only root can be without it; as a user all others.
        let as_root = breaking(*guard).edit(1).is_err();
        let cannot = breaking(*guard).edit(u32::from(!as_root)).is_err();
        if cannot || (as_root && !is_root()) {
            continue;
        }
        let name = format!("broken::{}", guard.name());
        trials.push(test(name, move || is_found(*guard, as_root)));
    }
    assert!(trials.len() > 25, "most guards can be taken away");
    trials
}

/// What is to be seen of a sandbox without a guard.
enum Sight {
    /// This guard is broken, on that tier.
    Itself(Tier),
    /// Another guard is broken, on that tier: it shares the wall, and is seen first.
    Another(Guard, Tier),
    /// Nothing on that tier, for another wall stands before it or nothing of it shows there; but it is not said to be proven.
    Nothing(Tier),
}

/// A new guard is to be seen itself.
fn sight(guard: Guard) -> Sight {
    match guard {
        Guard::EgressFence => Sight::Nothing(Tier::Inet),
        // The same loopback is reached.
        Guard::HelperClosed => Sight::Another(Guard::NetNamespace, Tier::Inet),
        // Second walls.
        Guard::SignalScope
        | Guard::LandlockFiles
        | Guard::FreshKeyring
        | Guard::DieWithParent
        | Guard::NoNestedNamespaces
        // It takes a terminal, and a session that is over.
        | Guard::TerminalRestored
        // It takes another project.
        | Guard::StatePerProject
        // It takes a login.
        | Guard::LoginStore => Sight::Nothing(Tier::None),
        // On `none` this is a second wall too.
        Guard::AbstractSockets => Sight::Itself(Tier::Full),
        // bwrap drops no bounding set there, and PID 1 sees that before anything is started.
        Guard::UserNamespace => Sight::Another(Guard::NoCapabilities, Tier::None),
        _ => Sight::Itself(Tier::None),
    }
}

/// Guards that cannot hold without this one, or whose attacks get through with it gone. No other may be accused.
fn takes_along(guard: Guard) -> &'static [Guard] {
    match guard {
        // What nobody granted lies in the home folder.
        Guard::HomeHidden => &[Guard::ProjectOnly, Guard::ClaudeReadOnly],
        // With /sys there is /sys/fs/cgroup, and where the terminals are the host's it cannot make one of its own.
        Guard::HostHidden => &[Guard::CgroupNamespace, Guard::TerminalInjection],
        Guard::EtcGenerated => &[Guard::NoResolvers],
        // PID 1 is then the host's own, and what runs inside ends by itself alone.
        Guard::PidNamespace => &[
            Guard::ArgumentsHidden,
            Guard::ProcessGroup,
            Guard::InitProtected,
        ],
        // Whoever has every capability may look into PID 1; where it may not, another error says so. And no mode keeps it
        // from opening what is hidden, which is empty.
        Guard::NoCapabilities => &[Guard::InitProtected, Guard::ProjectSecretsHidden],
        Guard::ProcReadOnly => &[Guard::InitProtected],
        _ => &[],
    }
}

fn is_found(guard: Guard, as_root: bool) {
    let person = Person::new(as_root);
    let before = person.belongings();
    let launcher = weakened::launcher(person.caller.folder(), guard);
    let (Sight::Itself(tier) | Sight::Another(_, tier) | Sight::Nothing(tier)) = sight(guard);
    let flags = ["--json", "--network", tier.name(), "--hide", "*.pem"];
    let ran = run(&mut person.companion(&launcher, &flags), SOON);
    let rows = rows(&ran);
    let (verdict, why) = &rows[&guard];
    let broken = rows.iter().filter(|(_, (verdict, _))| verdict == "broken");
    let broken: Vec<Guard> = broken.map(|(guard, _)| *guard).collect();
    match sight(guard) {
        Sight::Itself(_) => {
            assert_eq!(ran.status.code(), Some(1), "{ran}");
            assert_eq!(verdict, "broken", "broken is only {broken:?}:{ran}");
            let stands = broken
                .iter()
                .find(|one| **one != guard && !takes_along(guard).contains(one));
            assert_eq!(stands, None, "it stands, and is accused:{ran}");
            assert!(
                why.contains(": ") || why.contains("PID 1"),
                "what tells: {why}"
            );
        }
        Sight::Another(other, _) => {
            assert_eq!(ran.status.code(), Some(1), "{ran}");
            assert_eq!(broken, [other], "{ran}");
        }
        Sight::Nothing(_) => {
            assert_eq!(ran.status.code(), Some(0), "{ran}");
            assert_eq!(verdict, "not-tried", "{ran}");
        }
    }
    assert_eq!(
        person.belongings(),
        before,
        "harmless, although {guard:?} was gone"
    );
    assert_eq!(person.bait(), None);
}
