//! The loop: claim, prepare, deliver, decide, record.
//!
//! A [`Dispatcher`] takes what is due from the store, one lane a webhook, and sees each
//! delivery through its next attempt. The command builds one and runs it until shutdown;
//! the simulation runs it on a paused clock.
//!
//! Attempts in flight are bounded, and shared out so that receivers that hang leave the others
//! their slots: by namespace, by webhook and by how fast the receiver has been (see `slots`).
//!
//! It holds few deliveries: a lane claims only what may be sent right now, so a backlog,
//! and what waits behind a pause, a rate limit or an open breaker, stays in the store.
//!
//! What runs out of time without being claimed is ended by [`Deadlines`], which runs beside it.
//!
//! # Shutdown
//! [`Dispatcher::run`] claims nothing more once its token is cancelled. Attempts under way
//! may go on for the grace, then they are cut and recorded as interrupted, which uses up
//! none of a delivery's retries. What was claimed and not begun is put back. It returns
//! when all its tasks have ended and all outcomes are recorded.

mod ahead;
mod claims;
mod deadlines;
mod decide;
mod dispatcher;
mod drained;
mod ends;
mod flight;
mod forward;
mod lane;
mod lanes;
mod meter;
mod pace;
mod parts;
mod question;
mod record;
mod run;
mod slots;
mod story;
mod waiting;

#[cfg(test)]
mod tests;

pub use ahead::Ahead;
pub use deadlines::Deadlines;
pub use dispatcher::{Dispatcher, Settings};
pub use drained::Drained;
pub use meter::{Meter, Unmetered};
pub use parts::Parts;
