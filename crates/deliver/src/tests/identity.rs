//! Certificates for the tests: an authority, and what it signs.

use std::sync::Arc;

use base64::Engine as _;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PublicKeyData as _, date_time_ymd};
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate and its key, in PEM.
#[derive(Debug, Clone)]
pub(crate) struct Pem {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// An authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate valid from the beginning of one year to that of another.
pub(crate) fn params(name: &str, years: (i32, i32)) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (date_time_ymd(years.0, 1, 1), date_time_ymd(years.1, 1, 1));
    params
}

/// Long enough for every test.
pub(crate) const ALWAYS: (i32, i32) = (2000, 4000);

impl Authority {
    pub(crate) fn new() -> Self {
        Self::of(params("authority", ALWAYS))
    }

    pub(crate) fn of_years(years: (i32, i32)) -> Self {
        Self::of(params("authority", years))
    }

    /// One that is called otherwise than the others.
    pub(crate) fn named(name: &str) -> Self {
        let mut params = params("authority", ALWAYS);
        params.distinguished_name.push(DnType::CommonName, name);
        Self::of(params)
    }

    fn of(mut params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for `name` with a key of its own.
    pub(crate) fn sign(&self, name: &str) -> Pem {
        self.sign_for(name, ALWAYS)
    }

    pub(crate) fn sign_for(&self, name: &str, years: (i32, i32)) -> Pem {
        self.sign_as(params(name, years))
    }

    pub(crate) fn sign_as(&self, params: CertificateParams) -> Pem {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Pem { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

/// A certificate that signs itself.
pub(crate) fn self_signed(params: CertificateParams) -> Pem {
    let key = KeyPair::generate().unwrap();
    Pem { certificate: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

/// A certificate of X.509 version 1 for `key`, which has no extensions and so no names. Its
/// signature is none: nobody checks that of a certificate which is trusted as it is.
pub(crate) fn version_1() -> Pem {
    let value = |tag: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82][..], &length, content].concat()
    };
    let key = KeyPair::generate().unwrap();
    let ecdsa_with_sha256 = value(0x30, &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]);
    let validity = [value(0x17, b"000101000000Z"), value(0x18, b"40000101000000Z")].concat();
    let (name, validity) = (value(0x30, &[]), value(0x30, &validity));
    let public_key = key.subject_public_key_info();
    let body = [&value(0x02, &[1])[..], &ecdsa_with_sha256, &name, &validity, &name, &public_key].concat();
    let whole = [value(0x30, &body), ecdsa_with_sha256, value(0x03, &[0, 1])].concat();
    let base64 = base64::engine::general_purpose::STANDARD.encode(value(0x30, &whole));
    let certificate = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
    Pem { certificate, key: key.serialize_pem() }
}

/// A receiver's TLS with these protocols.
pub(crate) fn server(identity: &Pem, protocols: &[&str]) -> ServerConfig {
    configure(identity, protocols, None)
}

/// A receiver's TLS that wants a client certificate of this authority.
pub(crate) fn mutual_server(identity: &Pem, clients: &Authority) -> ServerConfig {
    configure(identity, &["http/1.1"], Some(clients))
}

fn configure(identity: &Pem, protocols: &[&str], clients: Option<&Authority>) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    // Of any shape: rustls itself would look at the certificate first.
    let key = ring::sign::any_supported_type(&key).unwrap();
    let identity = SingleCertAndKey::from(CertifiedKey::new(vec![certificate], key));
    let mut config = builder.with_cert_resolver(Arc::new(identity));
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}
