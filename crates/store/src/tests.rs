//! Events, attempts and deliveries for the tests of this crate.

use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) use tenterhook_fixtures::event;
use tenterhook_model::webhook::{HeaderTemplate, HeaderValue, SigningKey};
use tenterhook_model::{
    Attempt, CapturedResponse, Delivery, DeliveryId, DeliveryState, Event, Header, HttpMethod, JsonText, Lane,
    Namespace, Outcome, Secret, SentRequest, SigningKeyId, Snapshots, Timestamp, Timings, TriedAddress, TriedResult,
    Webhook, WebhookId,
};

use crate::embedded::LaneInfo;

/// An event with every field set.
pub(crate) fn full_event() -> Event {
    let json = |text| Some(JsonText::parse(text).expect("tests give legal JSON"));
    Event {
        object_type: "dcim.site".into(),
        occur_time: Timestamp::new(-5, 17),
        username: "jo".into(),
        request_id: "r-1".into(),
        data: json(r#"{"b": 1E5, "a": [1, 2.50]}"#),
        snapshots: Some(Snapshots { prechange: None, postchange: json("{}") }),
        request: json(r#"{"id": "r", "method": "POST"}"#),
        context: json(r#"{"plugin": 1}"#),
        attributes: BTreeMap::from([("k".into(), "v".into())]),
        ordering_key: "site-1".into(),
        deliver_after: Timestamp::new(1, 2),
        expire_time: Timestamp::new(3, 4),
        publish_time: Timestamp::from_millis(99),
        trace_parent: Some("00-a-b-01".into()),
        ..event("full")
    }
}

/// A failed attempt with every field set.
pub(crate) fn attempt(number: u32) -> Attempt {
    let ms = |n| Some(Duration::from_millis(n));
    Attempt {
        number,
        start_time: Timestamp::from_millis(2_000),
        duration: Duration::from_millis(5),
        outcome: Outcome::HttpStatus,
        error: "answered 503".into(),
        request: Some(SentRequest {
            method: HttpMethod::Put,
            url: "https://example.com/hook".into(),
            headers: vec![Header::new("a", "b")],
            body: "sent".into(),
            body_truncated: true,
        }),
        response: Some(CapturedResponse {
            status: 503,
            headers: vec![Header::new("c", "d")],
            body: "came".into(),
            body_truncated: false,
            note: "odd".into(),
        }),
        timings: Timings { queued: ms(1), render: ms(0), dns: None, connect: ms(3), tls: None, first_byte: ms(4) },
        remote_address: Some("192.0.2.7:443".parse().expect("it is an address")),
        proxy: "http://proxy.example:3128".into(),
        tried_addresses: vec![TriedAddress {
            address: "[2001:db8::7]:443".parse().expect("it is an address"),
            result: TriedResult::Failed,
            error: "connection refused".into(),
        }],
        trace_id: "0af7651916cd43dd8448eb211c80319c".into(),
    }
}

/// A lane and a delivery of it.
pub(crate) fn lane_and_delivery() -> (LaneInfo, Delivery) {
    let now = Timestamp::from_millis(1_000);
    let lane = LaneInfo {
        webhook: WebhookId::from_bytes([1; 16]),
        namespace: Namespace::default(),
        removed: None,
        emptied: None,
    };
    let delivery = Delivery {
        id: DeliveryId::new(now, 1, Lane(1)),
        namespace: lane.namespace.clone(),
        webhook_id: lane.webhook,
        event_id: "e".parse().expect("it is an id"),
        event_type: "created".into(),
        ordering_key: "key".into(),
        state: DeliveryState::Pending,
        attempt_count: 2,
        attempts_before_redrive: 1,
        attempts_uncounted: 1,
        next_attempt_time: Some(now),
        last_attempt: None,
        create_time: now,
        update_time: now,
        finish_time: Some(now),
    };
    (lane, delivery)
}

/// A webhook of the namespace `default`.
/// The webhook as it is before the store gives it a lane.
pub(crate) fn webhook(number: u8) -> Webhook {
    Webhook { lane: Lane(0), revision: 0, ..tenterhook_fixtures::webhook(number) }
}

/// A webhook with a secret in every place that can hold one.
pub(crate) fn webhook_with_secrets() -> Webhook {
    let mut webhook = webhook(5);
    webhook.signing_keys.push(SigningKey {
        id: SigningKeyId::from_bytes([3; 16]),
        secret: Secret::new("signing-canary"),
        create_time: Timestamp::from_millis(1),
        expire_time: None,
    });
    let header = |name: &str, value| HeaderTemplate { name: name.into(), value };
    webhook.spec.request.headers = vec![
        header("plain", HeaderValue::Plain("shown".into())),
        header("authorization", HeaderValue::Sensitive(Secret::new("header-canary"))),
    ];
    webhook.spec.transport.client_private_key_pem = Secret::new("key-canary");
    webhook
}
