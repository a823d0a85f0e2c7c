//! Owns the clock: whole processes in alternation, so that what the machine does meanwhile meets all of them.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Runs of each that do not count.
const WARM: usize = 2;

/// The medians.
///
/// # Panics
/// Where a run fails.
pub fn alternate(rounds: usize, runs: &[(&str, &dyn Fn() -> Command)]) -> Vec<Duration> {
    let mut times = vec![Vec::new(); runs.len()];
    for round in 0..WARM + rounds {
        for ((name, command), times) in runs.iter().zip(&mut times) {
            let mut command = command();
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let began = Instant::now();
            let status = command
                .status()
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            let took = began.elapsed();
            assert!(status.success(), "{name}: {status}");
            if round >= WARM {
                times.push(took);
            }
        }
    }
    times.into_iter().map(median).collect()
}

/// The one in the middle.
///
/// # Panics
/// Where there is none.
#[must_use]
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// In milliseconds.
#[must_use]
pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// How many times the one is the other.
#[must_use]
pub fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}
