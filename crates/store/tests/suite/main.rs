//! What every store must do, whatever its engine: each test runs over all of them.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod bench;

mod admission;
mod asking;
mod backup;
mod care;
mod claims;
mod deadlines;
mod deliveries;
mod events;
mod full;
mod golden;
mod journal;
mod notices;
mod opening;
mod property;
mod publishing;
mod retention;
mod settling;
mod tokens;
mod webhooks;
