//! TLS of the API's listener.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;

use tenterhook_deliver::expiry_of_certificate;
use tenterhook_model::Timestamp;

use crate::config::TlsMaterial;

/// The protocols that are spoken inside, the preferred one first (RFC 9113 section 3.2, RFC 7301 section 6).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What is wrong with the file of a setting: the setting's key, and why.
pub(crate) type Unusable = (&'static str, String);

/// The server's side of TLS. Client certificates are taken if they come, and not asked for
/// otherwise: a caller may show an API key instead.
///
/// # Errors
/// When a certificate or the key cannot be used.
pub(super) fn server_config(material: &TlsMaterial) -> Result<Arc<ServerConfig>> {
    usable(material).map_err(|found| {
        let texts: Vec<String> = found.into_iter().map(|(key, why)| format!("--{key}: {why}")).collect();
        anyhow!(texts.join("; "))
    })
}

/// As [`server_config`], with everything that is wrong.
pub(crate) fn usable(material: &TlsMaterial) -> Result<Arc<ServerConfig>, Vec<Unusable>> {
    let provider = Arc::new(ring::default_provider());
    let verifier = material.client_ca_pem.as_deref().map(|pem| verifier(pem, provider.clone())).transpose();
    let identity = identity(material, &provider);
    let (verifier, identity) = match (verifier, identity) {
        (Ok(verifier), Ok(identity)) => (verifier, identity),
        (verifier, identity) => return Err(verifier.err().into_iter().chain(identity.err()).collect()),
    };
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|_| vec![("tls-cert", "this build speaks no version of TLS".to_owned())])?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(identity)));
    config.alpn_protocols.extend(PROTOCOLS.map(<[u8]>::to_vec));
    Ok(Arc::new(config))
}

/// When certificates expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Expiries {
    /// The first of the server's chain to expire.
    pub(super) server: Option<Timestamp>,
    /// The last of the CA bundle: until then client certificates can be verified.
    pub(super) client_ca: Option<Timestamp>,
}

/// When the certificates of `material` expire; those that cannot be read are left out.
pub(super) fn expiries(material: &TlsMaterial) -> Expiries {
    let of = |pem: &str| {
        let chain = certificates(pem.as_bytes()).unwrap_or_default();
        chain.iter().filter_map(|certificate| expiry_of_certificate(certificate)).collect::<Vec<_>>()
    };
    Expiries {
        server: of(&material.certificate_pem).into_iter().min(),
        client_ca: material.client_ca_pem.as_deref().and_then(|pem| of(pem).into_iter().max()),
    }
}

/// The certificate chain of the server with its key.
fn identity(material: &TlsMaterial, provider: &CryptoProvider) -> Result<CertifiedKey, Unusable> {
    let chain = certificates(material.certificate_pem.as_bytes()).map_err(|why| ("tls-cert", why))?;
    if chain.is_empty() {
        return Err(("tls-cert", "holds no certificate in PEM".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(material.key_pem.expose().as_bytes());
    let key = key.map_err(|_| ("tls-key", "holds no private key in PEM".to_owned()))?;
    let identity = CertifiedKey::from_der(chain, key, provider);
    identity.map_err(|error| match error {
        rustls::Error::InvalidCertificate(_) => {
            ("tls-cert", "begins with a certificate that is damaged; give the whole file again".to_owned())
        }
        rustls::Error::InconsistentKeys(_) => {
            ("tls-key", "is not the key of the first certificate of --tls-cert".to_owned())
        }
        _ => {
            ("tls-key", "cannot sign here; take a key for RSA of 2048 bits or more, P-256, P-384 or Ed25519".to_owned())
        }
    })
}

/// What checks client certificates.
fn verifier(pem: &str, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, Unusable> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(pem.as_bytes()).map_err(|why| ("client-ca", why))?);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).allow_unauthenticated();
    verifier.build().map_err(|_| ("client-ca", "no certificate in it can be used".to_owned()))
}

/// The certificates of a chain, the server's own first.
///
/// # Errors
/// What is wrong, to be read after the name of the file.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    read.map_err(|_| "holds a damaged certificate".to_owned())
}
