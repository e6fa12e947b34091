//! The nouns of Tenterhook: webhooks, events, deliveries, attempts, their limits and
//! legal transitions.
//!
//! Every other crate speaks in these types. Nothing here does I/O, knows protobuf or
//! needs an async runtime, so that the rules can be read, and tested, by themselves.

pub mod address;
pub mod attempt;
pub mod chance;
pub mod delivery;
pub mod event;
pub mod fault;
pub mod health;
pub mod id;
pub mod json;
pub mod limits;
pub mod namespace;
pub mod request;
pub mod resolve;
pub mod secret;
pub mod target;
pub mod time;
pub mod transport;
pub mod webhook;

pub use address::AddressPolicy;
pub use attempt::{Attempt, Exchange, Outcome, SentRequest, Timings};
pub use chance::{Entropy, OsEntropy};
pub use delivery::{Delivery, DeliveryState, IllegalTransition, Next, Transition};
pub use event::{Event, Snapshots};
pub use fault::{Fault, FaultKind};
pub use health::WebhookHealth;
pub use id::{DeliveryId, EventId, IdError, Lane, SigningKeyId, WebhookId};
pub use json::JsonText;
pub use namespace::Namespace;
pub use request::{CapturedResponse, Header, HttpMethod, PreparedRequest};
pub use resolve::{Resolve, ResolveError};
pub use secret::Secret;
pub use target::{TargetUrl, TargetUrlError};
pub use time::{Clock, SystemClock, Timestamp};
pub use transport::TransportCheck;
pub use webhook::{Webhook, WebhookSpec, WebhookState};
