//! The one error type of the client, and how it is read from a gRPC status.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::life::ClosedMark;
use crate::v1::{ErrorReason, PublishError};

/// The domain of the server's own reasons.
const DOMAIN: &str = "tenterhook";

/// One field at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldViolation {
    /// Its path in the request, such as `webhook.request.headers[1].value`.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
}

/// What kind of failure an [`Error`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// There is no such webhook, event, delivery or key.
    NotFound,
    /// The thing exists already, was changed by somebody else, or its state forbids the call.
    Conflict,
    /// The request is wrong; the field violations say where.
    Invalid,
    /// The server cannot be reached, or is stopping. The call may be repeated.
    Unavailable,
    /// The client was closed before the call, or while it was in flight.
    Closed,
    /// Any other; the code says which.
    Other,
}

/// A call that failed.
#[derive(Clone, Debug)]
pub struct Error {
    /// The gRPC code.
    pub code: Code,
    /// The server's reason; unspecified when it gave none, as for errors of the transport.
    pub reason: ErrorReason,
    /// What is wrong.
    pub message: String,
    /// Every field at fault.
    pub field_violations: Vec<FieldViolation>,
    /// The wait after which the call may succeed, if the server told one.
    pub retry_after: Option<Duration>,
    /// What belongs to the reason.
    pub metadata: BTreeMap<String, String>,
    /// Whether trying again will not help, because the client is set up wrongly: the server's certificate is not
    /// trusted, it speaks no TLS, the port speaks no gRPC, or there is no such host.
    pub permanent: bool,
    closed: bool,
}

impl Error {
    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.code {
            _ if self.closed => Kind::Closed,
            Code::NotFound => Kind::NotFound,
            Code::AlreadyExists | Code::Aborted | Code::FailedPrecondition => Kind::Conflict,
            Code::InvalidArgument | Code::OutOfRange => Kind::Invalid,
            Code::Unavailable => Kind::Unavailable,
            _ => Kind::Other,
        }
    }

    /// The reason without its prefix, such as `ETAG_MISMATCH`; empty when there is none.
    #[must_use]
    pub fn reason_name(&self) -> &'static str {
        match self.reason {
            ErrorReason::Unspecified => "",
            reason => reason.as_str_name().trim_start_matches("ERROR_REASON_"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.code)?;
        if self.reason != ErrorReason::Unspecified {
            write!(f, " {}", self.reason_name())?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for Error {}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        let mut error = Self {
            code: status.code(),
            reason: ErrorReason::Unspecified,
            message: status.message().to_owned(),
            field_violations: Vec::new(),
            retry_after: None,
            metadata: BTreeMap::new(),
            permanent: false,
            closed: status.source().is_some_and(|source| source.is::<ClosedMark>()),
        };
        let details = status.get_error_details();
        if let Some(info) = details.error_info().filter(|info| info.domain == DOMAIN) {
            let name = format!("ERROR_REASON_{}", info.reason);
            error.reason = ErrorReason::from_str_name(&name).unwrap_or_default();
            error.metadata = info.metadata.clone().into_iter().collect();
        }
        if let Some(bad) = details.bad_request() {
            let violations = bad.field_violations.iter();
            error.field_violations = violations
                .map(|v| FieldViolation { field: v.field.clone(), description: v.description.clone() })
                .collect();
        }
        if let Some(advice) = permanent(&status) {
            (error.permanent, error.message) = (true, format!("{advice} ({})", error.message));
        }
        error.retry_after = details.retry_info().and_then(|info| info.retry_delay);
        error
    }
}

/// What the transport says of what no further try will mend, and what to do about it.
const PERMANENT: [(&str, &str); 5] = [
    (
        "invalid peer certificate",
        "the server's certificate is not trusted, or is for another host: give its authority by Builder::ca",
    ),
    ("InvalidContentType", "the server does not speak TLS: begin the target with http:// if that is meant"),
    // The first bytes of HTTP/1.1 or of TLS, taken for the length of a frame.
    (
        "frame with invalid size",
        "the port does not speak gRPC: check it, and begin the target with https:// if the server speaks TLS",
    ),
    ("Name or service not known", "there is no such host: check the target"),
    ("nodename nor servname", "there is no such host: check the target"),
];

fn permanent(status: &Status) -> Option<&'static str> {
    let known = PERMANENT.iter().find(|(words, _)| status.message().contains(words));
    known.filter(|_| status.code() == Code::Unavailable).map(|(_, advice)| *advice)
}

impl From<PublishError> for Error {
    fn from(refused: PublishError) -> Self {
        let reason = refused.reason();
        let description = refused.message.strip_prefix(&format!("{}: ", refused.field)).unwrap_or(&refused.message);
        let description = description.to_owned();
        let fields = Some(refused.field).filter(|field| !field.is_empty());
        Self {
            code: Code::from(refused.code),
            reason,
            message: refused.message,
            field_violations: fields.map(|field| FieldViolation { field, description }).into_iter().collect(),
            retry_after: None,
            metadata: BTreeMap::new(),
            permanent: false,
            closed: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_further_try_will_mend_is_permanent() {
        for (words, advice) in [
            ("transport error: invalid peer certificate: UnknownIssuer", "certificate"),
            ("transport error: received corrupt message of type InvalidContentType", "http://"),
            ("transport error: http2 error: connection error detected: frame with invalid size", "https://"),
            ("dns error: failed to lookup address information: Name or service not known", "no such host"),
        ] {
            let error = Error::from(Status::unavailable(words));
            assert!(error.permanent && error.message.contains(advice) && error.message.contains(words), "{error}");
        }
        assert!(!Error::from(Status::unavailable("tcp connect error: Connection refused")).permanent);
        assert!(!Error::from(Status::internal("invalid peer certificate")).permanent);
    }
}
