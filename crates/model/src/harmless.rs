//! Text of strangers on a terminal: shown, never obeyed. Every command prints through this.

/// `text` with control characters as escapes, so that what a stranger sent cannot steer the terminal. Line
/// breaks and tabs stay.
pub fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c if steers(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// As [`harmless`], and on one line: line breaks and tabs are escaped too.
pub fn harmless_line(text: &str) -> String {
    harmless(text).replace('\n', "\\n").replace('\t', "\\t")
}

/// Control characters, and those that change the direction of text (Unicode Standard Annex 9, section 2).
fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        assert_eq!(harmless("a\u{1b}[2Jb\n\tc\u{202e}"), "a\\u{1b}[2Jb\n\tc\\u{202e}");
        assert_eq!(harmless_line("a\nb\tc\r"), "a\\nb\\tc\\u{d}");
    }

    proptest! {
        #[test]
        fn nothing_that_is_shown_steers_a_terminal(text in any::<String>()) {
            let shown = harmless(&text);
            prop_assert!(!shown.chars().any(|c| steers(c) && c != '\n' && c != '\t'), "{:?}", shown);
            prop_assert_eq!(shown.lines().count(), text.replace('\r', "x").lines().count());
            let line = harmless_line(&text);
            prop_assert!(!line.chars().any(steers), "{:?}", line);
        }

        #[test]
        fn what_steers_nothing_is_shown_as_it_is(text in "[ -~äöü日本😀]{0,30}") {
            prop_assert_eq!(harmless(&text), text.clone());
            prop_assert_eq!(harmless_line(&text), text);
        }
    }
}
