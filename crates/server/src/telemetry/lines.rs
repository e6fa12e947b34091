//! Lines of the log for people: what comes from outside can neither begin a line nor steer a terminal.

use std::io::{self, Write};

use tenterhook_terminal::Style;
use tracing_subscriber::fmt::MakeWriter;

/// Makes a writer for each entry of the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines<F>(pub(super) F);

impl<'a, F: Fn() -> W, W: Write> MakeWriter<'a> for Lines<F> {
    type Writer = Line<W>;

    fn make_writer(&'a self) -> Line<W> {
        Line((self.0)())
    }
}

/// Writes one entry, which the formatter hands over as a whole.
#[derive(Debug)]
pub(super) struct Line<W>(W);

impl<W: Write> Write for Line<W> {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        self.0.write_all(one_line(&String::from_utf8_lossy(entry)).as_bytes())?;
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The entry with control characters as escapes, but for the line break at its end and colours, which
/// are the formatter's: it has escaped those of values already.
fn one_line(entry: &str) -> String {
    let (text, end) = entry.strip_suffix('\n').map_or((entry, ""), |text| (text, "\n"));
    let mut line = String::with_capacity(entry.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => {
                let colour = colour(rest.as_str());
                match (colour, readable(colour)) {
                    ("", _) => line.push_str("\\u{1b}"),
                    (_, Some(style)) => line.push_str(&style.begin()),
                    (_, None) => line.extend(["\u{1b}", colour]),
                }
                rest = rest.as_str()[colour.len()..].chars();
            }
            '\t' => line.push(c),
            c if c.is_control() || is_invisible(c) => line.extend(c.escape_unicode()),
            c => line.push(c),
        }
    }
    line.push_str(end);
    line
}

/// The rest of a sequence that sets a colour (ECMA-48, "select graphic rendition"); else nothing.
fn colour(rest: &str) -> &str {
    let Some(numbers) = rest.strip_prefix('[') else { return "" };
    let end = numbers.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(numbers.len());
    if numbers[end..].starts_with('m') { &rest[..end + 2] } else { "" }
}

/// Our style for a colour of the formatter, which takes those of the theme.
fn readable(colour: &str) -> Option<Style> {
    Some(match colour {
        "[2m" => Style::Dim,
        "[31m" => Style::Red,
        "[32m" => Style::Green,
        "[33m" => Style::Yellow,
        "[34m" => Style::Cyan,
        _ => return None,
    })
}

/// Characters that reorder or break lines: U+2028, U+2029, and marks of direction (Unicode, UAX 9).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Debug, Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_colours_of_the_log_can_be_read_on_any_ground() {
        let kept = Kept::default();
        let writer = kept.clone();
        let layer = fmt::layer().with_ansi(true).with_writer(Lines(move || writer.clone()));
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!("1");
            tracing::warn!("2");
            tracing::info!("3");
            tracing::debug!("4");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        for style in [Style::Red, Style::Yellow, Style::Green, Style::Cyan, Style::Dim] {
            assert!(text.contains(&style.begin()), "{style:?}: {text:?}");
        }
        for themes in ["[2m", "[31m", "[32m", "[33m", "[34m"] {
            assert!(!text.contains(themes), "{text:?}");
        }
    }

    #[test]
    fn values_from_outside_neither_begin_a_line_nor_steer_a_terminal() {
        let forged = "x\n2026-01-01T00:00:00Z  INFO forged\r\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}2J\u{202e}\u{2028}";
        for ansi in [false, true] {
            let kept = Kept::default();
            let writer = kept.clone();
            let layer = fmt::layer().with_ansi(ansi).with_writer(Lines(move || writer.clone()));
            tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
                tracing::warn!(quoted = forged, shown = %forged, debug = ?forged, "{forged}");
            });
            let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
            assert_eq!(text.matches('\n').count(), 1, "{text:?}");
            let rest = text.trim_end_matches('\n').split('\u{1b}').skip(1);
            assert!(rest.clone().all(|rest| !colour(rest).is_empty()), "{text:?}");
            assert!(ansi || rest.count() == 0, "{text:?}");
            let wild = |c: char| c != '\n' && c != '\u{1b}' && (c.is_control() || is_invisible(c));
            assert!(!text.contains(wild), "{text:?}");
            assert!(text.contains("forged"), "{text:?}");
        }
    }
}
