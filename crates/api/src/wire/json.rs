//! JSON documents between the wire and the model.
//!
//! Text is kept byte for byte. Structured values, whose numbers are doubles on the wire, become
//! text in which whole numbers below 2^53 are integers: what a person meant who typed `1`.

use prost_types::Value as Structured;
use prost_types::value::Kind;
use serde_json::{Map, Number, Value};
use tenterhook_model::{JsonText, limits};
use tenterhook_proto::tenterhook::v1::{JsonDocument, json_document};

use crate::check::{Check, grouped};

/// The first whole number that not every double next to it is: 2^53.
const EXACT_BELOW: f64 = 9_007_199_254_740_992.0;

/// A document of the model on the wire, always as text.
pub(crate) fn document(text: &JsonText) -> JsonDocument {
    JsonDocument { value: Some(json_document::Value::Json(text.as_str().to_owned())) }
}

/// The document in the field `name`, if it is set and legal.
pub(crate) fn read_document(
    check: &mut Check,
    name: &'static str,
    document: Option<JsonDocument>,
    bytes_max: usize,
) -> Option<JsonText> {
    let value = document?.value;
    check.within(name, |check| match value {
        None => {
            check.refuse_here("must have `json` or `structured`; leave the field out for no value");
            None
        }
        Some(json_document::Value::Json(text)) => read_text(check, "json", &text, bytes_max),
        Some(json_document::Value::Structured(value)) => {
            let value = to_json(&value, 0).map_err(|message| check.refuse("structured", message)).ok()?;
            read_text(check, "structured", &value.to_string(), bytes_max)
        }
    })
}

fn read_text(check: &mut Check, name: &'static str, text: &str, bytes_max: usize) -> Option<JsonText> {
    if text.len() > bytes_max {
        let (has, limit) = (grouped(text.len()), grouped(bytes_max));
        check.refuse(name, format!("must have at most {limit} bytes, not {has}"));
        return None;
    }
    JsonText::parse(text).map_err(|error| check.refuse(name, error.to_string())).ok()
}

/// The JSON that a structured value stands for.
fn to_json(value: &Structured, depth: usize) -> Result<Value, String> {
    if depth > limits::JSON_DEPTH {
        return Err(format!("nests deeper than {} levels", limits::JSON_DEPTH));
    }
    Ok(match value.kind.as_ref().ok_or("has a value without a kind; null is `null_value`")? {
        Kind::NullValue(_) => Value::Null,
        Kind::BoolValue(value) => Value::Bool(*value),
        Kind::NumberValue(number) => Value::Number(to_number(*number)?),
        Kind::StringValue(text) => Value::String(text.clone()),
        Kind::ListValue(list) => {
            Value::Array(list.values.iter().map(|item| to_json(item, depth + 1)).collect::<Result<_, _>>()?)
        }
        Kind::StructValue(fields) => {
            let member = |(key, value): (&String, &Structured)| Ok((key.clone(), to_json(value, depth + 1)?));
            Value::Object(fields.fields.iter().map(member).collect::<Result<Map<_, _>, String>>()?)
        }
    })
}

fn to_number(number: f64) -> Result<Number, String> {
    if number.fract() == 0.0 && number.abs() < EXACT_BELOW {
        debug_assert_eq!(number as i64 as f64, number, "a whole number below 2^53 is one exactly");
        return Ok(Number::from(number as i64));
    }
    Number::from_f64(number).ok_or_else(|| format!("has the number {number}, which JSON cannot carry"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Refusal;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn structured(kind: Kind) -> JsonDocument {
        JsonDocument { value: Some(json_document::Value::Structured(Structured { kind: Some(kind) })) }
    }

    fn text(text: &str) -> JsonDocument {
        JsonDocument { value: Some(json_document::Value::Json(text.to_owned())) }
    }

    fn read(document: JsonDocument) -> Result<String, String> {
        let mut check = Check::new();
        let read = read_document(&mut check, "data", Some(document), 1_000);
        match (read, check.finish()) {
            (Some(text), Ok(())) => Ok(text.as_str().to_owned()),
            (None, Err(Refusal::Faults(faults))) => Err(faults[0].field.clone()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn text_is_kept_byte_for_byte() {
        let spelt = "{ \"b\": 1E5,\n \"a\": 123456789012345678901234567890 }";
        assert_eq!(read(text(spelt)).unwrap(), spelt);
    }

    #[test]
    fn whole_numbers_below_2_to_the_53_are_integers() {
        let number = |number| read(structured(Kind::NumberValue(number))).unwrap();
        assert_eq!(number(1.0), "1");
        assert_eq!(number(-3.0), "-3");
        assert_eq!(number(9_007_199_254_740_991.0), "9007199254740991");
        assert_eq!(number(9_007_199_254_740_992.0), "9007199254740992.0");
        assert_eq!(number(1.5), "1.5");
        assert!(read(structured(Kind::NumberValue(f64::NAN))).is_err());
        assert!(read(structured(Kind::NumberValue(f64::INFINITY))).is_err());
    }

    #[test]
    fn every_kind_of_structured_value_becomes_its_json() {
        let value = |kind| Structured { kind: Some(kind) };
        let list = prost_types::ListValue {
            values: vec![
                value(Kind::NullValue(0)),
                value(Kind::BoolValue(true)),
                value(Kind::StringValue("é\"".into())),
            ],
        };
        let fields = BTreeMap::from([("a".to_owned(), value(Kind::ListValue(list)))]);
        let document = structured(Kind::StructValue(prost_types::Struct { fields }));
        assert_eq!(read(document).unwrap(), "{\"a\":[null,true,\"é\\\"\"]}");
    }

    #[test]
    fn the_fault_names_the_form_that_was_used() {
        assert_eq!(read(text("{")), Err("data.json".into()));
        assert_eq!(read(text("")), Err("data.json".into()));
        assert_eq!(read(JsonDocument { value: None }), Err("data".into()));
        let kindless = JsonDocument { value: Some(json_document::Value::Structured(Structured { kind: None })) };
        assert_eq!(read(kindless), Err("data.structured".into()));
    }

    #[test]
    fn length_is_limited_at_its_value() {
        let of = |bytes: usize| text(&format!("\"{}\"", "a".repeat(bytes - 2)));
        assert!(read(of(1_000)).is_ok());
        assert_eq!(read(of(1_001)), Err("data.json".into()));
    }

    #[test]
    fn a_structured_value_may_nest_as_deep_as_text() {
        let nested = |depth: usize| {
            (0..depth).fold(Structured { kind: Some(Kind::BoolValue(true)) }, |inner, _| Structured {
                kind: Some(Kind::ListValue(prost_types::ListValue { values: vec![inner] })),
            })
        };
        let document = |depth| structured(nested(depth).kind.unwrap());
        assert!(read(document(128)).is_ok());
        assert_eq!(read(document(129)), Err("data.structured".into()));
        assert_eq!(read(document(300)), Err("data.structured".into()));
    }

    proptest! {
        #[test]
        fn a_number_keeps_its_value(number: f64) {
            prop_assume!(number.is_finite());
            let text = read(structured(Kind::NumberValue(number))).unwrap();
            prop_assert_eq!(text.parse::<f64>().unwrap(), number);
        }

        #[test]
        fn text_reading_never_panics(spelt: String) {
            let _ = read(text(&spelt));
        }
    }
}
