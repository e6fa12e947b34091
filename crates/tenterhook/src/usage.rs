//! What the parser of the command line answers instead of a command: the help, the version, or what is wrong with the
//! words, in lines that break between words.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::builder::Styles;
use clap::builder::styling::{Ansi256Color, Effects};
use tenterhook_terminal::{Style, columns, folded};

/// How help and errors look: as everything else that is printed.
pub const STYLES: Styles = Styles::plain()
    .header(of(Style::Bold).effects(Effects::BOLD))
    .usage(of(Style::Bold).effects(Effects::BOLD))
    .literal(of(Style::Cyan))
    .valid(of(Style::Green))
    .invalid(of(Style::Yellow))
    .error(of(Style::Red).effects(Effects::BOLD));

const fn of(style: Style) -> clap::builder::styling::Style {
    match style.colour() {
        Some(place) => Ansi256Color(place).on_default(),
        None => clap::builder::styling::Style::new(),
    }
}

/// Prints an answer, with `colours` only on a terminal: to standard error what is wrong, and to standard output what was
/// asked for.
pub fn show(answer: &clap::Error, colours: bool) -> ExitCode {
    let code = u8::try_from(answer.exit_code()).unwrap_or(u8::MAX);
    // A reader that has gone away is no error of ours.
    let _ = if answer.use_stderr() {
        let text = folded(&text(answer, colours && io::stderr().is_terminal()), columns(io::stderr()));
        io::stderr().write_all(text.as_bytes())
    } else {
        io::stdout().write_all(text(answer, colours && io::stdout().is_terminal()).as_bytes())
    };
    ExitCode::from(code)
}

fn text(answer: &clap::Error, colours: bool) -> String {
    let rendered = answer.render();
    if colours { rendered.ansi().to_string() } else { rendered.to_string() }
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;

    #[test]
    fn an_error_of_the_command_line_breaks_between_words() {
        let command = Command::new("tenterhook").styles(STYLES).arg(clap::arg!([NAME] "Its name").required(true));
        let words = ["tenterhook", "--verify-the-certificates-of-the-receiver", "no"];
        let answer = command.try_get_matches_from(words).unwrap_err();
        let (plain, coloured) = (text(&answer, false), text(&answer, true));
        assert!(!plain.contains('\u{1b}') && coloured.contains(&Style::Yellow.begin()), "{coloured:?}");
        for width in [60, 80] {
            let rows = folded(&plain, Some(width));
            assert!(rows.lines().all(|row| row.chars().count() <= width), "{rows}");
            let (broken, whole): (Vec<_>, Vec<_>) =
                (rows.split_whitespace().collect(), plain.split_whitespace().collect());
            assert_eq!(broken, whole);
        }
    }
}
