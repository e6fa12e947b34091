//! Why a call is refused, and the one place that turns it into a gRPC status.
//!
//! Every error carries `google.rpc.ErrorInfo` with the domain `tenterhook`, a reason of
//! `ErrorReason` and the metadata that `error_reason.proto` names; BadRequest tells all
//! violations at once; RetryInfo stands where a repeat can help.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tenterhook_model::{Fault, FaultKind, Quiet, Role, Timestamp, WebhookId};
use tenterhook_proto::tenterhook::v1::ErrorReason;
use tenterhook_store::{SaveError, StoreError, TokenError};
use thiserror::Error;
use tokio::time::Instant;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// Lines a minute on calls that the store failed.
const LINES: u32 = 10;
/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "tenterhook";
/// Bytes of field violations in one status. A status travels in headers, where its details take a
/// third more (base64), and proxies take 4 KiB of headers in all (nginx, `grpc_buffer_size`).
const VIOLATION_BYTES: usize = 1_300;
/// Bytes of one violation's field, of its description, and what it takes besides.
const FIELD_BYTES: usize = 128;
const DESCRIPTION_BYTES: usize = 300;
const VIOLATION_OVERHEAD: usize = 8;
/// Bytes of one value in the metadata: a host name (RFC 1035 section 2.3.4).
const VALUE_BYTES: usize = 255;
/// Bytes of a message in its header, where what is not printable ASCII takes three a byte.
const MESSAGE_BYTES: usize = 480;
/// Violations that the message itself spells out, and the bytes of each in the header.
const SPELT_OUT: usize = 3;
const SPELT_OUT_BYTES: usize = 145;
/// When to come back after an overload, where nothing better is known.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// When to come back to a server that stops, or whose disk is full or fails.
const RETRY_LATER: Duration = Duration::from_secs(5);

/// Why a call is refused.
#[derive(Debug, Clone, Error)]
pub(crate) enum Refusal {
    #[error("{}", spell_out(.0))]
    Faults(Vec<Fault>),
    #[error("page_token: is damaged or belongs to another request; begin again without one")]
    PageToken,
    #[error("resume_token: is damaged or belongs to another request or server; list again, then watch from its token")]
    ResumeToken,
    #[error("the changes after this point are no longer kept; list again, then watch from its token")]
    Expired { oldest: Option<Timestamp> },
    #[error("there is no webhook {0}")]
    NoWebhook(String),
    #[error("no webhook of the namespace `{0}` has this display name; ListWebhooks shows those that there are")]
    NoWebhookNamed(String),
    #[error("there is no event {0}")]
    NoEvent(String),
    #[error("there is no delivery {0}")]
    NoDelivery(String),
    #[error("the webhook has no signing key {0}")]
    NoSigningKey(String),
    #[error("there is no token {0}; it may have expired or been revoked")]
    NoToken(String),
    #[error("webhook.display_name: the webhook {0} has this name already")]
    NameTaken(String),
    #[error("another event was published under the id {0}")]
    EventConflict(String),
    #[error("request_id: another request was made under this request id")]
    RequestConflict,
    #[error("the webhook has changed since it was read; read it again, then repeat")]
    EtagMismatch { current: String },
    #[error("{what} is {state}; {advice}")]
    State { what: String, state: &'static str, advice: &'static str },
    #[error("too many requests at once; try again shortly")]
    RateLimited { retry_after: Duration },
    #[error("{subject}: {limit}")]
    Limit { subject: &'static str, limit: String },
    #[error("the server's disk is full; events are refused until there is space, deliveries go on")]
    StorageFull,
    #[error("the server is stopping; try again")]
    ShuttingDown,
    #[error(
        "the connection has reached its age and closes; call again on a new one, a watch with its last resume token"
    )]
    ConnectionAged,
    #[error("{}", if *.shown { "the key, token or certificate is not known" } else {
        "no key; send `authorization: Bearer th_…`" })]
    KeyInvalid { shown: bool },
    #[error("{}", if *.shown {
        "X-Hook-Signature does not fit the body; the webhook in NetBox must have the secret in the file that the key file names for this key"
    } else {
        "the request is not signed; give the webhook in NetBox the secret in the file that the key file names for this key"
    })]
    NetboxSignature { shown: bool },
    #[error("the key may not do this{}: it has the role `{role}` in `{scope}`{}",
        .asked.as_ref().map(|asked| format!(" in the namespace `{asked}`")).unwrap_or_default(),
        .webhook.map(|webhook| format!(", for the webhook {webhook} only")).unwrap_or_default())]
    KeyForbidden { role: Role, scope: String, webhook: Option<WebhookId>, asked: Option<String> },
    #[error("a token may not issue tokens; use an API key or a client certificate")]
    TokenIssues { role: Role, scope: String },
    #[error("the server's store cannot be read or written right now, and the log says why; try again later")]
    StoreFailed,
    #[error("{0}; try again")]
    StoreUnavailable(&'static str),
    #[error("the server failed; its log says why")]
    Internal,
}

