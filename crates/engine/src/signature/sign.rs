//! Making signatures: once for a message by itself, and for every attempt of a webhook.

use tenterhook_model::webhook::{SignatureScheme, SigningKey, Webhook};
use tenterhook_model::{Header, Timestamp};

use super::key::{Key, SecretFault};
use super::{STANDARD_ID, STANDARD_SIGNATURE, STANDARD_TIMESTAMP, signature_header};

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub struct Signable<'a> {
    /// The id for `webhook-id`: the same at every attempt.
    pub id: &'a str,
    /// Seconds since 1970 for `webhook-timestamp`.
    pub timestamp: i64,
    /// The bytes of the body.
    pub body: &'a [u8],
}

/// The headers that sign `message` by `scheme`, with `secrets` newest first. NETBOX and
/// GITHUB carry one signature, of the newest; STANDARD_WEBHOOKS one of each.
///
/// # Errors
/// Fails when there is no secret, or one that the scheme cannot use.
pub fn sign(scheme: SignatureScheme, secrets: &[&str], message: Signable<'_>) -> Result<Vec<Header>, SecretFault> {
    if secrets.is_empty() {
        return Err(SecretFault::Empty);
    }
    let keys = secrets.iter().map(|secret| Key::new(scheme, secret)).collect::<Result<Vec<_>, _>>()?;
    let mut headers = Vec::new();
    push_signature(&mut headers, scheme, keys.iter(), message);
    Ok(headers)
}

fn push_signature<'k>(
    headers: &mut Vec<Header>,
    scheme: SignatureScheme,
    mut keys: impl Iterator<Item = &'k Key>,
    message: Signable<'_>,
) {
    if scheme == SignatureScheme::StandardWebhooks {
        push_standard(headers, keys, message);
    } else if let Some(newest) = keys.next() {
        headers.push(Header::new(signature_header(scheme), newest.signature(&[message.body])));
    }
}

fn push_standard<'k>(headers: &mut Vec<Header>, keys: impl Iterator<Item = &'k Key>, message: Signable<'_>) {
    let timestamp = message.timestamp.to_string();
    let parts = [message.id.as_bytes(), b".", timestamp.as_bytes(), b".", message.body];
    let mut signatures = String::new();
    for key in keys {
        if !signatures.is_empty() {
            signatures.push(' ');
        }
        signatures.push_str(&key.signature(&parts));
    }
    if !signatures.is_empty() {
        headers.push(Header::new(STANDARD_ID, message.id));
        headers.push(Header::new(STANDARD_TIMESTAMP, timestamp));
        headers.push(Header::new(STANDARD_SIGNATURE, signatures));
    }
}

/// The keys of one webhook under each of its schemes, set up once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signer {
    schemes: Vec<(SignatureScheme, Vec<ExpiringKey>)>,
}

#[derive(Debug, Clone)]
struct ExpiringKey {
    key: Key,
    expire_time: Option<Timestamp>,
}

impl Signer {
    /// The signer of `webhook`, whose secrets were checked. An old key that does not fit a
    /// scheme that was added after it is left out there: the current key signs alone.
    pub(crate) fn new(webhook: &Webhook) -> Self {
        let ready = |scheme, key: &SigningKey| {
            let expire_time = key.expire_time;
            Key::new(scheme, key.secret.expose()).ok().map(|key| ExpiringKey { key, expire_time })
        };
        let keys_for = |scheme| webhook.signing_keys.iter().filter_map(move |key| ready(scheme, key)).collect();
        Self { schemes: webhook.schemes().into_iter().map(|scheme| (scheme, keys_for(scheme))).collect() }
    }

    /// Appends the headers that sign `message` at `now`, by the keys that are live then.
    pub(crate) fn push_headers(&self, headers: &mut Vec<Header>, message: Signable<'_>, now: Timestamp) {
        for (scheme, keys) in &self.schemes {
            let live = keys.iter().filter(|key| key.expire_time.is_none_or(|end| end > now)).map(|key| &key.key);
            push_signature(headers, *scheme, live, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests as testing;
    use tenterhook_model::Secret;

    const MESSAGE: Signable<'static> = Signable { id: "evt_1", timestamp: 1_000, body: b"{}" };

    #[test]
    fn standard_webhooks_signs_with_every_live_key_and_the_others_with_the_newest() {
        let mut webhook = testing::webhook();
        let key = |byte: u8, expire: Option<i64>| {
            let mut key = testing::signing_key(&testing::standard_secret(byte));
            key.expire_time = expire.and_then(|seconds| Timestamp::new(seconds, 0));
            key
        };
        webhook.signing_keys = vec![key(1, None), key(2, Some(2_000)), key(3, Some(1_000))];
        webhook.spec.signing = Some(vec![SignatureScheme::NetBox, SignatureScheme::StandardWebhooks]);
        let signer = Signer::new(&webhook);
        let at = |seconds| {
            let mut headers = Vec::new();
            signer.push_headers(&mut headers, MESSAGE, Timestamp::new(seconds, 0).unwrap());
            headers
        };
        let signatures = |headers: &[Header]| headers.last().unwrap().value.split(' ').count();
        assert_eq!(signatures(&at(999)), 3);
        assert_eq!(signatures(&at(1_000)), 2);
        assert_eq!(signatures(&at(2_000)), 1);
        assert_eq!(at(999).len(), 4);
    }

    #[test]
    fn an_old_key_that_does_not_fit_a_new_scheme_is_left_out() {
        let mut webhook = testing::webhook();
        webhook.signing_keys = vec![testing::signing_key(&testing::standard_secret(1)), testing::signing_key("plain!")];
        webhook.spec.signing = Some(vec![SignatureScheme::StandardWebhooks]);
        let mut headers = Vec::new();
        Signer::new(&webhook).push_headers(&mut headers, MESSAGE, Timestamp::default());
        assert_eq!(headers[2].value.split(' ').count(), 1);
    }

    #[test]
    fn without_a_key_nothing_is_signed() {
        let mut headers = Vec::new();
        Signer::new(&testing::webhook()).push_headers(&mut headers, MESSAGE, Timestamp::default());
        assert!(headers.is_empty());
        assert_eq!(sign(SignatureScheme::NetBox, &[], MESSAGE), Err(SecretFault::Empty));
    }

    #[test]
    fn a_signer_shows_no_secret() {
        let mut webhook = testing::webhook();
        webhook.signing_keys = vec![testing::signing_key("hunter2")];
        assert!(!format!("{:?} {:?}", Signer::new(&webhook), Secret::new("hunter2")).contains("hunter2"));
    }
}
