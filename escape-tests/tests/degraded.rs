//! Hosts that lack a part, for real where this machine can lack it: the start ends with 125 and a line that names the fix, or runs
//! and says what is not there. It never hangs, never panics, never is silent (RUN-08).
//!
//! A kernel without a call, and the filter of a container runtime, are a seccomp filter before the launcher starts: it is inherited
//! by all that it starts (seccomp(2)).
#![allow(
    clippy::disallowed_methods,
    reason = "tests are effects; the module boundaries are the launcher's"
)]

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use escape_tests::{Caller, Ran, SOON, claudebox_bin, run};
use nix::errno::Errno;
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// What this host does instead of one call.
struct Answers {
    call: i64,
    /// Only where each of these arguments has this bit, or this value.
    when: Vec<(u8, SeccompCmpOp, u64)>,
    errno: Errno,
}

fn always(call: i64, errno: Errno) -> Answers {
    let when = Vec::new();
    Answers { call, when, errno }
}

fn prctl(values: &[i32], errno: Errno) -> Answers {
    let equal = |(argument, value): (u8, &i32)| {
        let value = u64::from(value.cast_unsigned());
        (argument, SeccompCmpOp::Eq, value)
    };
    Answers {
        call: libc::SYS_prctl,
        when: (0..).zip(values).map(equal).collect(),
        errno,
    }
}

/// One filter for each error number, as each has one answer.
fn filters(answers: Vec<Answers>) -> Vec<BpfProgram> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).expect("an ABI with filters");
    answers
        .into_iter()
        .map(|one| {
            let condition = |(argument, how, value)| {
                SeccompCondition::new(argument, SeccompCmpArgLen::Dword, how, value)
                    .expect("a condition")
            };
            let conditions: Vec<_> = one.when.into_iter().map(condition).collect();
            let rules = if conditions.is_empty() {
                Vec::new()
            } else {
                vec![SeccompRule::new(conditions).expect("a rule")]
            };
            let rules = [(one.call, rules)].into();
            let answer = SeccompAction::Errno(one.errno as u32);
            let filter = SeccompFilter::new(rules, SeccompAction::Allow, answer, arch);
            BpfProgram::try_from(filter.expect("a filter")).expect("a program")
        })
        .collect()
}

/// `claudebox ARGUMENTS` of an ordinary user, after `lack` was done in its process.
fn claudebox(
    arguments: &[&str],
    lack: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
) -> Ran {
    let caller = Caller::new();
    let mut command: Command = caller.command(claudebox_bin());
    command.args(arguments);
    // SAFETY: between fork and exec there is one thread, and nobody else's lock is held: the test harness's threads do not
    // allocate while this one does no more than calls of the kernel.
    unsafe { command.pre_exec(lack) };
    let began = Instant::now();
    let ran = run(&mut command, SOON);
    assert!(began.elapsed() < Duration::from_secs(15), "it hung{ran}");
    assert!(!ran.stderr.contains("panicked"), "{ran}");
    ran
}

const START: [&str; 6] = ["exec", "-y", "--network", "full", "--", "true"];

fn start_with(answers: Vec<Answers>) -> Ran {
    claudebox(&START, with(answers))
}

fn with(answers: Vec<Answers>) -> impl FnMut() -> io::Result<()> + Send + Sync {
    let filters = filters(answers);
    move || {
        for filter in &filters {
            seccompiler::apply_filter(filter).map_err(io::Error::other)?;
        }
        Ok(())
    }
}

/// It started nothing, and told why and what helps in two lines, the last ones.
#[track_caller]
fn refused(ran: &Ran, why: &[&str], hint: &[&str]) {
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    assert_eq!(ran.stdout, "", "{ran}");
    let lines: Vec<&str> = ran.stderr.lines().collect();
    let [.., said, helps] = lines[..] else {
        panic!("it says nothing{ran}")
    };
    assert!(said.starts_with("claudebox: "), "{ran}");
    assert!(helps.starts_with("hint: "), "{ran}");
    for word in why {
        assert!(said.contains(word), "`{word}` is not said{ran}");
    }
    for word in hint {
        assert!(helps.contains(word), "`{word}` is no help{ran}");
    }
}

