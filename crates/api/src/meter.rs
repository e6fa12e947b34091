//! What the API tells whoever counts and traces; the command exports it.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::time::Duration;

use tonic::Code;
use tracing::Span;

use crate::audit::AuditEntry;

/// What is known of a call before it begins.
#[derive(Debug, Clone, Copy)]
pub struct CallLabel<'a> {
    /// Path of the method, `/package.Service/Method`.
    pub method: &'static str,
    /// Name of the key or certificate that calls; may be empty.
    pub caller: &'a str,
    /// Where the call comes from; `None` inside the process.
    pub peer: Option<SocketAddr>,
    /// The caller's `traceparent` (W3C Trace Context), if it sent a legal one.
    pub parent: Option<&'a str>,
}

/// The span of a call.
#[derive(Debug, Clone)]
pub struct CallSpan {
    /// The span that the call runs in.
    pub span: Span,
    /// The `traceparent` that events published by the call keep; `None` when nothing is traced.
    pub traceparent: Option<String>,
}

/// Why a call was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// With this status alone, before or by its service.
    Status(Code),
    /// It was no call: its path, method or content type is none that the server takes.
    NotGrpc,
}

impl Refused {
    /// Every reason that a call can be refused for.
    pub const ALL: [Self; 17] = [
        Self::NotGrpc,
        Self::Status(Code::Cancelled),
        Self::Status(Code::Unknown),
        Self::Status(Code::InvalidArgument),
        Self::Status(Code::DeadlineExceeded),
        Self::Status(Code::NotFound),
        Self::Status(Code::AlreadyExists),
        Self::Status(Code::PermissionDenied),
        Self::Status(Code::ResourceExhausted),
        Self::Status(Code::FailedPrecondition),
        Self::Status(Code::Aborted),
        Self::Status(Code::OutOfRange),
        Self::Status(Code::Unimplemented),
        Self::Status(Code::Internal),
        Self::Status(Code::Unavailable),
        Self::Status(Code::DataLoss),
        Self::Status(Code::Unauthenticated),
    ];

    /// The reason as a label: the name of the status, or `not_grpc`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotGrpc => "not_grpc",
            Self::Status(code) => status_name(code),
        }
    }
}

/// The name of a gRPC status as a label.
pub fn status_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "ok",
        Code::Cancelled => "cancelled",
        Code::Unknown => "unknown",
        Code::InvalidArgument => "invalid_argument",
        Code::DeadlineExceeded => "deadline_exceeded",
        Code::NotFound => "not_found",
        Code::AlreadyExists => "already_exists",
        Code::PermissionDenied => "permission_denied",
        Code::ResourceExhausted => "resource_exhausted",
        Code::FailedPrecondition => "failed_precondition",
        Code::Aborted => "aborted",
        Code::OutOfRange => "out_of_range",
        Code::Unimplemented => "unimplemented",
        Code::Internal => "internal",
        Code::Unavailable => "unavailable",
        Code::DataLoss => "data_loss",
        Code::Unauthenticated => "unauthenticated",
    }
}

/// Receives figures as they arise. Called on the hot path: it must be quick and may not wait.
pub trait Meter: Debug + Send + Sync + 'static {
    /// The span of a call, as a part of the trace of its parent.
    fn begin(&self, label: &CallLabel<'_>) -> CallSpan;

    /// The call of the span was answered with this status; a stream, begun.
    fn ended(&self, span: &Span, code: Code) {
        let _untraced = (span, code);
    }

    /// A publishing call was answered this long after it came: `tenterhook.publish.duration`. So many
    /// of its events are new: `tenterhook.events.published`.
    fn published(&self, took: Duration, events: usize);

    /// This many watches are open now: `tenterhook.watchers`.
    fn watchers(&self, count: usize);

    /// A call was refused.
    fn refused(&self, why: Refused);

    /// A call ended in a panic, which is a fault of the server.
    fn panicked(&self, method: &'static str);

    /// A call that changes something has ended: a line of the audit trail.
    fn audited(&self, entry: &AuditEntry<'_>) {
        let _not_kept = entry;
    }
}

/// Counts nothing, makes no spans and hands the caller's `traceparent` on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unmetered;

impl Meter for Unmetered {
    fn begin(&self, label: &CallLabel<'_>) -> CallSpan {
        CallSpan { span: Span::none(), traceparent: label.parent.map(str::to_owned) }
    }

    fn published(&self, _: Duration, _: usize) {}

    fn watchers(&self, _: usize) {}

    fn refused(&self, _: Refused) {}

    fn panicked(&self, _: &'static str) {}
}

/// The header, if it has the form of a `traceparent`: `00-` trace id, `-`, parent id, `-`, flags,
/// in lower-case hex, neither id all zero (W3C Trace Context section 3.2).
pub(crate) fn legal_traceparent(header: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(header).ok()?;
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace, parent, flags] = parts.as_slice() else { return None };
    let is_hex = |part: &str, len: usize| {
        part.len() == len && part.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
    };
    let is_set = |part: &str| part.bytes().any(|c| c != b'0');
    let legal = *version == "00" && is_hex(trace, 32) && is_hex(parent, 16) && is_hex(flags, 2);
    (legal && is_set(trace) && is_set(parent)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_legal_traceparent_is_taken() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(legal_traceparent(good.as_bytes()), Some(good));
        for bad in [
            "",
            "junk",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert_eq!(legal_traceparent(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(legal_traceparent(b"\xff"), None);
    }
}
