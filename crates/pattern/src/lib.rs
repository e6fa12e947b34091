//! Python's `re.match` with a bound on its work.
//!
//! A pattern is read as Python 3.12 reads it (`re` documentation, "Regular Expression
//! Syntax"), so that what Python refuses is refused at save, and written again for
//! fancy-regex. Conditions use it for their `regex` operator. Patterns without look-around,
//! back-references and the like are matched in linear time; the others backtrack, which is
//! bounded in steps and text.

mod class;
mod cursor;
mod escape;
mod flags;
mod group;
#[cfg(test)]
mod python_tests;
mod translate;

pub use cursor::RegexFault;

use fancy_regex::{Regex, RegexBuilder, RuntimeError};
use tenterhook_model::limits;
use thiserror::Error;
use translate::Translation;

/// Steps of backtracking for one match; with the bound on the text this ends within 0.2 s.
const BACKTRACK_STEPS: usize = limits::REGEX_BACKTRACK_STEPS;
/// Bytes of a text that is matched by backtracking.
const BACKTRACK_TEXT_BYTES: usize = limits::REGEX_BACKTRACK_BYTES;
/// Bytes of a compiled pattern; `\w` takes about 48 KiB each time it is repeated.
const PROGRAM_BYTES: usize = limits::REGEX_BYTES;
/// Bytes of all compiled patterns of one webhook.
const PROGRAMS_BYTES: usize = limits::REGEXES_BYTES;
/// Bytes of the tables that a match may build as it goes, for each thread.
const TABLE_BYTES: usize = 256 * 1024;
/// Instructions of a compiled pattern that backtracks.
const PROGRAM_STEPS: usize = limits::REGEX_INSTRUCTIONS;

/// A pattern that was checked, ready to match.
#[derive(Debug, Clone)]
pub struct PythonRegex {
    source: String,
    regex: Regex,
    backtracks: bool,
}

/// What the regular expressions of one webhook may still take in memory.
#[derive(Debug)]
pub struct RegexBudget {
    bytes: usize,
}

impl Default for RegexBudget {
    fn default() -> Self {
        Self { bytes: PROGRAMS_BYTES }
    }
}

/// A limit that a match ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RegexLimit {
    /// It took too many steps.
    #[error("the regular expression took more than {BACKTRACK_STEPS} steps back")]
    Steps,
    /// The text is too long for a pattern that backtracks.
    #[error(
        "a text of {bytes} bytes is too long for a regular expression with look-around or back-references; at most {BACKTRACK_TEXT_BYTES} are allowed"
    )]
    Text {
        /// Its length.
        bytes: usize,
    },
}

impl PythonRegex {
    /// Reads and compiles `pattern`, which takes from what is left in `budget`.
    ///
    /// # Errors
    /// Says what Python would refuse, or that the pattern is too large.
    pub fn parse(pattern: &str, budget: &mut RegexBudget) -> Result<Self, RegexFault> {
        let Translation { text, backtracks, bytes } = translate::translate(pattern)?;
        if bytes > PROGRAM_BYTES {
            return Err(RegexFault::whole("repeats too much: it would take more than 8 MiB"));
        }
        budget.bytes = budget.bytes.checked_sub(bytes).ok_or_else(|| {
            RegexFault::whole("is one too many: those of this webhook would take more than 16 MiB together")
        })?;
        let regex = RegexBuilder::new(&text)
            .backtrack_limit(BACKTRACK_STEPS)
            .delegate_size_limit(2 * PROGRAM_BYTES)
            .delegate_dfa_size_limit(TABLE_BYTES)
            .max_prog_size(PROGRAM_STEPS)
            .build()
            .map_err(|_| RegexFault::whole("is too large or too complicated"))?;
        Ok(Self { source: pattern.to_owned(), regex, backtracks })
    }

