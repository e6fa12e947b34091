//! Why a receiver's certificate is not trusted: what its owner reads, and what to do.

use std::borrow::Cow;
use std::sync::Arc;

use rustls::{CertificateError, Error, OtherError};

/// Names of a certificate that an error lists.
const NAMES: usize = 3;
/// Characters that an error shows of one name: it is the receiver's, and may be long.
const NAME_CHARS: usize = 30;

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
    #[error("the receiver's certificate is not trusted: it is for {}, not for {}; use one of its names in the URL, or reissue it for the host of the URL", listed(.names), brief(.host))]
    WrongName { host: String, names: Vec<String> },
    #[error(
        "the receiver's certificate is not trusted: it has no subjectAltName, so it is for no host; reissue it with {} there, or put exactly this certificate into ca_certificates_pem", brief(.host)
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
    if issuer.is_empty() { "an authority without a name".to_owned() } else { format!("`{}`", brief(issuer)) }
}

/// The beginning of a name, when it is long.
fn brief(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(NAME_CHARS) {
        None => name.into(),
        Some((end, _)) => format!("{}…", &name[..end]).into(),
    }
}

fn listed(names: &[String]) -> String {
    let more = if names.len() > NAMES { " and others" } else { "" };
    names.iter().take(NAMES).map(|name| brief(name)).collect::<Vec<_>>().join(", ") + more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_long_the_names_of_a_certificate_are_the_error_is_short() {
        let long = || "ü".repeat(1_000);
        for reason in [
            Untrusted::NoRoots,
            Untrusted::SelfSigned,
            Untrusted::UnknownIssuer { issuer: long() },
            Untrusted::WrongName { host: long(), names: vec![long(); 100] },
            Untrusted::NoNames { host: long() },
            Untrusted::Stale("expired 100000 days ago (1970-01-01)".to_owned()),
            Untrusted::StaleChain,
            Untrusted::StaleAuthority { number: 100, stale: "is not valid yet (from 9999-12-31)".to_owned() },
            Untrusted::Purpose,
            Untrusted::Authority,
            Untrusted::Version1,
            Untrusted::Signature,
            Untrusted::Algorithm,
            Untrusted::Revoked,
            Untrusted::Unreadable,
        ] {
            let text = reason.to_string();
            // What precedes it in an attempt's error: "the TLS handshake failed: ".
            assert!(text.chars().count() <= 300 - 26, "{} characters: {text}", text.chars().count());
        }
    }
}
