//! Where and why a text is not JSON (RFC 8259), in our own words, which quote nothing of it.
//!
//! Asked only about a text that the parser has refused, so that a person learns what to change.

/// The text stops too early.
const ENDS: &str = "it ends before it is complete";
/// What a value may be, when something else is there.
const NO_VALUE: &str = "a value must be an object, an array, a text in double quotes, a number, true, false or null";
const SINGLE_QUOTES: &str = "single quotes are not JSON; texts and keys take double quotes";
const COMMENT: &str = "comments are not JSON; leave them out";
const NOT_A_NUMBER: &str = "NaN and Infinity are not JSON; write null or a text";
const TRAILING_COMMA: &str = "a comma must be followed by a value; leave out the last one";
const CONTROL: &str = "a text has a control character; write it as \\n, \\t or \\u with four digits";
const ESCAPE: &str = "a text has an escape that JSON does not know; write a backslash as \\\\";
const SURROGATE: &str = "a text has half a surrogate pair (\\ud800 to \\udfff), which is not a character";

/// What is wrong with a text, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flaw {
    /// Line from 1.
    pub(super) line: u32,
    /// Column from 1, in characters.
    pub(super) column: u32,
    /// What is wrong and what to do.
    pub(super) reason: &'static str,
}

/// Finds the first flaw of `text`; `None` when it is JSON. The text must not nest deeper than a
/// stack can follow: ask [`super::nests_deeper`] first.
pub(super) fn diagnose(text: &str) -> Option<Flaw> {
    let mut scanner = Scanner { text, at: 0 };
    let reason = scanner.document().err()?;
    let before = text.get(..scanner.at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let count = |count: usize| u32::try_from(count + 1).unwrap_or(u32::MAX);
    let (line, column) = (before.matches('\n').count(), before[line_start..].chars().count());
    Some(Flaw { line: count(line), column: count(column), reason })
}

/// What a part of a document is: fine, or wrong at the scanner's place.
type Scanned = Result<(), &'static str>;

/// Reads a text up to its first flaw.
struct Scanner<'a> {
    text: &'a str,
    /// The byte that is read next, at the start of a character.
    at: usize,
}

