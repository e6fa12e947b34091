//! The nouns of Tenterhook: webhooks, events, deliveries, attempts, their limits and
//! legal transitions.
//!
//! Every other crate speaks in these types. Nothing here does I/O, knows protobuf or
//! needs an async runtime, so that the rules can be read, and tested, by themselves.

/// [`AccessToken`]: a short-lived credential.
pub mod access_token;
/// [`AddressPolicy`]: which addresses requests may go to.
pub mod address;
/// [`Attempt`]: one exchange with a receiver, and its [`Outcome`].
pub mod attempt;
/// [`Authentication`]: how requests authenticate to a receiver.
pub mod authentication;
/// [`Entropy`]: where identifiers, jitter and secrets get their chance.
pub mod chance;
/// [`Delivery`]: one event on its way to one webhook, and its legal transitions.
pub mod delivery;
/// [`Egress`]: by which way requests leave this network.
pub mod egress;
/// [`Event`]: something that happened.
pub mod event;
/// [`Fault`]: what is wrong with a field of a request.
pub mod fault;
/// Bodies of fuzz targets.
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
/// Text of strangers on a terminal.
pub mod harmless;
/// [`WebhookHealth`]: how a receiver has been doing.
pub mod health;
/// [`Host`]: an address, or a name that can be looked up and certified.
pub mod host;
/// Identifiers, their text and their order.
pub mod id;
/// [`JsonText`]: JSON that is kept byte for byte.
pub mod json;
/// [`Limit`]: a row of the table of limits.
pub mod limit;
/// Every limit of the server.
pub mod limits;
/// [`Masks`]: secrets out of what is shown.
pub mod mask;
/// [`HttpMethod`]: how a request is made.
pub mod method;
/// [`Namespace`]: the tenant that events and webhooks belong to.
pub mod namespace;
/// [`NoticeKind`]: what the server reports about itself.
pub mod notice;
/// [`Quiet`]: log lines whose number is in nobody's hands.
pub mod quiet;
/// [`PreparedRequest`], and the answer to it.
pub mod request;
/// [`Resolve`]: the addresses of a host.
pub mod resolve;
/// [`Role`]: what the holder of a credential is for.
pub mod role;
/// [`scheme::SignatureScheme`]: the ways to sign, and their headers.
pub mod scheme;
/// [`Secret`]: a text that is never shown.
pub mod secret;
/// Headers that carry a secret, known by their names.
pub mod sensitive;
/// [`StandardSecret`]: how a Standard Webhooks secret is written.
pub mod standard_secret;
/// What the operating system says of a failure, in words for people.
pub mod system;
/// [`TargetUrl`]: a URL that requests may be sent to.
pub mod target;
/// [`Timestamp`], and the [`Clock`] that makes it.
pub mod time;
/// [`TransportCheck`]: the check of certificates and keys at save.
pub mod transport;
/// The secrets in a URL, which are not shown.
pub mod url_secrets;
/// [`TemplateVariables`]: what templates may read of the server's environment.
pub mod variables;
/// [`Webhook`]: a receiver, which events it gets, and what it is sent.
pub mod webhook;

pub use access_token::AccessToken;
pub use address::{AddressPolicy, NonePermitted, NotPermitted};
pub use attempt::{Attempt, Exchange, Excuse, Outcome, SentRequest, Timings, TriedAddress, TriedResult};
pub use authentication::{Authentication, BasicCredentials, ClientCredentials, ClientProof};
pub use chance::{Entropy, OsEntropy};
pub use delivery::{Delivery, DeliveryState, IllegalTransition, Next, Transition};
pub use egress::{Egress, HostList, NoHost, Proxy, ProxyError, ProxyScheme};
pub use event::{Event, Snapshots};
pub use fault::{Fault, FaultKind};
pub use harmless::{harmless, harmless_line};
pub use health::{FailureSummary, WebhookHealth};
pub use host::{Host, HostName, HostNameError};
pub use id::{DeliveryId, EventId, IdError, Lane, SigningKeyId, TokenId, WebhookId};
pub use json::{JsonError, JsonText, NUMBER_KEY};
pub use limit::{Limit, Unit};
pub use mask::Masks;
pub use method::HttpMethod;
pub use namespace::Namespace;
pub use notice::{NoticeKind, OPERATIONAL_PREFIX, is_operational};
pub use quiet::Quiet;
pub use request::{CapturedResponse, Header, PreparedRequest};
pub use resolve::{Resolve, ResolveError};
pub use role::{Role, UnknownRole};
pub use secret::Secret;
pub use standard_secret::StandardSecret;
pub use target::{TargetUrl, TargetUrlError};
pub use time::{Clock, SystemClock, Timestamp};
pub use transport::{CertificateEnd, TransportCheck};
pub use variables::TemplateVariables;
pub use webhook::{Webhook, WebhookSpec, WebhookState};
