//! From JSON to a condition set, with every fault at once.

use serde_json::{Map, Value};
use tenterhook_pattern::{PythonRegex, RegexBudget};

use super::{Condition, ConditionSet, Logic, Member, Relation, Test};

/// The operators, for messages.
const OPERATORS: &str = "eq, gt, gte, lt, lte, in, contains, regex, changed and unchanged";

/// Reads a condition set; its regular expressions take from what is left in `budget`.
///
/// # Errors
/// Every fault as a message that begins with its place in the set.
pub(crate) fn parse(value: &Value, budget: &mut RegexBudget) -> Result<ConditionSet, Vec<String>> {
    let mut reader = Reader { faults: Vec::new(), budget };
    let set = match value {
        Value::Object(members) if members.len() == 1 => reader.set(members, ""),
        Value::Object(members) => reader
            .condition(members, "")
            .map(|condition| ConditionSet { logic: Logic::And, members: vec![Member::Test(condition)] }),
        _ => {
            reader.fault("", "must be an object: a set such as {\"and\": [...]}, or one condition");
            None
        }
    };
    match set {
        Some(set) if reader.faults.is_empty() => Ok(set),
        _ => {
            assert!(!reader.faults.is_empty(), "a set that is refused has a fault that says why");
            Err(reader.faults)
        }
    }
}

/// `and` or `or`, if the object is a set.
fn logic_of(members: &Map<String, Value>) -> Option<(Logic, &Value)> {
    let mut members = members.iter();
    match (members.next(), members.next()) {
        (Some((key, value)), None) if key == "and" => Some((Logic::And, value)),
        (Some((key, value)), None) if key == "or" => Some((Logic::Or, value)),
        _ => None,
    }
}

struct Reader<'b> {
    faults: Vec<String>,
    budget: &'b mut RegexBudget,
}

impl Reader<'_> {
    fn fault(&mut self, place: &str, message: impl AsRef<str>) {
        let colon = if place.is_empty() { "" } else { ": " };
        self.faults.push(format!("{place}{colon}{}", message.as_ref()));
    }

    fn set(&mut self, members: &Map<String, Value>, place: &str) -> Option<ConditionSet> {
        let Some((logic, items)) = logic_of(members) else {
            let key = members.keys().next().map_or("", String::as_str);
            self.fault(place, format!("{key:?} is neither \"and\" nor \"or\", in lower case"));
            return None;
        };
        let name = if logic == Logic::And { "and" } else { "or" };
        let Value::Array(items) = items else {
            self.fault(place, format!("{name} must be a list of conditions"));
            return None;
        };
        let base = if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
        let members = items.iter().enumerate();
        let members: Vec<_> =
            members.filter_map(|(index, item)| self.member(item, &format!("{base}[{index}]"))).collect();
        assert!(
            members.len() == items.len() || !self.faults.is_empty(),
            "a condition that is left out without a fault would let events pass"
        );
        Some(ConditionSet { logic, members })
    }

    fn member(&mut self, value: &Value, place: &str) -> Option<Member> {
        match value {
            Value::Object(members) if logic_of(members).is_some() => self.set(members, place).map(Member::Set),
            Value::Object(members) => self.condition(members, place).map(Member::Test),
            _ => {
                self.fault(place, "must be an object: a condition or a set");
                None
            }
        }
    }

    fn condition(&mut self, members: &Map<String, Value>, place: &str) -> Option<Condition> {
        let known = self.faults.len();
        for key in members.keys().filter(|key| !matches!(key.as_str(), "attr" | "value" | "op" | "negate")) {
            self.fault(place, format!("has the unknown key {key:?}; a condition has attr, value, op and negate"));
        }
        let attr = match members.get("attr") {
            Some(Value::String(attr)) => attr.as_str(),
            Some(_) => {
                self.fault(place, "attr must be a text");
                ""
            }
            None => {
                self.fault(place, "attr is missing");
                ""
            }
        };
        let test = match members.get("op") {
            None => self.test("eq", attr, members.get("value")),
            Some(Value::String(op)) => self.test(op, attr, members.get("value")),
            Some(_) => Err(format!("op must be one of {OPERATORS}")),
        };
        let test = test.map_err(|message| self.fault(place, message)).ok()?;
        let negate = members.get("negate").is_some_and(is_true);
        let keys = attr.split('.').map(str::to_owned).collect();
        (self.faults.len() == known).then(|| Condition { attr: attr.to_owned(), keys, test, negate })
    }

    /// The test of an operator with its value, of the types that NetBox allows for it.
    fn test(&mut self, op: &str, attr: &str, value: Option<&Value>) -> Result<Test, String> {
        if let "changed" | "unchanged" = op {
            return snapshot_test(op, attr, value);
        }
        let relation = match op {
            "gt" => Some(Relation::Greater),
            "gte" => Some(Relation::GreaterOrEqual),
            "lt" => Some(Relation::Less),
            "lte" => Some(Relation::LessOrEqual),
            "eq" | "in" | "contains" | "regex" => None,
            _ => return Err(format!("op {op:?} is not one of {OPERATORS}")),
        };
        let value = value.ok_or_else(|| format!("{op} needs a value"))?;
        match (op, value) {
            (_, Value::Object(_)) => Err("value must not be an object".to_owned()),
            ("eq", value) => Ok(Test::Equal(value.clone())),
            ("contains", Value::Null) => Err("contains cannot take null".to_owned()),
            ("contains", value) => Ok(Test::Contains(value.clone())),
            ("in", Value::Array(items)) => Ok(Test::In(items.clone())),
            ("in", _) => Err("in needs a list as its value".to_owned()),
            ("regex", Value::String(pattern)) => match PythonRegex::parse(pattern, self.budget) {
                Ok(regex) => Ok(Test::Regex(regex)),
                Err(fault) => Err(format!("value is no regular expression: {fault}")),
            },
            ("regex", _) => Err("regex needs a text as its value".to_owned()),
            (_, Value::Number(_)) => {
                Ok(Test::Order(relation.expect("the other operators are handled above"), value.clone()))
            }
            _ => Err(format!("{op} needs a number as its value")),
        }
    }
}

