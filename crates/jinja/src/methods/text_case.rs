//! Small and capital letters as Python's `str` makes them: one letter may become several, and what a
//! capital sigma becomes depends on the letters around it.

use super::text_is::is_cased;
use crate::python::text::is_space;

/// Letters around a capital sigma that decide what it becomes: accents between letters are skipped,
/// and more of them stand nowhere.
const AROUND: usize = 32;
/// The iota below a Greek letter, which a capital has beside it and a title keeps.
const IOTA: char = 'Ι';
const IOTA_BELOW: char = '\u{345}';

/// `str.casefold`
pub(super) fn casefold(string: &str) -> String {
    let mut out = String::with_capacity(string.len());
    for c in string.chars() {
        match c {
            // Cherokee had only capitals at first, so they are what texts are compared by.
            'Ꭰ'..='ᏽ' | 'ꭰ'..='ꮿ' => out.extend(c.to_uppercase()),
            // Its capital is that of another letter.
            'ı' => out.push(c),
            _ => out.extend(c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase)),
        }
    }
    out
}

/// The first letter as in a title, the others small.
pub(crate) fn capitalize(string: &str) -> String {
    let mut chars = string.chars();
    let Some(first) = chars.next() else {
        return String::new();
    };
    let mut out = title_case(first);
    out.push_str(&chars.as_str().to_lowercase());
    out
}

/// `str.swapcase`
pub(super) fn swap_case(string: &str) -> String {
    let mut out = String::with_capacity(string.len());
    for (at, c) in string.char_indices() {
        if c.is_uppercase() {
            push_small(&mut out, string, at, c);
        } else if c.is_lowercase() {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
    }
    out
}

/// `str.title`
pub(super) fn title(string: &str) -> String {
    let mut out = String::with_capacity(string.len());
    let mut after_cased = false;
    for (at, c) in string.char_indices() {
        if after_cased {
            push_small(&mut out, string, at, c);
        } else {
            out.push_str(&title_case(c));
        }
        after_cased = is_cased(c);
    }
    out
}

/// Jinja2's `title` filter: words begin after blanks, dashes and brackets.
pub(crate) fn title_words(string: &str) -> String {
    let is_between = |c: char| matches!(c, '-' | '(' | '{' | '[' | '<') || is_space(c);
    let mut out = String::with_capacity(string.len());
    for word in string.split_inclusive(is_between) {
        let mut chars = word.chars();
        out.extend(chars.next().into_iter().flat_map(char::to_uppercase));
        out.push_str(&chars.as_str().to_lowercase());
    }
    out
}

/// A letter as at the beginning of a title.
fn title_case(c: char) -> String {
    let alone = match c {
        'Ǆ' | 'ǅ' | 'ǆ' => Some('ǅ'),
        'Ǉ' | 'ǈ' | 'ǉ' => Some('ǈ'),
        'Ǌ' | 'ǋ' | 'ǌ' => Some('ǋ'),
        'Ǳ' | 'ǲ' | 'ǳ' => Some('ǲ'),
        // Georgian has capitals for whole words only.
        'ა'..='ჿ' => Some(c),
        // Greek with an iota below; the titles stand eight places behind.
        'ᾀ'..='ᾯ' => char::from_u32(u32::from(c) | 8),
        'ᾳ' | 'ᾼ' => Some('ᾼ'),
        'ῃ' | 'ῌ' => Some('ῌ'),
        'ῳ' | 'ῼ' => Some('ῼ'),
        _ => None,
    };
    if let Some(alone) = alone {
        return alone.to_string();
    }
    let mut upper = c.to_uppercase();
    let mut out: String = upper.next().into_iter().collect();
    match c {
        'ŉ' => out.extend(upper),
        'ᾲ'..='ῷ' => out.extend(upper.map(|c| if c == IOTA { IOTA_BELOW } else { c })),
        _ => out.extend(upper.flat_map(char::to_lowercase)),
    }
    out
}

/// Appends the small letter of `c`, which stands at `at` in `string`.
fn push_small(out: &mut String, string: &str, at: usize, c: char) {
    if c == 'Σ' { out.push(small_sigma(string, at)) } else { out.extend(c.to_lowercase()) }
}

/// `ς` at the end of a word, `σ` elsewhere.
fn small_sigma(string: &str, at: usize) -> char {
    let (before, after) = string.split_at(at);
    let start = before.char_indices().rev().take(AROUND).last().map_or(at, |(start, _)| start);
    let end = after.char_indices().nth(AROUND).map_or(string.len(), |(end, _)| at + end);
    let letters_before = string[start..at].to_lowercase().chars().count();
    let small = string[start..end].to_lowercase().chars().nth(letters_before).unwrap_or('σ');
    debug_assert!(matches!(small, 'σ' | 'ς'), "the letter in the place of a sigma is one");
    small
}

#[cfg(test)]
mod tests {
    use super::*;

    // What Python 3.11 prints.
    #[test]
    fn letters_that_become_several_or_others() {
        let cases = [
            ("straße ẞ", "strasse ss", "Straße ẞ", "STRASSE ß"),
            ("ŉ \u{1f0} ﬁ ﬀ", "ʼn j\u{30c} fi ff", "ʼN J\u{30c} Fi Ff", "ʼN J\u{30c} FI FF"),
            ("ǆ ǉ ǌ ǳ", "ǆ ǉ ǌ ǳ", "ǅ ǈ ǋ ǲ", "Ǆ Ǉ Ǌ Ǳ"),
            ("ı İ", "ı i\u{307}", "I İ", "I i\u{307}"),
            ("საქართველო", "საქართველო", "საქართველო", "ᲡᲐᲥᲐᲠᲗᲕᲔᲚᲝ"),
            ("ᾳ ᾲ ᾷ ᾀ ᾏ", "αι ὰι α\u{342}ι ἀι ἇι", "ᾼ Ὰ\u{345} Α\u{342}\u{345} ᾈ ᾏ", "ΑΙ ᾺΙ Α\u{342}Ι ἈΙ ᾏ"),
            ("Ꭰꭰ", "ᎠᎠ", "Ꭰꭰ", "ꭰᎠ"),
            ("", "", "", ""),
        ];
        for (given, folded, titled, swapped) in cases {
            assert_eq!(casefold(given), folded, "{given}");
            assert_eq!(title(given), titled, "{given}");
            assert_eq!(swap_case(given), swapped, "{given}");
        }
    }

    #[test]
    fn a_sigma_at_the_end_of_a_word_is_another_one() {
        assert_eq!(title("ΟΔΟΣ ΣΑΣ ΑΣ'Α"), "Οδος Σας Ασ'Α");
        assert_eq!(title_words("ΟΔΟΣ-ΣΑΣ (ΑΣ"), "Οδος-Σας (Ασ");
        assert_eq!(swap_case("ΟΔΟΣ Σ"), "οδος σ");
        assert_eq!(casefold("ΟΔΟΣ ς"), "οδοσ σ");
        assert_eq!(capitalize("ΟΔΟΣ"), "Οδος");
        let accents = "\u{301}".repeat(AROUND - 2);
        assert_eq!(title(&format!("ΑΣ{accents}Α")), format!("Ασ{accents}Α"));
    }

    #[test]
    fn words_begin_after_blanks_dashes_and_brackets() {
        assert_eq!(title_words("a-b (c [d{e <f g\th"), "A-B (C [D{E <F G\tH");
        assert_eq!(title_words("it's mcDonald--x"), "It's Mcdonald--X");
        assert_eq!(title("it's mcDonald--x1y"), "It'S Mcdonald--X1Y");
    }
}
