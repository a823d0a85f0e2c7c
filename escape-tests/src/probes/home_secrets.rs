//! Keys, tokens and histories lie at well-known places of the home folder. An attacker reads them one by one, and one more
//! at a place that no list of secrets knows.   (threats: FS-01, FS-02)
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it read a secret of the home folder?",
    threats: &["FS-01", "FS-02"],
    behind: &[Guard::HomeHidden],
    harmless: true,
    also_as_root: true,
    expect: Expect::Absent,
    attempt: |bait| {
        let secrets = bait.secrets.iter().chain(&bait.existing);
        Seen::each(secrets.map(|path| path.display()), |path| {
            inside::read(path.to_string().as_ref())
        })
    },
    ..Probe::USUAL
};
