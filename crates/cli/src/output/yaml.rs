//! JSON as YAML 1.2 for people: block style, block scalars for text of several lines, and quotes wherever a reader of
//! YAML 1.1 could see anything but text.

use std::fmt::Write as _;

use serde_json::Value;

/// The document, with a line break at its end.
pub(crate) fn yaml(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(members) if !members.is_empty() => node(&mut text, value, 0),
        Value::Array(items) if !items.is_empty() => node(&mut text, value, 0),
        other => {
            scalar(&mut text, other, 0);
            text.push('\n');
        }
    }
    text
}

/// A collection that is not empty, each entry on a line of its own.
fn node(text: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                text.push_str(&indent);
                text.push_str(&quoted(name));
                text.push(':');
                entry(text, value, depth);
            }
        }
        Value::Array(items) => {
            for item in items {
                text.push_str(&indent);
                text.push('-');
                if matches!(item, Value::Object(members) if !members.is_empty()) {
                    // The first member on the line of the dash, which takes the place of its indentation.
                    let mut members = String::new();
                    node(&mut members, item, depth + 1);
                    text.push(' ');
                    text.push_str(members.trim_start_matches(' '));
                } else {
                    entry(text, item, depth);
                }
            }
        }
        _ => unreachable!("only collections have entries"),
    }
}

/// What follows `name:` or `-`.
fn entry(text: &mut String, value: &Value, depth: usize) {
    let is_collection = match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if is_collection {
        text.push('\n');
        node(text, value, depth + 1);
    } else {
        text.push(' ');
        scalar(text, value, depth + 1);
        text.push('\n');
    }
}

fn scalar(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::String(value) if is_block(value) => {
            text.push_str(if value.ends_with('\n') { "|" } else { "|-" });
            for line in value.strip_suffix('\n').unwrap_or(value).split('\n') {
                text.push('\n');
                if !line.is_empty() {
                    write!(text, "{}{line}", "  ".repeat(depth)).expect("a String takes all text");
                }
            }
        }
        Value::String(value) => text.push_str(&quoted(value)),
        other => text.push_str(&other.to_string()),
    }
}

/// Whether a literal block scalar gives exactly this text (YAML 1.2.2, section 8.1): no indentation to guess, no end
/// to trim, nothing that must be escaped.
fn is_block(value: &str) -> bool {
    let body = value.strip_suffix('\n').unwrap_or(value);
    body.contains('\n')
        && !body.starts_with([' ', '\n', '\t'])
        && !body.ends_with('\n')
        && body.chars().all(|c| c == '\n' || is_plain(c))
}

/// Printable without an escape on every terminal and in every reader.
fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{200e}' | '\u{200f}')
        && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
}

/// The text as it is where it can be nothing but text, else in the quotes of JSON.
fn quoted(value: &str) -> String {
    let begins = value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '/');
    let inside = value.chars().all(|c| c.is_ascii_alphanumeric() || "_-./@+ :".contains(c));
    let ends = !value.ends_with([' ', ':']) && !value.contains(": ");
    if begins && inside && ends && !is_reserved(value) {
        return value.to_owned();
    }
    let mut text = String::from('"');
    for c in value.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            c if is_plain(c) => text.push(c),
            c if u32::from(c) > 0xffff => write!(text, "\\U{:08x}", u32::from(c)).expect("a String takes all text"),
            c => write!(text, "\\u{:04x}", u32::from(c)).expect("a String takes all text"),
        }
    }
    text + "\""
}

