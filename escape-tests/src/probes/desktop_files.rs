//! A desktop file looks like a document with an icon of its own, and is a command. So is what a synced folder or a file manager
//! starts by itself.   (threats: PER-20)
use crate::harness::detonator;
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does the desktop run what was left in the project, and nobody was told?",
    threats: &["PER-20"],
    tiers: &[Tier::None],
    also_as_root: true,
    then: &[Then::Host(detonator::file_manager)],
    reported: &["report.pdf.desktop", ".directory", "autorun.inf"],
    expect: Expect::Reached,
    attempt: |bait| {
        let entry = format!(
            "[Desktop Entry]\nType=Application\nName=report.pdf\nIcon=application-pdf\nExec={}\n",
            detonator::command(bait, "desktop"),
        );
        let file = |name: &str| bait.project.join(name);
        Seen::one(
            "an entry",
            inside::write_program(&file("report.pdf.desktop"), &entry),
        )
        .and(
            "a folder's icon",
            inside::write(&file(".directory"), "[Desktop Entry]\n"),
        )
        .and(
            "autorun",
            inside::write(&file("autorun.inf"), "[autorun]\n"),
        )
    },
    harmed: super::programs_of_path::ran,
    ..Probe::USUAL
};
