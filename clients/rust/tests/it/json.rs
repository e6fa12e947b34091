//! Every shared value of JSON: how it is written, or that it is refused.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::Value;
use tenterhook_client::v1::json_document::Value::Json;
use tenterhook_client::{json, v1::Event};

/// What `json` makes of a value; `None` if it refuses it.
fn written<T: Serialize + ?Sized>(value: &T) -> Option<String> {
    match json(value).ok()?.value? {
        Json(text) => Some(text),
        other => panic!("{other:?} is no text"),
    }
}

/// A name that is no text, as of a map whose keys are optional.
#[derive(Serialize, PartialEq, Eq, Hash)]
struct Name(Option<u8>);

/// Of `f64`, which is no key of Rust's own maps.
struct FloatKeys(f64);

impl Serialize for FloatKeys {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(self.0, 1)])
    }
}

fn write(name: &str) -> Option<String> {
    match name {
        "nan" => written(&f64::NAN),
        "infinity" => written(&f32::INFINITY),
        "minus_infinity" => written(&f64::NEG_INFINITY),
        "nan_inside" => written(&HashMap::from([("a", [1.5, f64::NAN])])),
        "nan_as_key" => written(&FloatKeys(f64::NAN)),
        "beyond_2_53" => written(&((1_i64 << 53) + 1)),
        "beyond_2_63" => written(&(1_u64 << 63)),
        "beyond_2_64" => written(&((1_u128 << 64) + 1)),
        "integer_as_key" => written(&BTreeMap::from([(7, "a")])),
        "null_as_key" => written(&HashMap::from([(Name(None), 1)])),
        "list_as_key" => written(&BTreeMap::from([([1, 2], 1)])),
        "bytes" => written(&[1_u8, 255]),
        "replacement" => written("\u{fffd}\\ufffd"),
        other => panic!("{other} has no value here"),
    }
}

#[test]
fn every_value_is_written_or_refused_as_expected() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/json_values.json");
    let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let names_rust = |list: &Value| list.as_array().is_some_and(|list| list.contains(&Value::from("rust")));
    for case in cases.iter().filter(|case| !names_rust(&case["absent"])) {
        let name = case["name"].as_str().unwrap();
        let wanted =
            case["but"]["rust"].as_str().or(case["json"].as_str()).filter(|_| !names_rust(&case["refused_by"]));
        assert_eq!(write(name).as_deref(), wanted, "{name}");
    }
}

#[test]
fn a_number_that_is_not_finite_is_named_and_a_null_of_ones_own_is_kept() {
    #[derive(Serialize)]
    struct Reading {
        name: Option<&'static str>,
        rates: Rates,
    }
    #[derive(Serialize)]
    enum Rates {
        Of(Vec<(u8, f32)>),
        Range { low: f64, high: f64 },
    }
    let rates = Rates::Range { low: 0.5, high: f64::INFINITY };
    let error = Event::new("read").data(&Reading { name: None, rates }).unwrap_err().to_string();
    assert_eq!(error, "rates: high: inf has no JSON: give a finite number, or None");
    let error = json(&Reading { name: None, rates: Rates::Of(vec![(1, f32::NAN)]) }).unwrap_err().to_string();
    assert_eq!(error, "rates: Of: NaN has no JSON: give a finite number, or None");
    let rates = Rates::Of(vec![(1, 0.5)]);
    let kept = written(&Reading { name: None, rates }).unwrap();
    assert_eq!(kept, r#"{"name":null,"rates":{"Of":[[1,0.5]]}}"#);
    assert_eq!(
        written(&(Some(()), 'x', true, serde_json::json!({"a": [null, "null", 1]}))).unwrap(),
        r#"[null,"x",true,{"a":[null,"null",1]}]"#
    );
}
