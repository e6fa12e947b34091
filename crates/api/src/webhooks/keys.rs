//! RotateSigningKey and RevokeSigningKey.

use std::time::Duration;

use tenterhook_engine::signature::check_secret;
use tenterhook_model::{Secret, SigningKeyId, Timestamp, Webhook, limits};
use tenterhook_proto::tenterhook::v1;
use tenterhook_store::Expect;

use super::create::{fresh_key, fresh_secret};
use super::save::{self, check_request_id, find_named, naming, show};
use crate::access::Caller;
use crate::check::Check;
use crate::refusal::Refusal;
use crate::state::Shared;
use crate::wire::time::read_duration;

/// Makes a new key; the old one signs too until the grace period ends.
pub(super) async fn rotate(
    api: &Shared,
    caller: &Caller,
    mut request: v1::RotateSigningKeyRequest,
) -> Result<v1::RotateSigningKeyResponse, Refusal> {
    let request_id = std::mem::take(&mut request.request_id);
    let remembered = save::remembered(&request_id, "RotateSigningKey", &request);
    let mut check = Check::new();
    check.text("signing_secret", &request.signing_secret, limits::SECRET_CHARS);
    let graces = Duration::ZERO..=limits::ROTATION_GRACE_MAX;
    let grace = read_duration(&mut check, "grace_period", request.grace_period, graces);
    check_request_id(&mut check, &request_id);
    let webhook = find_named(api, caller, &mut check, naming!(request));
    check.finish()?;
    let Some(webhook) = webhook? else { return Err(Refusal::Internal) };
    let secret = match request.signing_secret {
        empty if empty.is_empty() => fresh_secret(&*api.entropy),
        given => Secret::new(given),
    };
    let rotated = rotated(api, &webhook, secret, grace.unwrap_or(limits::ROTATION_GRACE))?;
    // The current revision is what the new key was made for: of two rotations at once one is told.
    let saved = save::put(api, rotated, Expect::Revision(webhook.revision), remembered).await?;
    let secret = saved.webhook.signing_keys.first().map(|key| key.secret.expose().to_owned());
    let webhook = Some(show(api, &saved.webhook).await?);
    Ok(v1::RotateSigningKeyResponse { webhook, signing_secret: secret.unwrap_or_default() })
}

/// The webhook with `secret` as its current key.
fn rotated(api: &Shared, webhook: &Webhook, secret: Secret, grace: Duration) -> Result<Webhook, Refusal> {
    let now = api.clock.now();
    let mut rotated = webhook.clone();
    expire(&mut rotated, now, grace);
    rotated.signing_keys.insert(0, fresh_key(secret, now, &*api.entropy));
    let secret = rotated.signing_keys[0].secret.expose();
    if let Some(fault) = rotated.schemes().into_iter().find_map(|scheme| check_secret(scheme, secret).err()) {
        return Err(Refusal::field("signing_secret", fault.to_string()));
    }
    if rotated.signing_keys.len() > limits::SIGNING_KEYS {
        let limit = format!("at most {} sign at once; revoke one that is no longer needed", limits::SIGNING_KEYS);
        return Err(Refusal::Limit { subject: "signing_keys", limit });
    }
    Ok(rotated)
}

/// Lets every key end `grace` from `now` at the latest, and takes out those that have ended.
fn expire(webhook: &mut Webhook, now: Timestamp, grace: Duration) {
    let end = now.after(grace);
    for key in &mut webhook.signing_keys {
        let known = key.expire_time.unwrap_or(end);
        key.expire_time = Some(if known < end { known } else { end });
    }
    webhook.signing_keys.retain(|key| key.expire_time.is_some_and(|end| end > now));
}

/// Stops a key at once.
pub(super) async fn revoke(
    api: &Shared,
    caller: &Caller,
    request: &v1::RevokeSigningKeyRequest,
) -> Result<v1::Webhook, Refusal> {
    let mut check = Check::new();
    let key: Option<SigningKeyId> = check.parse("key_id", &request.key_id);
    let webhook = find_named(api, caller, &mut check, naming!(request));
    let Some(key) = key else { return Err(check.into_refusal()) };
    check.finish()?;
    let Some(webhook) = webhook? else { return Err(Refusal::Internal) };
    let saved = save::change(api, webhook.id, |webhook| take_out(webhook, key));
    show(api, &*saved.await?).await
}

fn take_out(webhook: &mut Webhook, id: SigningKeyId) -> Result<(), Refusal> {
    let Some(place) = webhook.signing_keys.iter().position(|key| key.id == id) else {
        return Err(Refusal::NoSigningKey(id.to_string()));
    };
    if webhook.signing_keys[place].expire_time.is_none() {
        let what = format!("the signing key {id}");
        return Err(Refusal::State {
            what,
            state: "CURRENT",
            advice: "call RotateSigningKey, which makes another the current one",
        });
    }
    webhook.signing_keys.remove(place);
    Ok(())
}
