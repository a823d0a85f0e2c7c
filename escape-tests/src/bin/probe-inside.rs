//! The one binary that stands beside the launcher in a trial: the attempt inside, and the neighbour and the keeper outside. Static, as all of the
//! workspace is, so that it runs whatever the inside holds.

use std::path::Path;
use std::process::ExitCode;

use escape_tests::harness::{inside, keeper, neighbour};
use escape_tests::sweep;

fn main() -> ExitCode {
    let word = std::env::args().nth(1).unwrap_or_default();
    let done = match word.as_str() {
        "--neighbour" => neighbour::run(),
        "--keeper" => keeper::run(),
        sweep::NAME => sweep::look::run(),
        name => inside::run(name, std::env::args_os().nth(2).as_deref().map(Path::new)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write;
            let _ = writeln!(std::io::stderr(), "probe-inside {word}: {error}");
            ExitCode::FAILURE
        }
    }
}
