//! The headers of a signature: once for a message by itself, and for every attempt of a webhook.
//! What stands in them each key computes, [`super::key`].

use tenterhook_model::webhook::{KeyAlgorithm, SignatureScheme, SigningKey, Webhook};
use tenterhook_model::{Header, Timestamp};

use super::custom::{Custom, CustomKey};
use super::fault::SecretFault;
use super::key::Key;
use super::message::{Outgoing, Signable};
use super::{STANDARD_ID, STANDARD_SIGNATURE, STANDARD_TIMESTAMP};

/// The headers that sign `message` by `scheme`, with `secrets` newest first. NETBOX and
/// GITHUB carry one signature, of the newest; the two of Standard Webhooks one of each.
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
    assert!(!headers.is_empty(), "a message that has a key leaves unsigned by {scheme:?}");
    Ok(headers)
}

fn push_signature<'k>(
    headers: &mut Vec<Header>,
    scheme: SignatureScheme,
    mut keys: impl Iterator<Item = &'k Key>,
    message: Signable<'_>,
) {
    if is_standard(scheme) {
        push_standard(headers, keys, message);
    } else if let Some(newest) = keys.next() {
        headers.push(Header::new(scheme.signature_header(), newest.signature(&[message.body])));
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
    debug_assert!(
        !headers.iter().any(|header| header.name == STANDARD_SIGNATURE),
        "the two schemes of Standard Webhooks share one header, and a second would be ignored"
    );
    if !signatures.is_empty() {
        headers.push(Header::new(STANDARD_ID, message.id));
        headers.push(Header::new(STANDARD_TIMESTAMP, timestamp));
        headers.push(Header::new(STANDARD_SIGNATURE, signatures));
    }
}

/// Whether the signatures of a scheme stand in the headers of Standard Webhooks.
fn is_standard(scheme: SignatureScheme) -> bool {
    matches!(scheme, SignatureScheme::StandardWebhooks | SignatureScheme::StandardWebhooksAsymmetric)
}

/// The keys of one webhook under each of its schemes, set up once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signer {
    /// The two schemes of Standard Webhooks are one here: they share their headers.
    schemes: Vec<(SignatureScheme, Vec<Expiring<Key>>)>,
    custom: Vec<(Custom, Vec<Expiring<CustomKey>>)>,
}

/// A key, and when it stops signing.
#[derive(Debug, Clone)]
struct Expiring<K> {
    key: K,
    expire_time: Option<Timestamp>,
}

impl<K> Expiring<K> {
    fn is_live(&self, now: Timestamp) -> bool {
        self.expire_time.is_none_or(|end| end > now)
    }
}

impl Signer {
    /// The signer of `webhook`, whose secrets were checked. An old key that does not fit a
    /// scheme that was added after it is left out there: the current key signs alone.
    pub(crate) fn new(webhook: &Webhook) -> Self {
        let mut schemes: Vec<(SignatureScheme, Vec<Expiring<Key>>)> = Vec::new();
        for scheme in webhook.schemes() {
            match schemes.iter().any(|(before, _)| is_standard(*before) && is_standard(scheme)) {
                true => {}
                false => schemes.push((scheme, keys_of_header(webhook, scheme))),
            }
        }
        let hmac = || webhook.signing_keys.iter().filter(|key| key.algorithm() == KeyAlgorithm::Hmac);
        let of_custom = |custom: Custom| {
            let key = |key: &SigningKey| expiring(key, custom.key(key.secret.expose()));
            let keys = hmac().filter_map(key).collect();
            (custom, keys)
        };
        let custom = webhook.spec.custom_signatures.iter().filter_map(|custom| Custom::read(custom).ok());
        Self { schemes, custom: custom.map(of_custom).collect() }
    }

    /// Appends the headers that sign `outgoing` at `now`, by the keys that are live then.
    pub(crate) fn push_headers(&self, headers: &mut Vec<Header>, outgoing: &Outgoing<'_>, now: Timestamp) {
        for (scheme, keys) in &self.schemes {
            let live = keys.iter().filter(|key| key.is_live(now)).map(|key| &key.key);
            push_signature(headers, *scheme, live, outgoing.message);
        }
        for (custom, keys) in &self.custom {
            if let Some(newest) = keys.iter().find(|key| key.is_live(now)) {
                headers.push(custom.header(&newest.key, outgoing));
            }
        }
    }
}

