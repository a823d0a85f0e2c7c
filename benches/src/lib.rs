//! What the benches share. They print what they measured, as ratios in one run, and fail only where nothing could be measured: a
//! busy machine is no failure.
#![allow(
    clippy::disallowed_methods,
    reason = "a bench is effects; the module boundaries are the launcher's"
)]

pub mod bare;
pub mod caller;
pub mod clock;
