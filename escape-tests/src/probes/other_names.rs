//! A file that is hidden under one name may be reached under another: through links of /proc, `..`, doubled slashes. What is
//! absent has no other name; what is merely masked may have.   (threats: FS-04)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it reach a hidden file by another spelling of its path?",
    threats: &["FS-04"],
    behind: &[Guard::HomeHidden],
    harmless: true,
    also_as_root: true,
    expect: Expect::Absent,
    attempt: |bait| {
        let mut seen = Seen::default();
        for secret in bait.secrets.iter().take(3).chain(&bait.other_projects[..1]) {
            let path = secret.display().to_string();
            let up = "../".repeat(bait.project.components().count());
            let below_home = secret.strip_prefix(&bait.home).unwrap_or(secret).display();
            for spelling in [
                format!("/proc/self/root{path}"),
                format!("/proc/thread-self/root{path}"),
                format!("/proc/self/cwd/{up}{path}"),
                format!("/proc/1/../self/root{path}"),
                format!("{up}{path}"),
                format!("/{path}"),
                format!("//{path}"),
                format!("/.{path}"),
                format!("/tmp/..{path}"),
                format!("/proc/../{path}"),
                format!("/dev/shm/../..{path}"),
                format!("{}/../../{below_home}", bait.project.display()),
                format!("{}/./{below_home}", bait.home.display()),
                path.replace('/', "//"),
                path.replace('/', "/./"),
            ] {
                if !seen.0.contains_key(&spelling) {
                    let act = inside::read(spelling.as_ref());
                    seen.add(spelling, act);
                }
            }
        }
        seen
    },
    ..Probe::USUAL
};
