//! Evaluating a condition set over one event.

use std::cmp::Ordering;

use serde_json::{Map, Value};
use tenterhook_pattern::RegexLimit;
use thiserror::Error;

use super::path::{EmptyList, Found, Lost, type_name, walk, walk_members};
use super::{Condition, ConditionSet, Logic, Member, Relation, Test, compare};

/// The key under which a path reaches the snapshots.
const SNAPSHOTS: &str = "snapshots";

/// What conditions are evaluated over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// The event's data; `None` when it has none.
    pub(crate) data: Option<&'a Value>,
    /// The snapshots as `{"prechange": …, "postchange": …}`; `None` when the event has none.
    pub(crate) snapshots: Option<&'a Value>,
}

impl<'a> Subject<'a> {
    /// The event's snapshots, else what its data has under that name.
    fn snapshots(self) -> Option<&'a Value> {
        self.snapshots.or_else(|| self.data?.as_object()?.get(SNAPSHOTS))
    }
}

/// Why a condition has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum EvaluationError {
    /// The path leads nowhere.
    #[error("`{attr}` is not in the data{why}")]
    Path {
        /// The path.
        attr: String,
        /// More about it, or nothing.
        why: String,
    },
    /// The value is of a type that the operator cannot take.
    #[error("`{attr}` is {found}, which `{op}` cannot take")]
    Type {
        /// The path.
        attr: String,
        /// The operator.
        op: &'static str,
        /// The type that was found.
        found: &'static str,
    },
    /// There is no snapshot to compare.
    #[error("`{attr}` cannot be compared: the event has no snapshots")]
    NoSnapshots {
        /// The path.
        attr: String,
    },
    /// The regular expression took too long.
    #[error("`{attr}`: {limit}")]
    Regex {
        /// The path.
        attr: String,
        /// Which limit it ran into.
        limit: RegexLimit,
    },
}

impl ConditionSet {
    /// Whether the event meets the set.
    ///
    /// # Errors
    /// The first error met ends the evaluation, as in NetBox; members that were decided
    /// before it are not looked at again, and those behind a decision are not looked at.
    pub(crate) fn evaluate(&self, subject: Subject<'_>) -> Result<bool, EvaluationError> {
        let decides = self.logic == Logic::Or;
        for member in &self.members {
            if member.evaluate(subject)? == decides {
                return Ok(decides);
            }
        }
        Ok(!decides)
    }
}

impl Member {
    pub(super) fn evaluate(&self, subject: Subject<'_>) -> Result<bool, EvaluationError> {
        match self {
            Self::Set(set) => set.evaluate(subject),
            Self::Test(condition) => condition.evaluate(subject),
        }
    }
}

/// What a condition's path leads to, before its operator is applied.
pub(super) enum Resolved<'a> {
    /// A value.
    Value(Found<'a>),
    /// The event carries no data at all, so that nothing was compared: never a match.
    NoData,
}

impl Condition {
    fn evaluate(&self, subject: Subject<'_>) -> Result<bool, EvaluationError> {
        if matches!(self.test, Test::Changed | Test::Unchanged) {
            let changed = self.has_changed(subject)?;
            return Ok((changed == matches!(self.test, Test::Changed)) != self.negate);
        }
        match self.resolve(subject)? {
            Resolved::NoData => Ok(false),
            Resolved::Value(found) => Ok(self.holds(&found)? != self.negate),
        }
    }

