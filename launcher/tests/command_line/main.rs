//! The launcher as a person uses it: each promise of the command line, tried with the real binary and judged from outside.
//!
//! A test that shows a refusal has a twin beside it, or in itself, that shows the same way open.
#![allow(
    clippy::disallowed_methods,
    reason = "tests are effects; the boundaries are the launcher's"
)]

#[path = "../common/mod.rs"]
mod common;

mod check;
mod claude_views;
mod examples;
mod git;
mod git_places;
mod hide;
mod host_runs;
mod instances;
mod links;
mod login;
mod login_turns;
mod places;
mod plan;
mod printed;
mod report;
mod root;
mod same;
mod ssh;
mod status;
mod streams;
mod traces;
mod trust;
mod upkeep;
mod verify;
mod words;