impl Scanner<'_> {
    fn document(&mut self) -> Scanned {
        if self.text.starts_with('\u{feff}') {
            return Err("it begins with a byte order mark; save it without one");
        }
        self.blanks();
        if self.peek().is_none() {
            return Err("it is empty");
        }
        self.value()?;
        self.blanks();
        match self.peek() {
            None => Ok(()),
            Some(b'/' | b'#') => Err(COMMENT),
            Some(_) => Err("something follows the end of the value; one document has one value"),
        }
    }

    fn value(&mut self) -> Scanned {
        self.blanks();
        match self.peek() {
            None => Err(ENDS),
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'\'') => Err(SINGLE_QUOTES),
            Some(b'/' | b'#') => Err(COMMENT),
            Some(b'+') => Err("a number has no plus sign"),
            Some(b'.') => Err("a number must have a digit before its point"),
            Some(_) => self.word(),
        }
    }

    fn object(&mut self) -> Scanned {
        self.at += 1;
        self.blanks();
        if self.takes(b'}') {
            return Ok(());
        }
        loop {
            self.blanks();
            match self.peek() {
                None => return Err(ENDS),
                Some(b'"') => self.string()?,
                Some(b'}' | b',') => return Err(TRAILING_COMMA),
                Some(b'\'') => return Err(SINGLE_QUOTES),
                Some(b'/' | b'#') => return Err(COMMENT),
                Some(_) => return Err("a key must be a text in double quotes"),
            }
            self.blanks();
            if !self.takes(b':') {
                return Err(self.or_ends("a colon must follow a key"));
            }
            self.value()?;
            if !self.has_more(b'}', "a comma or `}` must follow a member of an object")? {
                return Ok(());
            }
        }
    }

    fn array(&mut self) -> Scanned {
        self.at += 1;
        self.blanks();
        if self.takes(b']') {
            return Ok(());
        }
        loop {
            self.blanks();
            if matches!(self.peek(), Some(b']' | b',')) {
                return Err(TRAILING_COMMA);
            }
            self.value()?;
            if !self.has_more(b']', "a comma or `]` must follow an item of an array")? {
                return Ok(());
            }
        }
    }

    /// Whether a comma follows, and not the end of the list.
    fn has_more(&mut self, end: u8, neither: &'static str) -> Result<bool, &'static str> {
        self.blanks();
        if self.takes(b',') {
            return Ok(true);
        }
        if self.takes(end) { Ok(false) } else { Err(self.or_ends(neither)) }
    }

    fn string(&mut self) -> Scanned {
        self.at += 1;
        loop {
            match self.peek() {
                None => return Err(ENDS),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(..b' ') => return Err(CONTROL),
                Some(b'\\') => self.escape()?,
                Some(_) => self.skip_character(),
            }
        }
    }

    fn escape(&mut self) -> Scanned {
        let rest = &self.text.as_bytes()[self.at + 1..];
        match rest.first() {
            None => {
                self.at += 1;
                Err(ENDS)
            }
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => self.unit_escape(),
            Some(_) => Err(ESCAPE),
        }
    }

    /// An escape of a UTF-16 unit, or two of them that make one character.
    fn unit_escape(&mut self) -> Scanned {
        let unit = |at: usize| {
            let digits = self.text.get(at..at + 6)?.strip_prefix("\\u")?;
            let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            is_hex.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
        };
        match (unit(self.at), unit(self.at + 6)) {
            (None, _) if self.text.len() < self.at + 6 => Err(ENDS),
            (None, _) => Err(ESCAPE),
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => {
                self.at += 12;
                Ok(())
            }
            (Some(0xd800..=0xdfff), _) => Err(SURROGATE),
            (Some(_), _) => {
                self.at += 6;
                Ok(())
            }
        }
    }

    fn number(&mut self) -> Scanned {
        self.takes(b'-');
        if self.text[self.at..].starts_with("Inf") {
            return Err(NOT_A_NUMBER);
        }
        let start = self.at;
        self.digits("a number must have a digit after its sign")?;
        if self.at - start > 1 && self.text.as_bytes()[start] == b'0' {
            self.at = start;
            return Err("a number must not begin with a zero and more digits");
        }
        if self.takes(b'.') {
            self.digits("a number must have a digit after its point")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            let _sign = self.takes(b'+') || self.takes(b'-');
            self.digits("a number must have a digit in its exponent")?;
        }
        Ok(())
    }

    /// At least one digit.
    fn digits(&mut self, none: &'static str) -> Scanned {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(self.or_ends(none)) }
    }

    /// A bare word: one of JSON's three, or what people write in its place.
    fn word(&mut self) -> Scanned {
        let rest = &self.text[self.at..];
        let word = &rest[..rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len())];
        match word {
            "true" | "false" | "null" => {
                self.at += word.len();
                Ok(())
            }
            "True" | "False" | "None" => Err("Python's True, False and None are true, false and null in JSON"),
            "NaN" | "nan" | "Infinity" | "inf" => Err(NOT_A_NUMBER),
            _ if !word.is_empty() && word.len() == rest.len() && is_begun(word) => {
                self.at += word.len();
                Err(ENDS)
            }
            _ => Err(NO_VALUE),
        }
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn takes(&mut self, byte: u8) -> bool {
        let takes = self.peek() == Some(byte);
        self.at += usize::from(takes);
        takes
    }

    fn skip_character(&mut self) {
        self.at += self.text[self.at..].chars().next().map_or(1, char::len_utf8);
    }

    /// `reason`, unless the text is over.
    fn or_ends(&self, reason: &'static str) -> &'static str {
        if self.peek().is_none() { ENDS } else { reason }
    }
}

/// Whether `word` is the beginning of one of JSON's words.
fn is_begun(word: &str) -> bool {
    ["true", "false", "null"].into_iter().any(|whole| whole.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_usual_mistakes_are_named_where_they_are() {
        for (text, line, column, reason) in [
            ("", 1, 1, "it is empty"),
            ("{\"a\": [1, 2", 1, 12, ENDS),
            ("tru", 1, 4, ENDS),
            ("\"a\\", 1, 4, ENDS),
            ("{\"a\": 1,}", 1, 9, TRAILING_COMMA),
            ("[1, 2,\n]", 2, 1, TRAILING_COMMA),
            ("{'a': 1}", 1, 2, SINGLE_QUOTES),
            ("{\"ü\": 'x'}", 1, 7, SINGLE_QUOTES),
            ("{\n  // why\n}", 2, 3, COMMENT),
            ("[NaN]", 1, 2, NOT_A_NUMBER),
            ("[-Infinity]", 1, 3, NOT_A_NUMBER),
            ("[None]", 1, 2, "Python's True, False and None are true, false and null in JSON"),
            ("{a: 1}", 1, 2, "a key must be a text in double quotes"),
            ("{\"a\" 1}", 1, 6, "a colon must follow a key"),
            ("{\"a\": 1 \"b\": 2}", 1, 9, "a comma or `}` must follow a member of an object"),
            ("[1 2]", 1, 4, "a comma or `]` must follow an item of an array"),
            ("\"a\tb\"", 1, 3, CONTROL),
            ("\"C:\\dir\"", 1, 4, ESCAPE),
            ("\"\\ud800\"", 1, 2, SURROGATE),
            ("\"\\udc00\"", 1, 2, SURROGATE),
            ("01", 1, 1, "a number must not begin with a zero and more digits"),
            ("+1", 1, 1, "a number has no plus sign"),
            (".5", 1, 1, "a number must have a digit before its point"),
            ("[1.]", 1, 4, "a number must have a digit after its point"),
            ("[1e]", 1, 4, "a number must have a digit in its exponent"),
            ("[-]", 1, 3, "a number must have a digit after its sign"),
            ("<xml/>", 1, 1, NO_VALUE),
            ("1 2", 1, 3, "something follows the end of the value; one document has one value"),
            ("\u{feff}{}", 1, 1, "it begins with a byte order mark; save it without one"),
        ] {
            assert_eq!(diagnose(text), Some(Flaw { line, column, reason }), "{text:?}");
        }
    }

    /// Texts that are nearly JSON.
    fn nearly() -> impl Strategy<Value = String> {
        let parts = [
            "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\\", "\\u00e9", "\\ud83d", "\\ude00", "1", "0", "-", ".",
            "e", "true", "nul", " ", "\n", "\t", "ü",
        ];
        prop::collection::vec(prop::sample::select(parts.to_vec()), 0..16).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_096))]
        #[test]
        fn a_flaw_is_found_just_where_the_parser_finds_one(text in nearly()) {
            let is_json = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            prop_assert_eq!(diagnose(&text).is_none(), is_json, "{}", text);
        }

        #[test]
        fn any_text_is_diagnosed_without_a_panic(text: String) {
            let _ = diagnose(&text);
        }
    }
}
