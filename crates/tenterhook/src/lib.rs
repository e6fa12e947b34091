//! The `tenterhook` command: configuration, telemetry, wiring, signals and the sub-commands.
//!
//! The only place that reads arguments, environment and files. Life has three steps: the
//! configuration is read whole, [`app::App::build`] binds ports and opens the store,
//! [`app::App::run`] serves until it has drained. No rule of the domain lives here.

/// The server.
pub mod app;
/// `tenterhook bench`.
pub mod bench;
/// `tenterhook store`.
pub mod care;
/// The command line, and which module answers.
pub mod cli;
/// What `serve` is told, by flags, environment and file.
pub mod config;
/// `tenterhook demo`.
pub mod demo;
mod http;
/// `tenterhook key`.
pub mod key;
/// `tenterhook listen`.
pub mod listen;
mod receiver;
/// `tenterhook render`.
pub mod render;
/// Logs, metrics and traces.
pub mod telemetry;
/// What people see at a terminal.
pub mod terminal;
