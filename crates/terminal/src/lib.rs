//! What commands print for people: colours only on a terminal, never in a pipe, and lines that break between words.
//!
//! Every command of the server's side prints through a [`Terminal`]; the commands of the client have more forms of output,
//! and take their colours and widths from here. Nothing else writes to standard output.

/// [`folded`]: sentences at the terminal's width.
pub mod prose;
/// [`Style`]: how text looks.
pub mod style;

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

pub use prose::folded;
pub use style::Style;
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

impl Terminal {
    /// Standard output, with colours when it is a terminal and they are not refused.
    pub fn new(refuse_colours: bool) -> Self {
        let is_terminal = io::stdout().is_terminal();
        Self { colours: !refuse_colours && is_terminal, refuse_colours, width: columns(io::stdout()) }
    }

    /// Standard output without colours.
    pub fn plain() -> Self {
        Self { colours: false, refuse_colours: true, width: None }
    }

    /// Whether the log, which goes to standard error, takes colours.
    pub fn colours_the_log(self) -> bool {
        !self.refuse_colours && io::stderr().is_terminal()
    }

    /// `text` in `style`.
    pub fn paint(self, style: Style, text: impl Display) -> String {
        if self.colours { style.paint(text) } else { text.to_string() }
    }

    /// Writes `text` with its lines broken between words where the terminal ends; what follows is
    /// indented as the line was. For prose: a command that is broken cannot be pasted.
    pub fn prose(self, text: impl Display) {
        self.line(folded(&text.to_string(), self.width));
    }

    /// Writes `text` and a line break. A reader that has gone away is no error of ours.
    pub fn line(self, text: impl Display) {
        let mut out = io::stdout().lock();
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }
}

/// The columns of a terminal; `None` of anything else.
pub fn columns(of: impl AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(of).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_stay_away_from_pipes_and_from_those_who_refuse_them() {
        let painting = Terminal { colours: true, refuse_colours: false, width: None };
        assert_eq!(Terminal::plain().paint(Style::Red, "x"), "x");
        assert_eq!(painting.paint(Style::Red, "x"), Style::Red.paint("x"));
        assert!(!Terminal::new(true).colours);
    }
}
