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

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::{ClientConfig, RootCertStore};
use tenterhook_model::webhook::TransportPolicy;

use crate::certificates::{self, ClientIdentity};
use crate::error::AttemptError;
use crate::verifier::{AnyCertificate, NoCertificate};

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
            tracing::warn!(%error, "some of the system's root certificates cannot be read");
        }
        let mut store = RootCertStore::empty();
        let (added, ignored) = store.add_parsable_certificates(found.certs);
        tracing::debug!(added, ignored, "read the system's root certificates");
        Self(Arc::new(store))
    }

    /// No certificates: TLS works only for webhooks with certificates of their own.
    pub fn none() -> Self {
        Self(Arc::new(RootCertStore::empty()))
    }
}

/// What one set of certificates makes of TLS.
#[derive(Debug)]
pub(crate) struct Trust {
    /// Its number, which keys the connections made under it.
    pub(crate) id: u64,
    config: Result<Arc<ClientConfig>, String>,
    last_use: AtomicU64,
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
}

/// Every trust of one deliverer.
pub(crate) struct Trusts {
    roots: Roots,
    allow_insecure: bool,
    provider: Arc<CryptoProvider>,
    plain: Arc<Trust>,
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
    fn parts(&self) -> (&str, bool, &str, &str) {
        let policy = &*self.0;
        let key = policy.client_private_key_pem.expose();
        (&policy.ca_certificates_pem, policy.insecure_skip_verify, &policy.client_certificate_pem, key)
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
    pub(crate) fn new(roots: Roots, allow_insecure: bool) -> Self {
        let provider = Arc::new(ring::default_provider());
        let config = configure(&TransportPolicy::default(), &roots, &provider);
        let plain = Arc::new(Trust { id: 0, config, last_use: AtomicU64::new(0) });
        Self { roots, allow_insecure, provider, plain, own: Mutex::default(), uses: AtomicU64::new(1) }
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
        let now = self.uses.fetch_add(1, Ordering::Relaxed);
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(trust) = own.get(&Key(Arc::clone(policy))) {
            trust.last_use.store(now, Ordering::Relaxed);
            return Arc::clone(trust);
        }
        if own.len() >= TRUSTS {
            let oldest = own.iter().min_by_key(|(_, trust)| trust.last_use.load(Ordering::Relaxed));
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                own.remove(&oldest);
            }
        }
        let config = self.config(policy);
        let trust = Arc::new(Trust { id: now, config, last_use: AtomicU64::new(now) });
        own.insert(Key(Arc::clone(policy)), Arc::clone(&trust));
        debug_assert!(own.len() <= TRUSTS, "{} configurations are kept of at most {TRUSTS}", own.len());
        debug_assert!(trust.id != self.plain.id, "no connection of an own trust is one of the shared one");
        trust
    }

    fn config(&self, policy: &TransportPolicy) -> Result<Arc<ClientConfig>, String> {
        if policy.insecure_skip_verify && !self.allow_insecure {
            return Err("this server does not allow insecure_skip_verify".to_owned());
        }
        configure(policy, &self.roots, &self.provider)
    }
}

fn configure(
    policy: &TransportPolicy,
    roots: &Roots,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<ClientConfig>, String> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier(policy, roots, provider)?);
    let mut config = match certificates::client_identity(policy).map_err(|fault| fault.to_string())? {
        Some(ClientIdentity { chain, key }) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| format!("client_certificate_pem cannot be used: {error}"))?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn verifier(
    policy: &TransportPolicy,
    roots: &Roots,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, String> {
    if policy.insecure_skip_verify {
        return Ok(Arc::new(AnyCertificate(provider.signature_verification_algorithms)));
    }
    let roots = match certificates::authorities(policy).map_err(|fault| fault.to_string())? {
        Some(own) => Arc::new(own),
        None => Arc::clone(&roots.0),
    };
    if roots.is_empty() {
        return Ok(Arc::new(NoCertificate(provider.signature_verification_algorithms)));
    }
    match WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build() {
        Ok(verifier) => Ok(verifier),
        Err(error) => Err(format!("the certificates of the authorities cannot be used: {error}")),
    }
}
