//! What `check` says of hosts that we do not have: facts of a Debian, one thing changed, and the finding with its fix (RUN-09).
#![allow(
    clippy::disallowed_methods,
    reason = "tests are effects; the module boundaries are the launcher's"
)]

use claudebox::check::{Report, Verdict, examine};
use claudebox::cli::Tier;
use claudebox::facts::{Cgroup, Facts, Groups, NetworkTools, NixDaemon, Parent, Parts, Tool};
use claudebox::launch::LaunchError;
use claudebox::plan::Plan;
use claudebox::remedy::explain;

fn debian() -> Facts {
    serde_json::from_str(include_str!("hosts/debian.json")).expect("the facts of a Debian")
}

fn parts() -> Parts {
    Parts {
        nix_daemon: None,
        cgroup: None,
        groups: Groups::default(),
    }
}

/// The report where a sandbox can be started.
fn report(facts: &Facts, parts: &Parts) -> Report {
    examine(facts, parts, None, |_, _| Ok(()))
}

/// The finding about `part`: what was found, with its fix.
fn finding(report: &Report, part: &str) -> (Verdict, String) {
    let finding = report.findings.iter().find(|finding| finding.part == part);
    let finding = finding.unwrap_or_else(|| panic!("nothing is said of {part}"));
    let fix = finding.fix.clone().unwrap_or_default();
    (finding.verdict, format!("{} | {fix}", finding.found))
}

#[track_caller]
fn says(report: &Report, part: &str, verdict: Verdict, words: &[&str]) {
    let (found, text) = finding(report, part);
    assert_eq!(found, verdict, "{part}: {text}");
    for word in words {
        assert!(text.contains(word), "{part} does not say `{word}`: {text}");
    }
}

#[test]
fn each_switch_against_user_namespaces_is_told_apart() {
    let set = |change: fn(&mut Facts)| {
        let mut facts = debian();
        change(&mut facts);
        report(&facts, &parts())
    };
    for (change, words) in [
        (
            (|facts| facts.host.kernel.max_user_namespaces = Some(0)) as fn(&mut Facts),
            [
                "user.max_user_namespaces is 0",
                "sysctl -w user.max_user_namespaces=",
            ],
        ),
        (
            |facts| facts.host.kernel.max_user_namespaces = None,
            ["the kernel has none", "CONFIG_USER_NS"],
        ),
        (
            |facts| facts.host.kernel.unprivileged_userns_clone = Some(false),
            [
                "unprivileged_userns_clone is 0",
                "sysctl -w kernel.unprivileged_userns_clone=1",
            ],
        ),
        (
            |facts| facts.host.kernel.apparmor_restricts_userns = Some(true),
            ["AppArmor", "apparmor_restrict_unprivileged_userns"],
        ),
    ] {
        says(&set(change), "user namespaces", Verdict::Warning, &words);
    }
    says(
        &report(&debian(), &parts()),
        "user namespaces",
        Verdict::Ok,
        &[],
    );
}

#[test]
fn what_bwrap_says_is_explained_by_this_host() {
    let refused =
        "No permissions to create new namespace, likely because the kernel does not allow";
    let explained = |change: fn(&mut Facts), said: &str| {
        let mut facts = debian();
        change(&mut facts);
        explain(said, &facts).unwrap_or_default()
    };
    let container = |facts: &mut Facts| facts.host.kernel.container = Some("podman".into());
    assert!(explained(container, "Can't mount proc on /newroot/proc").contains("unmask=ALL"));
    assert!(explained(container, refused).contains("seccomp=unconfined"));
    assert!(explained(|facts| facts.host.kernel.seccomp = true, refused).contains("seccomp"));
    let apparmor = |facts: &mut Facts| facts.host.kernel.apparmor_restricts_userns = Some(true);
    assert!(explained(apparmor, "setting up uid map: Permission denied").contains("AppArmor"));
    assert!(explained(|_| {}, "Unknown option --disable-userns").contains("0.8 or later"));
    assert!(explained(|_| {}, "Can't find source path /x: No such file").contains("start again"));
}

