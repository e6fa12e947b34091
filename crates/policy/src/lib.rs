//! What comes next: when a delivery is tried again, when a receiver is left alone, and how
//! much of it may be asked at once.
//!
//! Everything here is pure: the time, the chance and the past come in, a decision goes out.
//! `dispatch` asks [`Admission`] before each attempt, and [`decide`] and [`Breaker`] after it; `api`
//! asks [`Waiting`] why a delivery is not sent.

mod admission;
mod breaker;
mod decide;
/// What a webhook gets when it does not say.
pub mod defaults;
mod hold;
mod http_date;
mod retry_after;
mod schedule;
mod waiting;

#[cfg(test)]
mod tests;

pub use admission::{Admission, Admit};
pub use breaker::{Breaker, Trial};
pub use decide::{Decision, Ended, Retry, decide, give_up_time, max_age};
pub use hold::Hold;
pub use retry_after::retry_after;
pub use schedule::wait;
pub use waiting::Waiting;