impl Refusal {
    /// One field that is not allowed.
    pub(crate) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Faults(vec![Fault::invalid(field, message)])
    }

    /// The canonical code.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Faults(faults) if are_unavailable(faults) => Code::ResourceExhausted,
            Self::Faults(_) | Self::PageToken | Self::ResumeToken => Code::InvalidArgument,
            Self::Expired { .. } => Code::OutOfRange,
            Self::NoWebhook(_)
            | Self::NoWebhookNamed(_)
            | Self::NoEvent(_)
            | Self::NoDelivery(_)
            | Self::NoSigningKey(_)
            | Self::NoToken(_) => Code::NotFound,
            Self::NameTaken(_) | Self::EventConflict(_) | Self::RequestConflict => Code::AlreadyExists,
            Self::EtagMismatch { .. } => Code::Aborted,
            Self::State { .. } => Code::FailedPrecondition,
            Self::RateLimited { .. } | Self::Limit { .. } | Self::StorageFull => Code::ResourceExhausted,
            Self::ShuttingDown | Self::ConnectionAged | Self::StoreFailed | Self::StoreUnavailable(_) => {
                Code::Unavailable
            }
            Self::KeyInvalid { .. } | Self::NetboxSignature { .. } => Code::Unauthenticated,
            Self::KeyForbidden { .. } | Self::TokenIssues { .. } => Code::PermissionDenied,
            Self::Internal => Code::Internal,
        }
    }

    /// The reason.
    pub(crate) fn reason(&self) -> ErrorReason {
        match self {
            Self::Faults(faults) => reason_of(faults),
            Self::PageToken => ErrorReason::PageTokenInvalid,
            Self::ResumeToken => ErrorReason::ResumeTokenInvalid,
            Self::Expired { .. } => ErrorReason::ResumeTokenExpired,
            Self::NoWebhook(_) | Self::NoWebhookNamed(_) => ErrorReason::WebhookNotFound,
            Self::NoEvent(_) => ErrorReason::EventNotFound,
            Self::NoDelivery(_) => ErrorReason::DeliveryNotFound,
            Self::NoSigningKey(_) => ErrorReason::SigningKeyNotFound,
            Self::NoToken(_) => ErrorReason::TokenNotFound,
            Self::NameTaken(_) => ErrorReason::DisplayNameTaken,
            Self::EventConflict(_) => ErrorReason::EventIdConflict,
            Self::RequestConflict => ErrorReason::RequestIdConflict,
            Self::EtagMismatch { .. } => ErrorReason::EtagMismatch,
            Self::State { .. } => ErrorReason::StateForbids,
            Self::RateLimited { .. } => ErrorReason::RateLimited,
            Self::Limit { .. } => ErrorReason::LimitExceeded,
            Self::StorageFull => ErrorReason::StorageFull,
            Self::ShuttingDown | Self::ConnectionAged => ErrorReason::ShuttingDown,
            Self::KeyInvalid { .. } | Self::NetboxSignature { .. } => ErrorReason::KeyInvalid,
            Self::KeyForbidden { .. } | Self::TokenIssues { .. } => ErrorReason::KeyForbidden,
            Self::StoreUnavailable(_) => ErrorReason::StoreUnavailable,
            Self::StoreFailed | Self::Internal => ErrorReason::Internal,
        }
    }

    /// What is shown of it, cut to what fits into a header.
    pub(crate) fn message(&self) -> String {
        let mut message = self.to_string();
        cut(&mut message, MESSAGE_BYTES, encoded_len);
        message
    }

    /// The field at fault, if one is.
    pub(crate) fn first_field(&self) -> Option<&str> {
        match self {
            Self::Faults(faults) => faults.first().map(|fault| fault.field.as_str()),
            Self::PageToken => Some("page_token"),
            Self::ResumeToken => Some("resume_token"),
            Self::RequestConflict => Some("request_id"),
            Self::NameTaken(_) => Some("webhook.display_name"),
            _ => None,
        }
    }

    fn metadata(&self) -> HashMap<String, String> {
        let one = |key: &str, value: &str| HashMap::from([(key.to_owned(), value.to_owned())]);
        match self {
            Self::Faults(faults) => metadata_of(faults),
            Self::Expired { oldest: Some(oldest) } => one("oldest_time", &oldest.rfc3339()),
            Self::NoWebhook(id) | Self::NameTaken(id) => one("webhook_id", id),
            Self::NoWebhookNamed(namespace) => one("namespace", namespace),
            Self::NoEvent(id) | Self::EventConflict(id) => one("event_id", id),
            Self::NoDelivery(id) => one("delivery_id", id),
            Self::NoSigningKey(id) => one("key_id", id),
            Self::NoToken(id) => one("token_id", id),
            Self::EtagMismatch { current } => one("etag", current),
            Self::State { state, .. } => one("state", state),
            Self::ConnectionAged => one("cause", "connection_age"),
            Self::KeyForbidden { role, scope, .. } | Self::TokenIssues { role, scope } => {
                HashMap::from([("role".to_owned(), role.to_string()), ("namespace".to_owned(), scope.clone())])
            }
            _ => HashMap::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } => Some(*retry_after),
            Self::ConnectionAged | Self::StoreUnavailable(_) => Some(RETRY_AFTER),
            Self::Faults(faults) if are_unavailable(faults) => Some(RETRY_LATER),
            Self::StorageFull | Self::ShuttingDown | Self::StoreFailed => Some(RETRY_LATER),
            _ => None,
        }
    }

    fn details(&self) -> ErrorDetails {
        let mut details = ErrorDetails::new();
        let mut metadata = self.metadata();
        metadata.values_mut().for_each(|value| cut(value, VALUE_BYTES, char::len_utf8));
        match self {
            Self::Faults(faults) => {
                let named = add_violations(&mut details, faults);
                if named < faults.len() {
                    metadata.insert("violations".to_owned(), faults.len().to_string());
                }
            }
            Self::PageToken | Self::ResumeToken | Self::RequestConflict | Self::NameTaken(_) => {
                let (text, field) = (self.to_string(), self.first_field().unwrap_or_default());
                let description = text.strip_prefix(field).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&text);
                details.add_bad_request_violation(field, description);
            }
            Self::Limit { subject, limit } => {
                details.add_quota_failure_violation(*subject, limit.clone());
            }
            _ => {}
        }
        details.set_error_info(reason_name(self.reason()), DOMAIN, metadata);
        if let Some(after) = self.retry_after() {
            details.set_retry_info(Some(after));
        }
        details
    }
}

