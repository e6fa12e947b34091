//! The console: a page for the people who run Tenterhook, served on the port of the API.
//!
//! ```text
//! GET  /console/…        pages   ─▶ the files of dist, and index.html for the paths of pages
//! POST /console/session  sign-in ─▶ sessions: a key becomes a cookie that script cannot read
//! POST /tenterhook.v1.…  a call with that cookie ─▶ authorize ─▶ the same call with the key
//! ```
//! The pages are one more client of the API, over gRPC-Web: keys, roles, limits and metrics are those
//! of every other. [`Console`] is what the listener's front asks. The sources of the pages are in `ui/`;
//! `make console` builds them into `dist/`.

use tenterhook_model::limits;

mod console;
mod known_hosts;
mod pages;
mod responses;
mod sessions;

pub use console::{Console, ConsoleSettings, KnowsKey};
pub use known_hosts::KnownHosts;

/// Where the console is.
pub const PATH: &str = "/console";

/// Bytes of the longest body that signing in takes.
pub const SIGN_IN_BYTES_MAX: usize = limits::SIGN_IN_BYTES;

/// Whether the console answers at a path.
pub fn owns(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
