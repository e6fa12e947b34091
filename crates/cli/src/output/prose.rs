//! Sentences for people: broken between words at the terminal's width.

use unicode_width::UnicodeWidthStr as _;

/// What the second and later rows of a line begin with.
const INDENT: &str = "    ";

/// A line as rows that are no wider than `width`, unless a single word is; without a width it stays whole.
pub(crate) fn folded(line: &str, width: Option<usize>) -> String {
    let Some(width) = width.filter(|width| line.width() > *width) else { return line.to_owned() };
    let (mut rows, mut row) = (Vec::new(), String::new());
    for word in line.split_inclusive(' ') {
        if row.width() + word.trim_end().width() > width && !row.trim().is_empty() {
            rows.push(row.trim_end().to_owned());
            INDENT.clone_into(&mut row);
        }
        row.push_str(word);
    }
    rows.push(row.trim_end().to_owned());
    rows.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_break_between_words() {
        let line = "! token  header Authorization: kept secret here";
        assert_eq!(folded(line, None), line);
        assert_eq!(folded(line, Some(80)), line);
        assert_eq!(folded(line, Some(30)), "! token  header Authorization:\n    kept secret here");
        assert_eq!(folded("a-word-that-is-longer x", Some(8)), "a-word-that-is-longer\n    x");
        for width in 10..50 {
            assert!(folded(line, Some(width)).lines().all(|row| row.width() <= width.max(18)), "{width}");
        }
    }

    proptest! {
        #[test]
        fn a_folded_line_has_the_same_words_in_rows_that_fit(words in prop::collection::vec("[a-zé日]{1,12}", 1..30), width in 30usize..100) {
            let line = words.join(" ");
            let folded = folded(&line, Some(width));
            prop_assert_eq!(folded.split_whitespace().collect::<Vec<_>>(), words);
            prop_assert!(folded.lines().all(|row| row.width() <= width), "{}", folded);
            prop_assert!(folded.lines().skip(1).all(|row| row.starts_with(INDENT)), "{}", folded);
        }
    }
}
