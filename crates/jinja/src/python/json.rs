//! Python's `json.dumps` with its defaults: `", "` and `": "`, only ASCII,
//! floats as `repr` prints them, integers of any size exact.
//!
//! Needs `serde_json` with `arbitrary_precision` and `preserve_order`, so that
//! numbers arrive as they were spelled and keys in their order.

use serde_json::{Number, Value};

use super::float;

/// The text of `json.dumps(value)`.
#[must_use]
pub fn dumps(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value);
    out
}

/// Appends `json.dumps(value)` to `out`. The caller bounds the depth (events are
/// at most 128 deep).
pub fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => write_text(out, text),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write_value(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (i, (key, item)) in members.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write_text(out, key);
                out.push_str(": ");
                write_value(out, item);
            }
            out.push('}');
        }
    }
}

/// Appends a number as Python prints what it read: `1E5` becomes `100000.0`,
/// `-0` becomes `0`.
pub fn write_number(out: &mut String, number: &Number) {
    let text = number.as_str();
    if text.contains(['.', 'e', 'E']) {
        write_float(out, text.parse().unwrap_or(f64::NAN));
    } else if text == "-0" {
        out.push('0');
    } else {
        out.push_str(text);
    }
}

/// Appends a float as `json.dumps` does: `repr`, but `Infinity` and `NaN`.
pub fn write_float(out: &mut String, x: f64) {
    if x.is_nan() {
        out.push_str("NaN");
    } else if x.is_infinite() {
        out.push_str(if x < 0.0 { "-Infinity" } else { "Infinity" });
    } else {
        float::write_repr(out, x);
    }
}

/// Appends a JSON string in ASCII: short escapes, `\uXXXX` in lower case,
/// surrogate pairs beyond the basic plane.
pub fn write_text(out: &mut String, text: &str) {
    let start = out.len();
    out.reserve(text.len() + 2);
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(needs_escape) {
        out.push_str(&rest[..at]);
        let c = rest[at..].chars().next().expect("such a byte begins a character");
        write_escaped(out, c);
        rest = &rest[at + c.len_utf8()..];
    }
    out.push_str(rest);
    out.push('"');
    debug_assert!(out[start..].is_ascii(), "json.dumps writes ASCII alone");
}

fn needs_escape(byte: u8) -> bool {
    !matches!(byte, b' '..=b'~') || matches!(byte, b'"' | b'\\')
}

fn write_escaped(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        c => {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(text: &str) -> String {
        dumps(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn json_is_written_byte_for_byte_as_python_writes_it() {
        let cases = [
            (r#"{"b":1,"a":[1,2.0,null,true]}"#, r#"{"b": 1, "a": [1, 2.0, null, true]}"#),
            ("1E5", "100000.0"),
            ("1e16", "1e+16"),
            ("-0", "0"),
            ("-0.0", "-0.0"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            (r#""é😀/<>&'""#, r#""\u00e9\ud83d\ude00/<>&'""#),
            (r#""\u0000\n\u0008\f\u007f""#, "\"\\u0000\\n\\b\\f\\u007f\""),
            ("[]", "[]"),
            ("{}", "{}"),
        ];
        for (input, expected) in cases {
            assert_eq!(round(input), expected);
        }
    }
}