#[test]
fn a_sandbox_that_does_not_start_fails_the_check() {
    let facts = debian();
    let said = || LaunchError::Bwrap {
        said: "Can't mount proc".into(),
        hint: Some("the fix".into()),
    };
    let report = examine(&facts, &parts(), None, |_, _| Err(said()));
    assert!(!report.can_run);
    says(
        &report,
        "sandbox",
        Verdict::Failure,
        &["Can't mount proc", "the fix"],
    );
}

#[test]
fn bwrap_is_missing_or_unfit_and_the_fix_is_this_distribution_s() {
    for (os, fix) in [
        ("debian", "apt install bubblewrap"),
        ("fedora", "dnf install bubblewrap"),
        ("arch", "pacman -S bubblewrap"),
        ("opensuse-tumbleweed", "zypper install bubblewrap"),
        ("alpine", "apk add bubblewrap"),
        ("nixos", "environment.systemPackages"),
    ] {
        let mut facts = debian();
        facts.host.os = os.into();
        facts.host.bwrap = Tool::Missing;
        let report = report(&facts, &parts());
        assert!(!report.can_run);
        says(
            &report,
            "bubblewrap",
            Verdict::Failure,
            &["not installed", fix],
        );
    }
    let mut facts = debian();
    facts.host.bwrap = Tool::Unfit("/usr/bin/bwrap".into(), "it is set-user-ID".into());
    says(
        &report(&facts, &parts()),
        "bubblewrap",
        Verdict::Failure,
        &["set-user-ID"],
    );
}

#[test]
fn limits_and_the_control_group_are_told_truly() {
    let with = |cgroup: Option<Cgroup>, groups: Groups, change: fn(&mut Facts)| {
        let mut facts = debian();
        change(&mut facts);
        let parts = Parts {
            cgroup,
            groups,
            ..parts()
        };
        report(&facts, &parts)
    };
    let none = with(None, Groups::default(), |_| {});
    says(&none, "limits", Verdict::Warning, &["no cgroup v2"]);
    let names = |names: &[&str]| names.iter().map(|one| (*one).to_owned()).collect();
    let group = |controllers: &[&str]| {
        Some(Cgroup {
            path: "/user.slice/x.scope".into(),
            controllers: names(controllers),
        })
    };
    let systemd = || Groups {
        hierarchy: Some("/sys/fs/cgroup".into()),
        bus: Some("/run/user/1000/bus".into()),
        busctl: Some("/usr/bin/busctl".into()),
        parent: None,
    };
    let full = with(group(&["memory", "pids"]), systemd(), |_| {});
    let words = ["your systemd at /run/user/1000/bus", "--limit memory=8G"];
    says(&full, "limits", Verdict::Ok, &words);
    let mut mute = systemd();
    mute.busctl = None;
    let mute = with(group(&["memory"]), mute, |_| {});
    says(&mute, "limits", Verdict::Warning, &["install", "busctl"]);
    let parent = Groups {
        parent: Some(Parent {
            folder: "/sys/fs/cgroup/box".into(),
            controllers: names(&["memory", "pids", "hugetlb"]),
        }),
        ..Groups::default()
    };
    let delegated = with(group(&["memory"]), parent, |_| {});
    let words = ["/sys/fs/cgroup/box is delegated", "memory, pids"];
    says(&delegated, "limits", Verdict::Ok, &words);
    let others = with(group(&["memory"]), Groups::default(), |_| {});
    let words = ["no control group is delegated", "enable-linger"];
    says(&others, "limits", Verdict::Warning, &words);
    let bare = with(group(&[]), Groups::default(), |_| {});
    says(&bare, "limits", Verdict::Warning, &["has no controller"]);
    let old = with(None, Groups::default(), |facts| {
        facts.host.kernel.release = "5.10.0".into()
    });
    says(&old, "limits", Verdict::Warning, &["processes are not"]);
}

