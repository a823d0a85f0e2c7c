//! The state of a project, kept from session to session: whose it is, what it is made of, what stands in the way (INST-01..04).

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;

use claudebox::instance::{SHOWN, key};
use claudebox::text::Text;

use crate::common::{Boxer, refused, stdout, tree, until};

/// The instance of the project at `root`.
pub(crate) fn instance(boxer: &Boxer, root: &Path) -> PathBuf {
    let key = key(&Text::from(root));
    boxer.home().join(".claudebox/projects").join(key)
}

/// A session that runs, and ends when its standard input does.
pub(crate) fn that_waits(boxer: &Boxer) -> Child {
    let mut session = boxer.claudebox(["exec", "-y", "--", "sh", "-c", "touch ready; cat"]);
    let session = session
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    until("the session to run", || {
        boxer.project().join("ready").exists()
    });
    session
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .mode()
        & 0o7777
}

const TRUE: [&str; 4] = ["exec", "-y", "--", "true"];

#[test]
fn it_is_made_at_the_first_start_and_kept() {
    let boxer = Boxer::new();
    let before = tree(&boxer.folder());
    boxer.run(["plan"]).code(127);
    boxer.run(["exec", "--dry-run", "--", "true"]).success();
    assert!(tree(&boxer.folder()) == before, "a plan makes nothing");

    boxer.inside(&[], "mkdir -p ~/.claude/projects/p; echo said > ~/.claude/projects/p/0.jsonl; echo '{}' > ~/.claude.json");
    let kept = instance(&boxer, &boxer.project());
    let root = fs::read_to_string(kept.join("project-root")).expect("whose it is");
    assert_eq!(root, format!("{}\n", boxer.project().display()));
    for folder in [
        boxer.home().join(".claudebox"),
        boxer.home().join(".claudebox/projects"),
        kept.clone(),
        kept.join("claude"),
    ] {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
    }
    for file in ["project-root", "lock", "claude/.claude.json"] {
        assert_eq!(
            mode(&kept.join(file)) & 0o077,
            if file.ends_with("json") { 0o044 } else { 0 },
            "{file}"
        );
    }
    let said = boxer.inside(&[], "cat ~/.claude/projects/p/0.jsonl ~/.claude.json");
    assert_eq!(said, "said\n{}\n");
    // Nothing else of the home folder is kept.
    assert_eq!(
        boxer
            .inside(&[], "touch ~/x; ls -A ~/.claudebox 2>/dev/null | wc -l")
            .trim(),
        "0"
    );
    assert!(!boxer.home().join("x").exists() && !boxer.home().join(".claude").exists());
}

#[test]
fn spellings_links_and_worktrees_lead_to_one_and_another_project_to_another() {
    let boxer = Boxer::new();
    boxer.git(&boxer.project(), &["init", "-q"]);
    boxer.write("src/app/sub/file", "");
    boxer.git(&boxer.project(), &["add", "."]);
    boxer.git(&boxer.project(), &["commit", "-qm", "one"]);
    boxer.git(
        &boxer.project(),
        &["worktree", "add", "-q", "../tree", "-b", "tree"],
    );
    boxer.git(
        &boxer.home().join("src"),
        &["clone", "-q", "--bare", "app", "bare.git"],
    );
    boxer.git(
        &boxer.home().join("src/bare.git"),
        &["worktree", "add", "-q", "../of-bare", "-b", "other"],
    );
    boxer.git(
        &boxer.home().join("src"),
        &["init", "-q", "--separate-git-dir", "elsewhere", "apart"],
    );
    let other = boxer.make("src/other");
    symlink(boxer.project(), boxer.home().join("src/link")).expect("a link");
    let inside = |folder: &Path, script: &str| {
        let mut command = boxer.claudebox(["exec", "-y", "--", "sh", "-ec", script]);
        command.current_dir(folder);
        stdout(&crate::common::end(command).success())
    };
    inside(&boxer.project(), "echo here > ~/.claude/mark");
    for folder in ["sub", "../app/sub", "../tree", "../link", "../link/sub/.."] {
        let seen = inside(&boxer.project().join(folder), "cat ~/.claude/mark");
        assert_eq!(seen, "here\n", "{folder}");
    }
    for folder in [
        other,
        boxer.home().join("src/of-bare"),
        boxer.home().join("src/apart"),
    ] {
        let seen = inside(&folder, "cat ~/.claude/mark 2>/dev/null || echo none");
        assert_eq!(seen, "none\n", "{}", folder.display());
    }
    let roots =
        ["src/app", "src/other", "src/bare.git", "src/apart"].map(|root| boxer.home().join(root));
    for root in &roots {
        assert!(instance(&boxer, root).is_dir(), "{}", root.display());
    }
    let all = fs::read_dir(boxer.home().join(".claudebox/projects"))
        .expect("listing")
        .count();
    assert_eq!(all, roots.len());
}

