//! The `tenterhook` command: one module for each sub-command that has no crate of its own.

mod backup;
/// `tenterhook store`.
pub mod care;
/// The command line, and which module answers.
pub mod cli;
/// Completion scripts and manual pages.
pub mod completion;
/// `tenterhook healthcheck`.
pub mod healthcheck;
/// `tenterhook key`.
pub mod key;
mod partial;
#[cfg(test)]
mod reference;
/// `tenterhook render`.
pub mod render;
/// Help, and what is wrong with a command line.
pub mod usage;
