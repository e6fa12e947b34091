//! Tests of the crate as a whole, and webhooks and events for all its tests.

mod compile;
mod prepare;
mod preview;
mod properties;
mod variables;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tenterhook_fixtures as fixtures;
use tenterhook_model::webhook::SigningKey;
use tenterhook_model::{
    DeliveryId, Event, JsonText, Lane, PreparedRequest, Secret, Snapshots, Timestamp, Webhook, WebhookId, WebhookSpec,
};

use crate::{AttemptFacts, EventContext};

/// A webhook that takes every event and sends it to `https://hooks.example.com/in`.
pub(crate) fn webhook() -> Webhook {
    let mut spec = WebhookSpec { display_name: "test".to_owned(), ..WebhookSpec::default() };
    spec.request.url = "https://hooks.example.com/in".to_owned();
    let id = "wh_00000000000000000000000000".parse::<WebhookId>().unwrap();
    Webhook { id, spec, ..fixtures::webhook(1) }
}

/// A key that does not expire.
pub(crate) fn signing_key(secret: &str) -> SigningKey {
    SigningKey {
        id: "key_00000000000000000000000000".parse().unwrap(),
        secret: Secret::new(secret),
        create_time: Timestamp::default(),
        expire_time: None,
    }
}

/// A Standard Webhooks secret of 32 bytes.
pub(crate) fn standard_secret(byte: u8) -> String {
    format!("whsec_{}", STANDARD.encode([byte; 32]))
}

/// A created `dcim.site` whose data is `{"name": "AMS-1", "id": 4}`.
pub(crate) fn event() -> Event {
    Event {
        object_type: "dcim.site".to_owned(),
        occur_time: Timestamp::new(1_772_809_883, 503_186_000),
        username: "admin".to_owned(),
        data: Some(JsonText::parse(r#"{"name": "AMS-1", "id": 4}"#).unwrap()),
        attributes: [("tier".to_owned(), "1".to_owned())].into(),
        ..fixtures::event("evt-1")
    }
}

/// The engine's view of [`event`] with other data and snapshots.
pub(crate) fn context(data: &str, snapshots: Option<(&str, &str)>) -> Arc<EventContext> {
    let json = |text: &str| JsonText::parse(text).unwrap();
    let mut event = event();
    event.data = Some(json(data));
    event.snapshots =
        snapshots.map(|(before, after)| Snapshots { prechange: Some(json(before)), postchange: Some(json(after)) });
    Arc::new(EventContext::new(Arc::new(event)))
}

/// Facts of the second attempt of a delivery.
pub(crate) fn facts() -> AttemptFacts {
    let now = Timestamp::new(1_772_809_900, 0).unwrap();
    AttemptFacts { delivery_id: DeliveryId::new(now, 1, Lane(1)), attempt: 2, now, trace_parent: None }
}

/// The header of a request, by its name in any case.
pub(crate) fn header<'a>(request: &'a PreparedRequest, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| &*header.value)
}