#[test]
fn nothing_is_missing_here() {
    let ran = start_with(Vec::new());
    assert!(ran.status.success(), "{ran}");
    assert!(!ran.stderr.contains("\n  - "), "{ran}");
}

#[test]
fn without_landlock_it_runs_and_says_so() {
    for errno in [Errno::ENOSYS, Errno::EOPNOTSUPP, Errno::EPERM] {
        let ran = start_with(vec![always(libc::SYS_landlock_create_ruleset, errno)]);
        assert!(ran.status.success(), "{errno}{ran}");
        let said = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        for line in [
            "- AbstractSockets: no Landlock",
            "- SignalScope: no Landlock",
        ] {
            assert!(said.contains(line), "{errno}: {line}{ran}");
        }
        assert!(
            said.contains("the host's abstract sockets are reachable"),
            "{ran}"
        );
    }
}

#[test]
fn landlock_that_lets_nobody_in_is_no_weaker_start() {
    let ran = start_with(vec![always(libc::SYS_landlock_restrict_self, Errno::EPERM)]);
    refused(&ran, &["PID 1", "landlock(7)"], &["seccomp=unconfined"]);
}

#[test]
fn a_kernel_without_keyrings_has_nothing_to_leak() {
    let calls = [libc::SYS_keyctl, libc::SYS_add_key, libc::SYS_request_key];
    let ran = start_with(calls.map(|call| always(call, Errno::ENOSYS)).into());
    assert!(ran.status.success(), "{ran}");
}

#[test]
fn a_keyring_that_cannot_be_left_ends_it() {
    let ran = start_with(vec![always(libc::SYS_keyctl, Errno::EPERM)]);
    refused(
        &ran,
        &["session keyring", "keyctl(2)"],
        &["seccomp=unconfined"],
    );
    let ran = start_with(vec![always(libc::SYS_keyctl, Errno::EDQUOT)]);
    refused(
        &ran,
        &["session keyring", "keyctl(2)"],
        &["kernel.keys.maxkeys"],
    );
}

#[test]
fn calls_that_every_kernel_has_are_missed_by_name() {
    let dumpable = libc::PR_SET_DUMPABLE;
    let seccomp = libc::PR_SET_SECCOMP;
    for (answers, why) in [
        (
            vec![always(libc::SYS_pidfd_getfd, Errno::ENOSYS)],
            "pidfd_getfd(2)",
        ),
        (
            vec![always(libc::SYS_pidfd_getfd, Errno::EPERM)],
            "pidfd_getfd(2)",
        ),
        (
            vec![always(libc::SYS_pidfd_open, Errno::ENOSYS)],
            "pidfd_getfd(2)",
        ),
        (vec![always(libc::SYS_openat2, Errno::ENOSYS)], "openat2(2)"),
        (vec![always(libc::SYS_openat2, Errno::EPERM)], "openat2(2)"),
        (
            // bwrap makes itself dumpable, PID 1 the contrary.
            vec![prctl(&[dumpable, 0], Errno::EPERM)],
            "PR_SET_DUMPABLE",
        ),
        (
            vec![
                prctl(&[seccomp], Errno::EINVAL),
                always(libc::SYS_seccomp, Errno::ENOSYS),
            ],
            "seccomp(2)",
        ),
    ] {
        refused(&start_with(answers), &[why], &["seccomp=unconfined"]);
    }
}

/// What the default profile of a container runtime refuses, of all that a sandbox is made of (Docker, containers/common).
fn of_a_container() -> Vec<Answers> {
    let new_user = u64::from(libc::CLONE_NEWUSER.cast_unsigned());
    let clone = Answers {
        call: libc::SYS_clone,
        when: vec![(0, SeccompCmpOp::MaskedEq(new_user), new_user)],
        errno: Errno::EPERM,
    };
    let refused = [
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
    ];
    let refused = refused.map(|call| always(call, Errno::EPERM));
    let unknown = always(libc::SYS_clone3, Errno::ENOSYS);
    refused.into_iter().chain([clone, unknown]).collect()
}