/// The name of a reason in `ErrorInfo`: without the prefix of the enum.
fn reason_name(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}

/// The reason of several faults: the special one if they share it, else the general one.
fn reason_of(faults: &[Fault]) -> ErrorReason {
    let of = |fault: &Fault| match fault.kind {
        FaultKind::InvalidField => ErrorReason::InvalidField,
        FaultKind::Unavailable => ErrorReason::RateLimited,
        FaultKind::TemplateSyntax { .. } => ErrorReason::TemplateSyntax,
        FaultKind::UrlForbidden { .. } => ErrorReason::UrlForbidden,
    };
    if are_unavailable(faults) {
        return ErrorReason::RateLimited;
    }
    let mut reasons = faults.iter().map(of);
    let first = reasons.next().unwrap_or(ErrorReason::InvalidField);
    if reasons.all(|reason| reason == first) { first } else { ErrorReason::InvalidField }
}

/// Whether the server was too busy to check something: what else is wrong is told next time.
fn are_unavailable(faults: &[Fault]) -> bool {
    faults.iter().any(|fault| fault.kind == FaultKind::Unavailable)
}

/// The metadata of the first fault, when all are of its kind.
fn metadata_of(faults: &[Fault]) -> HashMap<String, String> {
    let pairs = match (reason_of(faults), faults.first().map(|fault| (&fault.kind, &fault.field))) {
        (ErrorReason::TemplateSyntax, Some((FaultKind::TemplateSyntax { line, column }, field))) => {
            vec![("field", field.clone()), ("line", line.to_string()), ("column", column.to_string())]
        }
        (ErrorReason::UrlForbidden, Some((FaultKind::UrlForbidden { host }, _))) => vec![("host", host.clone())],
        _ => Vec::new(),
    };
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Names the first faults, as many as fit; how many those are.
fn add_violations(details: &mut ErrorDetails, faults: &[Fault]) -> usize {
    let mut bytes = 0;
    for (named, fault) in faults.iter().enumerate() {
        let (mut field, mut description) = (fault.field.clone(), fault.placed_message().into_owned());
        cut(&mut field, FIELD_BYTES, char::len_utf8);
        cut(&mut description, DESCRIPTION_BYTES, char::len_utf8);
        bytes += field.len() + description.len() + VIOLATION_OVERHEAD;
        if bytes > VIOLATION_BYTES {
            return named;
        }
        details.add_bad_request_violation(field, description);
    }
    faults.len()
}

/// The first faults in words, and how many more there are.
fn spell_out(faults: &[Fault]) -> String {
    let spelt_out = faults.iter().take(SPELT_OUT).map(|fault| {
        let mut text = fault.to_string();
        if faults.len() > 1 {
            cut(&mut text, SPELT_OUT_BYTES, encoded_len);
        }
        text
    });
    let mut text = spelt_out.collect::<Vec<_>>().join("; ");
    if faults.len() > SPELT_OUT {
        text.push_str(&format!("; and {} more", faults.len() - SPELT_OUT));
    }
    text
}

/// Cuts `text` to `bytes`, an ellipsis included, of which each character takes `len`.
fn cut(text: &mut String, bytes: usize, len: fn(char) -> usize) {
    let (mut all, mut fits) = (0, 0);
    for (place, character) in text.char_indices() {
        all += len(character);
        if all > bytes {
            text.truncate(fits);
            text.push('…');
            return;
        }
        if all + len('…') <= bytes {
            fits = place + character.len_utf8();
        }
    }
}

/// Bytes that a character takes in `grpc-message` (gRPC over HTTP/2, "Percent-Encoded").
fn encoded_len(character: char) -> usize {
    if matches!(character, ' '..='~') && character != '%' { 1 } else { 3 * character.len_utf8() }
}

/// Why a node that stands by answers a call itself, although another node serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotForwarded {
    /// No node serves, or the one that does cannot be reached.
    NoNode,
    /// Too many calls wait for one already.
    Crowded,
    /// The node was lost with the call.
    Lost,
    /// This node stops.
    Stopping,
    /// The connection of the stream is too old.
    Aged,
}

