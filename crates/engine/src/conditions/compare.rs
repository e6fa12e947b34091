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
    use proptest::prelude::*;
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

    /// Whole numbers of every size, and halves of them that a double holds exactly.
    fn numbers() -> impl Strategy<Value = String> {
        let whole = prop_oneof![
            (-20i64..20).prop_map(|n| n.to_string()),
            any::<i64>().prop_map(|n| n.to_string()),
            any::<i128>().prop_map(|n| n.to_string()),
            "-?[1-9][0-9]{38,45}",
        ];
        let float = prop_oneof![
            (-40i32..40).prop_map(|n| format!("{:?}", f64::from(n) / 2.0)),
            (-1_000_000i32..1_000_000).prop_map(|n| format!("{:?}", f64::from(n) * 2f64.powi(100))),
            (1u8..10, 0u16..45).prop_map(|(digit, exponent)| format!("{digit}e{exponent}")),
        ];
        prop_oneof![whole, float]
    }

    /// A value of any type, small enough to be equal to another now and then.
    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            Just("false".to_owned()),
            (-2i8..3).prop_map(|n| n.to_string()),
            Just("1.0".to_owned()),
            "\"[ab]?\"",
        ];
        let texts = leaf.prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(","))),
                inner.prop_map(|value| format!("{{\"a\":{value}}}")),
            ]
        });
        texts.prop_map(|text| json(&text))
    }

    proptest! {
        #[test]
        fn numbers_are_in_one_order(texts in prop::collection::vec(numbers(), 3)) {
            let [a, b, c] = [0, 1, 2].map(|at| json(&texts[at]));
            let compare = |a: &Value, b: &Value| order(a, b).expect("numbers have an order");
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse(), "{:?}", texts);
            prop_assert_eq!(compare(&a, &a), Ordering::Equal);
            if compare(&a, &b).is_le() && compare(&b, &c).is_le() {
                prop_assert!(compare(&a, &c).is_le(), "{:?}", texts);
            }
            prop_assert_eq!(equal(&a, &b), compare(&a, &b).is_eq());
        }

        #[test]
        fn a_number_is_in_order_with_its_neighbours(number in any::<i64>(), big in "-?[1-9][0-9]{39,60}") {
            let (below, at, above) = (i128::from(number) - 1, number, i128::from(number) + 1);
            for (smaller, larger) in [(below.to_string(), at.to_string()), (at.to_string(), above.to_string())] {
                prop_assert_eq!(order(&json(&smaller), &json(&larger)), Some(Ordering::Less));
            }
            let sign = if big.starts_with('-') { Ordering::Less } else { Ordering::Greater };
            prop_assert_eq!(order(&json(&big), &json(&number.to_string())), Some(sign));
            prop_assert_eq!(order(&json(&format!("{big}0")), &json(&big)), Some(sign), "ten times as large");
        }

        #[test]
        fn equality_is_one_of_classes(a in values(), b in values(), c in values()) {
            prop_assert!(equal(&a, &a));
            prop_assert_eq!(equal(&a, &b), equal(&b, &a), "{} and {}", a, b);
            if equal(&a, &b) && equal(&b, &c) {
                prop_assert!(equal(&a, &c), "{}, {} and {}", a, b, c);
            }
        }
    }
}
