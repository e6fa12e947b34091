//! What a run is about to do, for a person who waits; used by the table and by `size`.

use std::io::{IsTerminal, Write};

/// Shows a text on one line of standard error, if that is a terminal; an empty text removes the line.
pub(super) fn show(text: &str) {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        let _ = write!(out, "\r\u{1b}[2K{text}").and_then(|()| out.flush());
    }
}
