//! The `tenterhook` command: configuration, telemetry, wiring, signals and the sub-commands.
//!
//! The only place that reads arguments, environment and files. Life has three steps: the
//! configuration is read whole, [`app::App::build`] binds ports and opens the store,
//! [`app::App::run`] serves until it has drained. No rule of the domain lives here.

pub mod app;
pub mod bench;
pub mod care;
pub mod cli;
pub mod config;
pub mod demo;
mod http;
pub mod key;
pub mod listen;
mod receiver;
pub mod render;
pub mod telemetry;
pub mod terminal;
