//! Webhooks whose certificates expire after they were saved.

use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use tenterhook_proto::tenterhook::v1;
use time::OffsetDateTime;
use tonic::{Code, Status};

use super::bench::{Bench, webhook};
use super::fields;

/// An authority that is valid for so long from when the clock of a [`Bench`] begins.
fn authority(life: Duration) -> String {
    let begin = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    (params.not_before, params.not_after) = (begin - Duration::from_secs(60), begin + life);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
}

async fn update(bench: &Bench, webhook: v1::Webhook, path: &str) -> Result<v1::Webhook, Status> {
    let update_mask = Some(prost_types::FieldMask { paths: vec![path.to_owned()] });
    let request = v1::UpdateWebhookRequest { webhook: Some(webhook), update_mask, validate_only: false };
    bench.webhooks().update_webhook(request).await.map(|response| response.into_inner().webhook.unwrap())
}

#[tokio::test]
async fn a_webhook_whose_authority_has_expired_can_be_updated_in_all_that_does_not_touch_it() {
    let bench = Bench::new().await;
    let transport = v1::TransportPolicy {
        ca_certificates_pem: authority(Duration::from_secs(6)),
        ..v1::TransportPolicy::default()
    };
    let draft = v1::Webhook { transport: Some(transport.clone()), ..webhook("w") };
    let request = v1::CreateWebhookRequest { webhook: Some(draft), ..Default::default() };
    let made = bench.create(request).await.webhook.unwrap();
    assert!(made.warnings.is_empty(), "{:?}", made.warnings);
    bench.clock.advance(Duration::from_secs(8));

    let rule = v1::EventRule { event_types: vec!["created".into()], ..Default::default() };
    let changed = v1::Webhook {
        description: "changed".into(),
        disabled: true,
        labels: [("team".to_owned(), "a".to_owned())].into(),
        rules: vec![rule],
        request: Some(v1::RequestTemplate { body: "{{ event }}".into(), ..made.request.clone().unwrap() }),
        etag: String::new(),
        ..made.clone()
    };
    for path in ["description", "disabled", "labels", "request.body", "rules"] {
        let updated = update(&bench, changed.clone(), path).await.unwrap_or_else(|status| panic!("{path}: {status}"));
        assert!(updated.warnings.iter().any(|warning| warning.contains("certificate 1 expired")), "{path}");
    }
    let refused = update(&bench, changed.clone(), "transport").await;
    assert!(refused.is_ok(), "the same certificate touches nothing: {refused:?}");
    let other = v1::TransportPolicy { ca_certificates_pem: authority(Duration::from_secs(1)), ..transport };
    let refused = update(&bench, v1::Webhook { transport: Some(other), ..changed }, "transport").await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(fields(&refused), ["webhook.transport.ca_certificates_pem"]);
}
