//! What deploy/ ships: the unit is one that systemd takes, the configurations are ones that the server takes, and
//! numbers that depend on each other agree. The chart has tests of its own, in deploy/check.

mod configurations;
mod numbers;
mod unit;

use std::path::{Path, PathBuf};

/// The folder of what is shipped.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

/// The text of a file below deploy/.
fn read(path: &str) -> String {
    std::fs::read_to_string(folder().join(path)).unwrap_or_else(|error| panic!("deploy/{path}: {error}"))
}
