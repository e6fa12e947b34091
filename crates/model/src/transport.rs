//! The check of a webhook's transport at save.
//!
//! Whether a certificate parses and a key belongs to it is known to the crate that speaks
//! TLS; the API, which refuses the webhook, holds the check as a trait.

use std::fmt::Debug;

use crate::authentication::ClientCredentials;
use crate::fault::Fault;
use crate::time::Timestamp;
use crate::webhook::TransportPolicy;

/// When a certificate that a webhook names, and cannot do without, ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertificateEnd {
    /// The field of the transport that holds it.
    pub field: &'static str,
    /// When it ends.
    pub time: Timestamp,
}

/// A check of the PEM fields of a webhook's transport.
pub trait TransportCheck: Debug + Send + Sync + 'static {
    /// Everything that is wrong with `policy`, with paths from it such as
    /// `client_private_key_pem`; empty when it can be used.
    fn check(&self, policy: &TransportPolicy) -> Vec<Fault>;

    /// What is wrong with the private key of `credentials`, with paths from them; empty when it can
    /// sign, or there is none.
    fn check_credentials(&self, credentials: &ClientCredentials) -> Vec<Fault>;

    /// What its owner should look at though the webhook is kept as it is, such as a certificate
    /// that has expired since it was saved; with paths as in [`TransportCheck::check`].
    fn warnings(&self, policy: &TransportPolicy) -> Vec<Fault>;

    /// The first end of a certificate after which requests fail: of the one that is shown to the
    /// receiver, or of the last of those that are trusted. `None` without certificates.
    fn first_end(&self, policy: &TransportPolicy) -> Option<CertificateEnd>;
}
