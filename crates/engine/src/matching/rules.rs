//! All rules of a webhook: which events go to it.

use tenterhook_model::webhook::EventRule;
use tenterhook_model::{Fault, limits};
use tenterhook_pattern::RegexBudget;

use super::{Rule, Verdict};
use crate::event_context::EventContext;

/// The rules of a webhook, ready to be asked. The intake holds them for every webhook, so they
/// are compiled apart from its templates, which may be dropped.
#[derive(Debug)]
pub struct Rules {
    rules: Vec<Rule>,
    is_plain: bool,
}

/// Whether an event goes to a webhook, and how each rule did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    /// Whether a rule matched, or there are none and the event is not operational.
    pub matched: bool,
    /// How each rule did, in order.
    pub rules: Vec<RuleResult>,
}

/// How one rule did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleResult {
    /// Whether it matched.
    pub matched: bool,
    /// Whether it could not be evaluated; it does not match then.
    pub failed: bool,
    /// Why it did not match, in words; empty when it did.
    pub reason: String,
}

/// Whether an event goes to a webhook, without the reasons.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acceptance {
    /// Whether a rule matched, or there are none and the event is not operational.
    pub matched: bool,
    /// The rules that could not be evaluated, by their position, and why.
    pub errors: Vec<(usize, String)>,
}

impl Rules {
    /// Compiles the rules of a webhook.
    ///
    /// # Errors
    /// Every fault at once, with the path of its field within the webhook, such as
    /// `rules[0].conditions`.
    pub fn compile(rules: &[EventRule]) -> Result<Self, Vec<Fault>> {
        if rules.len() > limits::RULES {
            let message = format!("has {} rules; at most {} are allowed", rules.len(), limits::RULES);
            return Err(vec![Fault::invalid("rules", message)]);
        }
        let (mut budget, mut faults) = (RegexBudget::default(), Vec::new());
        let mut compiled = Vec::with_capacity(rules.len());
        for (index, rule) in rules.iter().enumerate() {
            match Rule::compile(rule, &mut budget) {
                Ok(rule) => compiled.push(rule),
                Err(found) => faults.extend(found.into_iter().map(|fault| fault.under(&format!("rules[{index}]")))),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        assert_eq!(compiled.len(), rules.len(), "a rule that is left out would be one that matches nothing");
        Ok(Self { is_plain: compiled.iter().all(Rule::is_plain), rules: compiled })
    }

    /// Whether all expressions do work that is bounded by their size and the event's, so that
    /// they may be evaluated in this process.
    pub fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Whether an event goes to this webhook. Stops at the first rule that matches; an error
    /// makes its rule false and no other.
    pub fn accepts(&self, event: &EventContext) -> Acceptance {
        let mut acceptance = Acceptance { matched: self.takes_without_rule(event), errors: Vec::new() };
        for (index, rule) in self.rules.iter().enumerate() {
            match rule.ask(event, false) {
                Verdict::Matches => {
                    acceptance.matched = true;
                    break;
                }
                Verdict::Differs(_) => {}
                Verdict::Fails(reason) => acceptance.errors.push((index, reason)),
            }
        }
        acceptance
    }

    /// How every rule does with an event, with the reasons in words.
    pub fn matches(&self, event: &EventContext) -> Matching {
        let results = self.rules.iter().map(|rule| match rule.ask(event, true) {
            Verdict::Matches => RuleResult { matched: true, failed: false, reason: String::new() },
            Verdict::Differs(reason) => {
                RuleResult { matched: false, failed: false, reason: reason.unwrap_or_default() }
            }
            Verdict::Fails(reason) => RuleResult { matched: false, failed: true, reason },
        });
        let rules: Vec<RuleResult> = results.collect();
        Matching { matched: self.takes_without_rule(event) || rules.iter().any(|rule| rule.matched), rules }
    }

    /// Whether there are no rules, so that every event goes to the webhook but for operational ones.
    fn takes_without_rule(&self, event: &EventContext) -> bool {
        self.rules.is_empty() && !event.event().is_operational()
    }
}
