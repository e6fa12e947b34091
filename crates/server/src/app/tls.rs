//! TLS of the gRPC listener.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;

use tenterhook_deliver::expiry_of_certificate;
use tenterhook_model::Timestamp;

use crate::config::TlsMaterial;

/// The protocol that is spoken inside (RFC 9113 section 3.2).
const HTTP_2: &[u8] = b"h2";

/// The server's side of TLS. Client certificates are taken if they come, and not asked for
/// otherwise: a caller may show an API key instead.
///
/// # Errors
/// When a certificate or the key cannot be used.
pub(super) fn server_config(material: &TlsMaterial) -> Result<Arc<ServerConfig>> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|_| anyhow!("this build speaks no version of TLS"))?;
    let builder = match &material.client_ca_pem {
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(certificates(pem.as_bytes()).context("--client-ca")?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).allow_unauthenticated();
            builder.with_client_cert_verifier(
                verifier.build().map_err(|_| anyhow!("--client-ca: no certificate in it can be used"))?,
            )
        }
        None => builder.with_no_client_auth(),
    };
    let chain = certificates(material.certificate_pem.as_bytes()).context("--tls-cert")?;
    let key = PrivateKeyDer::from_pem_slice(material.key_pem.expose().as_bytes());
    let key = key.map_err(|_| anyhow!("--tls-key: holds no private key in PEM"))?;
    let config = builder.with_single_cert(chain, key);
    let mut config = config.map_err(|_| anyhow!("--tls-key: is no key of the certificate of --tls-cert"))?;
    config.alpn_protocols.push(HTTP_2.to_vec());
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

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    read.map_err(|_| anyhow!("holds a damaged certificate"))
}