impl From<NotForwarded> for Status {
    fn from(why: NotForwarded) -> Self {
        match why {
            NotForwarded::NoNode => Refusal::StoreUnavailable("no node that has the database can be reached right now"),
            NotForwarded::Crowded => Refusal::RateLimited { retry_after: RETRY_AFTER },
            NotForwarded::Lost => Refusal::StoreUnavailable("the node that has the database was lost during the call"),
            NotForwarded::Stopping => Refusal::ShuttingDown,
            NotForwarded::Aged => Refusal::ConnectionAged,
        }
        .into()
    }
}

/// The status of a request in which these `faults` were found before it became a call.
pub fn invalid(faults: Vec<Fault>) -> Status {
    Refusal::Faults(faults).into()
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        Self::with_error_details(refusal.code(), refusal.message(), refusal.details())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Overloaded { retry_after } => {
                Self::RateLimited { retry_after: if retry_after.is_zero() { RETRY_AFTER } else { retry_after } }
            }
            StoreError::Full => Self::StorageFull,
            StoreError::EventConflict { id, .. } => Self::EventConflict(id.to_string()),
            StoreError::Expired { oldest } => Self::Expired { oldest },
            StoreError::Closed => Self::ShuttingDown,
            StoreError::NoViews(engine) => Self::State {
                what: "the store".to_owned(),
                state: engine,
                advice: "it cannot be copied while it is in use: stop the server and use `tenterhook store export`",
            },
            // Its own log lines say so once, not with every call.
            StoreError::Unavailable(_) => Self::StoreUnavailable("the database cannot be reached right now"),
            StoreError::Damaged(_) | StoreError::Stopped(_) | StoreError::Failed(_) => {
                log_store_failure(&error);
                Self::StoreFailed
            }
        }
    }
}

