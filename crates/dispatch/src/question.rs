//! What the loop asks the store, and what comes back.

use tenterhook_store::{Claim, StoreError};

use crate::lanes::Order;

/// An answer of the store to one of the loop's questions.
pub(crate) enum Answer {
    /// To a claim.
    Claimed {
        /// What was asked for.
        order: Order,
        /// What came.
        result: Result<Vec<Claim>, StoreError>,
    },
    /// To the wish to put deliveries back.
    Released(Result<(), StoreError>),
}
