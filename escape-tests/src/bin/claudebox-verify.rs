//! The companion that `claudebox verify` becomes. It is also the neighbour, the caller's process that becomes the launcher, and
//! what runs inside: one static program, whatever the inside holds.
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(escape_tests::verify::main(std::env::args_os().collect()))
}
