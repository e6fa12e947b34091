//! `GET /v1/webhooks/ID/jwks.json`: the keys in it verify what the webhook sends, and are no secret.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use http::Method;
use http_body_util::Full;
use tenterhook_engine::signature::{Received, SignatureFault, verify};
use tenterhook_model::standard_secret::write_public_key;
use tenterhook_model::webhook::SignatureScheme;
use tenterhook_model::{PreparedRequest, WebhookId};
use tenterhook_proto::tenterhook::v1;

use super::{Answer, request, send};
use crate::grpc::bench::{Bench, webhook};

/// Gets the keys of a webhook without an API key.
async fn get(bench: &Bench, method: Method, webhook_id: &str) -> Answer {
    let path = format!("/v1/webhooks/{webhook_id}/jwks.json");
    send(bench, request(bench, "nobody", method, &path).body(Full::default()).unwrap()).await
}

/// The keys of a set by `kid`, as the clients take them.
fn keys(set: &Answer) -> Vec<(String, String)> {
    let set = set.json();
    let key = |key: &serde_json::Value| {
        let form = ["kty", "crv", "use", "alg"].map(|name| key[name].as_str().unwrap().to_owned());
        assert_eq!(form, ["OKP", "Ed25519", "sig", "EdDSA"]);
        let public = BASE64URL.decode(key["x"].as_str().unwrap()).unwrap();
        (key["kid"].as_str().unwrap().to_owned(), write_public_key(&public))
    };
    set["keys"].as_array().unwrap().iter().map(key).collect()
}

/// Makes a webhook that signs with these schemes.
async fn signing(bench: &Bench, schemes: &[v1::SignatureScheme]) -> v1::Webhook {
    let schemes = schemes.iter().map(|&scheme| scheme.into()).collect();
    let signing = Some(v1::SigningPolicy { schemes, ..Default::default() });
    let webhook = Some(v1::Webhook { signing, ..webhook("signs") });
    bench.create(v1::CreateWebhookRequest { webhook, ..Default::default() }).await.webhook.unwrap()
}

/// Makes the next key pair; the old one signs for another minute.
async fn rotate(bench: &Bench, webhook_id: &str) -> v1::Webhook {
    let mut request = v1::RotateSigningKeyRequest {
        webhook_id: webhook_id.to_owned(),
        grace_period: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        ..Default::default()
    };
    request.set_algorithm(v1::SigningKeyAlgorithm::Ed25519);
    bench.webhooks().rotate_signing_key(request).await.unwrap().into_inner().webhook.unwrap()
}

/// What the webhook sends now.
async fn sent(bench: &Bench, webhook_id: &str) -> PreparedRequest {
    let request = v1::TestWebhookRequest { webhook_id: webhook_id.to_owned(), ..Default::default() };
    bench.webhooks().test_webhook(request).await.unwrap();
    bench.sent.lock().unwrap().pop().unwrap()
}

fn verifies(bench: &Bench, sent: &PreparedRequest, public_key: &str) -> Result<(), SignatureFault> {
    let headers: Vec<_> = sent.headers.iter().map(|header| (&*header.name, &*header.value)).collect();
    let received = Received { headers: &headers, body: &sent.body, now: bench.clock_now() };
    verify(SignatureScheme::StandardWebhooksAsymmetric, &[public_key], received)
}

#[tokio::test]
async fn every_key_of_the_set_verifies_what_is_sent_until_it_ends() {
    let bench = Bench::new().await;
    let id = signing(&bench, &[v1::SignatureScheme::StandardWebhooksAsymmetric]).await.id;
    let first = get(&bench, Method::GET, &id).await;
    assert_eq!((first.status.as_u16(), first.header("content-type")), (200, "application/jwk-set+json"));
    assert_eq!(first.header("cache-control"), "public, max-age=300");
    let old = keys(&first);
    assert_eq!(old.len(), 1);

    let signing_keys = rotate(&bench, &id).await.signing_keys;
    let shown: Vec<_> = signing_keys.into_iter().map(|key| (key.id, key.public_key)).collect();
    let both = get(&bench, Method::GET, &id).await;
    assert_eq!((keys(&both), both.header("cache-control")), (shown.clone(), "public, max-age=60"));
    let request = sent(&bench, &id).await;
    for (kid, public_key) in &shown {
        assert_eq!(verifies(&bench, &request, public_key), Ok(()), "{kid}");
    }
    assert_eq!(shown[1], old[0]);

    bench.clock.advance(Duration::from_secs(60));
    let last = get(&bench, Method::GET, &id).await;
    assert_eq!((keys(&last), last.header("cache-control")), (shown[..1].to_vec(), "public, max-age=300"));
    let request = sent(&bench, &id).await;
    assert_eq!(verifies(&bench, &request, &shown[0].1), Ok(()));
    assert_eq!(verifies(&bench, &request, &old[0].1), Err(SignatureFault::Mismatch));
}

#[tokio::test]
async fn only_public_keys_are_in_the_set() {
    let bench = Bench::new().await;
    let both = [v1::SignatureScheme::StandardWebhooks, v1::SignatureScheme::StandardWebhooksAsymmetric];
    let made = signing(&bench, &both).await;
    assert_eq!(made.signing_keys.len(), 2);
    let set = get(&bench, Method::GET, &made.id).await;
    let pair = made.signing_keys.iter().find(|key| key.algorithm() == v1::SigningKeyAlgorithm::Ed25519).unwrap();
    assert_eq!(keys(&set), [(pair.id.clone(), pair.public_key.clone())]);
    // `d` would be the private key (RFC 8037 section 2).
    let set = set.json();
    let members: BTreeSet<_> = set["keys"][0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(["alg", "crv", "kid", "kty", "use", "x"]));
}

#[tokio::test]
async fn a_webhook_without_key_pairs_has_an_empty_set() {
    let bench = Bench::new().await;
    let unsigned = bench.webhook("unsigned").await;
    let shared = signing(&bench, &[v1::SignatureScheme::StandardWebhooks]).await.id;
    for id in [unsigned, shared] {
        let set = get(&bench, Method::GET, &id).await;
        assert_eq!((set.status.as_u16(), &*set.body), (200, br#"{"keys":[]}"#.as_slice()));
    }
}

#[tokio::test]
async fn an_unknown_webhook_has_no_set() {
    let bench = Bench::new().await;
    let unknown = WebhookId::from_bytes([7; 16]).to_string();
    for (id, reason) in [(&*unknown, Some("WEBHOOK_NOT_FOUND")), ("a", None)] {
        let refused = get(&bench, Method::GET, id).await;
        assert_eq!((refused.status.as_u16(), refused.header("content-type")), (404, "application/problem+json"));
        assert_eq!(refused.json()["reason"].as_str(), reason);
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let bench = Bench::new().await;
    let id = signing(&bench, &[v1::SignatureScheme::StandardWebhooksAsymmetric]).await.id;
    let (whole, head) = (get(&bench, Method::GET, &id).await, get(&bench, Method::HEAD, &id).await);
    assert_eq!(head.headers, whole.headers);
    assert_eq!((head.body.len(), head.header("content-length")), (0, &*whole.body.len().to_string()));
}
