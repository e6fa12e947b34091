//! The audit trail: who did what to which thing.
//!
//! The gate writes one [`AuditEntry`] for each call that changes something or tries to, publishing
//! apart: an event is its own record. A call with `validate_only` changes nothing. A service adds what the call was about, as soon as it knows.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tonic::Code;

/// One call that changed something, or was refused.
#[derive(Debug, Clone, Copy)]
pub struct AuditEntry<'a> {
    /// Path of the method, `/package.Service/Method`.
    pub method: &'static str,
    /// Name of the key or certificate; may be empty.
    pub caller: &'a str,
    /// Role that allowed the call.
    pub role: &'static str,
    /// Where the call came from; `None` inside the process.
    pub peer: Option<SocketAddr>,
    /// What the call was about: namespace, kind, id and name; empty when it was refused before that
    /// was known. Names come from outside.
    pub subject: &'a str,
    /// How it ended.
    pub code: Code,
    /// The trace that it is a part of, in hex; empty when it is not traced.
    pub trace_id: &'a str,
}

/// What a call is about, filled in by the service that handles it; `None` once it is known to change nothing.
/// Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Subject(Arc<Mutex<Option<String>>>);

impl Default for Subject {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Some(String::new()))))
    }
}

impl Subject {
    /// Takes over what the call is about; the last one counts.
    pub(crate) fn set(&self, subject: String) {
        if let Some(known) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            *known = subject;
        }
    }

    /// The call changes nothing, whatever it is about.
    pub(crate) fn clear(&self) {
        self.take();
    }

    /// What the call is about, as far as it is known; `None` if it changes nothing.
    pub(crate) fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
