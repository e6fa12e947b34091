//! A webhook, compiled once a revision: asked of every event whether it matches, and for
//! every attempt what to send.

use std::fmt;
use std::sync::Arc;

use tenterhook_model::authentication::AUTHORIZATION;
use tenterhook_model::webhook::{KeyAlgorithm, SignatureScheme, TransportPolicy, Webhook};
use tenterhook_model::{Fault, PreparedRequest, TargetUrl, TemplateVariables, WebhookId};

use crate::event_context::EventContext;
use crate::matching::{Acceptance, Matching, Rules};
use crate::request::{self, AttemptFacts, Draft, FieldTemplate, Parts, RenderFault, Rendered, RequestPlan, check_name};
use crate::signature::{Custom, SecretFault, Signer, check_custom_secret, check_secret};

/// Bytes of memory that a compiled webhook takes without its templates, roughly.
const BASE_BYTES: usize = 4 * 1024;
/// Bytes of memory that a byte of a template's source takes compiled, roughly: measured with
/// 3,000 webhooks of 61 KiB.
const BYTES_PER_SOURCE_BYTE: usize = 17;

/// A webhook, ready to match and to send. Printing it shows which one it is.
pub struct Compiled {
    id: WebhookId,
    revision: u64,
    rules: Arc<Rules>,
    request: RequestPlan,
    signer: Signer,
    transport: Arc<TransportPolicy>,
    is_plain: bool,
    weight: usize,
}

/// Compiles a webhook: its rules, its request and its secrets.
///
/// # Errors
/// Every fault at once, with the path of its field within the webhook, such as
/// `request.headers[1].value`; those of a secret under `signing_secret`.
pub fn compile(webhook: &Webhook) -> Result<Compiled, Vec<Fault>> {
    compile_with(webhook, &TemplateVariables::default())
}

/// As [`compile`], with the variables of the environment that its templates may read.
///
/// # Errors
/// As [`compile`].
pub fn compile_with(webhook: &Webhook, variables: &TemplateVariables) -> Result<Compiled, Vec<Fault>> {
    let mut faults = Vec::new();
    let schemes = webhook.schemes();
    check_schemes(webhook, &schemes, &mut faults);
    let rules = Rules::compile(&webhook.spec.rules).map_err(|found| faults.extend(found)).ok();
    let taken = taken(webhook, &schemes);
    check_custom(webhook, &schemes, &mut faults);
    let request = request::compile(&webhook.spec.request, webhook.spec.authentication.as_ref(), taken, variables)
        .map_err(|found| faults.extend(found.into_iter().map(|fault| fault.under("request"))))
        .ok();
    let (Some(rules), Some(request)) = (rules, request.filter(|_| faults.is_empty())) else {
        assert!(!faults.is_empty(), "{} does not compile, and nothing says why", webhook.id);
        return Err(faults);
    };
    let templates_plain = request.templates().iter().all(FieldTemplate::is_plain);
    Ok(Compiled {
        id: webhook.id,
        revision: webhook.revision,
        is_plain: templates_plain && rules.is_plain(),
        weight: weight(webhook),
        rules: Arc::new(rules),
        request,
        signer: Signer::new(webhook),
        transport: Arc::new(webhook.spec.transport.clone()),
    })
}

fn weight(webhook: &Webhook) -> usize {
    let request = &webhook.spec.request;
    let headers: usize = request.headers.iter().map(|header| header.value.expose().len()).sum();
    let rules: usize = webhook.spec.rules.iter().map(|rule| rule.expression.len()).sum();
    let parts = [&request.url, &request.additional_headers, &request.body, &request.cloudevents_source];
    let source = parts.iter().map(|part| part.len()).sum::<usize>() + headers + rules;
    BASE_BYTES + source * BYTES_PER_SOURCE_BYTE
}

/// The headers that signatures and authentication take.
fn taken(webhook: &Webhook, schemes: &[SignatureScheme]) -> Vec<String> {
    let mut names = taken_first(webhook, schemes);
    names.extend(webhook.spec.custom_signatures.iter().map(|custom| custom.header.clone()));
    names
}

