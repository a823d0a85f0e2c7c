//! A session has a home folder, a /tmp and a runtime folder of its own: what another one keeps there, in the same moment and at
//! the same path, is not there, and neither is its project.   (threats: FS-08, FS-11, CRED-13)
use crate::harness::bait::HEARD;
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "can it read the project of another session that is running?",
    threats: &["FS-08", "FS-11", "CRED-13"],
    behind: &[Guard::HomeHidden],
    also_as_root: true,
    in_company: true,
    expect: Expect::Absent,
    attempt: |bait| {
        let project = &bait.company_project;
        Seen::one("the project", inside::read(project))
            .and("what it writes there", inside::read(&project.join(HEARD)))
    },
    ..Probe::USUAL
};
