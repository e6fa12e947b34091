//! What an import would change: each webhook as the server would store it, compared with what it has.

use std::collections::HashMap;

use tenterhook_client::Error;
use tenterhook_client::v1::{
    CreateWebhookRequest, PauseWebhookRequest, RequestTemplate, TransportPolicy, UpdateWebhookRequest, Webhook,
};

use super::flags::Retry;
use super::origin::Origin;
use super::wanted::Wanted;
use crate::apply::written;
use crate::difference::{self, Difference};
use crate::failure::Failure;
use crate::session::Session;

/// A webhook and what becomes of it.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) wanted: Wanted,
    pub(super) step: Step,
}

/// What becomes of a webhook.
#[derive(Debug)]
pub(super) enum Step {
    Create,
    /// It is here already, as it is in the other system: the webhook as it would be sent.
    Same(Box<Webhook>),
    /// It is here already and differs: the webhook to send, with the etag of what was compared.
    Differs(Box<Webhook>, Vec<Difference>),
    /// `Wanted::problems` says why.
    Refused,
}

/// How webhooks are compared with those that are here already.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) origin: Origin,
    /// Whether a failed delivery is tried again, if that was said.
    pub(super) retry: Option<Retry>,
}

/// Has the server check everything; nothing is changed.
///
/// # Errors
/// When a call fails for another reason than the webhook.
pub(super) async fn plan(all: Vec<Wanted>, rules: Rules, session: &Session) -> Result<Vec<Planned>, Failure> {
    let stored = session.webhooks().await?;
    let stored: HashMap<&str, &Webhook> =
        stored.iter().map(|webhook| (webhook.display_name.as_str(), webhook)).collect();
    let mut planned = Vec::new();
    for mut wanted in all {
        wanted.webhook.namespace.clone_from(&session.namespace);
        let step = match stored.get(wanted.webhook.display_name.as_str()) {
            None => check_new(&mut wanted, session).await?,
            Some(before) => check_change(&mut wanted, before, rules, session).await?,
        };
        planned.push(Planned { wanted, step });
    }
    Ok(planned)
}

async fn check_new(wanted: &mut Wanted, session: &Session) -> Result<Step, Failure> {
    let request = CreateWebhookRequest { validate_only: true, ..creation(wanted) };
    match session.client.webhooks().create_webhook(request).await {
        Ok(_) if wanted.problems.is_empty() => Ok(Step::Create),
        Ok(_) => Ok(Step::Refused),
        Err(status) => refused(wanted, status.into(), session),
    }
}

async fn check_change(wanted: &mut Wanted, before: &Webhook, rules: Rules, session: &Session) -> Result<Step, Failure> {
    let after = rules.overlay(before, &wanted.webhook);
    if wanted.signing_secret.expose().is_empty() != before.signing_keys.is_empty() {
        // Only whether there is a secret can be compared, and an update changes none.
        wanted.notes.push(format!(
            "it is signed in {} or here, but not in both: see `tenterhook webhook rotate-key` and `revoke-key`",
            rules.origin.name
        ));
    }
    let request = UpdateWebhookRequest { webhook: Some(after.clone()), update_mask: everything(), validate_only: true };
    match session.client.webhooks().update_webhook(request).await {
        Ok(_) if !wanted.problems.is_empty() => Ok(Step::Refused),
        Ok(response) => {
            let stored = response.into_inner().webhook.unwrap_or_default();
            let found = difference::between(&written(before), &written(&stored));
            Ok(if found.is_empty() { Step::Same(Box::new(after)) } else { Step::Differs(Box::new(after), found) })
        }
        Err(status) => refused(wanted, status.into(), session),
    }
}

/// A refusal that names fields is about the webhook; any other ends the import.
fn refused(wanted: &mut Wanted, error: Error, session: &Session) -> Result<Step, Failure> {
    if error.field_violations.is_empty() {
        return Err(session.fail(error));
    }
    let fields = error.field_violations.into_iter();
    wanted.problems.extend(fields.map(|v| (v.field.trim_start_matches("webhook.").to_owned(), v.description)));
    Ok(Step::Refused)
}

impl Rules {
    /// `before` with what the other system says of a webhook; what only exists here stays.
    fn overlay(self, before: &Webhook, wanted: &Webhook) -> Webhook {
        let mut after = before.clone();
        after.description.clone_from(&wanted.description);
        after.disabled = wanted.disabled;
        after.rules.clone_from(&wanted.rules);
        let own = format!("{}-", self.origin.word);
        after.labels.retain(|label, _| !label.starts_with(&own));
        after.labels.extend(wanted.labels.clone());
        if self.retry.is_some() || wanted.retry.is_some() {
            after.retry.clone_from(&wanted.retry);
        }
        if wanted.rate_limit.is_some() {
            after.rate_limit.clone_from(&wanted.rate_limit);
        }
        if wanted.signing.is_some() {
            after.signing.clone_from(&wanted.signing);
        }
        after.request =
            Some(request(before.request.clone().unwrap_or_default(), wanted.request.clone().unwrap_or_default()));
        let transport = self.transport(before, wanted);
        let is_set = before.transport.is_some() || transport != TransportPolicy::default();
        after.transport = is_set.then_some(transport);
        after
    }

