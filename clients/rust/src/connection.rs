//! How a client reaches its server: target, TLS, headers.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request, Response};
use prost::bytes::Bytes;
use thiserror::Error;
use tonic::body::Body;
use tonic::codegen::StdError;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};
use tower::{Layer, Service};

use crate::calls::{Calls, Options};
use crate::client::Client;
use crate::layers::{Layers, Transport};
use crate::retry::RetryPolicy;

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
    /// Variables that are wrong or missing, each with what to do.
    #[error("{}", .0.join("; "))]
    Environment(Vec<String>),
}

/// Makes a [`Client`] with options.
#[derive(Debug)]
pub struct Builder {
    target: String,
    api_key: Option<ApiKey>,
    namespace: String,
    tls: Option<ClientTlsConfig>,
    options: Options,
}

impl Builder {
    pub(crate) fn new(target: &str) -> Self {
        let (retry, layers) = (RetryPolicy::default(), Layers::default());
        let options = Options { timeout: None, retry, key: None, headers: None, layers };
        Self { target: target.to_owned(), api_key: None, namespace: String::new(), tls: None, options }
    }

    /// Sends the key with each call.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(ApiKey::Fixed(key.into()));
        self
    }

    /// Asks for the key at each call, for example one of [`api_key_file`](crate::api_key_file).
    #[must_use]
    pub fn api_key_from(mut self, key: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.api_key = Some(ApiKey::From(Box::new(key)));
        self
    }

    /// Is used by the methods of [`Client`] where a call names no namespace.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Time for one call, its retries included; 10 seconds unless set, and 70 for `test_webhook`, which takes as long as
    /// an attempt.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
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

    /// Is called for each call and gives further headers.
    #[must_use]
    pub fn headers<F>(mut self, headers: F) -> Self
    where
        F: Fn() -> Vec<(HeaderName, HeaderValue)> + Send + Sync + 'static,
    {
        self.options.headers = Some(Arc::new(headers));
        self
    }

    /// Puts a layer of tower, such as one for tracing or a `tonic::service::InterceptorLayer`, around each try of every
    /// call, stream and watch; the first is outermost. They do not see the key and the headers of
    /// [`Builder::headers`]. A layer may fail a call with a [`tonic::Status`]; any other error of it counts as
    /// [`Code::Unavailable`](crate::Code::Unavailable).
    #[must_use]
    pub fn layer<L, S, B>(mut self, layer: L) -> Self
    where
        L: Layer<Transport, Service = S> + Send + Sync + 'static,
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<StdError>,
        S::Future: Send,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<StdError>,
    {
        self.options.layers.add(layer);
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
        let (host, port) = split(scheme, address).ok_or_else(bad_target)?;
        let local = is_local(host);
        let secure = scheme != "http" && (self.tls.is_some() || scheme == "https" || !local);
        if let Some(key) = self.api_key.take() {
            if !secure && !local {
                return Err(BuildError::KeyInTheClear);
            }
            self.options.key = Some(match key {
                ApiKey::Fixed(key) => {
                    let value = bearer(&key).ok_or(BuildError::Key)?;
                    Box::new(move || Some(value.clone()))
                }
                ApiKey::From(key) => Box::new(move || bearer(&key())),
            });
        }
        let url = format!("{}://{host}:{port}", if secure { "https" } else { "http" });
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

/// A key, or where each call gets it from.
enum ApiKey {
    Fixed(String),
    From(Box<dyn Fn() -> String + Send + Sync>),
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey")
    }
}

fn bearer(key: &str) -> Option<HeaderValue> {
    // A key that was read from a file or a variable often ends a line.
    let mut value = HeaderValue::try_from(format!("Bearer {}", key.trim())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Host and port of an address; the port may be missing where a scheme has one.
fn split<'a>(scheme: &str, address: &'a str) -> Option<(&'a str, u16)> {
    let is_port = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (host, port) = match (address.rsplit_once(':').filter(|(_, port)| is_port(port)), scheme) {
        (Some((host, port)), _) => (host, port.parse().ok()?),
        (None, "https") => (address, 443),
        (None, "http") => (address, 80),
        (None, _) => return None,
    };
    let is_bare = host.contains(':') && !host.starts_with('[');
    let is_more = host.contains(|c: char| c.is_ascii_whitespace() || "/?#@".contains(c));
    (!host.is_empty() && !is_bare && !is_more).then_some((host, port))
}

fn is_local(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_needs_no_port_and_anything_else_does() {
        for (scheme, address, want) in [
            ("https", "hooks.example.com", Some(("hooks.example.com", 443))),
            ("https", "hooks.example.com:8443", Some(("hooks.example.com", 8443))),
            ("https", "[::1]", Some(("[::1]", 443))),
            ("http", "localhost", Some(("localhost", 80))),
            ("", "localhost:50051", Some(("localhost", 50051))),
            ("", "hooks.example.com", None),
            ("", "::1", None),
            ("", ":1", None),
            ("", "localhost:99999", None),
            ("https", "", None),
            ("https", "hooks.example.com/api", None),
            ("https", "me@hooks.example.com", None),
            ("", "local host:50051", None),
        ] {
            assert_eq!(split(scheme, address), want, "{scheme} {address}");
        }
    }
}
