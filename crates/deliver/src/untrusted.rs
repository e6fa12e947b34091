//! Why a receiver's certificate is not trusted: what its owner reads, and what to do.

use std::sync::Arc;

use rustls::{CertificateError, Error, OtherError};

/// Names of a certificate that an error lists.
const NAMES: usize = 4;

/// Why a certificate is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Untrusted {
    #[error("this machine has no root certificates; install them or set ca_certificates_pem")]
    NoRoots,
    #[error(
        "the receiver's certificate is not trusted: it is self-signed; put exactly this certificate into ca_certificates_pem to trust it"
    )]
    SelfSigned,
    #[error("the receiver's certificate is not trusted: {} signed it, whose certificate is unknown here; put that into ca_certificates_pem, or have the receiver send its intermediate certificates", authority(.issuer))]
    UnknownIssuer { issuer: String },
    #[error("the receiver's certificate is not trusted: it is for {}, not for {host}; use its name in the URL, or a certificate that names {host}", listed(.names))]
    WrongName { host: String, names: Vec<String> },
    #[error(
        "the receiver's certificate is not trusted: it has no subjectAltName, so it is for no host; reissue it with {host} there, or put exactly this certificate into ca_certificates_pem"
    )]
    NoNames { host: String },
    /// The text says since or until when.
    #[error("the receiver's certificate is not trusted: it {0}; renew it at the receiver")]
    Stale(String),
    #[error(
        "the receiver's certificate is not trusted: an intermediate certificate that comes with it has expired or is not valid yet; renew it at the receiver"
    )]
    StaleChain,
    /// A certificate of the webhook itself; the number counts from 1.
    #[error("ca_certificates_pem: certificate {number} {stale}; replace it")]
    StaleAuthority { number: usize, stale: String },
    #[error(
        "the receiver's certificate is not trusted: its extended key usage does not allow servers; reissue it with serverAuth"
    )]
    Purpose,
    #[error(
        "the receiver's certificate is not trusted: it is that of an authority (CA:TRUE); reissue it without, or put exactly this certificate into ca_certificates_pem"
    )]
    Authority,
    #[error(
        "the receiver's certificate is not trusted: it is of X.509 version 1; reissue it as version 3 with a subjectAltName, or put exactly this certificate into ca_certificates_pem"
    )]
    Version1,
    #[error(
        "the receiver's certificate is not trusted: it is signed with another key than that of the known certificate of its authority; put the authority's present certificate into ca_certificates_pem"
    )]
    Signature,
    #[error(
        "the receiver's certificate is not trusted: it is signed in a way that is not accepted, such as SHA-1 or RSA below 2,048 bits; reissue it"
    )]
    Algorithm,
    #[error("the receiver's certificate is not trusted: it is revoked; replace it at the receiver")]
    Revoked,
    #[error("the receiver's certificate is not trusted: it cannot be read; reissue it")]
    Unreadable,
}

impl From<Untrusted> for Error {
    fn from(reason: Untrusted) -> Self {
        Self::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(reason))))
    }
}

fn authority(issuer: &str) -> String {
    if issuer.is_empty() { "an authority without a name".to_owned() } else { format!("`{issuer}`") }
}

fn listed(names: &[String]) -> String {
    let more = if names.len() > NAMES { " and others" } else { "" };
    names.iter().take(NAMES).map(String::as_str).collect::<Vec<_>>().join(", ") + more
}