    /// Follows the path.
    pub(super) fn resolve<'a>(&self, subject: Subject<'a>) -> Result<Resolved<'a>, EvaluationError> {
        if self.keys[0] == SNAPSHOTS
            && let Some(snapshots) = subject.snapshots()
        {
            if self.is_in_absent_snapshot(snapshots) {
                return Ok(Resolved::Value(Found::Absent));
            }
            let found = walk(snapshots, &self.keys[1..], EmptyList::IsEmpty);
            return found.map(Resolved::Value).map_err(|lost| self.lost(lost));
        }
        match subject.data {
            Some(Value::Object(data)) => {
                let found = walk_members(data, &self.keys, EmptyList::IsEmpty);
                found.map(Resolved::Value).map_err(|lost| self.lost(lost))
            }
            _ => Ok(Resolved::NoData),
        }
    }

    fn lost(&self, lost: Lost) -> EvaluationError {
        let why = match lost {
            Lost::Missing => String::new(),
            Lost::NoKeys { key, within } => format!(": {within} has no `{key}`"),
        };
        EvaluationError::Path { attr: self.attr.clone(), why }
    }

    /// Whether the path reads a snapshot that is null while the other one shows that the
    /// path describes the data: a created object has no state before, a deleted one none
    /// after. With the other one null too there is nothing to check the path against.
    fn is_in_absent_snapshot(&self, snapshots: &Value) -> bool {
        let (which, rest) = match &self.keys[1..] {
            [which, rest @ ..] => (which.as_str(), rest),
            [] => return false,
        };
        let other = match which {
            "prechange" => "postchange",
            "postchange" => "prechange",
            _ => return false,
        };
        if snapshots.get(which) != Some(&Value::Null) {
            return false;
        }
        match snapshots.get(other) {
            None | Some(Value::Null) => true,
            Some(_) if rest.is_empty() => true,
            Some(other) => walk(other, rest, EmptyList::IsMissing).is_ok(),
        }
    }

    /// Whether the value differs between the snapshots.
    fn has_changed(&self, subject: Subject<'_>) -> Result<bool, EvaluationError> {
        let Some(Value::Object(snapshots)) = subject.snapshots() else {
            return Err(EvaluationError::NoSnapshots { attr: self.attr.clone() });
        };
        match (self.side(snapshots, "prechange"), self.side(snapshots, "postchange")) {
            (None, None) => Err(EvaluationError::NoSnapshots { attr: self.attr.clone() }),
            (Some(Ok(before)), Some(Ok(after))) => Ok(!found_equal(&before, &after)),
            (Some(Ok(_)), _) | (_, Some(Ok(_))) => Ok(true),
            (Some(Err(lost @ Lost::NoKeys { .. })), _) | (_, Some(Err(lost @ Lost::NoKeys { .. }))) => {
                Err(self.lost(lost))
            }
            (Some(Err(Lost::Missing)), _) | (_, Some(Err(Lost::Missing))) => Err(self.lost(Lost::Missing)),
        }
    }

    /// The value in one snapshot; `None` when the event does not have the snapshot.
    fn side<'a>(&self, snapshots: &'a Map<String, Value>, which: &str) -> Option<Result<Found<'a>, Lost>> {
        match snapshots.get(which) {
            None | Some(Value::Null) => None,
            Some(snapshot) => Some(walk(snapshot, &self.keys, EmptyList::IsMissing)),
        }
    }

    /// Applies the operator. A snapshot that is absent counts as null, but where null is of
    /// the wrong type it is no match instead of an error.
    fn holds(&self, found: &Found<'_>) -> Result<bool, EvaluationError> {
        let wrong_type = |kind| match found {
            Found::Absent => Ok(false),
            _ => Err(EvaluationError::Type { attr: self.attr.clone(), op: self.test.name(), found: kind }),
        };
        match (&self.test, found) {
            (Test::Equal(expected), found) => Ok(found_equals(found, expected)),
            (Test::In(items), found) => Ok(items.iter().any(|item| found_equals(found, item))),
            (Test::Order(relation, bound), Found::One(value)) => match compare::order(value, bound) {
                Some(order) => Ok(relation.holds(order)),
                None => wrong_type(type_name(value)),
            },
            (Test::Contains(part), Found::Each(items)) => Ok(items.iter().any(|item| compare::equal(item, part))),
            (Test::Contains(part), Found::One(value)) => contains(value, part).map_or_else(wrong_type, Ok),
            (Test::Regex(regex), Found::One(Value::String(text))) => {
                regex.matches(text).map_err(|limit| EvaluationError::Regex { attr: self.attr.clone(), limit })
            }
            (Test::Regex(_), Found::One(value)) => wrong_type(type_name(value)),
            (_, Found::Each(_)) => wrong_type("a list"),
            (_, Found::Absent) => wrong_type("null"),
            (Test::Changed | Test::Unchanged, Found::One(_)) => {
                unreachable!("changed and unchanged compare the snapshots and resolve no value")
            }
        }
    }
}

/// Python's `part in value`; `Err` with the type that cannot answer.
fn contains(value: &Value, part: &Value) -> Result<bool, &'static str> {
    match (value, part) {
        (Value::String(text), Value::String(part)) => Ok(text.contains(part.as_str())),
        (Value::Array(items), part) => Ok(items.iter().any(|item| compare::equal(item, part))),
        (Value::Object(members), Value::String(key)) => Ok(members.contains_key(key)),
        (Value::Object(_), Value::Bool(_) | Value::Number(_)) => Ok(false),
        (value, _) => Err(type_name(value)),
    }
}

