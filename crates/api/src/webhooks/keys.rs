//! RotateSigningKey and RevokeSigningKey.

use std::time::Duration;

use tenterhook_engine::signature::{SecretFault, check_custom_secret, check_secret};
use tenterhook_model::standard_secret::is_private_key;
use tenterhook_model::webhook::KeyAlgorithm;
use tenterhook_model::{Secret, SigningKeyId, Timestamp, Webhook, limits};
use tenterhook_proto::tenterhook::v1;
use tenterhook_store::Expect;

use super::create::{fresh_key, fresh_private_key, fresh_secret, signs_with_private_keys, signs_with_secrets};
use super::save::{self, check_request_id, find_named, naming, show};
use crate::access::Caller;
use crate::check::Check;
use crate::refusal::Refusal;
use crate::state::Shared;
use crate::wire::signing::read_algorithm;
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
    let algorithm = read_algorithm(&mut check, request.algorithm);
    let webhook = find_named(api, caller, &mut check, naming!(request));
    check.finish()?;
    let Some(webhook) = webhook? else { return Err(Refusal::Internal) };
    let secret = next_secret(api, &webhook, request.signing_secret, algorithm)?;
    let rotated = rotated(api, &webhook, secret, grace.unwrap_or(limits::ROTATION_GRACE))?;
    // The current revision is what the new key was made for: of two rotations at once one is told.
    let saved = save::put(api, rotated, Expect::Revision(webhook.revision), remembered).await?;
    let newest = saved.webhook.signing_keys.first().filter(|key| key.algorithm() == KeyAlgorithm::Hmac);
    let secret = newest.map(|key| key.secret.expose().to_owned());
    let webhook = Some(show(api, &saved.webhook).await?);
    Ok(v1::RotateSigningKeyResponse { webhook, signing_secret: secret.unwrap_or_default() })
}

/// The secret of the next key: the one that was given, or one of the server's making.
fn next_secret(
    api: &Shared,
    webhook: &Webhook,
    given: String,
    algorithm: Option<KeyAlgorithm>,
) -> Result<Secret, Refusal> {
    let private = signs_with_private_keys(&webhook.spec);
    let is_private = match (algorithm, given.is_empty()) {
        (_, false) => is_private_key(&given),
        (Some(algorithm), true) => algorithm == KeyAlgorithm::Ed25519,
        (None, true) => private && !signs_with_secrets(&webhook.spec),
    };
    let asked = algorithm.map(|algorithm| algorithm == KeyAlgorithm::Ed25519);
    match is_private {
        true if !private => Err(Refusal::field("signing_secret", SecretFault::PrivateKey.to_string())),
        true if asked == Some(false) => Err(Refusal::field("signing_secret", SecretFault::PrivateKey.to_string())),
        false if asked == Some(true) => Err(Refusal::field("signing_secret", SecretFault::NotPrivateKey.to_string())),
        _ if !given.is_empty() => Ok(Secret::new(given)),
        true => Ok(fresh_private_key(&*api.entropy)),
        false => Ok(fresh_secret(&webhook.spec, &*api.entropy)),
    }
}

/// The webhook with `secret` as its current key of the secret's algorithm.
fn rotated(api: &Shared, webhook: &Webhook, secret: Secret, grace: Duration) -> Result<Webhook, Refusal> {
    let now = api.clock.now();
    let mut rotated = webhook.clone();
    let key = fresh_key(secret, now, &*api.entropy);
    let algorithm = key.algorithm();
    expire(&mut rotated, algorithm, now.after(grace));
    rotated.signing_keys.retain(|key| key.expire_time.is_none_or(|end| end > now));
    rotated.signing_keys.insert(0, key);
    let secret = rotated.signing_keys[0].secret.expose();
    let of_key = rotated.schemes().into_iter().filter(|scheme| scheme.algorithm() == algorithm);
    let of_schemes = of_key.filter_map(|scheme| check_secret(scheme, secret).err()).next();
    let of_custom = || check_custom_secret(&rotated.spec.custom_signatures, secret).err();
    let is_shared = algorithm == KeyAlgorithm::Hmac;
    if let Some(fault) = of_schemes.or_else(|| is_shared.then(of_custom).flatten()) {
        return Err(Refusal::field("signing_secret", fault.to_string()));
    }
    if rotated.signing_keys.len() > limits::SIGNING_KEYS {
        let limit = format!("at most {} sign at once; revoke one that is no longer needed", limits::SIGNING_KEYS);
        return Err(Refusal::Limit { subject: "signing_keys", limit });
    }
    Ok(rotated)
}

/// Lets every key of an algorithm stop signing at `end` at the latest.
fn expire(webhook: &mut Webhook, algorithm: KeyAlgorithm, end: Timestamp) {
    for key in webhook.signing_keys.iter_mut().filter(|key| key.algorithm() == algorithm) {
        let known = key.expire_time.unwrap_or(end);
        key.expire_time = Some(if known < end { known } else { end });
    }
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
    show(api, &saved.await?).await
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
