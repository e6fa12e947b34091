//! NetBox's REST API: its version, and every webhook and event rule, a page at a time.

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

use super::choices::Version;
use super::source::Found;
use crate::failure::Failure;
use crate::input::read_text;

/// Objects that are asked for at once. NetBox may return fewer (`MAX_PAGE_SIZE`).
const PAGE: usize = 100;
/// Pages of one list; 100 × 1,000 is ten times what a namespace holds here.
const PAGES_MAX: usize = 1_000;
/// Bytes of one response; webhooks have texts without a limit in NetBox.
const RESPONSE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Time for one response.
const PATIENCE: Duration = Duration::from_secs(30);
/// Times that a page is asked for again when NetBox says that it is busy.
const REPEATS_MAX: u32 = 5;
/// The longest wait that NetBox may ask for (`Retry-After`), and the wait when it names none.
const WAIT_SECONDS_MAX: u64 = 60;
const WAIT_SECONDS: u64 = 1;

/// Everything that NetBox at `url` has, and its version if it says so.
///
/// # Errors
/// When NetBox cannot be reached, refuses the token or returns something else.
pub(super) async fn read(url: &str, token: &Path, ca: Option<&Path>) -> Result<(Found, Option<Version>), Failure> {
    let api = Api::new(url, token, ca)?;
    let mut found = Found::default();
    let status = api.json("/api/status/").await?.unwrap_or_default();
    let version = status["netbox-version"].as_str().and_then(|text| text.parse().ok());
    // NetBox up to 3.6 has no event rules.
    for (list, must_be) in [("/api/extras/webhooks/", true), ("/api/extras/event-rules/", false)] {
        if !api.list(list, &mut found).await? && must_be {
            return Err(Failure::refused(format!("{url} has no webhooks in its API (404 for {list})"))
                .next("give the address of NetBox's start page"));
        }
    }
    Ok((found, version))
}

struct Api {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    base: String,
    authorization: HeaderValue,
}

impl Api {
    fn new(url: &str, token: &Path, ca: Option<&Path>) -> Result<Self, Failure> {
        let uri = url.parse::<Uri>().ok().filter(|uri| uri.host().is_some() && uri.query().is_none());
        let uri = uri.filter(|uri| !uri.authority().is_some_and(|authority| authority.as_str().contains('@')));
        let uri = uri.ok_or_else(|| Failure::usage("--url must be like https://netbox.example.com"))?;
        let is_here = matches!(uri.host(), Some("127.0.0.1" | "[::1]" | "localhost"));
        if !(uri.scheme_str() == Some("https") || (uri.scheme_str() == Some("http") && is_here)) {
            return Err(
                Failure::usage("a token is not sent without TLS to another machine").next("give --url with https://")
            );
        }
        let token = Secret::new(read_text(token)?.trim().to_owned());
        // Tokens of version 2 (NetBox 4.5) begin with `nbt_` and are bearer tokens.
        let scheme = if token.expose().starts_with("nbt_") { "Bearer" } else { "Token" };
        let mut authorization = HeaderValue::try_from(format!("{scheme} {}", token.expose()))
            .map_err(|_| Failure::usage("the token has characters that no token has"))?;
        authorization.set_sensitive(true);
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls(ca)?).https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, base: url.trim_end_matches('/').to_owned(), authorization })
    }

    /// Adds every object of a list; false when there is no such list.
    async fn list(&self, path: &str, found: &mut Found) -> Result<bool, Failure> {
        let mut offset = 0;
        for _ in 0..PAGES_MAX {
            // Offsets instead of `next`, whose host and scheme are whatever NetBox takes for its own.
            let Some(page) = self.json(&format!("{path}?limit={PAGE}&offset={offset}&ordering=id")).await? else {
                return Ok(false);
            };
            let total = page["count"].as_u64().and_then(|count| usize::try_from(count).ok());
            let here = page["results"].as_array().map(Vec::len);
            let (Some(total), Some(here)) = (total, here) else {
                return Err(Failure::refused(format!("{}{path} is not a list of NetBox's API", self.base)));
            };
            found.add(path, vec![page])?;
            offset += here;
            if offset >= total || here == 0 {
                return Ok(true);
            }
        }
        Err(Failure::refused(format!("{}{path} has no end", self.base)))
    }

    /// The JSON of a page; `None` when there is no such page. A NetBox that is busy is asked again.
    async fn json(&self, path: &str) -> Result<Option<Value>, Failure> {
        for _ in 0..=REPEATS_MAX {
            let (status, wait, body) = timeout(PATIENCE, self.fetch(path))
                .await
                .map_err(|_| Failure::refused(format!("{} did not respond in time", self.base)))??;
            match status {
                StatusCode::OK => {
                    let value = serde_json::from_slice(&body);
                    return value.map(Some).map_err(|_| {
                        Failure::refused(format!("{}{path} is not JSON", self.base))
                            .next("give the address of NetBox's start page")
                    });
                }
                StatusCode::NOT_FOUND => return Ok(None),
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                    sleep(Duration::from_secs(wait.unwrap_or(WAIT_SECONDS).min(WAIT_SECONDS_MAX))).await;
                }
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                    return Err(Failure::refused(format!("{} refuses the token ({status})", self.base))
                        .next("its user needs \"view\" for webhooks and event rules"));
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
            .map_err(|_| Failure::usage("--url must be like https://netbox.example.com"))?;
        let response = self.client.request(request).await.map_err(|_| {
            Failure::refused(format!("NetBox cannot be reached at {}", self.base))
                .next("check --url, and --netbox-ca if its certificate is of your own authority")
        })?;
        let (head, body) = response.into_parts();
        let wait = head.headers.get(RETRY_AFTER).and_then(|wait| wait.to_str().ok()).and_then(|wait| wait.parse().ok());
        let body = Limited::new(body, RESPONSE_BYTES_MAX).collect().await;
        let body = body.map_err(|_| Failure::refused(format!("{}{path} was cut off or is too long", self.base)))?;
        Ok((head.status, wait, body.to_bytes()))
    }
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
