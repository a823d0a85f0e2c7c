//! Links: a grant through one is right at both ends (FS-C); one that was planted in an earlier session leads nowhere
//! (FS-G, threats: MNT-01, MNT-02).

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::common::{Boxer, CANARY, stdout, tree};

#[test]
fn a_grant_through_links_is_right_at_both_ends() {
    let boxer = Boxer::new();
    let real = boxer.make("store/one/data");
    boxer.write("store/one/data/file", "found\n");
    // Two hops, and a link in the middle of the path.
    boxer.link(&real, "hop");
    boxer.link(boxer.home().join("hop"), "data");
    boxer.link(boxer.home().join("store/one"), "middle");
    let look = format!(
        "cat {0}/file ~/data/file; test ! -w {0}; ls -A ~/store",
        real.display()
    );
    assert_eq!(
        boxer.inside(&["--mount", "~/data"], &look),
        "found\nfound\none\n"
    );
    let look = format!("cat {0}/file ~/middle/data/file", real.display());
    assert_eq!(
        boxer.inside(&["--mount", "~/middle/data"], &look),
        "found\nfound\n"
    );
    // Read-write through a link reaches the one real folder.
    boxer.inside(&["--mount", "~/data:rw"], "echo new > ~/data/made");
    assert_eq!(
        fs::read_to_string(real.join("made")).expect("it was made"),
        "new\n"
    );
    // A single file through a link.
    boxer.link(real.join("file"), "file-link");
    assert_eq!(
        boxer.inside(&["--mount", "~/file-link"], "cat ~/file-link"),
        "found\n"
    );
}

#[test]
fn an_env_file_or_a_profile_may_be_a_dotfile_manager_s_link() {
    let boxer = Boxer::new();
    boxer.write("dotfiles/env", "FROM_LINK=yes\n");
    boxer.write("dotfiles/p.json", r#"{"set": {"PROFILE_LINK": "yes"}}"#);
    boxer.link(boxer.home().join("dotfiles/env"), ".claudebox/env");
    boxer.link("../../dotfiles/p.json", ".claudebox/profiles/p.json");
    assert_eq!(
        boxer.inside(&["--profile", "p"], "echo $FROM_LINK $PROFILE_LINK"),
        "yes yes\n"
    );
}

#[test]
fn a_grant_that_a_planted_link_leads_astray_shows_nothing() {
    let boxer = Boxer::new();
    let other = boxer.make("src/other");
    boxer.write("src/other/canary", CANARY);
    boxer.write("src/app/vendor/file", "vendored\n");
    let look = format!(
        "cat {}/canary vendor/canary 2>/dev/null || true; ls -A ~/src",
        other.display()
    );
    assert_eq!(boxer.inside(&["--mount", "vendor:rw"], &look), "app\n");
    // First session: the agent puts a link where the user's next command line names a folder of the project.
    boxer.inside(
        &[],
        &format!("rm -r vendor; ln -s {} vendor", other.display()),
    );
    for mode in ["vendor", "vendor:rw"] {
        let ran = boxer.run(["exec", "-y", "--mount", mode, "--", "sh", "-c", &look]);
        let shown = stdout(&ran);
        assert!(
            !shown.contains(CANARY),
            "--mount {mode} followed a link that the agent planted: {ran}"
        );
    }
    assert_eq!(tree(&other).len(), 2, "nothing was made there");
}

/// Every place that a plan makes, whatever the flags, and the project it was made for.
fn places(boxer: &Boxer, flags: &[&str]) -> Vec<PathBuf> {
    let json = stdout(&boxer.run(["plan", "--json"].iter().chain(flags)).success());
    let plan: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let steps = plan["steps"].as_array().expect("steps");
    steps
        .iter()
        .filter_map(|step| step["at"].as_str())
        .map(PathBuf::from)
        .collect()
}

#[test]
fn what_lies_in_the_project_is_mounted_over_itself_alone_so_a_planted_link_makes_nothing_on_the_host()
 {
    let boxer = Boxer::new();
    boxer.install_claude("true");
    boxer.make("notes");
    boxer.make("src/app/vendor");
    boxer.git(&boxer.project(), &["init", "-q"]);
    let flags = [
        "--mount",
        "vendor",
        "--mount",
        "~/notes:rw",
        "--network",
        "none",
    ];
    let outside = boxer.make("outside");
    // What a launcher may be tempted to mount over, and everything that the plan says below the project.
    let mut tempting: Vec<PathBuf> = places(&boxer, &flags);
    tempting.retain(|place| place.starts_with(boxer.project()) && *place != boxer.project());
    let of_git = [".git", ".git/config", ".git/hooks", ".git/info"];
    assert_eq!(
        tempting,
        of_git.map(|place| boxer.project().join(place)),
        "beneath what the agent can write: what is there, over itself, and nothing else"
    );
    for place in [
        ".claude/settings.json",
        ".claude/hooks",
        ".claude",
        ".mcp.json",
        ".envrc",
        ".vscode",
        ".idea",
        ".claudebox.env",
        ".claudebox.json",
        "vendor",
        ".bashrc",
        "CLAUDE.md",
    ] {
        tempting.push(boxer.project().join(place));
    }
    let planted = |target: &Path| {
        for place in &tempting {
            let _ = fs::remove_dir_all(place);
            let _ = fs::remove_file(place);
            if let Some(parent) = place.parent().filter(|parent| !parent.exists()) {
                let _ = fs::create_dir_all(parent);
            }
            let _ = symlink(target, place);
        }
        boxer.own(&boxer.project());
    };
    // Dangling, through bwrap's own old root, and to a folder that exists.
    for target in [
        outside.join("made"),
        Path::new("/oldroot")
            .join(outside.strip_prefix("/").expect("absolute"))
            .join("made"),
        outside.clone(),
    ] {
        planted(&target);
        let before = tree(&boxer.home());
        let _ = boxer.run(["exec", "-y", "--", "true"]);
        let _ = boxer.run(["run", "-y"].iter().chain(&flags));
        let _ = boxer.run([
            "exec",
            "-y",
            "--network",
            "none",
            "--mount-home",
            "notes",
            "--",
            "true",
        ]);
        assert!(
            tree(&boxer.home()) == before,
            "a link to {} made something",
            target.display()
        );
    }
}
