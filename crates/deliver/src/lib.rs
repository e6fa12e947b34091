//! One HTTP attempt: address guard, deadlines, capture.
//!
//! [`Deliverer`] is a [`tower::Service`] from a `PreparedRequest` to an `Exchange`. It never
//! fails: what goes wrong is an outcome. It is the only place that opens outbound sockets,
//! and it opens them only to addresses that the server's policy permits: a literal address
//! and every resolved one are checked, the connection is made to a checked address and its
//! peer is checked again. Redirects are not followed, environment proxies are not read.
//!
//! `dispatch` and `TestWebhook` hold it as a `Service`; only the command builds one.

mod capture;
mod certificates;
mod deliverer;
mod der;
mod dial;
mod dial_order;
mod error;
mod guard;
mod hidden;
mod http1;
mod http1_only;
mod http2;
mod notes;
mod pem;
mod phase;
mod pool;
mod progress;
mod prompt;
mod proxy;
mod race;
mod request;
mod resend;
mod resolver;
mod single_flight;
mod tls;
mod token;
mod trust;
mod untrusted;
mod verifier;
mod wire;
mod words;

#[cfg(test)]
mod tests;

pub use certificates::{CertificateCheck, expiry_of_certificate};
pub use deliverer::{Deliverer, Outbound};
pub use dial::{Dial, Dialled, SourceAddresses, TcpDialer};
pub use prompt::Prompt;
pub use resolver::SystemResolver;
pub use trust::Roots;
