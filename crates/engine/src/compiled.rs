//! A webhook, compiled once a revision: asked of every event whether it matches, and for
//! every attempt what to send.

use std::fmt;
use std::sync::Arc;

use tenterhook_model::webhook::{SignatureScheme, TransportPolicy, Webhook};
use tenterhook_model::{Fault, PreparedRequest, TargetUrl, WebhookId, limits};
use tenterhook_pattern::RegexBudget;

use crate::event_context::EventContext;
use crate::matching::{Rule, Verdict};
use crate::request::{self, AttemptFacts, FieldTemplate, Parts, RenderFault, Rendered, RequestPlan};
use crate::signature::{Signer, check_secret};

/// A webhook, ready to match and to send. Printing it shows which one it is.
pub struct Compiled {
    id: WebhookId,
    revision: u64,
    rules: Vec<Rule>,
    request: RequestPlan,
    signer: Signer,
    transport: Arc<TransportPolicy>,
    is_plain: bool,
}

/// Whether an event goes to a webhook, and how each rule did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    /// Whether a rule matched, or there are none.
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
    /// Whether a rule matched, or there are none.
    pub matched: bool,
    /// The rules that could not be evaluated, by their position, and why.
    pub errors: Vec<(usize, String)>,
}

/// Compiles a webhook: its rules, its request and its secrets.
///
/// # Errors
/// Every fault at once, with the path of its field within the webhook, such as
/// `request.headers[1].value`; those of a secret under `signing_secret`.
pub fn compile(webhook: &Webhook) -> Result<Compiled, Vec<Fault>> {
    let mut faults = Vec::new();
    let schemes = webhook.schemes();
    check_schemes(webhook, &schemes, &mut faults);
    let rules = compile_rules(webhook, &mut faults);
    let request = request::compile(&webhook.spec.request, schemes)
        .map_err(|found| faults.extend(found.into_iter().map(|fault| fault.under("request"))))
        .ok();
    let Some(request) = request.filter(|_| faults.is_empty()) else {
        return Err(faults);
    };
    let templates_plain = request.templates().iter().all(FieldTemplate::is_plain);
    Ok(Compiled {
        id: webhook.id,
        revision: webhook.revision,
        is_plain: templates_plain && rules.iter().all(Rule::is_plain),
        rules,
        request,
        signer: Signer::new(webhook),
        transport: Arc::new(webhook.spec.transport.clone()),
    })
}

/// The secret that signs now must fit every scheme; older ones sign where they fit.
fn check_schemes(webhook: &Webhook, schemes: &[SignatureScheme], faults: &mut Vec<Fault>) {
    for (index, scheme) in schemes.iter().enumerate() {
        if schemes[..index].contains(scheme) {
            faults.push(Fault::invalid(format!("signing.schemes[{index}]"), "stands there a second time"));
        }
    }
    let Some(key) = webhook.signing_keys.first() else { return };
    let checked = schemes.iter().map(|scheme| check_secret(*scheme, key.secret.expose()));
    if let Some(fault) = checked.filter_map(Result::err).next() {
        faults.push(Fault::invalid("signing_secret", fault.to_string()));
    }
}

fn compile_rules(webhook: &Webhook, faults: &mut Vec<Fault>) -> Vec<Rule> {
    let rules = &webhook.spec.rules;
    if rules.len() > limits::RULES {
        let message = format!("has {} rules; at most {} are allowed", rules.len(), limits::RULES);
        faults.push(Fault::invalid("rules", message));
        return Vec::new();
    }
    let mut budget = RegexBudget::default();
    let mut compiled = Vec::with_capacity(rules.len());
    for (index, rule) in rules.iter().enumerate() {
        match Rule::compile(rule, &mut budget) {
            Ok(rule) => compiled.push(rule),
            Err(found) => faults.extend(found.into_iter().map(|fault| fault.under(&format!("rules[{index}]")))),
        }
    }
    compiled
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiled").field("id", &self.id).field("revision", &self.revision).finish_non_exhaustive()
    }
}

impl Compiled {
    /// The webhook.
    pub fn webhook_id(&self) -> WebhookId {
        self.id
    }

    /// Which of its revisions this is.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether all its templates and expressions do work that is bounded by their size and
    /// the event's, so that they may be rendered in this process.
    pub fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// The URL as far as it is literal, to be checked against where the server may send;
    /// `None` when the host is rendered and is checked at every attempt.
    pub fn literal_target(&self) -> Option<&TargetUrl> {
        self.request.literal_target()
    }

    /// The templates that an attempt renders, in the order of [`Rendered`].
    pub fn templates(&self) -> &[FieldTemplate] {
        self.request.templates()
    }

    /// Whether an event goes to this webhook. Stops at the first rule that matches; an error
    /// makes its rule false and no other.
    pub fn accepts(&self, event: &EventContext) -> Acceptance {
        let mut acceptance = Acceptance { matched: self.rules.is_empty(), errors: Vec::new() };
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
        Matching { matched: rules.is_empty() || rules.iter().any(|rule| rule.matched), rules }
    }

    /// Renders the templates in this process.
    ///
    /// # Errors
    /// The first template that fails.
    pub fn render(&self, event: &EventContext) -> Result<Rendered, RenderFault> {
        self.request.render(event)
    }

    /// Makes the exact request of one attempt of what was rendered: checked and signed.
    ///
    /// # Errors
    /// What was rendered is over a limit or no legal URL, header or body.
    pub fn finish(
        &self,
        rendered: Rendered,
        event: &EventContext,
        facts: &AttemptFacts,
    ) -> Result<PreparedRequest, RenderFault> {
        self.request.assemble(Parts { event, facts, rendered }, &self.signer, &self.transport)
    }

    /// Renders and finishes the request of one attempt in this process.
    ///
    /// # Errors
    /// As [`Compiled::render`] and [`Compiled::finish`].
    pub fn prepare(&self, event: &EventContext, facts: &AttemptFacts) -> Result<PreparedRequest, RenderFault> {
        self.finish(self.render(event)?, event, facts)
    }
}