#[test]
fn the_kernel_landlock_and_wsl_are_named() {
    let mut facts = debian();
    facts.host.kernel.landlock_abi = 0;
    facts.host.kernel.release = "5.4.0-1".into();
    facts.host.kernel.wsl = true;
    let old = report(&facts, &parts());
    says(&old, "landlock", Verdict::Warning, &["lsm=landlock"]);
    says(&old, "kernel", Verdict::Failure, &["5.4.0-1", "5.6"]);
    says(&old, "wsl", Verdict::Warning, &["WSL2"]);
    assert!(!old.can_run);
    facts.host.kernel.landlock_abi = 4;
    let newer = report(&facts, &parts());
    says(
        &newer,
        "landlock",
        Verdict::Warning,
        &["ABI 4", "abstract sockets", "6.12"],
    );
}

#[test]
fn the_parts_of_the_network_and_nix_are_told_apart() {
    let mut facts = debian();
    facts.host.network_tools = Some(NetworkTools {
        tun: None,
        nft: Tool::Missing,
        nf_tables: false,
        pasta: Tool::Missing,
        pasta_knows: Vec::new(),
        slirp4netns: Tool::Missing,
    });
    let nothing = report(&facts, &parts());
    says(
        &nothing,
        "tun",
        Verdict::Failure,
        &["no /dev/net/tun", "modprobe tun"],
    );
    says(&nothing, "nftables", Verdict::Failure, &["no nf_tables"]);
    says(
        &nothing,
        "pasta",
        Verdict::Failure,
        &["not installed", "apt install passt"],
    );
    assert!(!nothing.can_run, "the default tier needs them");
    let full = examine(&facts, &parts(), Some(Tier::Full), |_, _| Ok(()));
    says(&full, "tun", Verdict::Warning, &["no /dev/net/tun"]);
    assert!(full.can_run, "the tier `full` does not need them");
    let tools = facts.host.network_tools.as_mut().expect("set above");
    tools.tun = Some(false);
    tools.nf_tables = true;
    tools.slirp4netns = Tool::Found("/usr/bin/slirp4netns".into());
    let closed = report(&facts, &parts());
    says(
        &closed,
        "tun",
        Verdict::Failure,
        &["cannot be opened", "0666"],
    );
    says(
        &closed,
        "nftables",
        Verdict::Failure,
        &["apt install nftables"],
    );
    says(&closed, "pasta", Verdict::Ok, &["slirp4netns"]);
    let tools = facts.host.network_tools.as_mut().expect("set above");
    tools.pasta = Tool::Found("/usr/bin/passt".into());
    tools.slirp4netns = Tool::Unfit("/usr/bin/slirp4netns".into(), "it is not a file".into());
    says(
        &report(&facts, &parts()),
        "pasta",
        Verdict::Failure,
        &["too old", "--config-net"],
    );

    let mut facts = debian();
    says(
        &report(&facts, &parts()),
        "nix",
        Verdict::Ok,
        &["no Nix store"],
    );
    facts.host.nix_store = true;
    let with = |trusts: Option<&str>| Parts {
        nix_daemon: Some(NixDaemon {
            trusts: trusts.map(str::to_owned),
        }),
        ..parts()
    };
    says(
        &report(&facts, &parts()),
        "nix",
        Verdict::Ok,
        &["no daemon"],
    );
    says(
        &report(&facts, &with(None)),
        "nix",
        Verdict::Ok,
        &["stays outside"],
    );
    says(
        &report(&facts, &with(Some("@wheel"))),
        "nix",
        Verdict::Warning,
        &["@wheel", "trusted-users"],
    );
}

#[test]
fn it_ends_as_run_would_with_the_tier_that_run_would_use() {
    let mut facts = debian();
    assert_eq!(report(&facts, &parts()).tier, Tier::Inet);
    facts
        .environment
        .push(("CLAUDEBOX_NETWORK".into(), "none".into()));
    let none = report(&facts, &parts());
    assert_eq!((none.tier, none.can_run), (Tier::None, true));
    facts.user.uid = 0;
    says(
        &report(&facts, &parts()),
        "user",
        Verdict::Warning,
        &["--allow-root"],
    );
}

