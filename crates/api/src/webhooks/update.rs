//! UpdateWebhook, DeleteWebhook, PauseWebhook and ResumeWebhook.

use std::sync::Arc;

use tenterhook_model::webhook::{Halt, HaltedBy, KeyAlgorithm};
use tenterhook_model::{Fault, Webhook, limits};
use tenterhook_proto::tenterhook::v1;
use tenterhook_store::{Expect, SaveError, WebhookChange};

use super::create::{fresh_key, fresh_private_key, signs_with_private_keys, signs_with_secrets};
use super::save::{self, Checked, check_etag, find, find_named, naming, show};
use crate::access::Caller;
use crate::check::Check;
use crate::mask;
use crate::refusal::Refusal;
use crate::state::Shared;
use crate::wire::spec::{Setting, read_spec};
use crate::wire::webhook::write_spec;

/// Changes the fields that the mask names.
pub(super) async fn update(
    api: &Shared,
    caller: &Caller,
    request: v1::UpdateWebhookRequest,
) -> Result<v1::Webhook, Refusal> {
    caller.only_checks(request.validate_only);
    let Some(new) = &request.webhook else { return Err(Refusal::field("webhook", "must be set")) };
    let mask = request.update_mask.as_ref().map(|mask| mask.paths.as_slice());
    loop {
        let current = find(api, caller, "webhook.id", &new.id)?;
        check_etag(&current, &new.etag)?;
        let changed = changed(api, &current, new, mask).await?;
        if request.validate_only {
            check_name(api, &changed.webhook)?;
            return show(api, &Arc::new(changed.webhook)).await;
        }
        if changed.webhook.spec == current.spec {
            return show(api, &current).await;
        }
        match save::put_checked(api, changed, Expect::Revision(current.revision), None).await {
            // Who sent an etag wants to know; else the same fields go over what it is now.
            Err(SaveError::Changed { .. }) if new.etag.is_empty() => {}
            saved => return show(api, &saved?.webhook).await,
        }
    }
}

/// The webhook with the fields that `mask` names taken from `new`, checked.
async fn changed(
    api: &Shared,
    current: &Arc<Webhook>,
    new: &v1::Webhook,
    mask: Option<&[String]>,
) -> Result<Checked, Refusal> {
    let mut check = Check::new();
    let mut wire = write_spec(&current.spec);
    mask::apply(&mut check, &mut wire, new, mask);
    if !new.namespace.is_empty() && new.namespace != current.namespace.as_str() {
        let message = format!("cannot be changed; it is `{}`", current.namespace);
        check.within("webhook", |check| check.refuse("namespace", message));
    }
    // What was allowed when it was saved does no harm where it stays: attempts ask again.
    let may_skip_verify = api.addresses.allow_insecure_tls || current.spec.transport.insecure_skip_verify;
    let setting = Setting { stored: Some(&current.spec), may_skip_verify };
    let spec = check.within("webhook", |check| read_spec(check, wire, setting));
    let mut changed = Webhook { spec, ..Webhook::clone(current) };
    let has_secret = changed.newest_key(KeyAlgorithm::Hmac).is_some();
    if !has_secret && signs_with_secrets(&changed.spec) && !signs_with_secrets(&current.spec) {
        let message = "needs a key to sign with; call RotateSigningKey first, which makes one";
        check.within("webhook", |check| check.refuse("signing", message));
    }
    if signs_with_private_keys(&changed.spec) && changed.newest_key(KeyAlgorithm::Ed25519).is_none() {
        let key = fresh_key(fresh_private_key(&*api.entropy), api.clock.now(), &*api.entropy);
        changed.signing_keys.insert(0, key);
    }
    let mut engine = Check::new();
    let compiled = save::check_webhook(api, &mut engine, &changed, Some(&current.spec)).await;
    if let Err(Refusal::Faults(faults)) = engine.finish() {
        check.within("webhook", |check| check.take_new(faults.into_iter().map(of_update)));
    }
    check.finish()?;
    Ok(Checked { webhook: changed, compiled })
}

/// A fault as an update tells it, which has no secret that could be at fault: the schemes are
/// what was changed.
fn of_update(fault: Fault) -> Fault {
    if fault.field != "signing_secret" {
        return fault;
    }
    let message = format!("the current key does not fit ({}); call RotateSigningKey with one that does", fault.message);
    Fault::invalid("signing.schemes", message)
}

fn check_name(api: &Shared, changed: &Webhook) -> Result<(), Refusal> {
    let set = api.store.webhooks();
    let taken = set.by_id.values().find(|other| {
        other.id != changed.id
            && other.namespace == changed.namespace
            && other.spec.display_name == changed.spec.display_name
    });
    taken.map_or(Ok(()), |other| Err(Refusal::NameTaken(other.id.to_string())))
}

/// Removes a webhook; answers how many deliveries were cancelled.
pub(super) async fn delete(api: &Shared, caller: &Caller, request: &v1::DeleteWebhookRequest) -> Result<i64, Refusal> {
    let webhook = match find(api, caller, "webhook_id", &request.webhook_id) {
        Err(Refusal::NoWebhook(_)) if request.allow_missing => return Ok(0),
        found => found?,
    };
    check_etag(&webhook, &request.etag)?;
    let expect = if request.etag.is_empty() { Expect::Present } else { Expect::Revision(webhook.revision) };
    match api.store.save_webhook(WebhookChange::Delete { id: webhook.id, expect }).await {
        Err(SaveError::NotFound(_)) if request.allow_missing => Ok(0),
        saved => {
            let cancelled = saved?.cancelled;
            api.compilations.forget(&webhook.id);
            api.intake.refresh().await;
            Ok(i64::try_from(cancelled).unwrap_or(i64::MAX))
        }
    }
}

/// Stops sending; events queue up.
pub(super) async fn pause(
    api: &Shared,
    caller: &Caller,
    request: &v1::PauseWebhookRequest,
) -> Result<v1::Webhook, Refusal> {
    let mut check = Check::new();
    check.text("reason", &request.reason, limits::REASON_CHARS);
    let found = find_named(api, caller, &mut check, naming!(request));
    check.finish()?;
    let Some(found) = found? else { return Err(Refusal::Internal) };
    let halt = Halt { by: HaltedBy::Operator, reason: request.reason.clone() };
    let saved = save::change(api, found.id, |webhook| {
        webhook.halt = Some(halt.clone());
        Ok(())
    });
    show(api, &saved.await?).await
}

/// Sends again; to a webhook that is active, at once, whatever its breaker waits for.
pub(super) async fn resume(
    api: &Shared,
    caller: &Caller,
    request: &v1::ResumeWebhookRequest,
) -> Result<v1::Webhook, Refusal> {
    let mut check = Check::new();
    let found = find_named(api, caller, &mut check, naming!(request))?;
    let Some(found) = found else { return Err(check.into_refusal()) };
    check.finish()?;
    let saved = save::change(api, found.id, |webhook| {
        webhook.halt = None;
        Ok(())
    });
    let saved = saved.await?;
    if found.sends() {
        api.store.ask(found.id).await?;
    }
    show(api, &saved).await
}
