//! The certificate authorities that this machine trusts: for the collector of telemetry, and for commands that
//! call a server.

use rustls::pki_types::{CertificateDer, TrustAnchor};
use webpki::anchor_from_trusted_cert;

/// Those of the system, or of the file that `SSL_CERT_FILE` names.
pub fn of_system() -> Vec<TrustAnchor<'static>> {
    of(&rustls_native_certs::load_native_certs().certs)
}

/// Those that `certificates` stand for. What cannot be used of them is left out.
pub fn of(certificates: &[CertificateDer<'static>]) -> Vec<TrustAnchor<'static>> {
    certificates.iter().filter_map(|der| anchor_from_trusted_cert(der).ok()).map(|anchor| anchor.to_owned()).collect()
}
