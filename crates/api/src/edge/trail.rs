//! The audit trail of one call, from its admission to its end.

use std::net::SocketAddr;

use tonic::Code;

use crate::access::{Caller, Method};
use crate::audit::AuditEntry;
use crate::meter::Meter;

/// What is known of a call that the audit trail keeps.
#[derive(Debug)]
pub(super) struct Trail {
    method: &'static Method,
    caller: Caller,
    peer: Option<SocketAddr>,
    trace_id: String,
}

impl Trail {
    /// The trail of a call that was let in; `None` for one that only looks or publishes.
    pub(super) fn of(
        method: &'static Method,
        caller: &Caller,
        peer: Option<SocketAddr>,
        traceparent: Option<&str>,
    ) -> Option<Self> {
        // `version-traceid-parentid-flags` (W3C Trace Context section 3.2).
        let trace_id = traceparent.and_then(|text| text.split('-').nth(1)).unwrap_or_default().to_owned();
        (caller.is_audited() && !method.only_looks()).then(|| Self { method, caller: caller.clone(), peer, trace_id })
    }

    /// Hands the entry on, once it is known how the call ended.
    pub(super) fn end(self, meter: &dyn Meter, code: Code) {
        let Some(subject) = self.caller.subject().take() else { return };
        meter.audited(&AuditEntry {
            method: self.method.path,
            caller: self.caller.name(),
            role: self.caller.role().as_str(),
            peer: self.peer,
            subject: &subject,
            code,
            trace_id: &self.trace_id,
        });
    }
}
