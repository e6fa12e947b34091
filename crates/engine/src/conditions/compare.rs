//! Python's `==`, `<` and `in` over JSON values: `1 == 1.0 == True`, whole numbers exact at
//! any size, objects without order.

use std::cmp::Ordering;

use serde_json::{Number, Value};

/// `a == b`.
pub(super) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::String(a), Value::String(b)) => a == b,
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        _ => match (Numeric::of(a), Numeric::of(b)) {
            (Some(a), Some(b)) => a.cmp(&b) == Ordering::Equal,
            _ => false,
        },
    }
}

/// How two numbers compare; `None` when one of them is no number. Booleans are 0 and 1.
pub(super) fn order(a: &Value, b: &Value) -> Option<Ordering> {
    Some(Numeric::of(a)?.cmp(&Numeric::of(b)?))
}

/// A number as Python reads it from JSON.
#[derive(Debug, Clone, Copy)]
enum Numeric<'a> {
    Int(i128),
    /// A whole number beyond `i128`, as it was spelt: digits, perhaps behind a minus.
    Big(&'a str),
    Float(f64),
}

impl<'a> Numeric<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(Self::Int(i128::from(*value))),
            Value::Number(number) => Some(Self::parse(number)),
            Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn parse(number: &'a Number) -> Self {
        let text = number.as_str();
        if text.contains(['.', 'e', 'E']) {
            return Self::Float(text.parse().expect("numbers of events are checked to fit a double"));
        }
        text.parse().map_or(Self::Big(text), Self::Int)
    }

    fn cmp(&self, other: &Self) -> Ordering {
        match (*self, *other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(&b),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(&b).expect("JSON has no NaN"),
            (Self::Int(a), Self::Float(b)) => compare_exactly(a, b),
            (Self::Float(a), Self::Int(b)) => compare_exactly(b, a).reverse(),
            (Self::Big(a), Self::Big(b)) => compare_spelt(a, b),
            (Self::Big(a), Self::Int(_)) => sign(a),
            (Self::Int(_), Self::Big(b)) => sign(b).reverse(),
            (Self::Big(a), Self::Float(b)) => compare_big(a, b),
            (Self::Float(a), Self::Big(b)) => compare_big(b, a).reverse(),
        }
    }
}

/// A whole number against a double, without rounding either.
fn compare_exactly(whole: i128, float: f64) -> Ordering {
    /// 2^127, the first double beyond `i128`.
    const BEYOND: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;
    if float >= BEYOND {
        return Ordering::Less;
    }
    if float < -BEYOND {
        return Ordering::Greater;
    }
    let floor = float.floor();
    whole.cmp(&(floor as i128)).then(if float > floor { Ordering::Less } else { Ordering::Equal })
}

/// A whole number beyond `i128` against a double; doubles of that size are whole.
fn compare_big(big: &str, float: f64) -> Ordering {
    if float.abs() < 1e38 { sign(big) } else { compare_spelt(big, &format!("{float:.0}")) }
}

fn sign(big: &str) -> Ordering {
    if big.starts_with('-') { Ordering::Less } else { Ordering::Greater }
}

fn compare_spelt(a: &str, b: &str) -> Ordering {
    match (a.strip_prefix('-'), b.strip_prefix('-')) {
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (None, None) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
        (Some(a), Some(b)) => b.len().cmp(&a.len()).then_with(|| b.cmp(a)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenterhook_model::JsonText;

    fn json(text: &str) -> Value {
        JsonText::parse(text).unwrap().value()
    }

    #[test]
    fn values_are_equal_where_python_says_so() {
        let cases = [
            ("1", "1.0", true),
            ("1", "true", true),
            ("0", "false", true),
            ("-0", "0", true),
            ("-0.0", "0", true),
            ("1", "\"1\"", false),
            ("null", "false", false),
            ("null", "0", false),
            ("\"\"", "null", false),
            ("[1, 2]", "[1.0, 2]", true),
            ("[1, 2]", "[2, 1]", false),
            ("[1]", "[1, 1]", false),
            (r#"{"a": 1, "b": [true]}"#, r#"{"b": [1], "a": 1}"#, true),
            (r#"{"a": 1}"#, r#"{"a": 1, "b": 2}"#, false),
            ("9007199254740993", "9007199254740992.0", false),
            ("1e2", "100", true),
            ("123456789012345678901234567890123456789012", "123456789012345678901234567890123456789012", true),
            ("123456789012345678901234567890123456789012", "123456789012345678901234567890123456789013", false),
            ("100000000000000000000000000000000000000000", "1e41", false),
            ("340282366920938463463374607431768211456", "340282366920938463463374607431768211456.0", true),
        ];
        for (a, b, expected) in cases {
            assert_eq!(equal(&json(a), &json(b)), expected, "{a} == {b}");
            assert_eq!(equal(&json(b), &json(a)), expected, "{b} == {a}");
        }
    }

    #[test]
    fn numbers_compare_without_rounding() {
        use Ordering::{Equal, Greater, Less};
        let cases = [
            ("1", "2", Less),
            ("2", "1.5", Greater),
            ("-2", "-1.5", Less),
            ("9007199254740993", "9007199254740992.0", Greater),
            ("true", "1", Equal),
            ("200000000000000000000000000000000000000000", "1", Greater),
            ("-200000000000000000000000000000000000000000", "1", Less),
            ("-200000000000000000000000000000000000000000", "-300000000000000000000000000000000000000000", Greater),
            ("200000000000000000000000000000000000000000", "1e300", Less),
            ("200000000000000000000000000000000000000000", "-1e300", Greater),
            ("170141183460469231731687303715884105727", "1e40", Less),
            ("-170141183460469231731687303715884105728", "-1e40", Greater),
        ];
        for (a, b, expected) in cases {
            assert_eq!(order(&json(a), &json(b)), Some(expected), "{a} against {b}");
            assert_eq!(order(&json(b), &json(a)), Some(expected.reverse()), "{b} against {a}");
        }
        for other in ["\"1\"", "null", "[1]", "{}"] {
            assert_eq!(order(&json("1"), &json(other)), None, "{other}");
        }
    }
}
