//! One rule of a webhook: compiled once, asked for every event.

use std::collections::BTreeMap;

use tenterhook_jinja::Expression;
use tenterhook_model::webhook::EventRule;
use tenterhook_model::{Fault, FaultKind, JsonText, OPERATIONAL_PREFIX, limits};
use tenterhook_pattern::RegexBudget;

use super::Pattern;
use crate::conditions::{self, ConditionSet};
use crate::event_context::{EventContext, NAMES};

/// Why a rule that would match an operational event otherwise does not.
const NOT_NAMED: &str =
    "operational events go only to rules whose event_types name them, with a pattern such as `tenterhook.**`";

/// A rule, ready to be asked.
#[derive(Debug)]
pub(crate) struct Rule {
    disabled: bool,
    event_types: Vec<Pattern>,
    object_types: Vec<Pattern>,
    attributes: BTreeMap<String, String>,
    conditions: Option<ConditionSet>,
    expression: Option<Expression>,
}

/// What a rule says of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Matches,
    /// It does not match, for this reason if it was asked for.
    Differs(Option<String>),
    /// It could not be evaluated, for this reason; it does not match.
    Fails(String),
}

impl Rule {
    /// Compiles a rule, whose regular expressions take from `budget`.
    ///
    /// # Errors
    /// All faults, with paths within the rule.
    pub(crate) fn compile(rule: &EventRule, budget: &mut RegexBudget) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let compiled = Self {
            disabled: rule.disabled,
            event_types: patterns("event_types", &rule.event_types, &mut faults),
            object_types: patterns("object_types", &rule.object_types, &mut faults),
            attributes: rule.attributes.clone(),
            conditions: rule.conditions.as_ref().and_then(|json| condition_set(json, budget, &mut faults)),
            expression: expression(&rule.expression, &mut faults),
        };
        if faults.is_empty() { Ok(compiled) } else { Err(faults) }
    }

    /// Whether its work is bounded by its size and the event's.
    pub(crate) fn is_plain(&self) -> bool {
        self.expression.as_ref().is_none_or(Expression::is_plain)
    }

    /// What the rule says of an event; why not only when `explain` is set.
    pub(crate) fn ask(&self, event: &EventContext, explain: bool) -> Verdict {
        if let Some(differs) = self.ask_event(event, explain) {
            return differs;
        }
        if let Some(set) = &self.conditions {
            match set.evaluate(event.subject()) {
                Ok(true) => {}
                Ok(false) => return Verdict::Differs(explain.then(|| set.explain(event.subject()))),
                Err(error) => return Verdict::Fails(format!("conditions: {error}")),
            }
        }
        match self.expression.as_ref().map(|expression| expression.holds(event.template())) {
            None | Some(Ok(true)) => Verdict::Matches,
            Some(Ok(false)) => Verdict::Differs(explain.then(|| "the expression is not true".to_owned())),
            Some(Err(error)) => Verdict::Fails(format!("expression: {}", error.message)),
        }
    }

    /// The parts that look at the event itself and not into its data.
    fn ask_event(&self, event: &EventContext, explain: bool) -> Option<Verdict> {
        let event = event.event();
        let differs = |reason: String| Some(Verdict::Differs(Some(reason)));
        let none_matches =
            |patterns: &[Pattern], text: &str| !patterns.is_empty() && !patterns.iter().any(|p| p.matches(text));
        if self.disabled {
            return differs("the rule is disabled".to_owned());
        }
        let names = |pattern: &Pattern| pattern.begins_with(OPERATIONAL_PREFIX) && pattern.matches(&event.event_type);
        if event.is_operational() && !self.event_types.iter().any(names) {
            return Some(Verdict::Differs(explain.then(|| NOT_NAMED.to_owned())));
        }
        if none_matches(&self.event_types, &event.event_type) {
            return if explain {
                differs(format!("the event type {:?} fits no pattern of event_types", event.event_type))
            } else {
                Some(Verdict::Differs(None))
            };
        }
        if none_matches(&self.object_types, &event.object_type) {
            return if explain {
                differs(format!("the object type {:?} fits no pattern of object_types", event.object_type))
            } else {
                Some(Verdict::Differs(None))
            };
        }
        let (key, wanted) = self.attributes.iter().find(|(key, wanted)| event.attributes.get(*key) != Some(wanted))?;
        if !explain {
            return Some(Verdict::Differs(None));
        }
        match event.attributes.get(key) {
            Some(value) => differs(format!("the attribute {key:?} is {value:?}, not {wanted:?}")),
            None => differs(format!("the event has no attribute {key:?}")),
        }
    }
}

