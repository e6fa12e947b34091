//! The server: configuration, telemetry and wiring.
//!
//! Life has three steps: the configuration is read whole, [`app::App::build`] binds ports and
//! opens the store, [`app::App::run`] serves until it has drained. No rule of the domain lives
//! here.

/// The server.
pub mod app;
/// What `serve` is told, by flags, environment and file.
pub mod config;
/// Why a command failed, in words for people.
pub mod failure;
/// A small HTTP server for what is not the API.
pub mod http;
/// The files that settings name.
pub mod regular;
/// The certificate authorities that this machine trusts.
pub mod roots;
/// Logs, metrics and traces.
pub mod telemetry;
