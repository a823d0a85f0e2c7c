//! Owns the table that a person reads. Its columns fit a terminal of 80; what does not fit stands in JSON.

use std::fmt::Write;

use claudebox::text::escape;

use super::super::run::Outcome;
use super::super::verdict::Verdict;
use super::{Answer, Head, behind, counts, seconds};

const WIDTH: usize = 80;

pub(in super::super) fn text(head: &Head, outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    let Head {
        sandbox,
        tier,
        os,
        kernel,
        uid,
        seconds: whole,
    } = head;
    let mut line = |line: String| writeln!(text, "{line}").expect("writing to a string");
    line(format!("sandbox  {sandbox}"));
    line(format!("host     {os}, Linux {kernel}"));
    line(format!(
        "started  by uid {uid}, network {tier}, {whole} seconds in all\n"
    ));
    line(format!(
        "{:<31}{:<22}{:<15}{:>7}",
        "probe", "guard", "verdict", "seconds"
    ));
    for outcome in outcomes {
        let guards = outcome.probe.behind;
        let guard = match guards {
            [] => "-".to_owned(),
            [one] => one.name().to_owned(),
            [first, more @ ..] => format!("{} +{}", first.name(), more.len()),
        };
        line(format!(
            "{:<31}{guard:<22}{:<15}{:>7.2}",
            outcome.name,
            outcome.verdict.name(),
            seconds(outcome.took)
        ));
        if !outcome.detail.is_empty() {
            line(format!("    {}", cut(&outcome.detail, WIDTH - 4)));
        }
        // The last words of a program that failed tell most.
        let last = outcome.said.lines().last();
        if let (Verdict::Error, Some(last)) = (outcome.verdict, last) {
            line(format!("    {}", cut(last, WIDTH - 4)));
        }
    }
    line(String::new());
    for (verdict, count) in counts(outcomes) {
        line(format!("{:<15}{count:>4}", verdict.name()));
    }
    line("\nguards of claudebox, and how many of the probes behind them held:".into());
    for (answer, words) in [
        (Answer::All, "all held"),
        (Answer::Some, "some held"),
        (Answer::None, "none held"),
        (Answer::Unknown, "none was tried"),
    ] {
        let behind = behind(outcomes);
        let of_it = behind.iter().filter(|behind| behind.answer == answer);
        let of_it: Vec<String> = of_it
            .map(|behind| {
                let held = format!("{} {}/{}", behind.guard.name(), behind.held, behind.tried);
                match behind.not_tried {
                    0 => held,
                    more => format!("{held}, {more} not tried"),
                }
            })
            .collect();
        if !of_it.is_empty() {
            line(format!("{words} ({})", of_it.len()));
            of_it.iter().for_each(|one| line(format!("    {one}")));
        }
    }
    text
}

/// One line of at most `most` characters.
fn cut(text: &str, most: usize) -> String {
    let shown = escape(text.as_ref());
    if shown.chars().count() <= most {
        return shown;
    }
    let mut cut: String = shown.chars().take(most - 1).collect();
    cut.push('…');
    cut
}
