//! What commands print for people: colours only on a terminal, never in a pipe.
//!
//! Every command prints through a [`Terminal`]; nothing else writes to standard output.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

pub use tenterhook_model::harmless;

/// Standard output, whether it takes colours, and how wide it is.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    colours: bool,
    /// Whether colours are refused wherever they would go.
    refuse_colours: bool,
    /// Columns, if it is a terminal.
    width: Option<usize>,
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
        let is_terminal = io::stdout().is_terminal();
        Self { colours: !refuse_colours && is_terminal, refuse_colours, width: is_terminal.then(columns).flatten() }
    }

    /// Standard output without colours.
    pub fn plain() -> Self {
        Self { colours: false, refuse_colours: true, width: None }
    }

    /// Whether the log, which goes to standard error, takes colours.
    pub(crate) fn colours_the_log(self) -> bool {
        !self.refuse_colours && io::stderr().is_terminal()
    }

    /// `text` in `style`.
    pub fn paint(self, style: Style, text: impl Display) -> String {
        if self.colours { format!("\u{1b}[{}m{text}\u{1b}[0m", style.code()) } else { text.to_string() }
    }

    /// Writes `text` with its lines broken between words where the terminal ends; what follows is
    /// indented as the line was. For prose: a command that is broken cannot be pasted.
    pub fn prose(self, text: impl Display) {
        let text = text.to_string();
        match self.width {
            Some(width) => self.line(wrapped(&text, width)),
            None => self.line(text),
        }
    }

    /// Writes `text` and a line break. A reader that has gone away is no error of ours.
    pub fn line(self, text: impl Display) {
        let mut out = io::stdout().lock();
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }
}

/// The columns of the terminal.
fn columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// The text with its lines broken between words, none of which is longer than `width` unless a
/// single word is. Colours take no room.
fn wrapped(text: &str, width: usize) -> String {
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let indent = " ".repeat((line.len() - line.trim_start_matches(' ').len() + 2).min(width / 2));
        let (mut row, mut taken) = (String::new(), 0);
        for piece in line.split_inclusive(' ') {
            let word = piece.trim_end_matches(' ');
            if taken + shown_width(word) > width && !row.trim().is_empty() {
                lines.push(row.trim_end().to_owned());
                (row, taken) = (indent.clone(), indent.len());
                if word.is_empty() {
                    continue;
                }
            }
            row.push_str(piece);
            taken += shown_width(piece);
        }
        lines.push(row.trim_end().to_owned());
    }
    lines.join("\n")
}

/// The columns that a text takes, without its colours.
fn shown_width(text: &str) -> usize {
    let mut parts = text.split('\u{1b}');
    let plain = parts.next().unwrap_or_default().chars().count();
    plain + parts.map(|part| part.split_once('m').map_or(0, |(_, text)| text.chars().count())).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_stay_away_from_pipes_and_from_those_who_refuse_them() {
        assert_eq!(Terminal::plain().paint(Style::Red, "x"), "x");
        assert_eq!(
            Terminal { colours: true, refuse_colours: false, width: None }.paint(Style::Red, "x"),
            "\u{1b}[31mx\u{1b}[0m"
        );
        assert!(!Terminal::new(true).colours);
    }

    #[test]
    fn lines_are_broken_between_words_and_colours_take_no_room() {
        let text = "  one \u{1b}[2mtwo three\u{1b}[0m four five\n\nsix";
        assert_eq!(wrapped(text, 15), "  one \u{1b}[2mtwo three\u{1b}[0m\n    four five\n\nsix");
        assert_eq!(wrapped(text, 80), text);
        assert_eq!(wrapped("a-word-that-is-longer x", 8), "a-word-that-is-longer\n  x");
        for width in 9..40 {
            let lines = wrapped(text, width);
            assert!(lines.lines().all(|line| shown_width(line) <= width), "{width}: {lines}");
        }
    }
}