/// Says that the store failed a call. Every call may, for as long as it is broken.
fn log_store_failure(error: &StoreError) {
    static QUIET: Mutex<Quiet<Instant>> = Mutex::new(Quiet::new(LINES));
    if let Some(left_out) = QUIET.lock().unwrap_or_else(PoisonError::into_inner).speak(Instant::now()) {
        tracing::error!(%error, left_out, "the store failed a call");
    }
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::TooMany(limit) => Self::Limit {
                subject: "tokens",
                limit: format!("a namespace has at most {limit}; revoke those that are no longer needed"),
            },
            TokenError::Store(error) => error.into(),
        }
    }
}

impl From<SaveError> for Refusal {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::NotFound(id) => Self::NoWebhook(id.to_string()),
            SaveError::Changed { etag } => Self::EtagMismatch { current: etag },
            SaveError::NameTaken(id) => Self::NameTaken(id.to_string()),
            SaveError::TooMany(limit) => {
                Self::Limit { subject: "webhooks", limit: format!("a namespace has at most {limit}") }
            }
            SaveError::RequestConflict => Self::RequestConflict,
            SaveError::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn template_fault(field: &str) -> Fault {
        Fault { kind: FaultKind::TemplateSyntax { line: 2, column: 4 }, ..Fault::invalid(field, "unexpected end") }
    }