fn found_equals(found: &Found<'_>, expected: &Value) -> bool {
    match (found, expected) {
        (Found::One(value), expected) => compare::equal(value, expected),
        (Found::Each(items), Value::Array(expected)) => {
            items.len() == expected.len() && items.iter().zip(expected).all(|(a, b)| compare::equal(a, b))
        }
        (Found::Absent, Value::Null) => true,
        (Found::Each(_) | Found::Absent, _) => false,
    }
}

fn found_equal(a: &Found<'_>, b: &Found<'_>) -> bool {
    match (a, b) {
        (Found::Each(a), Found::Each(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| compare::equal(a, b)),
        (found, Found::One(value)) | (Found::One(value), found) => found_equals(found, value),
        (found, Found::Absent) | (Found::Absent, found) => found_equals(found, &Value::Null),
    }
}

impl Relation {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Greater => order == Ordering::Greater,
            Self::GreaterOrEqual => order != Ordering::Less,
            Self::Less => order == Ordering::Less,
            Self::LessOrEqual => order != Ordering::Greater,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conditions::parse;
    use serde_json::json;
    use tenterhook_pattern::RegexBudget;

    fn evaluate(conditions: Value, data: Value, snapshots: Value) -> Result<bool, EvaluationError> {
        let set = parse(&conditions, &mut RegexBudget::default()).unwrap();
        let given = |value: &Value| !value.is_null();
        set.evaluate(Subject {
            data: Some(&data).filter(|v| given(v)),
            snapshots: Some(&snapshots).filter(|v| given(v)),
        })
    }

    #[test]
    fn contains_asks_as_pythons_in_does() {
        let contains = |value: Value, part: Value| {
            evaluate(json!({"attr": "x", "op": "contains", "value": part}), json!({"x": value}), json!(null))
        };
        assert_eq!(contains(json!("abc"), json!("b")), Ok(true));
        assert_eq!(contains(json!(["abc"]), json!("b")), Ok(false));
        assert_eq!(contains(json!({"k": 1}), json!("k")), Ok(true));
        assert_eq!(contains(json!({"k": 1}), json!(1)), Ok(false));
        assert_eq!(contains(json!([[1, 2]]), json!([1, 2])), Ok(true));
        assert!(contains(json!({"k": 1}), json!(["k"])).is_err());
        assert!(contains(json!("abc"), json!(1)).is_err());
        assert!(contains(json!(5), json!(5)).is_err());
    }

    #[test]
    fn an_error_ends_the_set_unless_it_was_decided_before() {
        let one = json!({"attr": "a", "value": 1});
        let bad = json!({"attr": "zz", "value": 1});
        let data = json!({"a": 1});
        assert_eq!(evaluate(json!({"or": [one, bad]}), data.clone(), json!(null)), Ok(true));
        assert!(evaluate(json!({"or": [bad, one]}), data.clone(), json!(null)).is_err());
        assert!(evaluate(json!({"and": [one, bad]}), data, json!(null)).is_err());
    }

    #[test]
    fn data_that_is_no_object_counts_as_absent() {
        let negated = json!({"attr": "a", "value": 1, "negate": true});
        for data in [json!(null), json!([{"a": 1}]), json!("a"), json!(5)] {
            assert_eq!(evaluate(negated.clone(), data, json!(null)), Ok(false));
        }
    }

    #[test]
    fn snapshots_of_the_event_hide_a_key_of_the_data_of_that_name() {
        let path = json!({"attr": "snapshots.prechange.a", "value": 1});
        let data = json!({"snapshots": {"prechange": {"a": 1}, "postchange": null}});
        assert_eq!(evaluate(path.clone(), data.clone(), json!(null)), Ok(true));
        let snapshots = json!({"prechange": {"a": 2}, "postchange": null});
        assert_eq!(evaluate(path, data, snapshots), Ok(false));
    }

    #[test]
    fn errors_say_what_was_found() {
        let told = |conditions, data| evaluate(conditions, data, json!(null)).unwrap_err().to_string();
        assert_eq!(
            told(json!({"attr": "a.b", "value": 1}), json!({"a": "x"})),
            "`a.b` is not in the data: a text has no `b`"
        );
        assert_eq!(
            told(json!({"attr": "a", "op": "gt", "value": 1}), json!({"a": "x"})),
            "`a` is a text, which `gt` cannot take"
        );
        assert_eq!(
            told(json!({"attr": "a", "op": "changed"}), json!({"a": 1})),
            "`a` cannot be compared: the event has no snapshots"
        );
    }
}
