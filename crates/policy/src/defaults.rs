//! What a webhook gets when it does not say. Most are rows of the table of limits,
//! [`tenterhook_model::limits`], which also has the bounds that no webhook may pass.

use std::time::Duration;

use tenterhook_model::limits;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// Attempts of one delivery, the first included.
pub const ATTEMPTS: u32 = limits::ATTEMPTS_DEFAULT;
/// Waits between attempts: the schedule that the Standard Webhooks specification
/// recommends ("Operational considerations", "Retries"), from 5 seconds to a day.
pub const SCHEDULE: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * MINUTE),
    Duration::from_secs(30 * MINUTE),
    Duration::from_secs(2 * HOUR),
    Duration::from_secs(5 * HOUR),
    Duration::from_secs(10 * HOUR),
    Duration::from_secs(14 * HOUR),
    Duration::from_secs(20 * HOUR),
    Duration::from_secs(24 * HOUR),
];
/// Share of each wait that is drawn at random, to both sides.
pub const JITTER: f64 = 0.2;
/// The age at which a delivery is given up: as old as one may get, so that a long pause loses nothing.
pub const MAX_AGE: Duration = limits::DELIVERY_AGE_MAX;
/// Failures in a row that open the breaker.
pub const FAILURES_TO_OPEN: u32 = limits::FAILURES_TO_OPEN_DEFAULT;
/// Wait before the first probe of an open breaker; it doubles at each failed probe.
pub const INITIAL_OPEN: Duration = limits::INITIAL_OPEN_DEFAULT;
/// The longest wait before a probe.
pub const MAX_OPEN: Duration = limits::MAX_OPEN_DEFAULT;
/// Time of nothing but failures after which a webhook is suspended.
pub const SUSPEND_AFTER: Duration = limits::SUSPEND_AFTER_DEFAULT;
