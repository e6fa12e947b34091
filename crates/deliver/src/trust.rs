//! Whom a connection trusts and who it says we are: one TLS configuration for each distinct
//! set of a webhook's certificates.
//!
//! Most webhooks bring none and share one. The others are told apart by content, so that a
//! webhook whose template changes keeps its connections and one whose certificates change
//! does not.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};
use tenterhook_model::webhook::TransportPolicy;
use tenterhook_model::{Clock, Timestamp, system};

use crate::certificates::{self, Named};
use crate::error::AttemptError;
use crate::verifier::{AnyCertificate, Authorities};

/// Distinct sets of certificates that are kept ready; the one unused for longest makes room.
const TRUSTS: usize = 1_024;

/// The certificates of the authorities that the system trusts.
#[derive(Debug, Clone)]
pub struct Roots(Arc<RootCertStore>);

impl Roots {
    /// Reads the system's certificates. Those that cannot be used are left out and logged; with
    /// none at all every webhook needs its own.
    pub fn from_system() -> Self {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            let (file, why) = unread(&error.kind);
            tracing::warn!(%file, %why, "some of the system's root certificates cannot be read");
        }
        let mut store = RootCertStore::empty();
        let (added, ignored) = store.add_parsable_certificates(found.certs);
        tracing::debug!(added, ignored, "read the system's root certificates");
        Self(Arc::new(store))
    }

    /// These and no others, in PEM.
    #[cfg(test)]
    pub(crate) fn of(pem: &str) -> Self {
        let policy = TransportPolicy { ca_certificates_pem: pem.to_owned(), ..TransportPolicy::default() };
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(
            certificates::authorities(&policy).unwrap_or_default().into_iter().map(|named| named.der),
        );
        Self(Arc::new(store))
    }

    /// No certificates: TLS works only for webhooks with certificates of their own.
    pub fn none() -> Self {
        Self(Arc::new(RootCertStore::empty()))
    }
}

/// Which file of the system's root certificates could not be read, and why.
fn unread(error: &rustls_native_certs::ErrorKind) -> (String, String) {
    match error {
        rustls_native_certs::ErrorKind::Io { inner, path } => (path.display().to_string(), system::in_words(inner)),
        _ => (String::new(), "it has a block that is not PEM".to_owned()),
    }
}

/// What one set of certificates makes of TLS.
#[derive(Debug)]
pub(crate) struct Trust {
    /// Its number, which keys the connections made under it.
    pub(crate) id: u64,
    config: Result<Arc<ClientConfig>, String>,
    last_use: AtomicU64,
    /// When a certificate that it trusts expires next: connections and TLS sessions from before
    /// are then those of another trust.
    until: Timestamp,
}

impl Trust {
    /// What TLS connections are made with under it.
    ///
    /// # Errors
    /// When the certificates cannot be used or the server does not allow the settings.
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, AttemptError> {
        match &self.config {
            Ok(config) => Ok(Arc::clone(config)),
            Err(reason) => Err(AttemptError::TlsSettings(reason.clone())),
        }
    }

    /// The same for a connection that must not speak HTTP/2.
    ///
    /// # Errors
    /// As [`Trust::config`].
    pub(crate) fn config_of_http1(&self) -> Result<Arc<ClientConfig>, AttemptError> {
        self.config().map(|config| without_http2(&config))
    }
}

fn without_http2(config: &ClientConfig) -> Arc<ClientConfig> {
    let mut config = config.clone();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// Every trust of one deliverer.
pub(crate) struct Trusts {
    roots: Roots,
    allow_insecure: bool,
    provider: Arc<CryptoProvider>,
    clock: Arc<dyn Clock>,
    plain: Arc<Trust>,
    /// What connections to a proxy are made with: no HTTP/2, which knows no CONNECT without streams.
    proxy: Result<Arc<ClientConfig>, String>,
    own: Mutex<HashMap<Key, Arc<Trust>>>,
    uses: AtomicU64,
}

impl std::fmt::Debug for Trusts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trusts").field("allow_insecure", &self.allow_insecure).finish_non_exhaustive()
    }
}

/// A policy compared by what concerns trust: not by its deadline.
#[derive(Debug, Clone)]
struct Key(Arc<TransportPolicy>);

