//! What commands print for people: colours only on a terminal, never in a pipe.
//!
//! Every command prints through a [`Terminal`]; nothing else writes to standard output.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

/// Standard output, and whether it takes colours.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    colours: bool,
}

/// How a piece of text looks (ECMA-48 "select graphic rendition").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Headings.
    Bold,
    /// What one may skip.
    Dim,
    /// What went well.
    Green,
    /// What went wrong.
    Red,
    /// What needs a look.
    Yellow,
    /// Names and places.
    Cyan,
}

impl Style {
    const fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Green => "32",
            Self::Red => "31",
            Self::Yellow => "33",
            Self::Cyan => "36",
        }
    }
}

impl Terminal {
    /// Standard output, with colours when it is a terminal and they are not refused.
    pub fn new(refuse_colours: bool) -> Self {
        Self { colours: !refuse_colours && io::stdout().is_terminal() }
    }

    /// Standard output without colours.
    pub fn plain() -> Self {
        Self { colours: false }
    }

    /// `text` in `style`.
    pub fn paint(self, style: Style, text: impl Display) -> String {
        if self.colours { format!("\u{1b}[{}m{text}\u{1b}[0m", style.code()) } else { text.to_string() }
    }

    /// Writes `text` and a line break. A reader that has gone away is no error of ours.
    pub fn line(self, text: impl Display) {
        let mut out = io::stdout().lock();
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }
}

/// `text` with control characters as escapes, so that what a stranger sent cannot steer the terminal.
pub fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c if c.is_control()
                || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                shown.extend(c.escape_unicode());
            }
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_stay_away_from_pipes_and_from_those_who_refuse_them() {
        assert_eq!(Terminal::plain().paint(Style::Red, "x"), "x");
        assert_eq!(Terminal { colours: true }.paint(Style::Red, "x"), "\u{1b}[31mx\u{1b}[0m");
        assert!(!Terminal::new(true).colours);
    }

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        assert_eq!(harmless("a\u{1b}[2Jb\n\tc\u{202e}"), "a\\u{1b}[2Jb\n\tc\\u{202e}");
    }
}
