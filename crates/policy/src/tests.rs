//! What the tests of this crate share: a fixed chance, answers, deliveries, short times.

mod properties;

use tenterhook_fixtures::event;
pub(crate) use tenterhook_fixtures::response as answer;
pub(crate) use tenterhook_fixtures::webhook;
use tenterhook_model::{Delivery, DeliveryState, Entropy, Timestamp};

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

/// A delivery made at time 0 with so many attempts behind it.
pub(crate) fn delivery(attempts: u32) -> Delivery {
    Delivery {
        state: if attempts == 0 { DeliveryState::Pending } else { DeliveryState::Retrying },
        attempt_count: attempts,
        ..tenterhook_fixtures::delivery(&webhook(1), &event("e"), 1)
    }
}