    #[test]
    fn calls_that_the_store_fails_do_not_fill_the_log() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&log);
        let subscriber = tracing_subscriber::fmt().with_writer(move || Written(Arc::clone(&writer))).finish();
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..1_000 {
                let _ = Refusal::from(StoreError::Failed("a write".to_owned()));
            }
        });
        let log = String::from_utf8(log.lock().unwrap().clone()).unwrap();
        assert_eq!(log.matches("the store failed a call").count(), LINES as usize, "{log}");
    }

    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// One of each, so that a new one is looked at here.
    fn every_refusal() -> Vec<Refusal> {
        let id = || "x".to_owned();
        vec![
            Refusal::field("a", "b"),
            Refusal::PageToken,
            Refusal::ResumeToken,
            Refusal::Expired { oldest: Some(Timestamp::default()) },
            Refusal::NoWebhook(id()),
            Refusal::NoWebhookNamed(id()),
            Refusal::NoEvent(id()),
            Refusal::NoDelivery(id()),
            Refusal::NoSigningKey(id()),
            Refusal::NoToken(id()),
            Refusal::NameTaken(id()),
            Refusal::EventConflict(id()),
            Refusal::RequestConflict,
            Refusal::EtagMismatch { current: id() },
            Refusal::State { what: id(), state: "PAUSED", advice: "resume it" },
            Refusal::RateLimited { retry_after: RETRY_AFTER },
            Refusal::Limit { subject: "s", limit: id() },
            Refusal::StorageFull,
            Refusal::ShuttingDown,
            Refusal::ConnectionAged,
            Refusal::KeyInvalid { shown: false },
            Refusal::NetboxSignature { shown: false },
            Refusal::KeyForbidden { role: Role::Viewer, scope: id(), webhook: None, asked: None },
            Refusal::TokenIssues { role: Role::Admin, scope: id() },
            Refusal::StoreUnavailable("x"),
            Refusal::Internal,
        ]
    }

    #[test]
    fn every_refusal_carries_error_info_of_our_domain() {
        for refusal in every_refusal() {
            let status = Status::from(refusal.clone());
            let info = status.get_details_error_info().unwrap_or_else(|| panic!("{refusal:?}"));
            assert_eq!(info.domain, DOMAIN);
            assert!(!info.reason.is_empty() && !info.reason.starts_with("ERROR_REASON"), "{}", info.reason);
            assert!(!status.message().is_empty());
        }
    }

    #[test]
    fn every_reason_but_those_of_faults_has_its_refusal() {
        let told: Vec<_> = every_refusal().iter().map(Refusal::reason).collect();
        for number in 1..=24 {
            let reason = ErrorReason::try_from(number).unwrap();
            let of_faults = matches!(reason, ErrorReason::TemplateSyntax | ErrorReason::UrlForbidden);
            assert!(of_faults || told.contains(&reason), "{reason:?}");
        }
        assert!(ErrorReason::try_from(25).is_err(), "a new reason needs a refusal");
    }

    #[test]
    fn all_violations_are_told_and_the_message_spells_out_the_first() {
        let faults: Vec<_> = (0..5).map(|i| Fault::invalid(format!("f[{i}]"), "must not be empty")).collect();
        let status = Status::from(Refusal::Faults(faults));
        let fields: Vec<_> =
            status.get_details_bad_request().unwrap().field_violations.into_iter().map(|v| v.field).collect();
        assert_eq!(fields, ["f[0]", "f[1]", "f[2]", "f[3]", "f[4]"]);
        assert!(status.message().ends_with("; and 2 more"), "{}", status.message());
    }

    #[test]
    fn a_template_fault_keeps_its_place_among_other_faults() {
        let faults = vec![Fault::invalid("url", "must not be empty"), template_fault("request.body")];
        let violations = Status::from(Refusal::Faults(faults)).get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations[1].description, "line 2, column 4: unexpected end");
    }

    #[test]
    fn a_violation_names_its_field_once() {
        for refusal in every_refusal() {
            let violations = Status::from(refusal).get_details_bad_request().map(|bad| bad.field_violations);
            for violation in violations.unwrap_or_default() {
                assert!(!violation.description.contains(&format!("{}: ", violation.field)), "{violation:?}");
            }
        }
    }

    #[test]
    fn a_shared_special_kind_gives_the_reason_and_its_metadata() {
        let status = Status::from(Refusal::Faults(vec![template_fault("webhook.request.body"), template_fault("b")]));
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.reason, "TEMPLATE_SYNTAX");
        assert_eq!(info.metadata["field"], "webhook.request.body");
        assert_eq!((&*info.metadata["line"], &*info.metadata["column"]), ("2", "4"));
    }

    #[test]
    fn mixed_kinds_give_the_general_reason() {
        let status = Status::from(Refusal::Faults(vec![template_fault("a"), Fault::invalid("b", "c")]));
        assert_eq!(status.get_details_error_info().unwrap().reason, "INVALID_FIELD");
    }

    /// Bytes of all headers of a refusal.
    fn header_bytes(refusal: Refusal) -> usize {
        let headers = Status::from(refusal).into_http::<()>().into_parts().0.headers;
        headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
    }

    #[test]
    fn however_much_is_wrong_the_status_passes_a_proxy() {
        let many = |field: &str, message: &str| {
            Refusal::Faults((0..1_000).map(|i| Fault::invalid(format!("{field}[{i}]"), message)).collect())
        };
        let long = "ü".repeat(100_000);
        let url = Fault { kind: FaultKind::UrlForbidden { host: long.clone() }, ..Fault::invalid(&*long, &*long) };
        for refusal in [
            many("events", "must not be empty"),
            many("webhook.rules[3].conditions.and[17].attr", "`x` is not allowed here; write one of the operators"),
            many(&long, &long),
            Refusal::field(long.clone(), long.clone()),
            Refusal::Faults(vec![url]),
            Refusal::NoSigningKey(long.clone()),
            Refusal::NoWebhook("%".repeat(10_000)),
        ] {
            let text = format!("{refusal:.80}");
            let bytes = header_bytes(refusal);
            assert!(bytes < 3_500, "{bytes} bytes of headers: {text}");
        }
    }

    #[test]
    fn what_is_not_named_is_counted() {
        let faults = (0..1_000).map(|i| Fault::invalid(format!("events[{i}].type"), "must not be empty")).collect();
        let status = Status::from(Refusal::Faults(faults));
        assert!(status.message().ends_with("and 997 more"));
        assert_eq!(status.get_details_error_info().unwrap().metadata["violations"], "1000");
        assert!(status.get_details_bad_request().unwrap().field_violations.len() > 20);
    }

    #[test]
    fn a_text_is_cut_between_characters_and_says_so() {
        for (bytes, expected) in [(9, "aüb"), (4, "aüb"), (3, "…"), (0, "…")] {
            let mut text = "aüb".to_owned();
            cut(&mut text, bytes, char::len_utf8);
            assert_eq!(text, expected, "{bytes}");
        }
    }

    #[test]
    fn a_repeat_is_advised_where_it_helps() {
        for refusal in [
            Refusal::StorageFull,
            Refusal::ShuttingDown,
            Refusal::StoreFailed,
            Refusal::StoreUnavailable("x"),
            StoreError::Overloaded { retry_after: Duration::ZERO }.into(),
        ] {
            let status = Status::from(refusal);
            assert!(status.get_details_retry_info().unwrap().retry_delay.unwrap() > Duration::ZERO);
        }
        assert!(Status::from(Refusal::PageToken).get_details_retry_info().is_none());
    }

    #[test]
    fn what_was_not_forwarded_can_be_repeated() {
        for (why, reason) in [
            (NotForwarded::NoNode, "STORE_UNAVAILABLE"),
            (NotForwarded::Crowded, "RATE_LIMITED"),
            (NotForwarded::Lost, "STORE_UNAVAILABLE"),
            (NotForwarded::Stopping, "SHUTTING_DOWN"),
            (NotForwarded::Aged, "SHUTTING_DOWN"),
        ] {
            let status = Status::from(why);
            assert_eq!(status.get_details_error_info().unwrap().reason, reason);
            assert!(status.get_details_retry_info().is_some(), "{why:?}");
        }
    }

    #[test]
    fn the_stores_own_words_stay_inside() {
        let words = || "/var/lib/secret-path".to_owned();
        let away = StoreError::Unavailable("secret-path");
        for error in [StoreError::Failed(words()), StoreError::Damaged(words()), StoreError::Stopped(words()), away] {
            let status = Status::from(Refusal::from(error));
            assert_eq!(status.code(), Code::Unavailable);
            assert!(!status.message().contains("secret-path"));
            assert!(status.get_details_retry_info().is_some(), "it heals, or another server takes over");
        }
    }
}
