//! Owns how an error meets a person: what failed, why, and a remedy on a line of its own.
//!
//! Each stage has its own error enum. Those that know a way out implement [`Hint`]; `main` prints the chain once.

use std::error::Error;

/// What the person can do about an error.
pub trait Hint: Error {
    /// One sentence or command, without the leading `hint:`.
    fn hint(&self) -> Option<String>;
}

/// The value of `known` nearest to `given`, if one is near enough to be a slip of the hand.
#[must_use]
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| {
            (
                strsim::jaro_winkler(&given.to_lowercase(), &name.to_lowercase()),
                name,
            )
        })
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_noise_finds_nothing() {
        assert_eq!(nearest("netwrok", ["network", "mounts"]), Some("network"));
        assert_eq!(nearest("zzz", ["network", "mounts"]), None);
    }
}
