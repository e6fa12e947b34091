//! `GET /v1/webhooks/ID/jwks.json`: the public keys of a webhook as a JWK Set (RFC 7517), for
//! receivers. It needs no key, since the keys are public.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use tenterhook_api::PublicKey;
use tenterhook_model::WebhookId;
use tonic::body::Body;

/// What stands before and after the webhook's id in the path.
const PATH: (&str, &str) = ("/v1/webhooks/", "/jwks.json");
/// The content type of a JWK Set (RFC 7517 section 8.5.2).
const JWK_SET: HeaderValue = HeaderValue::from_static("application/jwk-set+json");
/// How long a set may be cached: so long a revoked key may still be trusted, and a new one not known.
const MAX_AGE: Duration = Duration::from_secs(300);

/// The webhook whose keys are at `path`, if it is a path of keys.
pub(crate) fn webhook(path: &str) -> Option<WebhookId> {
    path.strip_prefix(PATH.0)?.strip_suffix(PATH.1)?.parse().ok()
}

/// Answers a GET or HEAD with `keys`.
pub(crate) fn answer(method: &Method, keys: &[PublicKey]) -> Response<Body> {
    let set = json!({ "keys": keys.iter().map(jwk).collect::<Vec<_>>() }).to_string();
    let length = set.len();
    let body = if method == Method::HEAD { Bytes::new() } else { Bytes::from(set) };
    let mut response = Response::new(Body::new(Full::new(body)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JWK_SET);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    let cache = format!("public, max-age={}", max_age(keys).as_secs());
    headers.insert(CACHE_CONTROL, HeaderValue::try_from(cache).expect("words and digits are a header's value"));
    response
}

/// A key as a JWK (RFC 8037 section 2).
fn jwk(key: &PublicKey) -> Value {
    json!({
        "kty": "OKP",
        "crv": "Ed25519",
        "x": BASE64URL.encode(&key.bytes),
        "kid": key.id.to_string(),
        "use": "sig",
        "alg": "EdDSA",
    })
}

/// How long the set may be cached: no longer than each of its keys is valid.
fn max_age(keys: &[PublicKey]) -> Duration {
    keys.iter().filter_map(|key| key.remaining).fold(MAX_AGE, Duration::min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;
    use tenterhook_model::SigningKeyId;

    /// The public key of RFC 8037 appendix A.2, in hexadecimal and as its `x`.
    const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn key(remaining: Option<u64>) -> PublicKey {
        let remaining = remaining.map(Duration::from_secs);
        PublicKey { id: SigningKeyId::from_bytes([7; 16]), bytes: hex::decode(PUBLIC).unwrap(), remaining }
    }

    #[tokio::test]
    async fn a_key_is_written_as_the_rfc_writes_it() {
        let response = answer(&Method::GET, &[key(None)]);
        assert_eq!(response.headers()[CONTENT_TYPE], JWK_SET);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let id = SigningKeyId::from_bytes([7; 16]).to_string();
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "kid": id, "use": "sig", "alg": "EdDSA" });
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), json!({ "keys": [jwk] }));
    }

    #[test]
    fn a_set_is_not_cached_beyond_the_end_of_a_key() {
        assert_eq!(max_age(&[]), MAX_AGE);
        assert_eq!(max_age(&[key(None), key(Some(86_400))]), MAX_AGE);
        assert_eq!(max_age(&[key(None), key(Some(9)), key(Some(60))]), Duration::from_secs(9));
    }

    #[test]
    fn only_the_id_of_a_webhook_makes_a_path() {
        let id = WebhookId::from_bytes([7; 16]);
        assert_eq!(webhook(&format!("/v1/webhooks/{id}/jwks.json")), Some(id));
        let others =
            ["/v1/webhooks//jwks.json", "/v1/webhooks/jwks.json", "/v1/webhooks/a/jwks.json", "/jwks.json", ""];
        for other in others
            .map(str::to_owned)
            .into_iter()
            .chain([format!("/v1/webhooks/{id}"), format!("/v1/webhooks/{id}/jwks.json/")])
        {
            assert_eq!(webhook(&other), None, "{other}");
        }
    }
}