    fn transport(self, before: &Webhook, wanted: &Webhook) -> TransportPolicy {
        let new = wanted.transport.clone().unwrap_or_default();
        let mut transport = before.transport.clone().unwrap_or_default();
        if self.origin.sets_trust {
            transport.ca_certificates_pem = new.ca_certificates_pem;
            transport.insecure_skip_verify = new.insecure_skip_verify;
        }
        transport.attempt_timeout = new.attempt_timeout.or(transport.attempt_timeout);
        transport
    }
}

fn request(old: RequestTemplate, new: RequestTemplate) -> RequestTemplate {
    RequestTemplate {
        allowed_hosts: if new.allowed_hosts.is_empty() { old.allowed_hosts } else { new.allowed_hosts },
        undefined_behavior: old.undefined_behavior,
        cloudevents_source: old.cloudevents_source,
        body_format: if new.body.is_empty() { new.body_format } else { old.body_format },
        ..new
    }
}

fn everything() -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask { paths: vec!["*".to_owned()] })
}

fn creation(wanted: &Wanted) -> CreateWebhookRequest {
    let signing_secret = wanted.signing_secret.expose().to_owned();
    CreateWebhookRequest { webhook: Some(wanted.webhook.clone()), signing_secret, ..Default::default() }
}

impl Planned {
    /// Does it: a webhook that differs is changed, a new one is paused for the reason `pause`, if there is one.
    ///
    /// # Errors
    /// When the server refuses after all.
    pub(super) async fn carry_out(&self, pause: Option<&str>, session: &Session) -> Result<(), Error> {
        let mut service = session.client.webhooks();
        match (&self.step, pause) {
            (Step::Create, Some(reason)) => create_paused(creation(&self.wanted), reason, session).await?,
            (Step::Create, None) => {
                service.create_webhook(creation(&self.wanted)).await?;
            }
            (Step::Differs(after, _), _) => {
                let webhook = Some(after.as_ref().clone());
                let request = UpdateWebhookRequest { webhook, update_mask: everything(), ..Default::default() };
                service.update_webhook(request).await?;
            }
            (Step::Same(_) | Step::Refused, _) => {}
        }
        Ok(())
    }
}

/// Creates a webhook that is paused before it can match its first event.
async fn create_paused(mut request: CreateWebhookRequest, reason: &str, session: &Session) -> Result<(), Error> {
    let mut service = session.client.webhooks();
    let wanted = request.webhook.as_mut().expect("`creation` sets it");
    let is_wanted_disabled = std::mem::replace(&mut wanted.disabled, true);
    let created = service.create_webhook(request).await?.into_inner().webhook.unwrap_or_default();
    let pause = PauseWebhookRequest { webhook_id: created.id.clone(), reason: reason.to_owned(), ..Default::default() };
    service.pause_webhook(pause).await?;
    if !is_wanted_disabled {
        let update = UpdateWebhookRequest {
            webhook: Some(Webhook { id: created.id, disabled: false, ..Default::default() }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["disabled".to_owned()] }),
            ..Default::default()
        };
        service.update_webhook(update).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::origin::{NETBOX, SVIX};
    use tenterhook_client::v1::{RateLimit, RetryPolicy};

    #[test]
    fn what_only_exists_here_stays() {
        let before = Webhook {
            id: "wh_1".into(),
            labels: [("team", "a"), ("netbox-tag/old", "Old")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            rate_limit: Some(RateLimit { burst: 3, ..Default::default() }),
            retry: Some(RetryPolicy { max_attempts: 4, ..Default::default() }),
            transport: Some(TransportPolicy { client_certificate_pem: "pem".into(), ..Default::default() }),
            request: Some(RequestTemplate { allowed_hosts: vec!["a".into()], body: "x".into(), ..Default::default() }),
            ..Default::default()
        };
        let wanted = Webhook {
            labels: [("netbox-tag/new".to_owned(), "New".to_owned())].into(),
            request: Some(RequestTemplate { url: "https://b".into(), ..Default::default() }),
            ..Default::default()
        };
        let rules = |retry| Rules { origin: NETBOX, retry };
        let after = rules(None).overlay(&before, &wanted);
        assert_eq!(after.labels.keys().collect::<Vec<_>>(), ["netbox-tag/new", "team"]);
        assert_eq!(
            (&after.rate_limit, &after.retry, &after.transport),
            (&before.rate_limit, &before.retry, &before.transport)
        );
        let request = after.request.unwrap();
        assert_eq!((request.url.as_str(), request.body.as_str(), request.allowed_hosts.len()), ("https://b", "", 1));
        assert_eq!(rules(Some(Retry::Default)).overlay(&before, &wanted).retry, None);
        let kept = TransportPolicy { ca_certificates_pem: "ca".into(), ..Default::default() };
        let before = Webhook { transport: Some(kept.clone()), ..before };
        let other = Rules { origin: SVIX, retry: None };
        assert_eq!(other.overlay(&before, &wanted).transport, Some(kept));
        assert_eq!(rules(None).overlay(&before, &wanted).transport, Some(TransportPolicy::default()));
    }
}
