//! The PEM fields of a webhook's transport: read for a connection, checked at save.
//!
//! Both go by the same functions and words, so an attempt says what the save said.

use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::{CryptoProvider, ring};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tenterhook_model::webhook::TransportPolicy;
use tenterhook_model::{CertificateEnd, ClientCredentials, ClientProof, Clock, Fault, Timestamp, TransportCheck};

use crate::der::{self, Facts};
use crate::pem::{self, Section};
use crate::token::check_key;

const AUTHORITIES: &str = "ca_certificates_pem";
const CERTIFICATE: &str = "client_certificate_pem";
const KEY: &str = "client_private_key_pem";

/// A certificate that a webhook names, and what it says.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    /// The certificate.
    pub(crate) der: CertificateDer<'static>,
    /// What it says.
    pub(crate) facts: Facts,
}

/// The certificates that `policy` trusts, as it names them; none when it names none.
///
/// # Errors
/// When the field cannot be read.
pub(crate) fn authorities(policy: &TransportPolicy) -> Result<Vec<Named>, Fault> {
    if policy.ca_certificates_pem.is_empty() {
        return Ok(Vec::new());
    }
    certificates(AUTHORITIES, &policy.ca_certificates_pem)
}

/// The certificate and key that `policy` shows to receivers; `None` when it has neither.
///
/// # Errors
/// When one of the fields cannot be read, or the key is not that of the certificate.
pub(crate) fn client_identity(
    policy: &TransportPolicy,
    provider: &CryptoProvider,
) -> Result<Option<CertifiedKey>, Fault> {
    let key = policy.client_private_key_pem.expose();
    match (policy.client_certificate_pem.is_empty(), key.is_empty()) {
        (true, true) => return Ok(None),
        (true, false) => return Err(Fault::invalid(CERTIFICATE, "must be set together with client_private_key_pem")),
        (false, true) => return Err(Fault::invalid(KEY, "must be set together with client_certificate_pem")),
        (false, false) => {}
    }
    let chain = certificates(CERTIFICATE, &policy.client_certificate_pem)?;
    let key = provider
        .key_provider
        .load_private_key(private_key(key)?)
        .map_err(|_| Fault::invalid(KEY, "is of a kind that cannot sign; use RSA, ECDSA (P-256, P-384) or Ed25519"))?;
    let of_key = key.public_key();
    if of_key.is_some_and(|of_key| of_key.as_ref() != chain[0].facts.public_key) {
        return Err(Fault::invalid(
            KEY,
            "is not the key of client_certificate_pem, whose first certificate must be its own",
        ));
    }
    Ok(Some(CertifiedKey::new(chain.into_iter().map(|named| named.der).collect(), key)))
}

/// The key in `pem`. What is wrong with one is not told: the text would hold parts of it.
fn private_key(pem: &str) -> Result<PrivateKeyDer<'static>, Fault> {
    let unreadable = || Fault::invalid(KEY, "must be one private key in PEM: PKCS #8, PKCS #1 or SEC 1, not encrypted");
    let sections = pem::sections(pem).map_err(|_| unreadable())?;
    let mut keys = sections.into_iter().filter(Section::is_key);
    let (Some(key), None) = (keys.next(), keys.next()) else { return Err(unreadable()) };
    let Some(bytes) = key.bytes else {
        return Err(Fault::invalid(KEY, "is encrypted; give the key without its passphrase (openssl pkey -in FILE)"));
    };
    // Tools write one kind under the name of another, so the bytes say which it is.
    PrivateKeyDer::try_from(bytes).map_err(|_| unreadable())
}

/// At least one certificate.
fn certificates(field: &str, pem: &str) -> Result<Vec<Named>, Fault> {
    let sections = pem::sections(pem).map_err(|error| Fault::invalid(field, error.words()))?;
    if sections.iter().any(Section::is_key) {
        let message = "holds a private key, which would be shown to everybody who may read the webhook; give only \
                       certificates here";
        return Err(Fault::invalid(field, message));
    }
    let mut found = Vec::new();
    for (index, section) in sections.into_iter().filter(Section::is_certificate).enumerate() {
        let bytes = section.bytes.unwrap_or_default();
        let named = der::first(&bytes)
            .and_then(|der| Some(Named { facts: Facts::read(der)?, der: CertificateDer::from(der.to_vec()) }));
        let damaged = || format!("certificate {} is damaged: it is no X.509 certificate", index + 1);
        found.push(named.ok_or_else(|| Fault::invalid(field, damaged()))?);
    }
    if found.is_empty() {
        return Err(Fault::invalid(field, "has no certificate; it must begin with -----BEGIN CERTIFICATE-----"));
    }
    Ok(found)
}

