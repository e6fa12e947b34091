//! What an import would change: each webhook as the server would store it, compared with what it has.

use std::collections::HashMap;

use tenterhook_client::Error;
use tenterhook_client::v1::{
    CreateWebhookRequest, PauseWebhookRequest, RequestTemplate, TransportPolicy, UpdateWebhookRequest, Webhook,
};

use super::choices::{NetboxArgs, Retry};
use super::translate::Wanted;
use crate::apply::written;
use crate::difference::{self, Difference};
use crate::failure::Failure;
use crate::session::Session;

/// Why a webhook is paused that `--paused` made.
const PAUSE_REASON: &str = "imported from NetBox";

/// What to do about a webhook that is signed on one side only; an update changes no signing secret.
const SECRET_DIFFERS: &str =
    "it is signed in NetBox or here, but not in both: see `tenterhook webhook rotate-key` and `revoke-key`";

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
    /// It is here already, as it is in NetBox.
    Same,
    /// It is here already and differs: the webhook to send, with the etag of what was compared.
    Differs(Box<Webhook>, Vec<Difference>),
    /// `Wanted::problems` says why.
    Refused,
}

/// Has the server check everything; nothing is changed.
///
/// # Errors
/// When a call fails for another reason than the webhook.
pub(super) async fn plan(all: Vec<Wanted>, args: &NetboxArgs, session: &Session) -> Result<Vec<Planned>, Failure> {
    let stored = session.webhooks().await?;
    let stored: HashMap<&str, &Webhook> =
        stored.iter().map(|webhook| (webhook.display_name.as_str(), webhook)).collect();
    let mut planned = Vec::new();
    for mut wanted in all {
        wanted.webhook.namespace.clone_from(&session.namespace);
        let step = match stored.get(wanted.webhook.display_name.as_str()) {
            None => check_new(&mut wanted, session).await?,
            Some(before) => check_change(&mut wanted, before, args, session).await?,
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

async fn check_change(
    wanted: &mut Wanted,
    before: &Webhook,
    args: &NetboxArgs,
    session: &Session,
) -> Result<Step, Failure> {
    let after = overlay(before, &wanted.webhook, args.retry);
    if wanted.signing_secret.expose().is_empty() != before.signing_keys.is_empty() {
        // Only whether there is a secret can be compared.
        wanted.notes.push(SECRET_DIFFERS.to_owned());
    }
    let request = UpdateWebhookRequest { webhook: Some(after.clone()), update_mask: everything(), validate_only: true };
    match session.client.webhooks().update_webhook(request).await {
        Ok(_) if !wanted.problems.is_empty() => Ok(Step::Refused),
        Ok(response) => {
            let stored = response.into_inner().webhook.unwrap_or_default();
            let found = difference::between(&written(before), &written(&stored));
            Ok(if found.is_empty() { Step::Same } else { Step::Differs(Box::new(after), found) })
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

/// `before` with what NetBox says of a webhook; what only exists here stays.
fn overlay(before: &Webhook, wanted: &Webhook, retry: Option<Retry>) -> Webhook {
    let mut after = before.clone();
    after.description.clone_from(&wanted.description);
    after.disabled = wanted.disabled;
    after.rules.clone_from(&wanted.rules);
    after.labels.retain(|label, _| !label.starts_with("netbox-"));
    after.labels.extend(wanted.labels.clone());
    if retry.is_some() {
        after.retry.clone_from(&wanted.retry);
    }
    let new = wanted.request.clone().unwrap_or_default();
    let old = before.request.clone().unwrap_or_default();
    after.request = Some(RequestTemplate {
        allowed_hosts: if new.allowed_hosts.is_empty() { old.allowed_hosts } else { new.allowed_hosts },
        undefined_behavior: old.undefined_behavior,
        cloudevents_source: old.cloudevents_source,
        body_format: if new.body.is_empty() { new.body_format } else { old.body_format },
        ..new
    });
    let new = wanted.transport.clone().unwrap_or_default();
    let old = before.transport.clone().unwrap_or_default();
    let transport = TransportPolicy {
        ca_certificates_pem: new.ca_certificates_pem,
        insecure_skip_verify: new.insecure_skip_verify,
        attempt_timeout: new.attempt_timeout.or(old.attempt_timeout),
        ..old
    };
    let is_set = before.transport.is_some() || transport != TransportPolicy::default();
    after.transport = is_set.then_some(transport);
    after
}

fn everything() -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask { paths: vec!["*".to_owned()] })
}

fn creation(wanted: &Wanted) -> CreateWebhookRequest {
    let signing_secret = wanted.signing_secret.expose().to_owned();
    CreateWebhookRequest { webhook: Some(wanted.webhook.clone()), signing_secret, ..Default::default() }
}

impl Planned {
    /// Does it; a webhook that differs is changed.
    ///
    /// # Errors
    /// When the server refuses after all.
    pub(super) async fn carry_out(&self, paused: bool, session: &Session) -> Result<(), Error> {
        let mut service = session.client.webhooks();
        match &self.step {
            Step::Create if paused => create_paused(creation(&self.wanted), session).await?,
            Step::Create => {
                service.create_webhook(creation(&self.wanted)).await?;
            }
            Step::Differs(after, _) => {
                let webhook = Some(after.as_ref().clone());
                let request = UpdateWebhookRequest { webhook, update_mask: everything(), ..Default::default() };
                service.update_webhook(request).await?;
            }
            Step::Same | Step::Refused => {}
        }
        Ok(())
    }
}

/// Creates a webhook that is paused before it can match its first event.
async fn create_paused(mut request: CreateWebhookRequest, session: &Session) -> Result<(), Error> {
    let mut service = session.client.webhooks();
    let wanted = request.webhook.as_mut().expect("`creation` sets it");
    let is_wanted_disabled = std::mem::replace(&mut wanted.disabled, true);
    let created = service.create_webhook(request).await?.into_inner().webhook.unwrap_or_default();
    let pause =
        PauseWebhookRequest { webhook_id: created.id.clone(), reason: PAUSE_REASON.to_owned(), ..Default::default() };
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
        let after = overlay(&before, &wanted, None);
        assert_eq!(after.labels.keys().collect::<Vec<_>>(), ["netbox-tag/new", "team"]);
        assert_eq!(
            (&after.rate_limit, &after.retry, &after.transport),
            (&before.rate_limit, &before.retry, &before.transport)
        );
        let request = after.request.unwrap();
        assert_eq!((request.url.as_str(), request.body.as_str(), request.allowed_hosts.len()), ("https://b", "", 1));
        assert_eq!(overlay(&before, &wanted, Some(Retry::Default)).retry, None);
    }
}