fn snapshot_test(op: &str, attr: &str, value: Option<&Value>) -> Result<Test, String> {
    if value.is_some() {
        return Err(format!("{op} compares the snapshots and takes no value"));
    }
    if attr.starts_with("snapshots.") {
        return Err(format!("{op} looks into both snapshots itself; write the attribute without `snapshots.…`"));
    }
    Ok(if op == "changed" { Test::Changed } else { Test::Unchanged })
}

/// What Python's `if` makes of a JSON value.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_str().bytes().any(|byte| matches!(byte, b'1'..=b'9')),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn faults(value: Value) -> Vec<String> {
        parse(&value, &mut RegexBudget::default()).map(|_| ()).unwrap_err()
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let told = faults(json!({"and": [
            {"attr": "a", "value": 1, "foo": 2},
            {"or": ["x", {"attr": "b", "op": "like", "value": 1}]},
            {"attr": "c", "value": "[", "op": "regex"},
            {"value": 1},
        ]}));
        let places = ["and[0]: ", "and[1].or[0]: ", "and[1].or[1]: ", "and[2]: ", "and[3]: "];
        assert_eq!(told.len(), places.len(), "{told:?}");
        for (fault, place) in told.iter().zip(places) {
            assert!(fault.starts_with(place), "{fault}");
        }
    }

    #[test]
    fn what_netbox_finds_out_only_at_run_time_is_refused() {
        for bad in [
            json!({}),
            json!([]),
            json!(null),
            json!({"AND": []}),
            json!({"and": {}}),
            json!({"and": ""}),
            json!({"and": [null]}),
            json!({"attr": 5, "value": 1}),
            json!({"attr": "a", "op": null, "value": 1}),
            json!({"attr": "a", "op": ["eq"], "value": 1}),
            json!({"attr": "a", "op": "changed", "value": null}),
            json!({"attr": "snapshots.prechange.a", "op": "unchanged"}),
            json!({"attr": "a", "op": "regex", "value": "(?P<"}),
        ] {
            assert!(!faults(bad.clone()).is_empty(), "{bad}");
        }
    }

    #[test]
    fn each_operator_takes_the_types_that_netbox_allows() {
        let values = [json!("a"), json!(true), json!(1), json!(1.5), json!([1]), json!(null), json!({})];
        let allowed = [
            ("eq", [true, true, true, true, true, true, false]),
            ("gt", [false, false, true, true, false, false, false]),
            ("gte", [false, false, true, true, false, false, false]),
            ("lt", [false, false, true, true, false, false, false]),
            ("lte", [false, false, true, true, false, false, false]),
            ("in", [false, false, false, false, true, false, false]),
            ("contains", [true, true, true, true, true, false, false]),
            ("regex", [true, false, false, false, false, false, false]),
        ];
        for (op, row) in allowed {
            for (value, expected) in values.iter().zip(row) {
                let condition = json!({"attr": "a", "op": op, "value": value});
                assert_eq!(parse(&condition, &mut RegexBudget::default()).is_ok(), expected, "{op} {value}");
            }
        }
    }

    #[test]
    fn negate_is_true_where_python_says_so() {
        let truths = [json!(true), json!(1), json!(0.5), json!("x"), json!([0])];
        let falsehoods = [json!(false), json!(0), json!(0.0), json!(""), json!([]), json!(null)];
        assert!(truths.iter().all(is_true));
        assert!(!falsehoods.iter().any(is_true));
    }
}