#[test]
fn two_launches_at_once_both_work_and_see_one_another() {
    let boxer = Boxer::new();
    let script = "echo x >> ~/.claude/seen; i=0; while [ $(wc -l < ~/.claude/seen) -lt 6 ]; do sleep 0.02; i=$((i+1)); [ $i -lt 900 ]; done";
    let launches: Vec<_> = (0..6)
        .map(|_| {
            let mut command = boxer.claudebox(["exec", "-y", "--", "sh", "-ec", script]);
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("it starts")
        })
        .collect();
    for launch in launches {
        let ended = thread::spawn(|| launch.wait_with_output().expect("waiting"))
            .join()
            .expect("no panic");
        assert!(
            ended.status.success(),
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
    }
    let all = fs::read_dir(boxer.home().join(".claudebox/projects"))
        .expect("listing")
        .count();
    assert_eq!(all, 1);
}

#[test]
fn what_stands_in_its_place_is_refused_and_left_alone() {
    let boxer = Boxer::new();
    let own = boxer.home().join(".claudebox");
    let outside = boxer.make("outside");
    let projects = own.join("projects");
    let kept = instance(&boxer, &boxer.project());
    let places = [
        projects.clone(),
        kept.clone(),
        kept.join("claude"),
        kept.join("lock"),
        kept.join("project-root"),
    ];
    for place in &places {
        for what in ["link", "dangling", "fifo", "device", "file-or-folder"] {
            let _ = fs::remove_dir_all(&own);
            fs::create_dir_all(place.parent().expect("a parent")).expect("making folders");
            let folder = !(place.ends_with("lock") || place.ends_with("project-root"));
            match what {
                "link" => symlink(
                    if folder {
                        outside.clone()
                    } else {
                        boxer.write("outside-file", "")
                    },
                    place,
                )
                .expect("a link"),
                "dangling" => symlink(outside.join("made"), place).expect("a link"),
                "fifo" => {
                    nix::unistd::mkfifo(place, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO")
                }
                "device" => symlink("/dev/zero", place).expect("a link"),
                _ if folder => fs::write(place, "").expect("a file"),
                _ => fs::create_dir(place).expect("a folder"),
            }
            boxer.own(&own);
            chmod_all(&own);
            let before = (
                tree(&outside),
                fs::symlink_metadata(place).expect("it is there").ino(),
            );
            let said = refused(boxer.run(TRUE), "the state of this project cannot be used");
            assert!(
                said.contains(&place.display().to_string()),
                "{what}: {said}"
            );
            let after = (
                tree(&outside),
                fs::symlink_metadata(place).expect("it is there").ino(),
            );
            assert!(before == after, "{what} at {}", place.display());
        }
    }
}

/// As claudebox makes them.
fn chmod_all(folder: &Path) {
    for (path, about) in tree(folder) {
        if about.ends_with("folder") {
            fs::set_permissions(&path, Permissions::from_mode(0o700)).expect("chmod");
        }
    }
    fs::set_permissions(folder, Permissions::from_mode(0o700)).expect("chmod");
}

#[test]
fn a_root_that_lies_and_folders_that_are_open_to_others_are_refused() {
    let boxer = Boxer::new();
    boxer.run(TRUE).success();
    let kept = instance(&boxer, &boxer.project());
    fs::write(kept.join("project-root"), "/home/ann/other\n").expect("a lie");
    refused(
        boxer.run(TRUE),
        "the state of this project cannot be used: ",
    );
    // A power cut may leave nothing of it.
    fs::write(kept.join("project-root"), "").expect("nothing");
    boxer.run(TRUE).success();
    for (folder, bits) in [
        ("", 0o770),
        ("", 0o705),
        ("claude", 0o707),
        ("../../projects", 0o755),
        ("../..", 0o777),
    ] {
        let folder = kept.join(folder);
        let usual = mode(&folder);
        fs::set_permissions(&folder, Permissions::from_mode(bits)).expect("chmod");
        let said = refused(boxer.run(TRUE), "is open to others");
        assert!(said.contains("chmod"), "{said}");
        fs::set_permissions(&folder, Permissions::from_mode(usual)).expect("chmod");
    }
    // A folder that only holds configuration may be looked at.
    fs::set_permissions(
        boxer.home().join(".claudebox"),
        Permissions::from_mode(0o755),
    )
    .expect("chmod");
    boxer.run(TRUE).success();
    if crate::common::is_root() {
        std::os::unix::fs::lchown(kept.join("claude"), Some(0), Some(0)).expect("chown");
        fs::set_permissions(kept.join("claude"), Permissions::from_mode(0o755)).expect("chmod");
        refused(boxer.run(TRUE), "belongs to uid 0");
    }
}

#[test]
fn a_home_that_cannot_be_written_is_refused_with_a_way_out() {
    let boxer = Boxer::new();
    let elsewhere = boxer.make("elsewhere");
    fs::set_permissions(boxer.home(), Permissions::from_mode(0o555)).expect("chmod");
    let said = refused(boxer.run(TRUE), "Permission denied");
    assert!(said.contains("CLAUDEBOX_HOME"), "{said}");
    let mut command = boxer.claudebox(TRUE);
    command.env("CLAUDEBOX_HOME", elsewhere.join("of/claudebox"));
    crate::common::end(command).success();
    assert!(elsewhere.join("of/claudebox/projects").is_dir());
    fs::set_permissions(boxer.home(), Permissions::from_mode(0o755)).expect("chmod");
}

#[test]
fn what_is_planted_at_a_place_of_a_mount_is_put_aside() {
    let boxer = Boxer::new();
    let outside = boxer.make("outside");
    boxer.write("outside/file", "as it was\n");
    boxer.run(TRUE).success();
    let claude = instance(&boxer, &boxer.project()).join("claude");
    let before = tree(&outside);
    for shown in SHOWN {
        let place = claude.join(shown.name);
        if shown.folder {
            fs::remove_dir(&place).expect("an empty folder");
        } else {
            fs::remove_file(&place).expect("a file");
        }
        symlink(
            outside.join(if shown.folder { "made" } else { "file" }),
            &place,
        )
        .expect("a link");
    }
    symlink(outside.join("file"), claude.join(".claude.json")).expect("a link");
    boxer.own(&claude);
    boxer.write(".claude.json", r#"{"theme":"light"}"#);
    boxer.run(TRUE).success();
    for shown in SHOWN {
        let aside = claude.join(format!("{}.put-aside-1", shown.name));
        assert!(aside.is_symlink(), "{}", aside.display());
        assert!(!claude.join(shown.name).is_symlink());
    }
    assert!(claude.join(".claude.json.put-aside-1").is_symlink());
    assert!(tree(&outside) == before);
}

#[test]
fn a_place_that_was_swapped_beneath_a_running_session_stops_the_next() {
    let boxer = Boxer::new();
    let outside = boxer.make("outside");
    let mut session = that_waits(&boxer);
    let claude = instance(&boxer, &boxer.project()).join("claude");
    fs::remove_dir(claude.join("commands")).expect("the host may");
    symlink(&outside, claude.join("commands")).expect("a link");
    boxer.own(&claude);
    let said = refused(boxer.run(TRUE), "another session of this project runs");
    assert!(said.contains("commands"), "{said}");
    drop(session.stdin.take());
    assert!(session.wait().expect("waiting").success());
    boxer.run(TRUE).success();
    assert!(tree(&outside).len() == 1);
}

#[test]
fn a_project_made_anew_at_the_same_place_is_told_of_once() {
    let boxer = Boxer::new();
    let note = "is another folder than the one that its state was last used for";
    for expected in [false, false, true, false] {
        if expected {
            fs::rename(boxer.project(), boxer.home().join("src/before")).expect("the project goes");
            boxer.make("src/app");
        }
        let said = crate::common::stderr(&boxer.run(TRUE).success());
        assert_eq!(said.contains(note), expected, "{said}");
    }
}

#[test]
fn a_full_disk_is_refused_and_mended_by_room() {
    if !crate::common::is_root() {
        crate::common::skipped("only root can mount a disk beside a bwrap that is trusted");
        return;
    }
    let boxer = Boxer::new();
    let disk = boxer.make("disk");
    // Room for some of the folders: each start ends elsewhere.
    for inodes in 2..16 {
        let script = format!(
            "mount -t tmpfs -o size=1m,nr_inodes={inodes},mode=777 none {0} || exit 99; start() {{ setpriv --reuid {1} --regid {1} \
             --clear-groups {2} exec -y --network none -- true; }}; start; first=$?; mount -o remount,nr_inodes=1000 {0} || exit 98; \
             start && exit $first",
            disk.display(),
            boxer.uid(),
            crate::common::claudebox_bin().display(),
        );
        let mut command = std::process::Command::new("unshare");
        command.args(["--mount", "sh", "-c", &script]).env_clear();
        command
            .env("HOME", boxer.home())
            .env("PATH", "/usr/sbin:/usr/bin:/bin")
            .current_dir(boxer.project());
        command.env("CLAUDEBOX_HOME", disk.join("own"));
        let ran = crate::common::end(command).code(125);
        let said = crate::common::stderr(&ran);
        assert!(
            said.contains("No space left on device") && said.contains("hint: make room there"),
            "{inodes}: {said}"
        );
    }
}

#[test]
fn what_was_cut_off_is_mended_and_what_somebody_wrote_there_is_kept() {
    let boxer = Boxer::new();
    boxer.run(TRUE).success();
    let claude = instance(&boxer, &boxer.project()).join("claude");
    fs::write(claude.join("keybindings.json"), "").expect("cut off");
    fs::write(claude.join("CLAUDE.md"), "mine\n").expect("by hand");
    assert_eq!(
        boxer.inside(&[], "cat ~/.claude/keybindings.json ~/.claude/CLAUDE.md"),
        "{}\n"
    );
    let kept = fs::read_to_string(claude.join("CLAUDE.md.put-aside-1")).expect("it is kept");
    assert_eq!(kept, "mine\n");
}
