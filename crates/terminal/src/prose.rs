//! Sentences for people: broken between words at the terminal's width.

use unicode_width::UnicodeWidthStr as _;

/// Columns by which what follows of a line is further in than the line.
const INDENT: usize = 2;

/// The text with its lines broken between words, none of which is wider than `width` unless a single word is; without
/// a width they stay whole. What stands between backticks or quotation marks is pasted as it is, and counts as one word.
/// Colours take no room.
pub fn folded(text: &str, width: Option<usize>) -> String {
    let Some(width) = width else { return text.to_owned() };
    let rows: Vec<String> = text.split('\n').map(|line| folded_line(line, width)).collect();
    rows.join("\n")
}

fn folded_line(line: &str, width: usize) -> String {
    let margin = line.len() - line.trim_start_matches(' ').len();
    let indent = " ".repeat((margin + INDENT).min(width / 2));
    let (mut rows, mut row, mut taken) = (Vec::new(), String::new(), 0);
    for piece in words(line, width.saturating_sub(indent.len())) {
        let word = piece.trim_end_matches(' ');
        if taken + shown_width(word) > width && !row.trim().is_empty() {
            rows.push(row.trim_end().to_owned());
            (row, taken) = (indent.clone(), indent.len());
        }
        row.push_str(piece);
        taken += shown_width(piece);
    }
    rows.push(row.trim_end().to_owned());
    rows.join("\n")
}

/// The words with the spaces behind them. What is quoted and fits in `room` is one.
fn words(line: &str, room: usize) -> Vec<&str> {
    let (mut words, mut rest) = (Vec::new(), line);
    while !rest.is_empty() {
        let mut end = rest.find(' ').map_or(rest.len(), |space| space + 1);
        let open = rest.trim_start_matches('(').chars().next().filter(|first| ['`', '\''].contains(first));
        if let Some(mark) = open
            && let Some((at, _)) = rest.match_indices(mark).nth(1)
        {
            let behind = at + 1;
            let whole = rest[behind..].find(' ').map_or(rest.len(), |space| behind + space + 1);
            if shown_width(rest[..whole].trim_end()) <= room {
                end = end.max(whole);
            }
        }
        let (word, behind) = rest.split_at(end);
        words.push(word);
        rest = behind;
    }
    words
}

/// The columns that a text takes, without its colours.
fn shown_width(text: &str) -> usize {
    let mut parts = text.split('\u{1b}');
    let plain = parts.next().unwrap_or_default().width();
    plain + parts.map(|part| part.split_once('m').map_or(0, |(_, text)| text.width())).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_colours_take_no_room() {
        let text = "  one \u{1b}[2mtwo three\u{1b}[0m four five\n\nsix";
        assert_eq!(folded(text, None), text);
        assert_eq!(folded(text, Some(15)), "  one \u{1b}[2mtwo three\u{1b}[0m\n    four five\n\nsix");
        assert_eq!(folded(text, Some(80)), text);
        assert_eq!(folded("a-word-that-is-longer x", Some(8)), "a-word-that-is-longer\n  x");
    }

    #[test]
    fn what_is_quoted_and_fits_in_a_row_is_not_broken() {
        let text = "next: `tenterhook webhook list` shows them";
        assert_eq!(folded(text, Some(34)), "next: `tenterhook webhook list`\n  shows them");
        assert_eq!(folded(text, Some(28)), "next:\n  `tenterhook webhook list`\n  shows them");
        assert_eq!(folded(text, Some(20)), "next: `tenterhook\n  webhook list`\n  shows them");
        assert_eq!(folded("tip: use '-- --yes' (`x y`)", Some(16)), "tip: use\n  '-- --yes'\n  (`x y`)");
        assert_eq!(folded("it's an odd ` and more", Some(12)), "it's an odd\n  ` and more");
    }

    proptest! {
        #[test]
        fn a_folded_text_has_the_same_words_in_rows_that_fit(
            words in prop::collection::vec("[a-zé日`']{1,12}", 1..30),
            margin in 0usize..4,
            width in 30usize..100,
        ) {
            let line = format!("{}{}", " ".repeat(margin), words.join(" "));
            let folded = folded(&line, Some(width));
            prop_assert_eq!(folded.split_whitespace().collect::<Vec<_>>(), words);
            prop_assert!(folded.lines().all(|row| row.width() <= width), "{}", folded);
            let indent = " ".repeat(margin + INDENT);
            prop_assert!(folded.lines().skip(1).all(|row| row.starts_with(&indent)), "{}", folded);
        }
    }
}