#[test]
fn in_a_container_s_filter_it_says_what_to_start_the_container_with() {
    let ran = start_with(of_a_container());
    refused(
        &ran,
        &["bubblewrap could not make the sandbox"],
        &["seccomp=unconfined"],
    );
}

#[test]
fn mounts_alone_refused_are_told_as_a_filter_too() {
    let ran = start_with(vec![always(libc::SYS_mount, Errno::EPERM)]);
    refused(
        &ran,
        &["bubblewrap could not make the sandbox"],
        &["seccomp=unconfined"],
    );
}

#[test]
fn check_tells_the_same_as_run() {
    for (answers, why) in [
        (of_a_container(), "seccomp=unconfined"),
        (
            vec![always(libc::SYS_pidfd_getfd, Errno::ENOSYS)],
            "pidfd_getfd(2)",
        ),
        (vec![always(libc::SYS_keyctl, Errno::EPERM)], "keyctl(2)"),
        (vec![always(libc::SYS_openat2, Errno::ENOSYS)], "openat2(2)"),
    ] {
        let ran = claudebox(&["check"], with(answers));
        assert_eq!(ran.status.code(), Some(125), "{ran}");
        let said = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("FAIL sandbox"), "{ran}");
        assert!(said.contains(why), "{why}{ran}");
        assert!(said.contains("cannot run here"), "{ran}");
    }
}

/// A user namespace of the caller's own, in which it keeps its number and, until it executes a program, every capability.
fn own_namespace(flags: CloneFlags) -> io::Result<()> {
    let uid = nix::unistd::getuid();
    let gid = nix::unistd::getgid();
    // Whoever changed its uid finds its own files in /proc to be root's (prctl(2), PR_SET_DUMPABLE).
    nix::sys::prctl::set_dumpable(true)?;
    unshare(CloneFlags::CLONE_NEWUSER | flags)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))
}

#[test]
fn where_user_namespaces_are_switched_off_it_names_the_switch() {
    let off = || {
        own_namespace(CloneFlags::empty())?;
        fs::write("/proc/sys/user/max_user_namespaces", "0")
    };
    let ran = claudebox(&START, off);
    let switch = "user.max_user_namespaces";
    refused(
        &ran,
        &["bubblewrap could not make the sandbox"],
        &[switch, "sysctl -w"],
    );
    let ran = claudebox(&["check"], off);
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    assert!(
        ran.stdout.contains("user.max_user_namespaces is 0"),
        "{ran}"
    );
}

#[test]
fn without_proc_nothing_is_started() {
    let none = None::<&str>;
    let ran = claudebox(&START, move || {
        own_namespace(CloneFlags::CLONE_NEWNS)?;
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(none, "/", none, private, none)?;
        Ok(mount(
            Some("none"),
            "/proc",
            Some("tmpfs"),
            MsFlags::empty(),
            none,
        )?)
    });
    refused(&ran, &["/proc/self/fd"], &["mount /proc"]);
}

#[test]
fn a_bwrap_that_fails_and_does_not_end_is_quoted() {
    // It asks to be dumpable in the child that makes the sandbox; the parent waits on.
    let ran = start_with(vec![prctl(&[libc::PR_SET_DUMPABLE, 1], Errno::EPERM)]);
    refused(&ran, &["it said: ", "dumpable"], &["seccomp=unconfined"]);
}

#[test]
fn with_too_few_files_nothing_is_started_on_half_of_the_facts() {
    use nix::sys::resource::{Resource, setrlimit};
    // With 3 not even the dynamic linker opens a library.
    for files in 4..12 {
        let limit = Resource::RLIMIT_NOFILE;
        let ran = claudebox(&START, move || Ok(setrlimit(limit, files, files)?));
        refused(&ran, &[], &[]);
    }
}