/// The keys whose signatures stand in the header of `scheme`, newest first.
fn keys_of_header(webhook: &Webhook, scheme: SignatureScheme) -> Vec<Expiring<Key>> {
    let mut schemes = webhook.schemes();
    schemes.retain(|other| *other == scheme || (is_standard(*other) && is_standard(scheme)));
    let ready = |key: &SigningKey| {
        let scheme = schemes.iter().find(|scheme| scheme.algorithm() == key.algorithm())?;
        expiring(key, Key::new(*scheme, key.secret.expose()))
    };
    webhook.signing_keys.iter().filter_map(ready).collect()
}

fn expiring<K>(key: &SigningKey, made: Result<K, SecretFault>) -> Option<Expiring<K>> {
    made.ok().map(|made| Expiring { key: made, expire_time: key.expire_time })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::private_key;
    use crate::tests as testing;
    use tenterhook_model::Secret;
    use tenterhook_model::webhook::{CustomSignature, HmacAlgorithm, KeyEncoding, SignatureEncoding};

    const MESSAGE: Signable<'static> = Signable { id: "evt_1", timestamp: 1_000, body: b"{}" };
    const OUTGOING: Outgoing<'static> = Outgoing { message: MESSAGE, method: "POST", path: "/" };

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
            signer.push_headers(&mut headers, &OUTGOING, Timestamp::new(seconds, 0).unwrap());
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
        Signer::new(&webhook).push_headers(&mut headers, &OUTGOING, Timestamp::default());
        assert_eq!(headers[2].value.split(' ').count(), 1);
    }

    #[test]
    fn both_kinds_of_standard_webhooks_share_their_headers_newest_first() {
        let mut webhook = testing::webhook();
        let secrets = [private_key(&[3; 32]).expose().to_owned(), testing::standard_secret(2)];
        webhook.signing_keys = secrets.iter().map(|secret| testing::signing_key(secret)).collect();
        let both = [SignatureScheme::StandardWebhooks, SignatureScheme::StandardWebhooksAsymmetric];
        webhook.spec.signing = Some(both.to_vec());
        let mut headers = Vec::new();
        Signer::new(&webhook).push_headers(&mut headers, &OUTGOING, Timestamp::default());
        assert_eq!(headers.len(), 3);
        let kinds: Vec<_> = headers[2].value.split(' ').map(|one| one.split(',').next().unwrap()).collect();
        assert_eq!(kinds, ["v1a", "v1"]);
        let each = both.map(|scheme| {
            let secret = secrets.iter().find(|secret| Key::new(scheme, secret).is_ok()).unwrap();
            sign(scheme, &[secret], MESSAGE).unwrap()[2].value.to_string()
        });
        assert_eq!(*headers[2].value, format!("{} {}", each[1], each[0]));
    }

    #[test]
    fn custom_signatures_are_made_with_the_newest_hmac_key_that_is_live() {
        let custom = CustomSignature {
            header: "X-Signature".into(),
            algorithm: HmacAlgorithm::default(),
            encoding: SignatureEncoding::default(),
            key_encoding: KeyEncoding::default(),
            content: String::new(),
            value: String::new(),
        };
        let mut webhook = testing::webhook();
        webhook.spec.signing = Some(Vec::new());
        webhook.spec.custom_signatures = vec![custom];
        let keys = [private_key(&[3; 32]).expose(), "new", "old"].map(testing::signing_key);
        webhook.signing_keys = keys.to_vec();
        let made = |webhook: &Webhook| {
            let mut headers = Vec::new();
            Signer::new(webhook).push_headers(&mut headers, &OUTGOING, Timestamp::default());
            headers.iter().map(|header| (header.name.to_string(), header.value.to_string())).collect::<Vec<_>>()
        };
        let with_new = made(&webhook);
        assert_eq!(with_new.len(), 1, "no scheme signs beside them");
        assert_eq!(with_new[0].0, "X-Signature");
        webhook.signing_keys.remove(1);
        assert_ne!(made(&webhook)[0].1, with_new[0].1);
    }

    #[test]
    fn without_a_key_nothing_is_signed() {
        let mut headers = Vec::new();
        Signer::new(&testing::webhook()).push_headers(&mut headers, &OUTGOING, Timestamp::default());
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
