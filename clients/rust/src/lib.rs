//! Client of the Tenterhook webhook delivery service: publishes events, manages webhooks, watches
//! deliveries, and verifies what was delivered.
//!
//! Every method of the API that is no stream is a method of [`Client`] and fails with [`Error`]. The generated clients
//! are at [`Client::webhooks`], [`Client::events`], [`Client::deliveries`], [`Client::server`], [`Client::store`] and
//! [`Client::access`], for a call with a timeout or metadata of its own; they have the same deadline and retries, and `?`
//! turns their `tonic::Status` into [`Error`].

mod calls;
mod checkpoint;
mod client;
mod connection;
mod connectivity;
mod custom;
mod environment;
mod error;
mod event;
mod finite;
mod layers;
mod life;
mod methods;
mod named;
#[cfg(feature = "otel")]
pub mod otel;
mod pages;
mod publisher;
mod receive;
mod retry;
mod stream;
pub mod testing;
mod verify;
mod watch;

/// The messages and services of the API, generated.
#[rustfmt::skip]
#[path = "gen/tenterhook.v1.rs"]
pub mod v1;

pub use calls::Calls;
pub use checkpoint::{Checkpoint, FileCheckpoint};
pub use client::{Client, json};
pub use connection::{BuildError, Builder};
pub use connectivity::Connectivity;
pub use custom::{Algorithm, CustomSignature, CustomVerifier, Encoding, KeyEncoding, Received};
pub use environment::api_key_file;
pub use error::{Error, FieldViolation, Kind};
pub use layers::Transport;
pub use methods::DESCRIPTORS;
pub use pages::ResumeToken;
/// Times, durations and field masks of the messages.
pub use prost_types;
pub use publisher::{Publication, Publisher, PublisherOptions};
pub use receive::{RecentIds, Seen, SeenFuture, WebhookEvent, WebhookLayer, WebhookService, parse};
pub use retry::RetryPolicy;
pub use stream::Ack;
/// The status code of a failed call, see [`Error::code`]; and a call with a timeout or headers of its own.
pub use tonic::{Code, Request};
pub use verify::{InvalidSignature, Scheme, Verifier, verify};
pub use watch::{Change, Watch};