#[test]
fn limits_of_the_caller_are_told() {
    use nix::sys::resource::{Resource, setrlimit};
    for (limit, value, why, hint) in [
        (
            Resource::RLIMIT_NOFILE,
            12,
            "Too many open files",
            "ulimit -n",
        ),
        (Resource::RLIMIT_FSIZE, 0, "File too large", "ulimit -f"),
        (
            Resource::RLIMIT_NPROC,
            1,
            "Resource temporarily unavailable",
            "ulimit -u",
        ),
        (
            Resource::RLIMIT_NPROC,
            2,
            "Resource temporarily unavailable",
            "ulimit -u",
        ),
    ] {
        let ran = claudebox(&START, move || Ok(setrlimit(limit, value, value)?));
        refused(&ran, &[why], &[hint]);
    }
}

/// A bwrap of another kind than this host's: this script, in a mount namespace of the caller's own.
fn with_bwrap(arguments: &[&str], script: &str) -> Ran {
    let folder = tempfile::tempdir().expect("a folder");
    let fake = folder.path().join("bwrap");
    fs::write(&fake, format!("#!/bin/sh\n{script}\n")).expect("a script");
    for path in [folder.path(), &fake] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))
            .expect("opening it to the caller");
    }
    let none = None::<&str>;
    claudebox(arguments, move || {
        own_namespace(CloneFlags::CLONE_NEWNS)?;
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(none, "/", none, private, none)?;
        Ok(mount(
            Some(&fake),
            "/usr/bin/bwrap",
            none,
            MsFlags::MS_BIND,
            none,
        )?)
    })
}

/// What a bwrap of 2019 says, which knows neither `--disable-userns` nor `--perms`.
const OLD: &str = r#"[ "$1" = --version ] && { echo bubblewrap 0.4.0; exit; }
echo 'bwrap: Unknown option --disable-userns' >&2; exit 1"#;

#[test]
fn another_bwrap_is_told_apart() {
    // Only a bwrap of root's is run at all.
    if !escape_tests::is_root() {
        escape_tests::skipped("a bwrap of root's own can be put there by root alone");
        return;
    }
    let scripts = [
        (
            OLD,
            "Unknown option --disable-userns",
            "0.8 or later is needed",
        ),
        ("exit 0", "ended without a word", ""),
        ("kill -SEGV $$", "ended without a word", ""),
        (
            "echo '{\"started\":null}' >&3; echo nonsense >&3",
            "ended without a word",
            "",
        ),
        (
            "exec sleep 98989",
            "made no sandbox within 10 s",
            "claudebox check",
        ),
        // Its socket is held open by what it left.
        ("sleep 98988 & exit 0", "made no sandbox within 10 s", ""),
        // It fills the pipe, and is not quoted without end.
        ("yes >&2", "made no sandbox within 10 s", "claudebox check"),
    ];
    // Some wait until the launcher has waited long enough: side by side.
    std::thread::scope(|scope| {
        for (script, why, hint) in scripts {
            scope.spawn(move || {
                let ran = with_bwrap(&START, script);
                refused(&ran, &[why], &[hint]);
                assert!(
                    ran.stderr.len() < 20_000,
                    "{script}: {} bytes",
                    ran.stderr.len()
                );
            });
        }
    });
    for left in ["sleep 98989", "sleep 98988"] {
        let found = escape_tests::terminal::processes_with(left);
        let sleeps = found.iter().filter(|one| one.name == "sleep");
        let sleeps: Vec<_> = sleeps.filter(|one| one.line.trim() == left).collect();
        assert!(sleeps.is_empty(), "{left}: {sleeps:?}");
    }
    let ran = with_bwrap(&["check"], OLD);
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    assert!(ran.stdout.contains("is 0.4; 0.8 is needed"), "{ran}");
}