/// The headers that custom signatures cannot have.
fn taken_first(webhook: &Webhook, schemes: &[SignatureScheme]) -> Vec<String> {
    let mut names = of_schemes(schemes);
    names.extend(webhook.spec.authentication.iter().map(|_| AUTHORIZATION.to_owned()));
    names
}

fn of_schemes(schemes: &[SignatureScheme]) -> Vec<String> {
    schemes.iter().flat_map(|scheme| scheme.headers()).map(|name| (*name).to_owned()).collect()
}

/// The headers of custom signatures must be free, their texts legal, and the secret of their form.
fn check_custom(webhook: &Webhook, schemes: &[SignatureScheme], faults: &mut Vec<Fault>) {
    let mut taken = taken_first(webhook, schemes);
    for (index, given) in webhook.spec.custom_signatures.iter().enumerate() {
        let field = |name: &str| format!("signing.custom[{index}].{name}");
        if let Err(message) = check_name(&given.header, &taken) {
            faults.push(Fault::invalid(field("header"), message));
        }
        taken.push(given.header.clone());
        if let Err(found) = Custom::read(given) {
            faults.extend(found.into_iter().map(|(name, message)| Fault::invalid(field(name), message)));
        }
    }
    let customs = &webhook.spec.custom_signatures;
    let unfit =
        webhook.newest_key(KeyAlgorithm::Hmac).and_then(|key| check_custom_secret(customs, key.secret.expose()).err());
    faults.extend(unfit.map(|fault| Fault::invalid("signing_secret", fault.to_string())));
}

/// The secret that signs now must fit every scheme; older ones sign where they fit.
fn check_schemes(webhook: &Webhook, schemes: &[SignatureScheme], faults: &mut Vec<Fault>) {
    for (index, scheme) in schemes.iter().enumerate() {
        if schemes[..index].contains(scheme) {
            faults.push(Fault::invalid(format!("signing.schemes[{index}]"), "is listed twice"));
        }
    }
    if webhook.signing_keys.is_empty() {
        return;
    }
    let check = |scheme: &SignatureScheme| match webhook.newest_key(scheme.algorithm()) {
        Some(key) => check_secret(*scheme, key.secret.expose()),
        None if scheme.algorithm() == KeyAlgorithm::Ed25519 => Err(SecretFault::NotPrivateKey),
        None => Err(SecretFault::PrivateKey),
    };
    let signs = !schemes.is_empty() || !webhook.spec.custom_signatures.is_empty();
    let unused = if signs { None } else { Some(SecretFault::PrivateKey) };
    if let Some(fault) = schemes.iter().filter_map(|scheme| check(scheme).err()).next().or(unused) {
        faults.push(Fault::invalid("signing_secret", fault.to_string()));
    }
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

    /// Its rules.
    pub fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// Bytes of memory that it takes, roughly.
    pub fn weight(&self) -> usize {
        self.weight
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

    /// Whether an event goes to this webhook, as [`Rules::accepts`].
    pub fn accepts(&self, event: &EventContext) -> Acceptance {
        self.rules.accepts(event)
    }

    /// How every rule does with an event, as [`Rules::matches`].
    pub fn matches(&self, event: &EventContext) -> Matching {
        self.rules.matches(event)
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

    /// Makes what can be made of the request when some templates failed, and gives what is wrong.
    /// `results` has one for each template, in the order of [`Compiled::templates`].
    pub fn draft(
        &self,
        results: Vec<Result<String, RenderFault>>,
        event: &EventContext,
        facts: &AttemptFacts,
    ) -> (Draft, Vec<RenderFault>) {
        self.request.draft(results, &self.signer, event, facts)
    }

    /// Renders and finishes the request of one attempt in this process.
    ///
    /// # Errors
    /// As [`Compiled::render`] and [`Compiled::finish`].
    pub fn prepare(&self, event: &EventContext, facts: &AttemptFacts) -> Result<PreparedRequest, RenderFault> {
        self.finish(self.render(event)?, event, facts)
    }
}
