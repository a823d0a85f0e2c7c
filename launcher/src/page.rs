//! Owns laying out text for a person: headings, and items with aligned, indented continuations.
//!
//! Colour only repeats what a mark or a word says. A continuation never starts where a mark stands, so that text from
//! outside cannot look like an item of its own (AUD-E).

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthChar;

/// Headings.
pub const BOLD: Style = Style::new().bold();
/// Legends.
pub const DIM: Style = Style::new().dimmed();
/// What is dangerous.
pub const RED: Style = AnsiColor::Red.on_default().bold();
/// What deserves a look.
pub const YELLOW: Style = AnsiColor::Yellow.on_default();
/// Everything else.
pub const PLAIN: Style = Style::new();

/// Columns of a terminal that a person reads.
const COLUMNS: usize = 80;

/// Text under construction.
#[derive(Debug)]
pub struct Page {
    text: String,
    wrap: bool,
}

impl Page {
    /// An empty page; `wrap` breaks long items, for a terminal.
    #[must_use]
    pub fn new(wrap: bool) -> Self {
        Self {
            text: String::new(),
            wrap,
        }
    }

    /// The page as it is printed.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    /// A title with what its marks mean, after a blank line.
    pub fn heading(&mut self, title: &str, legend: &str) {
        let blank = if self.text.is_empty() { "" } else { "\n" };
        let _ = writeln!(
            self.text,
            "{blank}{BOLD}{title}{BOLD:#}  {DIM}{legend}{DIM:#}"
        );
    }

    /// One item: `mark` and `name`, then `value` in a column of its own. A name that is too wide for its column stands on
    /// its own line.
    pub fn row(&mut self, mark: &str, name: &str, columns: usize, value: &str, style: Style) {
        if self.wrap && width(name) > columns {
            self.item(mark, name, style);
            let indent = width(mark) + columns + 2;
            self.item(&" ".repeat(indent), value, style);
        } else {
            self.item(&format!("{mark}{}  ", pad(name, columns)), value, style);
        }
    }

    /// One item: the width of what stands before it is the indentation of its continuations.
    pub fn item(&mut self, before: &str, value: &str, style: Style) {
        let indent = width(before);
        let room = if self.wrap {
            COLUMNS.saturating_sub(indent).max(20)
        } else {
            usize::MAX
        };
        for (number, line) in fold(value, room).iter().enumerate() {
            let before = if number == 0 {
                before.to_owned()
            } else {
                " ".repeat(indent)
            };
            let _ = writeln!(self.text, "{before}{style}{line}{style:#}");
        }
    }
}

/// `text` in pieces of at most `room` columns, broken at a space or after a `:`, and in a longer path after a `/`.
#[must_use]
pub fn fold(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    let words = text.split_inclusive([' ', ':']).flat_map(|word| {
        let whole = width(word.trim_end()) <= room;
        word.split_inclusive(move |c| c == '/' && !whole)
    });
    for word in words {
        if used > 0 && used + width(word.trim_end()) > room {
            lines.push(String::new());
            used = 0;
        }
        for c in word.chars() {
            let columns = c.width().unwrap_or(0);
            if used + columns > room {
                if c == ' ' {
                    continue;
                }
                lines.push(String::new());
                used = 0;
            }
            lines.last_mut().expect("there is always a line").push(c);
            used += columns;
        }
    }
    lines
        .into_iter()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// Columns that `text` takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.chars().filter_map(UnicodeWidthChar::width).sum()
}

/// `text`, filled up to `columns`.
#[must_use]
pub fn pad(text: &str, columns: usize) -> String {
    format!("{text}{:1$}", "", columns.saturating_sub(width(text)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn folding_keeps_every_letter_and_the_width(text in "[a-z :/日本]{0,300}", room in 20usize..90) {
            let lines = fold(&text, room);
            let letters = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
            prop_assert!(lines.iter().all(|line| width(line) <= room));
        }
    }
}
