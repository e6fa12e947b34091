//! The check of a webhook's transport at save.
//!
//! Whether a certificate parses and a key belongs to it is known to the crate that speaks
//! TLS; the API, which refuses the webhook, holds the check as a trait.

use std::fmt::Debug;

use crate::authentication::ClientCredentials;
use crate::fault::Fault;
use crate::webhook::TransportPolicy;

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
}
