//! How a client reaches its server: target, TLS, headers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use thiserror::Error;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::calls::{Calls, Options};
use crate::client::Client;
use crate::retry::RetryPolicy;

/// Time for one call, its retries included, unless the call or the client says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for TCP and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that a firewall forgot is noticed this often while calls wait on it.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// Time for the answer to such a question.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a client could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The target is not `host:port`, with `http://` or `https://` before it or not.
    #[error("the target {0:?} is not host:port")]
    Target(String),
    /// An API key would be sent to another machine for all to read.
    #[error("an api key is not sent without tls to another machine")]
    KeyInTheClear,
    /// The key has characters that cannot be sent.
    #[error("the api key cannot be sent as a header")]
    Key,
    /// A certificate or key is not PEM, or the system has no roots.
    #[error("tls cannot be set up")]
    Tls(#[source] tonic::transport::Error),
}

/// Makes a [`Client`] with options.
#[derive(Debug)]
pub struct Builder {
    target: String,
    api_key: Option<String>,
    namespace: String,
    tls: Option<ClientTlsConfig>,
    options: Options,
}

impl Builder {
    pub(crate) fn new(target: &str) -> Self {
        let options = Options { timeout: DEFAULT_TIMEOUT, retry: RetryPolicy::default(), key: None, headers: None };
        Self { target: target.to_owned(), api_key: None, namespace: String::new(), tls: None, options }
    }

    /// Sends the key with each call.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// Is used by the methods of [`Client`] where a call names no namespace.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Time for one call, its retries included; 10 seconds unless set.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// When failed calls are tried again.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.options.retry = policy;
        self
    }

    /// PEM certificates to trust instead of the system's; implies TLS.
    #[must_use]
    pub fn ca(mut self, pem: impl AsRef<[u8]>) -> Self {
        let tls = self.tls.take().unwrap_or_default();
        self.tls = Some(tls.ca_certificate(Certificate::from_pem(pem)));
        self
    }

    /// PEM certificate chain and private key to show to the server (mTLS); implies TLS.
    #[must_use]
    pub fn identity(mut self, certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        let tls = self.tls.take().unwrap_or_default();
        self.tls = Some(tls.identity(Identity::from_pem(certificate, key)));
        self
    }

    /// Is called for each call and gives further headers: the place to pass on a trace context.
    #[must_use]
    pub fn headers<F>(mut self, headers: F) -> Self
    where
        F: Fn() -> Vec<(HeaderName, HeaderValue)> + Send + Sync + 'static,
    {
        self.options.headers = Some(Arc::new(headers));
        self
    }

    /// Makes the client. It connects at its first call.
    ///
    /// # Errors
    /// [`BuildError`]: a bad target, key or certificate, or a key that would be sent in the clear.
    pub fn build(mut self) -> Result<Client, BuildError> {
        let bad_target = || BuildError::Target(self.target.clone());
        let (scheme, address) = match self.target.split_once("://") {
            Some((scheme @ ("http" | "https"), address)) => (scheme, address.trim_end_matches('/')),
            Some(_) => return Err(bad_target()),
            None => ("", self.target.as_str()),
        };
        let (host, port) = address.rsplit_once(':').ok_or_else(bad_target)?;
        if host.is_empty() || port.parse::<u16>().is_err() {
            return Err(bad_target());
        }
        let local = is_local(host);
        let secure = scheme != "http" && (self.tls.is_some() || scheme == "https" || !local);
        if let Some(key) = self.api_key.take() {
            if !secure && !local {
                return Err(BuildError::KeyInTheClear);
            }
            let mut value = HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| BuildError::Key)?;
            value.set_sensitive(true);
            self.options.key = Some(value);
        }
        let url = format!("{}://{address}", if secure { "https" } else { "http" });
        let mut endpoint = Endpoint::from_shared(url)
            .map_err(|_| bad_target())?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
        if secure {
            let tls = self.tls.take().unwrap_or_else(|| ClientTlsConfig::new().with_enabled_roots());
            endpoint = endpoint.tls_config(tls).map_err(BuildError::Tls)?;
        }
        Ok(Client::with(Calls::new(endpoint, self.options), self.namespace))
    }
}

fn is_local(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
