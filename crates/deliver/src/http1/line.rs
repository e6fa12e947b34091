//! Lines of a head, which end with a line feed, usually after a carriage return (RFC 9112
//! section 2.2).

use std::ops::Range;

/// Bytes of one line that are looked at; the rest of a longer one is skipped.
pub(super) const LINE_BYTES: usize = 16 * 1_024;

/// The first line of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// All of it.
    Whole {
        /// Where its text is.
        text: Range<usize>,
        /// Bytes with its end.
        bytes: usize,
    },
    /// Its beginning; it is longer than lines may be.
    Cut {
        /// Where its text is.
        text: Range<usize>,
    },
    /// Not all of it has come in.
    Part,
}

/// Finds the first line of `input`.
pub(super) fn first(input: &[u8]) -> Line {
    let window = &input[..input.len().min(LINE_BYTES)];
    match window.iter().position(|byte| *byte == b'\n') {
        Some(end) => {
            let text = input[..end].strip_suffix(b"\r").unwrap_or(&input[..end]).len();
            debug_assert!(text <= end && end < input.len(), "a line of {text} bytes ends at {end}");
            Line::Whole { text: 0..text, bytes: end + 1 }
        }
        None if window.len() == LINE_BYTES => Line::Cut { text: 0..LINE_BYTES },
        None => Line::Part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_ends_with_a_line_feed_and_has_a_limit() {
        assert_eq!(first(b"ab\r\ncd"), Line::Whole { text: 0..2, bytes: 4 });
        assert_eq!(first(b"\n"), Line::Whole { text: 0..0, bytes: 1 });
        assert_eq!(first(b"ab\r"), Line::Part);
        let long = vec![b'x'; LINE_BYTES + 9];
        assert_eq!(first(&long), Line::Cut { text: 0..LINE_BYTES });
        assert_eq!(first(&long[..LINE_BYTES - 1]), Line::Part);
    }

    proptest! {
        #[test]
        fn lines_are_what_lies_between_line_feeds(text in "[ab\r\n]{0,40}") {
            let (mut rest, mut found) = (text.as_bytes(), Vec::new());
            while let Line::Whole { text, bytes } = first(rest) {
                found.push(rest[text].to_vec());
                rest = &rest[bytes..];
            }
            let parts: Vec<&str> = text.split('\n').collect();
            let (last, whole) = parts.split_last().expect("a text has at least one part");
            let wanted: Vec<Vec<u8>> =
                whole.iter().map(|line| line.strip_suffix('\r').unwrap_or(line).as_bytes().to_vec()).collect();
            prop_assert_eq!(found, wanted);
            prop_assert_eq!(rest, last.as_bytes());
        }
    }
}
