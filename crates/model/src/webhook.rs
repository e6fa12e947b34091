//! A receiver of events: which events it gets, what it is sent, and how.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::authentication::Authentication;
use crate::id::{Lane, SigningKeyId, WebhookId};
use crate::json::JsonText;
use crate::limits;
use crate::method::HttpMethod;
use crate::namespace::Namespace;
use crate::notice::is_operational;
pub use crate::scheme::{KeyAlgorithm, SignatureScheme};
use crate::secret::Secret;
use crate::sensitive::is_sensitive_header;
use crate::standard_secret::{StandardSecret, is_private_key};
use crate::time::Timestamp;

/// A webhook as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Webhook {
    /// Its identifier.
    pub id: WebhookId,
    /// Its number in the store, which keys its deliveries.
    pub lane: Lane,
    /// The tenant; it never changes.
    pub namespace: Namespace,
    /// What its owner configured.
    pub spec: WebhookSpec,
    /// Whether it was stopped by an operator or the server.
    pub halt: Option<Halt>,
    /// The keys that sign, newest first; empty when requests are not signed.
    pub signing_keys: Vec<SigningKey>,
    /// Rises with every change of the configuration; the etag is made of it.
    pub revision: u64,
    /// When it was made.
    pub create_time: Timestamp,
    /// When its configuration last changed.
    pub update_time: Timestamp,
}

/// Whether a webhook receives events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WebhookState {
    /// Events are delivered.
    Active,
    /// An operator paused it: events queue up.
    Paused,
    /// The server stopped it: events queue up.
    Suspended,
    /// It matches no event.
    Disabled,
}

impl WebhookState {
    /// Its name in errors and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Paused => "PAUSED",
            Self::Suspended => "SUSPENDED",
            Self::Disabled => "DISABLED",
        }
    }
}

/// Why nothing is sent although the webhook is not disabled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// Who stopped it.
    pub by: HaltedBy,
    /// Why, in words.
    pub reason: String,
}

/// Who stopped a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HaltedBy {
    /// An operator, with PauseWebhook.
    Operator,
    /// The server, after failures or a 410 answer.
    Server,
}

/// What the owner of a webhook configures.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WebhookSpec {
    /// Name shown to people; unique in the namespace; 1 to 150 characters.
    pub display_name: String,
    /// Free text, at most 2,000 characters.
    pub description: String,
    /// Turns the webhook off: it matches no event.
    pub disabled: bool,
    /// Which events are delivered; none means all.
    pub rules: Vec<EventRule>,
    /// What is sent.
    pub request: RequestTemplate,
    /// The signature schemes that were asked for; `None` when `signing` is unset, empty for the default.
    pub signing: Option<Vec<SignatureScheme>>,
    /// Further headers with signatures; only with `signing` set.
    #[serde(default)]
    pub custom_signatures: Vec<CustomSignature>,
    /// When a failed delivery is tried again.
    pub retry: RetryPolicy,
    /// When a receiver that keeps failing is left alone.
    pub circuit_breaker: BreakerPolicy,
    /// Limits on what the receiver is sent.
    pub rate_limit: RateLimit,
    /// How the connection is made.
    pub transport: TransportPolicy,
    /// How requests authenticate, if not by headers of `request`.
    #[serde(default)]
    pub authentication: Option<Authentication>,
    /// Labels for finding webhooks.
    pub labels: BTreeMap<String, String>,
}

/// One way for an event to match; every part that is set must match.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EventRule {
    /// Name shown to people; at most 150 characters.
    pub display_name: String,
    /// Patterns for the event's type; empty matches every type.
    pub event_types: Vec<String>,
    /// Patterns for the object type; empty matches every object type.
    pub object_types: Vec<String>,
    /// Attributes that the event must carry.
    pub attributes: BTreeMap<String, String>,
    /// A NetBox condition set over the event's data.
    pub conditions: Option<JsonText>,
    /// A Jinja expression that must be true; empty is true.
    pub expression: String,
    /// Turns the rule off.
    pub disabled: bool,
}

/// What is sent: Jinja2 templates.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RequestTemplate {
    /// Template of the URL.
    pub url: String,
    /// Patterns for hosts that the URL template may render to.
    pub allowed_hosts: Vec<String>,
    /// The HTTP method.
    pub method: HttpMethod,
    /// The value of Content-Type; empty means `application/json`. Not a template.
    pub content_type: String,
    /// Template of further headers, one `Name: Value` a line.
    pub additional_headers: String,
    /// Further headers, each a template of its own.
    pub headers: Vec<HeaderTemplate>,
    /// Template of the body; empty sends the event context as JSON.
    pub body: String,
    /// Whether an undefined name is an error in every use.
    pub strict_undefined: bool,
    /// The JSON that is sent when `body` is empty. Webhooks that were stored before there was a
    /// choice have none.
    #[serde(default)]
    pub body_format: BodyFormat,
    /// Template of the source of CloudEvents; empty takes the default.
    #[serde(default)]
    pub cloudevents_source: String,
}