/// Words that YAML 1.1 or 1.2 reads as something else than text.
fn is_reserved(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    ["true", "false", "yes", "no", "on", "off", "null", "y", "n", "inf", "nan"].contains(&value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// Text with everything that YAML could take for something else.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z:#|>&*!%@`'\"{}\\[\\], \n\t\\-?0-9.~]{0,12}",
            "\\PC{0,8}",
            any::<String>(),
            "(true|no|~|null|1e3|0x1f|=|<<|---|2026-01-01)"
        ]
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            text().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(text(), inner, 0..4)
                    .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_as_it_was(value in value()) {
            let document = json!({ "value": value });
            let text = yaml(&document);
            prop_assert_eq!(crate::document::parse("text", &text).unwrap(), document, "{}", text);
        }
    }

    #[test]
    fn text_is_quoted_only_where_it_must_be() {
        let value = json!({"name": "orders", "yes": "no", "url": "https://a/b", "n": "12", "e": "", "esc": "\u{1b}[2J", "q": "it's: so"});
        let expected = "name: orders\n\"yes\": \"no\"\nurl: https://a/b\n\"n\": \"12\"\ne: \"\"\nesc: \"\\u001b[2J\"\nq: \"it's: so\"\n";
        assert_eq!(yaml(&value), expected);
    }

    #[test]
    fn templates_are_blocks_and_collections_nest() {
        let value =
            json!({"request": {"body": "{\n  \"a\": 1\n}\n", "headers": [{"name": "x"}], "none": [], "no": {}}});
        let expected =
            "request:\n  body: |\n    {\n      \"a\": 1\n    }\n  headers:\n    - name: x\n  none: []\n  \"no\": {}\n";
        assert_eq!(yaml(&value), expected);
        assert_eq!(yaml(&json!([])), "[]\n");
    }

    #[test]
    fn words_that_a_reader_takes_for_something_else_are_quoted() {
        for word in ["true", "False", "YES", "no", "On", "off", "null", "y", "N", "inf", "NaN"] {
            assert_eq!(yaml(&json!(word)), format!("\"{word}\"\n"));
        }
        for word in ["truth", "nope", "yes-no", "_", "/", "a:b", "a b", "a@b.c", "x+y", "https://a.example.com:8080/x"]
        {
            assert_eq!(yaml(&json!(word)), format!("{word}\n"));
        }
        for word in [
            "1", "-a", ".5", "~", "a:", "a: b", "a ", " a", "#a", "a#b", "é", "a,b", "[a]", "{a}", "&a", "*a", "!a",
            "%a", "@a", "`a", "'a", "a\"b", "a\\b", "<<", "=", "?",
        ] {
            let shown = yaml(&json!(word));
            assert!(shown.starts_with('"'), "{word}: {shown}");
            assert_eq!(crate::document::parse("x", &shown).unwrap(), json!(word));
        }
    }

    #[test]
    fn only_text_that_comes_back_whole_is_a_block() {
        for (text, shown) in [
            ("a\nb", "k: |-\n  a\n  b\n"),
            ("a\nb\n", "k: |\n  a\n  b\n"),
            ("a\n\nb", "k: |-\n  a\n\n  b\n"),
            ("a\n  b", "k: |-\n  a\n    b\n"),
            ("a\nb\n\n", "k: \"a\\nb\\n\\n\"\n"),
            ("\na\nb", "k: \"\\na\\nb\"\n"),
            (" a\nb", "k: \" a\\nb\"\n"),
            ("\ta\nb", "k: \"\\ta\\nb\"\n"),
            ("a\n", "k: \"a\\n\"\n"),
            ("a\nb\tc", "k: \"a\\nb\\tc\"\n"),
            ("a\nb\r", "k: \"a\\nb\\u000d\"\n"),
            ("a\nb\u{202e}", "k: \"a\\nb\\u202e\"\n"),
            ("a\n\u{e0001}", "k: |-\n  a\n  \u{e0001}\n"),
        ] {
            assert_eq!(yaml(&json!({"k": text})), shown, "{text:?}");
        }
    }

    #[test]
    fn lists_in_lists_and_what_is_empty_stand_where_they_belong() {
        let value = json!([[1, [2]], [], {}, {"a": [], "b": {"c": [{"d": null}]}}, "x", null, true]);
        let expected =
            "-\n  - 1\n  -\n    - 2\n- []\n- {}\n- a: []\n  b:\n    c:\n      - d: null\n- x\n- null\n- true\n";
        assert_eq!(yaml(&value), expected);
        assert_eq!(
            (yaml(&json!({})), yaml(&json!(null)), yaml(&json!(1.5))),
            ("{}\n".into(), "null\n".into(), "1.5\n".into())
        );
    }
}
