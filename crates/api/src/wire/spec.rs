//! The configuration of a webhook, from the wire to the model.

use tenterhook_model::{WebhookSpec, limits};
use tenterhook_proto::tenterhook::v1;

use super::authentication::read_authentication;
use super::labels::check_labels;
use super::policies::{read_breaker, read_rate, read_retry, read_transport};
use super::request::{read_request, read_rules};
use super::signing::read_signing;
use crate::check::Check;

/// What the reading of a configuration depends on besides its text.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Setting<'a> {
    /// The configuration as it is stored, whose secrets are kept where none are sent.
    pub(crate) stored: Option<&'a WebhookSpec>,
    /// Whether webhooks may turn off the check of the receiver's certificate.
    pub(crate) may_skip_verify: bool,
}

/// The configuration at this place. What is wrong with it stands in `check`; the result is then
/// only good for finding more faults.
pub(crate) fn read_spec(check: &mut Check, webhook: v1::Webhook, setting: Setting<'_>) -> WebhookSpec {
    let Setting { stored, may_skip_verify } = setting;
    if webhook.display_name.trim().is_empty() {
        check.refuse("display_name", "must not be empty");
    }
    check.text("display_name", &webhook.display_name, limits::DISPLAY_NAME_CHARS);
    check.text("description", &webhook.description, limits::DESCRIPTION_CHARS);
    check.count("rules", webhook.rules.len(), limits::RULES);
    let rules = check.within("rules", |check| read_rules(check, webhook.rules));
    let request = webhook.request.unwrap_or_default();
    let request = check.within("request", |check| read_request(check, request, stored.map(|s| &s.request)));
    let signing = webhook.signing.map(|signing| check.within("signing", |check| read_signing(check, signing)));
    let (signing, custom_signatures) = signing.unzip();
    let retry = webhook.retry.map(|retry| check.within("retry", |check| read_retry(check, retry)));
    let breaker = webhook.circuit_breaker.unwrap_or_default();
    let circuit_breaker = check.within("circuit_breaker", |check| read_breaker(check, &breaker));
    let rate = webhook.rate_limit.unwrap_or_default();
    let rate_limit = check.within("rate_limit", |check| read_rate(check, &rate));
    let transport = webhook.transport.unwrap_or_default();
    let mut transport = check.within("transport", |check| read_transport(check, transport, may_skip_verify));
    let authentication = webhook.authentication.and_then(|authentication| {
        let stored = stored.and_then(|stored| stored.authentication.as_ref());
        check.within("authentication", |check| read_authentication(check, authentication, stored))
    });
    check_labels(check, "labels", &webhook.labels);
    let keeps_key = !transport.client_certificate_pem.is_empty() && transport.client_private_key_pem.is_empty();
    if let Some(stored) = stored.filter(|_| keeps_key) {
        transport.client_private_key_pem = stored.transport.client_private_key_pem.clone();
    }
    WebhookSpec {
        display_name: webhook.display_name,
        description: webhook.description,
        disabled: webhook.disabled,
        rules,
        request,
        signing,
        custom_signatures: custom_signatures.unwrap_or_default(),
        retry: retry.unwrap_or_default(),
        circuit_breaker,
        rate_limit,
        transport,
        authentication,
        labels: webhook.labels,
    }
}

#[cfg(test)]
#[path = "spec_tests.rs"]
mod tests;