/// The default body: which members it has, in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum BodyFormat {
    /// NetBox 3.2.
    #[default]
    Netbox32,
    /// NetBox 4.4.
    Netbox44,
    /// NetBox 4.5.
    Netbox45,
    /// NetBox 4.6.
    Netbox46,
    /// NetBox 4.7.
    Netbox47,
    /// CloudEvents 1.0.2 in structured mode.
    CloudEventsStructured,
    /// CloudEvents 1.0.2 in binary mode.
    CloudEventsBinary,
}

impl BodyFormat {
    /// Every format.
    pub const ALL: [Self; 7] = [
        Self::Netbox32,
        Self::Netbox44,
        Self::Netbox45,
        Self::Netbox46,
        Self::Netbox47,
        Self::CloudEventsStructured,
        Self::CloudEventsBinary,
    ];
}

/// One header of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeaderTemplate {
    /// Name of the header; not a template.
    pub name: String,
    /// Template of its value.
    pub value: HeaderValue,
}

impl HeaderTemplate {
    /// Whether the value may not be shown: because it was given as such, or by its name.
    pub fn is_sensitive(&self) -> bool {
        self.value.is_sensitive() || is_sensitive_header(&self.name)
    }
}

/// The template of a header's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum HeaderValue {
    /// One that may be shown.
    Plain(String),
    /// One that may not.
    Sensitive(Secret),
}

impl HeaderValue {
    /// The template's text, for the one who compiles it.
    pub fn expose(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Sensitive(secret) => secret.expose(),
        }
    }

    /// Whether the value may not be shown.
    pub fn is_sensitive(&self) -> bool {
        matches!(self, Self::Sensitive(_))
    }
}

/// A header with a signature, put together as its receiver expects it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomSignature {
    /// The name of the header.
    pub header: String,
    /// How the signature is made.
    pub algorithm: HmacAlgorithm,
    /// How it is written.
    pub encoding: SignatureEncoding,
    /// How the key is read from the secret.
    pub key_encoding: KeyEncoding,
    /// What is signed: a text with places such as `{{timestamp}}`; empty means the body.
    pub content: String,
    /// The header's value, likewise; empty means the signature.
    pub value: String,
}

/// The hash of an HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum HmacAlgorithm {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How the bytes of a signature are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SignatureEncoding {
    /// Hexadecimal, lower case.
    #[default]
    Hex,
    /// Base64 with padding.
    Base64,
}

/// How a key is read from a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum KeyEncoding {
    /// The bytes of the text.
    #[default]
    Text,
    /// Base64, after `whsec_` where the secret begins so.
    Base64,
    /// Hexadecimal.
    Hex,
}

/// A key that signs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SigningKey {
    /// Its identifier.
    pub id: SigningKeyId,
    /// The secret, as its owner gave it.
    pub secret: Secret,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it stops signing; `None` for the current key of its algorithm.
    pub expire_time: Option<Timestamp>,
}

impl SigningKey {
    /// What it signs with: the prefix of a private key is that of no HMAC secret.
    pub fn algorithm(&self) -> KeyAlgorithm {
        match is_private_key(self.secret.expose()) {
            true => KeyAlgorithm::Ed25519,
            false => KeyAlgorithm::Hmac,
        }
    }
}

/// When to try again.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Attempts in all, 1 to 100; `None` takes the default.
    pub max_attempts: Option<u32>,
    /// A delivery is given up this long after it was made.
    pub max_age: Option<Duration>,
    /// The waits between attempts; `None` takes the default schedule.
    pub backoff: Option<Backoff>,
    /// Share of each wait that is drawn at random, 0 to 1; `None` means 0.2.
    pub jitter: Option<f64>,
    /// Answers that end the delivery at once; 410 always does.
    pub permanent_statuses: BTreeSet<u16>,
}

/// The waits between attempts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Backoff {
    /// Each wait is a multiple of the one before.
    Exponential {
        /// Wait before the second attempt: 1 second to 1 day.
        initial: Duration,
        /// The longest wait; `None` means 7 days.
        max: Option<Duration>,
        /// Factor from one wait to the next: 1 to 10.
        multiplier: f64,
    },
    /// The waits one by one; the last repeats.
    Schedule(Vec<Duration>),
}

/// When a receiver that keeps failing is left alone; `None` takes the default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct BreakerPolicy {
    /// Failures in a row that open it.
    pub failures_to_open: Option<u32>,
    /// The first wait before a probe; it doubles at each failed probe.
    pub initial_open: Option<Duration>,
    /// The longest wait before a probe.
    pub max_open: Option<Duration>,
    /// The webhook is suspended when every attempt failed for this long; zero never.
    pub suspend_after: Option<Duration>,
}

