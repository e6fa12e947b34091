//! The REST API of another system: JSON, a page at a time, with the patience that a busy system asks for.

use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, HeaderValue, RETRY_AFTER};
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tenterhook_model::{Secret, system};
use tokio::time::{sleep, timeout};

use super::origin::Origin;
use crate::failure::Failure;
use crate::input::read_text;

/// Objects that are asked for at once; a system may return fewer.
pub(super) const PAGE: usize = 100;
/// Pages of one list; 100 × 1,000 is ten times what a namespace holds here.
pub(super) const PAGES_MAX: usize = 1_000;
/// Bytes of one response; the texts of webhooks have no limit elsewhere.
const RESPONSE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Time for one response.
const PATIENCE: Duration = Duration::from_secs(30);
/// Times that a page is asked for again when the system says that it is busy.
const REPEATS_MAX: u32 = 5;
/// The longest wait that it may ask for (`Retry-After`), and the wait when it names none.
const WAIT_SECONDS_MAX: u64 = 60;
const WAIT_SECONDS: u64 = 1;

/// Where the API is, and what lets us in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) url: &'a str,
    /// The file with the token.
    pub(super) token: &'a Path,
    /// Certificates to trust instead of the system's.
    pub(super) ca: Option<&'a Path>,
}

/// The API of a system.
pub(super) struct Api {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    base: String,
    authorization: HeaderValue,
    origin: Origin,
}

impl Api {
    /// The API at a place; `scheme` is that of the header Authorization for a token.
    ///
    /// # Errors
    /// When the place cannot be one, or a file cannot be read.
    pub(super) fn new(origin: Origin, place: Place<'_>, scheme: fn(&str) -> &'static str) -> Result<Self, Failure> {
        let Place { url, token, ca } = place;
        let uri = url.parse::<Uri>().ok().filter(|uri| uri.host().is_some() && uri.query().is_none());
        let uri = uri.filter(|uri| !uri.authority().is_some_and(|authority| authority.as_str().contains('@')));
        let uri = uri.ok_or_else(|| not_a_url(origin))?;
        let is_here = matches!(uri.host(), Some("127.0.0.1" | "[::1]" | "localhost"));
        if !(uri.scheme_str() == Some("https") || (uri.scheme_str() == Some("http") && is_here)) {
            return Err(
                Failure::usage("a token is not sent without TLS to another machine").next("give --url with https://")
            );
        }
        let token = Secret::new(read_text(token)?.trim().to_owned());
        let mut authorization = HeaderValue::try_from(format!("{} {}", scheme(token.expose()), token.expose()))
            .map_err(|_| Failure::usage("the token has characters that no token has"))?;
        authorization.set_sensitive(true);
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls(ca)?).https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, base: url.trim_end_matches('/').to_owned(), authorization, origin })
    }

    /// What is wrong with a path that holds something else than a list.
    pub(super) fn no_list(&self, path: &str) -> Failure {
        Failure::refused(format!("{}{path} is not a list of {}'s API", self.base, self.origin.name))
            .next(format!("give {}", self.origin.address))
    }

    /// What is wrong with a list whose pages do not end.
    pub(super) fn endless(&self, path: &str) -> Failure {
        Failure::refused(format!("{}{path} has no end", self.base))
    }

    /// The JSON at a path; `None` when there is none. A system that is busy is asked again.
    ///
    /// # Errors
    /// When it cannot be reached, refuses the token or returns something else.
    pub(super) async fn json(&self, path: &str) -> Result<Option<Value>, Failure> {
        for _ in 0..=REPEATS_MAX {
            let (status, wait, body) = timeout(PATIENCE, self.fetch(path))
                .await
                .map_err(|_| Failure::refused(format!("{} did not respond in time", self.base)))??;
            match status {
                StatusCode::OK => {
                    let value = serde_json::from_slice(&body);
                    return value.map(Some).map_err(|_| {
                        Failure::refused(format!("{}{path} is not JSON", self.base))
                            .next(format!("give {}", self.origin.address))
                    });
                }
                StatusCode::NOT_FOUND => return Ok(None),
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                    sleep(Duration::from_secs(wait.unwrap_or(WAIT_SECONDS).min(WAIT_SECONDS_MAX))).await;
                }
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                    return Err(Failure::refused(format!("{} refuses the token ({status})", self.base))
                        .next(self.origin.rights));
                }
                status => return Err(Failure::refused(format!("{}{path} returned {status}", self.base))),
            }
        }
        Err(Failure::refused(format!("{} is busy", self.base)).next("run the same command later"))
    }

    /// Status, wait in seconds and body of a response.
    async fn fetch(&self, path: &str) -> Result<(StatusCode, Option<u64>, Bytes), Failure> {
        let request = Request::get(format!("{}{path}", self.base))
            .header(AUTHORIZATION, &self.authorization)
            .header(ACCEPT, "application/json")
            .body(Empty::new())
            .map_err(|_| not_a_url(self.origin))?;
        let response = self.client.request(request).await.map_err(|_| {
            Failure::refused(format!("{} cannot be reached at {}", self.origin.name, self.base))
                .next(format!("check --url, and --{}-ca if its certificate is of your own authority", self.origin.word))
        })?;
        let (head, body) = response.into_parts();
        let wait = head.headers.get(RETRY_AFTER).and_then(|wait| wait.to_str().ok()).and_then(|wait| wait.parse().ok());
        let body = Limited::new(body, RESPONSE_BYTES_MAX).collect().await;
        let body = body.map_err(|_| Failure::refused(format!("{}{path} was cut off or is too long", self.base)))?;
        Ok((head.status, wait, body.to_bytes()))
    }
}

fn not_a_url(origin: Origin) -> Failure {
    Failure::usage(format!("--url must be like https://{}.example.com", origin.word))
}

/// A part of a path or a query, percent-encoded (RFC 3986, section 2.3: all but the unreserved characters).
pub(super) fn encoded(text: &str) -> String {
    let is_open = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if is_open(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Trusts the certificates of `ca`, else those of the system.
fn tls(ca: Option<&Path>) -> Result<ClientConfig, Failure> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            let pem = std::fs::read(path).map_err(|error| {
                Failure::usage(format!("cannot read {}: {}", path.display(), system::in_words(&error)))
            })?;
            let wrong = || Failure::usage(format!("{} has no PEM certificates", path.display()));
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                roots.add(certificate.map_err(|_| wrong())?).map_err(|_| wrong())?;
            }
            if roots.is_empty() {
                return Err(wrong());
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = rustls::crypto::ring::default_provider().into();
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the suites of the default versions");
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_addresses_is_encoded() {
        assert_eq!(encoded("app_2a-b.c~"), "app_2a-b.c~");
        assert_eq!(encoded("a/../b?c=ü"), "a%2F..%2Fb%3Fc%3D%C3%BC");
    }
}
