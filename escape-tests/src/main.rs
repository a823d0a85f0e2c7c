//! Measures another sandbox by the probes of claudebox. All of it is in [`escape_tests::elsewhere`].

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(escape_tests::elsewhere::main())
}