/// What is wrong with a certificate's dates at `now`, such as `expired 3 days ago (2026-11-24)`.
pub(crate) fn stale(facts: &Facts, now: Timestamp) -> Option<String> {
    if now > facts.not_after {
        let ago = in_words(now.since(facts.not_after));
        return Some(format!("expired {ago} ago ({})", der::date(facts.not_after)));
    }
    (now < facts.not_before).then(|| format!("is not valid yet (from {})", der::date(facts.not_before)))
}

/// When a certificate in DER expires; `None` when it cannot be read.
pub fn expiry_of_certificate(der: &[u8]) -> Option<Timestamp> {
    Facts::read(der).map(|facts| facts.not_after)
}

/// A time in its largest unit.
fn in_words(time: Duration) -> String {
    let seconds = time.as_secs();
    let (count, unit) = match seconds {
        86_400.. => (seconds / 86_400, "day"),
        3_600.. => (seconds / 3_600, "hour"),
        60.. => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// The check of these fields at save, for the API: they can be read, the key belongs to the
/// certificate, and not all that is needed has expired.
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

    /// The certificates of a field whose dates are not right, numbered from 1, and how many are.
    fn stale(&self, named: &[Named]) -> (Vec<(usize, String)>, usize) {
        let now = self.clock.now();
        let numbered = named.iter().enumerate();
        let found: Vec<_> =
            numbered.filter_map(|(index, named)| Some((index + 1, stale(&named.facts, now)?))).collect();
        let fresh = named.len() - found.len();
        (found, fresh)
    }

    /// One stale certificate of a bundle does no harm while another is left.
    fn check_authorities(&self, policy: &TransportPolicy) -> Result<(), Fault> {
        let (stale, fresh) = self.stale(&authorities(policy)?);
        match stale.first() {
            Some((number, why)) if fresh == 0 => {
                Err(Fault::invalid(AUTHORITIES, format!("certificate {number} {why}; replace it")))
            }
            _ => Ok(()),
        }
    }

    fn check_identity(&self, policy: &TransportPolicy) -> Result<(), Fault> {
        if client_identity(policy, &self.provider)?.is_none() {
            return Ok(());
        }
        let (stale, _) = self.stale(&certificates(CERTIFICATE, &policy.client_certificate_pem)?);
        match stale.first() {
            Some((1, why)) => Err(Fault::invalid(CERTIFICATE, format!("certificate 1 {why}; renew it"))),
            _ => Ok(()),
        }
    }

    /// The stale certificates of one field, as warnings.
    fn warn(&self, field: &str, pem: &str) -> Vec<Fault> {
        if pem.is_empty() {
            return Vec::new();
        }
        let (stale, _) = self.stale(&certificates(field, pem).unwrap_or_default());
        stale.into_iter().map(|(number, why)| Fault::invalid(field, format!("certificate {number} {why}"))).collect()
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

    fn check_credentials(&self, credentials: &ClientCredentials) -> Vec<Fault> {
        match &credentials.proof {
            // One that is missing was refused when it was read.
            ClientProof::Key { private_key_pem, .. } if !private_key_pem.is_empty() => {
                let checked = check_key(private_key_pem.expose());
                checked.err().map(|words| Fault::invalid("private_key_pem", words)).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn warnings(&self, policy: &TransportPolicy) -> Vec<Fault> {
        let mut found = self.warn(AUTHORITIES, &policy.ca_certificates_pem);
        found.extend(self.warn(CERTIFICATE, &policy.client_certificate_pem));
        found
    }

    fn first_end(&self, policy: &TransportPolicy) -> Option<CertificateEnd> {
        let ends = |field, pem: &str| {
            let named = if pem.is_empty() { Vec::new() } else { certificates(field, pem).unwrap_or_default() };
            named.into_iter().map(|named| named.facts.not_after)
        };
        let own = ends(CERTIFICATE, &policy.client_certificate_pem).next();
        let trusted = ends(AUTHORITIES, &policy.ca_certificates_pem).max();
        let own = own.map(|time| CertificateEnd { field: CERTIFICATE, time });
        let trusted = trusted.map(|time| CertificateEnd { field: AUTHORITIES, time });
        own.into_iter().chain(trusted).min_by_key(|end| end.time)
    }
}
