//! Condition sets, as NetBox's own `conditions.py` evaluates them.

use tenterhook_engine::compile;
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
