//! The PEM fields of a webhook's transport: read for a connection, checked at save.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, Error, InconsistentKeys, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tenterhook_model::webhook::TransportPolicy;
use tenterhook_model::{Clock, Fault, Timestamp, TransportCheck};

const AUTHORITIES: &str = "ca_certificates_pem";
const CERTIFICATE: &str = "client_certificate_pem";
const KEY: &str = "client_private_key_pem";
/// Hours and seconds of a day, for telling how long ago.
const DAY_SECONDS: u64 = 24 * 3_600;

/// The certificate and key that are shown to a receiver.
#[derive(Debug)]
pub(crate) struct ClientIdentity {
    /// The certificate, then those that lead to its authority.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// The key of the first.
    pub(crate) key: PrivateKeyDer<'static>,
}

/// The authorities that `policy` trusts instead of the system's; `None` when it names none.
pub(crate) fn authorities(policy: &TransportPolicy) -> Result<Option<RootCertStore>, Fault> {
    if policy.ca_certificates_pem.is_empty() {
        return Ok(None);
    }
    let mut store = RootCertStore::empty();
    for (index, certificate) in certificates(AUTHORITIES, &policy.ca_certificates_pem)?.into_iter().enumerate() {
        store.add(certificate).map_err(|error| not_a_certificate(AUTHORITIES, index, &error))?;
    }
    Ok(Some(store))
}

/// The certificate and key that `policy` shows to receivers; `None` when it has neither.
pub(crate) fn client_identity(policy: &TransportPolicy) -> Result<Option<ClientIdentity>, Fault> {
    let key = policy.client_private_key_pem.expose();
    match (policy.client_certificate_pem.is_empty(), key.is_empty()) {
        (true, true) => Ok(None),
        (true, false) => Err(Fault::invalid(CERTIFICATE, "must be set together with client_private_key_pem")),
        (false, true) => Err(Fault::invalid(KEY, "must be set together with client_certificate_pem")),
        (false, false) => {
            let chain = certificates(CERTIFICATE, &policy.client_certificate_pem)?;
            // What is wrong with a key is not told: the text would hold parts of it.
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| {
                Fault::invalid(KEY, "must be one private key in PEM: PKCS #8, PKCS #1 or SEC 1, not encrypted")
            })?;
            Ok(Some(ClientIdentity { chain, key }))
        }
    }
}

/// At least one certificate.
fn certificates(field: &str, pem: &str) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(Fault::invalid(field, "has no certificate; it must begin with -----BEGIN CERTIFICATE-----")),
        Err(error) => Err(Fault::invalid(field, format!("is not PEM: {error}"))),
    }
}

fn not_a_certificate(field: &str, index: usize, error: &Error) -> Fault {
    Fault::invalid(field, format!("certificate {} cannot be used: {error}", index + 1))
}

/// The check of these fields at save, for the API: they parse, the key belongs to the
/// certificate, nothing has expired.
#[derive(Debug)]
pub struct CertificateCheck {
    clock: Arc<dyn Clock>,
    allow_insecure: bool,
    provider: Arc<CryptoProvider>,
}

impl CertificateCheck {
    /// A check by this clock, on a server that lets webhooks turn off the check of the
    /// receiver's certificate or does not.
    pub fn new(clock: Arc<dyn Clock>, allow_insecure: bool) -> Self {
        Self { clock, allow_insecure, provider: Arc::new(ring::default_provider()) }
    }

    fn check_authorities(&self, policy: &TransportPolicy) -> Result<(), Fault> {
        if authorities(policy)?.is_some() {
            self.check_validity(AUTHORITIES, &certificates(AUTHORITIES, &policy.ca_certificates_pem)?)?;
        }
        Ok(())
    }

    fn check_identity(&self, policy: &TransportPolicy) -> Result<(), Fault> {
        let Some(ClientIdentity { chain, key }) = client_identity(policy)? else { return Ok(()) };
        self.check_validity(CERTIFICATE, &chain)?;
        match CertifiedKey::from_der(chain, key, &self.provider) {
            Ok(_) => Ok(()),
            Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                Err(Fault::invalid(KEY, "is not the key of client_certificate_pem"))
            }
            Err(error @ Error::InvalidCertificate(_)) => Err(not_a_certificate(CERTIFICATE, 0, &error)),
            Err(_) => {
                Err(Fault::invalid(KEY, "is of a kind that cannot sign; use RSA, ECDSA (P-256, P-384) or Ed25519"))
            }
        }
    }

    /// Whether all certificates are valid today. rustls tells it only of a certificate that is
    /// being verified, so each is verified against itself; all but the dates is of no interest.
    fn check_validity(&self, field: &str, chain: &[CertificateDer<'static>]) -> Result<(), Fault> {
        let now = self.clock.now();
        for (index, certificate) in chain.iter().enumerate() {
            let mut itself = RootCertStore::empty();
            itself.add(certificate.clone()).map_err(|error| not_a_certificate(field, index, &error))?;
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(itself), Arc::clone(&self.provider)).build();
            let Ok(verifier) = verifier else { continue };
            if let Err(Error::InvalidCertificate(reason)) = verifier.verify_client_cert(certificate, &[], unix(now))
                && let Some(reason) = date_in_words(&reason)
            {
                return Err(Fault::invalid(field, format!("certificate {} {reason}", index + 1)));
            }
        }
        Ok(())
    }
}

impl TransportCheck for CertificateCheck {
    fn check(&self, policy: &TransportPolicy) -> Vec<Fault> {
        let insecure = match policy.insecure_skip_verify && !self.allow_insecure {
            true => Err(Fault::invalid("insecure_skip_verify", "is not allowed by this server")),
            false => Ok(()),
        };
        let checks = [self.check_authorities(policy), insecure, self.check_identity(policy)];
        checks.into_iter().filter_map(Result::err).collect()
    }
}

fn unix(time: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(time.since(Timestamp::default()))
}

/// What is wrong with a certificate's dates, if anything is.
fn date_in_words(reason: &CertificateError) -> Option<String> {
    match reason {
        CertificateError::Expired => Some("has expired".to_owned()),
        CertificateError::ExpiredContext { time, not_after } => {
            let days = time.as_secs().saturating_sub(not_after.as_secs()) / DAY_SECONDS;
            Some(format!("expired {days} days ago"))
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Some("is not valid yet".to_owned())
        }
        _ => None,
    }
}
