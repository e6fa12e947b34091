//! Condition sets, as NetBox's own `conditions.py` evaluates them.

use serde_json::{Value, json};
use tenterhook_engine::{Compiled, compile};
use tenterhook_model::JsonText;
use tenterhook_model::webhook::EventRule;

use super::wire::{context_of, text, webhook_with_rule};
use super::{check_all, same};

#[test]
fn conditions_end_as_in_netbox() {
    check_all("netbox_conditions", |case| {
        let conditions = JsonText::parse(&case["conditions"].to_string()).unwrap();
        let rule = EventRule { conditions: Some(conditions), ..EventRule::default() };
        let event = context_of("updated", &case["data"], &case["snapshots"]);
        let end = match compile(&webhook_with_rule(rule)) {
            Err(faults) => {
                assert!(faults.iter().all(|fault| fault.field == "rules[0].conditions"), "{faults:?}");
                "invalid"
            }
            Ok(compiled) => {
                let explained = compiled.matches(&event);
                let accepted = compiled.accepts(&event);
                assert_eq!(
                    (accepted.matched, accepted.errors.len()),
                    (explained.matched, usize::from(explained.rules[0].failed))
                );
                assert_eq!(explained.matched, explained.rules[0].reason.is_empty(), "a reason is given when needed");
                match &explained.rules[0] {
                    rule if rule.failed => "error",
                    rule if rule.matched => "match",
                    _ => "no_match",
                }
            }
        };
        same("the result", &end, &text(case, "expected"))
    });
}

/// A webhook with a condition `regex`; `None` when it is refused.
fn with_regex(pattern: &str) -> Option<Compiled> {
    let conditions = json!({"attr": "x", "op": "regex", "value": pattern});
    let conditions = Some(JsonText::parse(&conditions.to_string()).unwrap());
    compile(&webhook_with_rule(EventRule { conditions, ..EventRule::default() })).ok()
}

#[test]
fn regular_expressions_match_as_pythons_re_does() {
    check_all("python_regex", |case| {
        let pattern = text(case, "pattern");
        let compiled = with_regex(pattern);
        same(&format!("{pattern:?} refused"), &compiled.is_none(), &(case["error"] == true))?;
        let Some(compiled) = compiled else { return Ok(()) };
        for (key, expected) in [("matches", true), ("differs", false)] {
            for text in case[key].as_array().unwrap() {
                let accepted = compiled.accepts(&context_of("updated", &json!({"x": text}), &Value::Null));
                assert!(accepted.errors.is_empty(), "{:?}", accepted.errors);
                same(&format!("{pattern:?} on {text}"), &accepted.matched, &expected)?;
            }
        }
        Ok(())
    });
}
