//! What the tests of this crate share: a fixed chance, answers, deliveries, short times.

use tenterhook_model::{
    CapturedResponse, Delivery, DeliveryId, DeliveryState, Entropy, Header, Lane, Namespace, Timestamp, WebhookId,
};

/// A chance that is always the same number from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fixed(pub(crate) f64);

impl Entropy for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }

    fn unit(&self) -> f64 {
        self.0
    }
}

/// The time so many seconds after 1970.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::new(seconds, 0).unwrap()
}

/// An answer without a body.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)]) -> CapturedResponse {
    let headers = headers.iter().map(|(name, value)| Header::new((*name).to_owned(), *value)).collect();
    CapturedResponse { status, headers, body: Default::default(), body_truncated: false, note: String::new() }
}

/// A delivery made at time 0 with so many attempts behind it.
pub(crate) fn delivery(attempts: u32) -> Delivery {
    Delivery {
        id: DeliveryId::new(at(0), 1, Lane(1)),
        namespace: Namespace::default(),
        webhook_id: WebhookId::from_bytes([1; 16]),
        event_id: "e".parse().unwrap(),
        event_type: "created".into(),
        ordering_key: String::new(),
        state: if attempts == 0 { DeliveryState::Pending } else { DeliveryState::Retrying },
        attempt_count: attempts,
        attempts_before_redrive: 0,
        attempts_uncounted: 0,
        next_attempt_time: Some(at(0)),
        last_attempt: None,
        create_time: at(0),
        update_time: at(0),
        finish_time: None,
    }
}
