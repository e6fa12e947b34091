//! NetBox's condition language: sets of `and` and `or` over tests of the event's data, as
//! NetBox 4.7 evaluates them.
//!
//! Parsed when a webhook is saved, where everything is refused that NetBox would find out
//! only while evaluating; evaluated for every event. An evaluation has three ends: true,
//! false, or an error, which ends the whole set as it does in NetBox.

mod compare;
mod evaluate;
mod explain;
mod parse;
mod path;

pub(crate) use evaluate::Subject;
pub(crate) use parse::parse;

use serde_json::Value;
use tenterhook_pattern::PythonRegex;

/// Members that must all hold, or one of which must.
#[derive(Debug, Clone)]
pub(crate) struct ConditionSet {
    logic: Logic,
    members: Vec<Member>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Logic {
    And,
    Or,
}

#[derive(Debug, Clone)]
enum Member {
    Set(ConditionSet),
    Test(Condition),
}

/// One test of one attribute.
#[derive(Debug, Clone)]
struct Condition {
    /// The path as it was written, for messages.
    attr: String,
    /// The path at its dots.
    keys: Vec<String>,
    test: Test,
    negate: bool,
}

#[derive(Debug, Clone)]
enum Test {
    Equal(Value),
    Order(Relation, Value),
    In(Vec<Value>),
    Contains(Value),
    Regex(PythonRegex),
    Changed,
    Unchanged,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Test {
    /// The operator's name in the condition language.
    fn name(&self) -> &'static str {
        match self {
            Self::Equal(_) => "eq",
            Self::Order(Relation::Greater, _) => "gt",
            Self::Order(Relation::GreaterOrEqual, _) => "gte",
            Self::Order(Relation::Less, _) => "lt",
            Self::Order(Relation::LessOrEqual, _) => "lte",
            Self::In(_) => "in",
            Self::Contains(_) => "contains",
            Self::Regex(_) => "regex",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
        }
    }
}