impl Key {
    fn parts(&self) -> (&str, [bool; 2], &str, &str) {
        let policy = &*self.0;
        let (key, flags) =
            (policy.client_private_key_pem.expose(), [policy.trust_system_roots, policy.insecure_skip_verify]);
        (&policy.ca_certificates_pem, flags, &policy.client_certificate_pem, key)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.parts() == other.parts()
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl Trusts {
    /// Trust in `roots` where a webhook brings no certificates of its own.
    pub(crate) fn new(roots: Roots, allow_insecure: bool, clock: Arc<dyn Clock>) -> Self {
        let provider = Arc::new(ring::default_provider());
        let config = configure(&TransportPolicy::default(), Vec::new(), &roots, &provider);
        let proxy = config.as_deref().map(without_http2).map_err(String::clone);
        let plain = Arc::new(Trust { id: 0, config, last_use: AtomicU64::new(0), until: Timestamp::MAX });
        Self { roots, allow_insecure, provider, clock, plain, proxy, own: Mutex::default(), uses: AtomicU64::new(1) }
    }

    /// What TLS connections to a proxy are made with: the system's roots.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn of_proxy(&self) -> Result<Arc<ClientConfig>, AttemptError> {
        self.proxy.clone().map_err(AttemptError::TlsSettings)
    }

    /// The trust that `policy` asks for; for plain HTTP there is but one.
    pub(crate) fn of(&self, policy: &Arc<TransportPolicy>, https: bool) -> Arc<Trust> {
        let has_own = policy.insecure_skip_verify
            || !policy.ca_certificates_pem.is_empty()
            || !policy.client_certificate_pem.is_empty()
            || !policy.client_private_key_pem.is_empty();
        if !https || !has_own {
            return Arc::clone(&self.plain);
        }
        let (now, time) = (self.uses.fetch_add(1, Ordering::Relaxed), self.clock.now());
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(trust) = own.get(&Key(Arc::clone(policy))).filter(|trust| time <= trust.until) {
            trust.last_use.store(now, Ordering::Relaxed);
            return Arc::clone(trust);
        }
        if own.len() >= TRUSTS {
            let oldest = own.iter().min_by_key(|(_, trust)| trust.last_use.load(Ordering::Relaxed));
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                own.remove(&oldest);
            }
        }
        let (config, until) = self.config(policy, time);
        let trust = Arc::new(Trust { id: now, config, last_use: AtomicU64::new(now), until });
        own.insert(Key(Arc::clone(policy)), Arc::clone(&trust));
        debug_assert!(own.len() <= TRUSTS, "{} configurations are kept of at most {TRUSTS}", own.len());
        debug_assert!(trust.id != self.plain.id, "no connection of an own trust is one of the shared one");
        trust
    }

    /// The configuration for `policy`, and until when it holds.
    fn config(&self, policy: &TransportPolicy, now: Timestamp) -> (Result<Arc<ClientConfig>, String>, Timestamp) {
        if policy.insecure_skip_verify && !self.allow_insecure {
            return (Err("this server does not allow insecure_skip_verify".to_owned()), Timestamp::MAX);
        }
        match certificates::authorities(policy) {
            Ok(named) => {
                let ends = named.iter().map(|named| named.facts.not_after).filter(|end| *end >= now);
                let until = ends.min().unwrap_or(Timestamp::MAX);
                (configure(policy, named, &self.roots, &self.provider), until)
            }
            Err(fault) => (Err(fault.to_string()), Timestamp::MAX),
        }
    }
}

fn configure(
    policy: &TransportPolicy,
    named: Vec<Named>,
    roots: &Roots,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<ClientConfig>, String> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|_| "TLS cannot be set up on this server".to_owned())?;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier(policy, named, roots, provider));
    let mut config = match certificates::client_identity(policy, provider).map_err(|fault| fault.to_string())? {
        Some(identity) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn verifier(
    policy: &TransportPolicy,
    named: Vec<Named>,
    roots: &Roots,
    provider: &Arc<CryptoProvider>,
) -> Arc<dyn ServerCertVerifier> {
    if policy.insecure_skip_verify {
        return Arc::new(AnyCertificate(provider.signature_verification_algorithms));
    }
    let system = match named.is_empty() || policy.trust_system_roots {
        true => Arc::clone(&roots.0),
        false => Arc::new(RootCertStore::empty()),
    };
    Arc::new(Authorities::new(named, system, Arc::clone(provider)))
}