/// Compiles a list of patterns.
fn patterns(field: &str, texts: &[String], faults: &mut Vec<Fault>) -> Vec<Pattern> {
    if texts.len() > limits::PATTERNS {
        let message = format!("has {} patterns; at most {} are allowed", texts.len(), limits::PATTERNS);
        faults.push(Fault::invalid(field, message));
        return Vec::new();
    }
    let mut patterns = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        match Pattern::parse(text) {
            Ok(pattern) => patterns.push(pattern),
            Err(message) => faults.push(Fault::invalid(format!("{field}[{index}]"), message)),
        }
    }
    patterns
}

fn condition_set(json: &JsonText, budget: &mut RegexBudget, faults: &mut Vec<Fault>) -> Option<ConditionSet> {
    let bytes = json.as_str().len();
    if bytes > limits::CONDITIONS_BYTES {
        let message = format!("is {bytes} bytes long; at most {} are allowed", limits::CONDITIONS_BYTES);
        faults.push(Fault::invalid("conditions", message));
        return None;
    }
    match conditions::parse(&json.value(), budget) {
        Ok(set) => Some(set),
        Err(messages) => {
            faults.extend(messages.into_iter().map(|message| Fault::invalid("conditions", message)));
            None
        }
    }
}

fn expression(source: &str, faults: &mut Vec<Fault>) -> Option<Expression> {
    if source.is_empty() {
        return None;
    }
    if source.len() > limits::TEMPLATE_BYTES {
        let message = format!("is {} bytes long; at most {} are allowed", source.len(), limits::TEMPLATE_BYTES);
        faults.push(Fault::invalid("expression", message));
        return None;
    }
    match Expression::compile(source, Some(&NAMES)) {
        Ok(expression) => Some(expression),
        Err(found) => {
            faults.extend(found.into_iter().map(|fault| Fault {
                field: "expression".to_owned(),
                message: fault.message,
                kind: FaultKind::TemplateSyntax { line: fault.line, column: fault.column },
            }));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests as testing;

    fn ask(rule: EventRule) -> Verdict {
        let event = testing::context(r#"{"id": 4, "status": "active"}"#, None);
        let rule = Rule::compile(&rule, &mut RegexBudget::default()).unwrap();
        let quiet = rule.ask(&event, false);
        let explained = rule.ask(&event, true);
        assert_eq!(
            std::mem::discriminant(&quiet),
            std::mem::discriminant(&explained),
            "explaining changes nothing but the reason"
        );
        explained
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn every_part_of_a_rule_must_match() {
        let full = EventRule {
            event_types: texts(&["deleted", "crea*"]),
            object_types: texts(&["dcim.*"]),
            attributes: [("tier".to_owned(), "1".to_owned())].into(),
            conditions: Some(JsonText::parse(r#"{"attr": "status", "value": "active"}"#).unwrap()),
            expression: "data.id > 3".to_owned(),
            ..EventRule::default()
        };
        assert_eq!(ask(full.clone()), Verdict::Matches);
        assert_eq!(ask(EventRule::default()), Verdict::Matches);
        let cases = [
            (EventRule { disabled: true, ..full.clone() }, "the rule is disabled"),
            (
                EventRule { event_types: texts(&["updated"]), ..full.clone() },
                "the event type \"created\" fits no pattern of event_types",
            ),
            (
                EventRule { object_types: texts(&["ipam.**"]), ..full.clone() },
                "the object type \"dcim.site\" fits no pattern of object_types",
            ),
            (
                EventRule { attributes: [("tier".to_owned(), "2".to_owned())].into(), ..full.clone() },
                "the attribute \"tier\" is \"1\", not \"2\"",
            ),
            (
                EventRule { attributes: [("site".to_owned(), "x".to_owned())].into(), ..full.clone() },
                "the event has no attribute \"site\"",
            ),
            (
                EventRule {
                    conditions: Some(JsonText::parse(r#"{"attr": "id", "value": 5}"#).unwrap()),
                    ..full.clone()
                },
                "`id` is 4, which is not `eq 5`",
            ),
            (EventRule { expression: "data.id > 4".to_owned(), ..full }, "the expression is not true"),
        ];
        for (rule, reason) in cases {
            assert_eq!(ask(rule), Verdict::Differs(Some(reason.to_owned())));
        }
    }

    #[test]
    fn an_operational_event_goes_only_to_rules_that_name_it() {
        let mut event = testing::event();
        event.event_type = "tenterhook.webhook.failing".into();
        let event = EventContext::new(std::sync::Arc::new(event));
        let verdict = |event_types: &[&str]| {
            let rule = EventRule { event_types: texts(event_types), ..EventRule::default() };
            Rule::compile(&rule, &mut RegexBudget::default()).unwrap().ask(&event, true)
        };
        for names in ["tenterhook.**", "tenterhook.webhook.*", "tenterhook.webhook.failing", "tenterhook.*.failing"] {
            assert_eq!(verdict(&["created", names]), Verdict::Matches, "{names}");
        }
        let general: [&[&str]; 8] =
            [&[], &["**"], &["*"], &["**.failing"], &["t**"], &["tenterhook**"], &["*.*.*"], &["created"]];
        for names in general {
            assert_eq!(verdict(names), Verdict::Differs(Some(NOT_NAMED.to_owned())), "{names:?}");
        }
        assert!(matches!(verdict(&["tenterhook.webhook.paused"]), Verdict::Differs(_)));
    }

    #[test]
    fn what_cannot_be_evaluated_fails_with_its_part() {
        let conditions = JsonText::parse(r#"{"attr": "nope", "value": 1, "negate": true}"#).unwrap();
        let failed = ask(EventRule { conditions: Some(conditions), ..EventRule::default() });
        assert_eq!(failed, Verdict::Fails("conditions: `nope` is not in the data".to_owned()));
        let Verdict::Fails(reason) = ask(EventRule { expression: "data.id + 'x'".to_owned(), ..EventRule::default() })
        else {
            panic!("a text cannot be added to a number")
        };
        assert!(reason.starts_with("expression: "), "{reason}");
    }

    #[test]
    fn all_faults_of_a_rule_are_told_at_once() {
        let rule = EventRule {
            event_types: texts(&["ok", ""]),
            object_types: texts(&["a b"]),
            conditions: Some(JsonText::parse("[]").unwrap()),
            expression: "data.id >".to_owned(),
            ..EventRule::default()
        };
        let faults = Rule::compile(&rule, &mut RegexBudget::default()).unwrap_err();
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["event_types[1]", "object_types[0]", "conditions", "expression"]);
        assert!(matches!(faults[3].kind, FaultKind::TemplateSyntax { line: 1, .. }));
    }

    #[test]
    fn lists_and_texts_have_limits() {
        let rule = EventRule {
            event_types: vec!["a".to_owned(); 65],
            conditions: Some(JsonText::parse(&format!("[\"{}\"]", "a".repeat(limits::CONDITIONS_BYTES))).unwrap()),
            expression: "1".repeat(limits::TEMPLATE_BYTES + 1),
            ..EventRule::default()
        };
        let faults = Rule::compile(&rule, &mut RegexBudget::default()).unwrap_err();
        assert!(faults.iter().all(|fault| fault.message.contains("at most")), "{faults:?}");
        assert_eq!(faults.len(), 3);
    }
}
