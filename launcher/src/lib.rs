//! claudebox runs Claude Code inside a bubblewrap sandbox in which no secret of the host is reachable.
//!
//! # Terminology
//!
//! - A *tier* is how much of the network is reachable inside: `none`, `inet` or `full`.
//! - A *grant* is something of the host that enters because a person asked for it.
//! - A [*guard*](guard::Guard) is one thing that stands between the agent and the host. Each step of a plan serves one.
//! - The [*plan*](plan::Plan) is all that will be done, in order, as plain data. What is printed is what is run.
//! - An [*instance*](instance) is the state of the agent that belongs to one project, kept from session to session.
//! - The *init stage* is claudebox itself as PID 1 inside: it checks what it finds, reaps, and starts the agent.
//!
//! # One arrow
//!
//! ```text
//! Args ─────┐
//! Profiles ─┼─ resolve ─▶ Config ─ plan ─▶ Plan ─ render ─▶ Invocation ─ launch ─▶ Outcome
//! Facts ────┘
//!   read        pure          pure          pure              effects
//! ```
//!
//! [`cli`] holds what was typed, [`facts`] what this host is, [`config`] every question answered with its origin,
//! [`plan`] what will be done, [`bwrap`] alone spells bubblewrap's flags, [`launch`] alone acts.
#![forbid(unsafe_code)]

pub mod approve;
pub mod audit;
pub mod bwrap;
pub mod check;
pub mod cli;
pub mod config;
pub mod denied;
mod descriptors;
pub mod envfile;
pub mod facts;
pub mod fence;
pub mod gitconfig;
pub mod glob;
pub mod group;
pub mod guard;
pub mod helper;
pub mod hint;
pub mod hostrun;
pub mod init;
pub mod instance;
pub mod launch;
pub mod limit;
pub mod login;
pub mod outer;
mod output;
pub mod page;
pub mod place;
pub mod plan;
pub mod profile;
pub mod remedy;
pub mod report;
pub mod secret;
pub mod store;
mod stray;
pub mod text;
pub mod trust;