    /// The pattern as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the pattern matches at the start of `text`.
    ///
    /// # Errors
    /// The match runs into a limit.
    pub fn matches(&self, text: &str) -> Result<bool, RegexLimit> {
        if self.backtracks && text.len() > BACKTRACK_TEXT_BYTES {
            return Err(RegexLimit::Text { bytes: text.len() });
        }
        self.regex.is_match(text).map_err(|error| match error {
            fancy_regex::Error::RuntimeError(RuntimeError::BacktrackLimitExceeded | RuntimeError::StackOverflow) => {
                RegexLimit::Steps
            }
            other => unreachable!("a compiled pattern fails only at its limits: {other}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pattern: &str) -> Result<PythonRegex, RegexFault> {
        PythonRegex::parse(pattern, &mut RegexBudget::default())
    }

    fn matches(pattern: &str, text: &str) -> bool {
        parse(pattern).unwrap_or_else(|fault| panic!("{pattern}: {fault}")).matches(text).unwrap()
    }

    #[test]
    fn patterns_end_at_the_limits_of_the_table() {
        let groups = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
        assert!(matches(&groups(limits::REGEX_GROUP_DEPTH), "a"));
        let deeper = parse(&groups(limits::REGEX_GROUP_DEPTH + 1)).unwrap_err();
        assert!(deeper.to_string().contains("nests groups more than 40 levels deep"), "{deeper}");
        // So many are too large, and for no other reason.
        let most = parse(&format!("a{{,{}}}b", limits::REGEX_REPEATS)).unwrap_err();
        assert!(most.to_string().contains("more than 8 MiB"), "{most}");
        let more = parse(&format!("a{{,{}}}b", limits::REGEX_REPEATS + 1)).unwrap_err();
        assert!(more.to_string().contains("more than 65535 times"), "{more}");
        let longest = "b".repeat(limits::REGEX_BACKTRACK_BYTES);
        let backtracks = parse("(?=a)a").unwrap();
        assert_eq!(backtracks.matches(&longest), Ok(false));
        let longer = format!("{longest}b");
        assert_eq!(backtracks.matches(&longer), Err(RegexLimit::Text { bytes: longer.len() }));
        assert!(!matches("a", &longer), "a pattern that does not backtrack takes any text");
    }

    #[test]
    fn patterns_match_as_in_python() {
        let cases = [
            ("", "", true),
            ("a", "ab", true),
            ("b", "ab", false),
            ("a|b$", "ac", true),
            ("ab$", "ab\n", true),
            ("ab$", "ab\nc", false),
            ("(?m)ab$", "ab\nc", true),
            ("(?:ab$)", "ab\n", true),
            (r"ab\Z", "ab\n", false),
            (r"(?m)a\n^b", "a\nb", true),
            (r"a\n^b", "a\nb", false),
            (".*c", "a\nc", false),
            ("(?s).*c", "a\nc", true),
            ("(?s:.*)c", "a\nc", true),
            (r"\d+$", "٣٤", true),
            (r"(?a)\d+$", "٣٤", false),
            (r"\w+$", "é½_1", true),
            (r"(?a:\w+)$", "é", false),
            (r"\w", "\u{0301}", false),
            (r"\s\S", "\u{1c}x", true),
            (r"\D\W", "x-", true),
            (r"[^\W\d_]+-", "sw-1", true),
            (r"[^\W\d_]+-", "s1-1", false),
            (r"[\w.-]+@", "a.b-c@", true),
            (r"[]a]+$", "]a", true),
            (r"[^]a]", "]", false),
            (r"[a&&b]+$", "&a&b", true),
            (r"[[]a", "[a", true),
            (r"[a\]b]+$", "a]b", true),
            (r"[--a]", "-", true),
            (r"[\x41-\u0043]+$", "ABC", true),
            (r"\x41\101\u0042\0?", "AAB", true),
            ("a{2,3}$", "aa", true),
            ("a{2,3}$", "aaaa", false),
            ("a{,2}b", "b", true),
            ("a{2}b", "aab", true),
            ("a{b", "a{b", true),
            ("{1", "{1", true),
            ("a{1,b}", "a{1,b}", true),
            ("x{,}y", "xxxy", true),
            (r"(a)(b)\2\1$", "abba", true),
            (r"(?P<x>a)(?P=x)$", "aa", true),
            (r"(?P<x>a)\1", "aa", true),
            (r"(a)\g?", "a", false),
            ("(?=ab)a", "ab", true),
            ("(?!ab)a", "ab", false),
            ("a(?<=a)b", "ab", true),
            ("a(?<!a)b", "ab", false),
            ("(a)?(?(1)b|c)$", "ab", true),
            ("(a)?(?(1)b|c)$", "c", true),
            ("(?P<q>a)?(?(q)b)", "ab", true),
            ("(?>a+)a", "aaa", false),
            ("a++a", "aaa", false),
            ("a{1,5}+a", "aaa", false),
            ("a*?b", "aab", true),
            ("(?i)ABC", "abc", true),
            ("(?i:A)b", "ab", true),
            ("(?i:A)b", "aB", false),
            ("(?i)a(?-i:b)", "AB", false),
            (r"\bfoo\b", "foo bar", true),
            (r"foo\B", "foobar", true),
            (r"foo\b", "foobar", false),
            ("(?x) a b # note\n c", "abc", true),
            ("(?x)a[ ]b", "a b", true),
            ("(?#note)a", "a", true),
            ("a(?#note)b", "ab", true),
            (r"\.\-\/\ \#", ".-/ #", true),
            ("^^a", "a", true),
            ("(^a)", "a", true),
            ("ü", "ü", true),
            ("a\u{0}b", "a\u{0}b", true),
            ("(?:)", "x", true),
            ("()*a", "a", true),
            ("(|a)b", "ab", true),
            ("(s)w.*\\1?", "sw1", true),
        ];
        for (pattern, text, expected) in cases {
            if pattern == r"(a)\g?" {
                assert!(parse(pattern).is_err());
                continue;
            }
            assert_eq!(matches(pattern, text), expected, "{pattern:?} on {text:?}");
        }
    }

    #[test]
    fn what_python_refuses_is_refused_with_its_place() {
        let cases = [
            ("[", "unterminated character set", 0),
            ("a[b", "unterminated character set", 1),
            ("(", "missing ), unterminated subpattern", 0),
            (")", "unbalanced parenthesis", 0),
            ("*", "nothing to repeat", 0),
            ("(*a)", "nothing to repeat", 1),
            ("^*", "nothing to repeat", 1),
            ("|+", "nothing to repeat", 1),
            ("a**", "multiple repeat", 2),
            ("a{2}{3}", "multiple repeat", 4),
            ("a{3,2}", "min repeat greater than max repeat", 1),
            ("[z-a]", "bad character range z-a", 1),
            (r"[a-\d]", r"bad character range a-\d", 1),
            (r"\q", r"bad escape \q", 0),
            ("\\", "bad escape (end of pattern)", 0),
            (r"\x4", r"incomplete escape \x4", 0),
            (r"\u12", r"incomplete escape \u12", 0),
            (r"\z", r"bad escape \z", 0),
            (r"[\Z]", r"bad escape \Z", 1),
            (r"\1", "invalid group reference 1", 1),
            (r"(a\1)", "cannot refer to an open group", 2),
            ("(?P<1>a)", "bad character in group name '1'", 4),
            ("(?P<a", "missing >, unterminated name", 4),
            ("(?P<a>x)(?P<a>y)", "redefinition of group name 'a'", 12),
            ("(?P=b)", "unknown group name 'b'", 4),
            ("(?Px)", "unknown extension ?Px", 1),
            ("(?<x>a)", "unknown extension ?<x", 1),
            ("(?y)", "unknown extension ?y", 1),
            ("a(?i)b", "global flags not at the start of the expression", 1),
            ("(?-i)a", "missing :", 4),
            ("(?i-i:a)", "bad inline flags: flag turned on and off", 4),
            ("(?L)a", "bad inline flags: cannot use 'L' flag with a str pattern", 2),
            ("(?<=a+)b", "look-behind requires fixed-width pattern", 0),
            ("(?#a", "missing ), unterminated comment", 0),
            ("(?(2)a)", "invalid group reference 2", 3),
            ("(a)(?(1)b|c|d)", "conditional backref with more than two branches", 11),
        ];
        for (pattern, message, position) in cases {
            let fault = parse(pattern).map(|_| ()).unwrap_err();
            assert_eq!((fault.message.as_str(), fault.position), (message, Some(position)), "{pattern}");
        }
    }

    #[test]
    fn a_match_that_backtracks_without_end_is_an_error_soon() {
        let hostile = parse(r"(?=a)(a|a)*(?<=a)b\1").unwrap();
        assert_eq!(hostile.matches(&"a".repeat(5_000)), Err(RegexLimit::Steps));
        assert_eq!(hostile.matches(&"a".repeat(20_000)), Err(RegexLimit::Text { bytes: 20_000 }));
    }

    #[test]
    fn a_pattern_without_look_around_takes_long_texts_in_linear_time() {
        let regex = parse("(a*)*(a*)*b$").unwrap();
        assert_eq!(regex.matches(&"a".repeat(200_000)), Ok(false));
    }

    #[test]
    fn patterns_that_would_swell_the_process_are_refused() {
        for pattern in [
            "((((a{1,1000}){1,1000}){1,1000}){1,1000})".to_owned(),
            r"(\w{1000}){1000}".to_owned(),
            "(".repeat(5_000) + &")".repeat(5_000),
            "(?:a|".repeat(3_000) + &")".repeat(3_000),
            "a{99999999999999999999}".to_owned(),
        ] {
            assert!(parse(&pattern).is_err(), "{}", &pattern[..20]);
        }
        assert!(parse(r"^\w{1,63}(\.\w{1,63})*$").is_ok());
    }

    #[test]
    fn the_patterns_of_one_webhook_have_a_limit_together() {
        let mut budget = RegexBudget::default();
        let large = r"\w{150}";
        let taken = (0..10).take_while(|_| PythonRegex::parse(large, &mut budget).is_ok()).count();
        assert_eq!(taken, 2);
        assert!(PythonRegex::parse("small", &mut budget).is_ok());
        let fault = PythonRegex::parse(large, &mut budget).map(|_| ()).unwrap_err();
        assert!(fault.message.contains("16 MiB together"), "{fault}");
    }
}
