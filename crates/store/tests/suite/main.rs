//! What every store must do, whatever its engine: each test runs over all of them.

mod bench;

mod claims;
mod deliveries;
mod events;
mod journal;
mod publishing;
mod settling;
mod webhooks;