/// Which tiers can run, and which parts are in the way of the others.
fn tiers(report: &Report) -> Vec<(Tier, bool, Vec<&str>)> {
    let tiers = report.tiers.iter();
    tiers
        .map(|one| {
            let parts = one.why.iter().map(|finding| finding.part).collect();
            (one.tier, one.can_run, parts)
        })
        .collect()
}

#[test]
fn each_tier_is_told_apart() {
    let mut facts = debian();
    let all = report(&facts, &parts());
    let can = |tier| (tier, true, vec![]);
    let every = [can(Tier::None), can(Tier::Inet), can(Tier::Full)];
    assert_eq!(tiers(&all), every);
    assert!(
        all.render(false).ends_with(
            "\n\nThe tier `none` can run here.\nThe tier `inet`, which would be used, can run here.\n\
             The tier `full` can run here.\n"
        ),
        "{}",
        all.render(false)
    );

    let tools = facts.host.network_tools.as_mut().expect("of a Debian");
    tools.tun = None;
    let no_tun = report(&facts, &parts());
    let without = (Tier::Inet, false, vec!["sandbox", "tun"]);
    assert_eq!(tiers(&no_tun), [can(Tier::None), without, can(Tier::Full)]);
    assert!(!no_tun.can_run);
    let said = no_tun.render(false);
    assert!(
        said.contains("The tier `inet`, which would be used, cannot run here: sandbox, tun.\n"),
        "{said}"
    );
    // What is in the way of a tier that would not be used ends nothing, and is told with its fix.
    let none = examine(&facts, &parts(), Some(Tier::None), |_, _| Ok(()));
    assert!(none.can_run);
    assert_eq!(tiers(&none), tiers(&no_tun));
    let said = none.render(false);
    let end = &said[said.find("The tier `inet` cannot").expect("it is told")..];
    assert!(end.contains("hint: sudo modprobe tun"), "{said}");
}

#[test]
fn what_starts_on_one_tier_alone_is_told_of_that_tier_alone() {
    let facts = debian();
    let asked = std::cell::RefCell::new(Vec::new());
    let probe = |plan: &Plan, _: &Facts| {
        asked.borrow_mut().push(plan.tier.value);
        match plan.tier.value {
            Tier::None => Ok(()),
            tier => Err(LaunchError::Bwrap {
                said: format!("no {}", tier.name()),
                hint: Some("the fix".into()),
            }),
        }
    };
    let report = examine(&facts, &parts(), Some(Tier::None), probe);
    assert_eq!(*asked.borrow(), [Tier::None, Tier::Inet, Tier::Full]);
    assert!(report.can_run);
    let not = |tier| (tier, false, vec!["sandbox"]);
    assert_eq!(
        tiers(&report),
        [(Tier::None, true, vec![]), not(Tier::Inet), not(Tier::Full)]
    );
    let said = report.render(false);
    for word in ["no inet\n", "no full\n", "hint: the fix\n"] {
        assert!(said.contains(word), "{word:?} is missing:\n{said}");
    }
    let json = serde_json::to_value(&report).expect("it serialises");
    assert_eq!(json["tiers"][2]["tier"], "full");
    assert_eq!(json["tiers"][2]["can_run"], false);
    assert_eq!(json["tiers"][2]["why"][0]["part"], "sandbox");
    assert_eq!(json["tiers"][2]["why"][0]["fix"], "the fix");
}

#[test]
fn a_configuration_that_is_refused_is_in_the_way_of_what_uses_it() {
    let mut facts = debian();
    let variable = ("CLAUDEBOX_NETWORK".into(), "lan".into());
    facts.environment.push(variable);
    let report = report(&facts, &parts());
    assert!(!report.can_run);
    says(&report, "configuration", Verdict::Failure, &["lan"]);
    let with_flag = tiers(&report);
    assert_eq!(
        with_flag[0],
        (Tier::None, true, vec![]),
        "a flag is over it"
    );
}
