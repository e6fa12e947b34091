//! The API as its callers see it: in this process, over a store in memory, without sockets.

mod access;
mod any_request;
mod backup;
pub(crate) mod bad_requests;
mod batches;
pub(crate) mod bench;
mod certificates;
mod cloud_events;
mod crowd;
mod egress;
mod events;
mod every_field;
mod explain;
mod finding;
mod foreign_words;
mod info;
mod limits;
mod lists;
pub(crate) mod proto_json;
mod raw;
mod steps;
mod tokens;
mod trials;
mod waiting;
mod walk;
mod watch;
mod webhooks;

use tonic::Status;
use tonic_types::StatusExt as _;

/// The reason of a status.
fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// The fields that a status refuses.
pub(crate) fn fields(status: &Status) -> Vec<String> {
    let violations = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    violations.into_iter().map(|violation| violation.field).collect()
}

/// One entry of a status's metadata.
fn metadata(status: &Status, key: &str) -> String {
    let info = status.get_details_error_info();
    info.and_then(|info| info.metadata.get(key).cloned()).unwrap_or_default()
}