/// Limits of what a receiver is sent; `None` means no limit, or the server's.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RateLimit {
    /// Requests a second, above 0.
    pub requests_per_second: Option<f64>,
    /// Requests that may be sent at once after a pause; `None` means one second's worth.
    pub burst: Option<u32>,
    /// Requests under way at once.
    pub max_in_flight: Option<u32>,
}

/// How the connection to a receiver is made and checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct TransportPolicy {
    /// Time for one attempt: 1 to 60 seconds; `None` means 15.
    pub attempt_timeout: Option<Duration>,
    /// PEM certificates to trust instead of the system's; empty means the system's.
    pub ca_certificates_pem: String,
    /// Trusts the system's roots along with `ca_certificates_pem`.
    #[serde(default)]
    pub trust_system_roots: bool,
    /// Accepts any certificate.
    pub insecure_skip_verify: bool,
    /// PEM certificate chain to show to the receiver; empty means none.
    pub client_certificate_pem: String,
    /// PEM private key of that certificate.
    pub client_private_key_pem: Secret,
    /// Whether requests go by the server's proxy.
    #[serde(default)]
    pub proxy: ProxyUse,
}

/// Whether requests go by the server's proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum ProxyUse {
    /// As the server is set up.
    #[default]
    Default,
    /// Round it; the server must allow that.
    Direct,
}

impl TransportPolicy {
    /// Time for one attempt.
    pub fn deadline(&self) -> Duration {
        self.attempt_timeout.unwrap_or(limits::ATTEMPT_TIMEOUT)
    }
}

impl Webhook {
    /// Whether it receives events.
    pub fn state(&self) -> WebhookState {
        match &self.halt {
            _ if self.spec.disabled => WebhookState::Disabled,
            None => WebhookState::Active,
            Some(halt) if halt.by == HaltedBy::Operator => WebhookState::Paused,
            Some(_) => WebhookState::Suspended,
        }
    }

    /// Whether deliveries may be sent now. Those made before it was disabled still are.
    pub fn sends(&self) -> bool {
        self.halt.is_none()
    }

    /// Whether it asks for operational events: a rule names their types, and neither is turned off.
    pub fn takes_notices(&self) -> bool {
        let names = |rule: &EventRule| rule.event_types.iter().any(|pattern| is_operational(pattern));
        !self.spec.disabled && self.spec.rules.iter().any(|rule| !rule.disabled && names(rule))
    }

    /// What `UpdateWebhook` and its like must send back to change just this revision.
    pub fn etag(&self) -> String {
        format!("\"{:x}\"", self.revision)
    }

    /// The keys that sign at `now`, newest first.
    pub fn live_keys(&self, now: Timestamp) -> impl Iterator<Item = &SigningKey> {
        self.signing_keys.iter().filter(move |key| key.expire_time.is_none_or(|end| end > now))
    }

    /// The newest key of an algorithm.
    pub fn newest_key(&self, algorithm: KeyAlgorithm) -> Option<&SigningKey> {
        self.signing_keys.iter().find(|key| key.algorithm() == algorithm)
    }

    /// The schemes by which requests are signed: those asked for, else none beside custom
    /// signatures, else NETBOX, and STANDARD_WEBHOOKS too when the secret is fit for it. None
    /// without a key.
    pub fn schemes(&self) -> Vec<SignatureScheme> {
        let schemes = self.spec.signing.as_ref().filter(|schemes| !schemes.is_empty());
        if let Some(schemes) = schemes.filter(|_| !self.signing_keys.is_empty()) {
            return schemes.clone();
        }
        let hmac = self.newest_key(KeyAlgorithm::Hmac).filter(|_| self.spec.custom_signatures.is_empty());
        let Some(key) = hmac else { return Vec::new() };
        match StandardSecret::read(key.secret.expose()) {
            Some(secret) if secret.is_fit_to_sign() => vec![SignatureScheme::NetBox, SignatureScheme::StandardWebhooks],
            _ => vec![SignatureScheme::NetBox],
        }
    }

    /// Every secret of the webhook in a fixed order, so that a store can seal each one
    /// apart from the record and put it back.
    pub fn secrets_mut(&mut self) -> Vec<&mut Secret> {
        let keys = self.signing_keys.iter_mut().map(|key| &mut key.secret);
        let headers = self.spec.request.headers.iter_mut().filter_map(|header| match &mut header.value {
            HeaderValue::Plain(_) => None,
            HeaderValue::Sensitive(secret) => Some(secret),
        });
        let authentication = self.spec.authentication.as_mut().map(Authentication::secret_mut);
        // What is added comes last: rows that were written before it have nothing there.
        keys.chain(headers).chain([&mut self.spec.transport.client_private_key_pem]).chain(authentication).collect()
    }
}
