//! What a session may use up where nobody said otherwise: processes, open files, locked memory. None can be raised again.
//!   (threats: RES-01, RES-05, RES-06)
use claudebox::limit::Limited;

use super::limits::{measured, within};
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "may it take as many processes, files and locked pages as its user?",
    threats: &["RES-01", "RES-05", "RES-06"],
    behind: &[Guard::Limits],
    expect: Expect::Exactly(|_| within(Limited::SETTABLE.into_iter())),
    attempt: |_| measured(Limited::SETTABLE.into_iter()),
    ..Probe::USUAL
};
