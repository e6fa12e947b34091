//! The names that a client certificate carries, as the key file speaks of them.

use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;

/// The DNS and URI names (subject alternative names, RFC 5280 section 4.2.1.6) of a certificate
/// that the TLS layer has verified; none when it cannot be read.
pub fn names_of_certificate(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else { return Vec::new() };
    certificate.valid_dns_names().chain(certificate.valid_uri_names()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, SanType};

    #[test]
    fn dns_and_uri_names_are_read() {
        let mut params = CertificateParams::new(vec!["client.example.com".to_owned()]).unwrap();
        params.subject_alt_names.push(SanType::URI("spiffe://example.com/ci".try_into().unwrap()));
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        assert_eq!(names_of_certificate(certificate.der()), ["client.example.com", "spiffe://example.com/ci"]);
    }

    #[test]
    fn bytes_that_are_no_certificate_have_no_names() {
        assert!(names_of_certificate(&CertificateDer::from(&b"junk"[..])).is_empty());
    }
}
