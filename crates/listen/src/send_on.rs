//! Sends a request on to a program of one's own, and brings back what it answered.

use std::fmt::{self, Display};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::ring;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tenterhook_model::system;
use tenterhook_server::roots;
use tokio::time::Instant;

use crate::receiver::Received;

/// Time for the program's answer; the server waits a minute at most.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of an answer that are brought back.
const ANSWER_BYTES: usize = 1024 * 1024;
/// Headers that are about one connection (RFC 9110, section 7.6.1), and those that the client writes itself.
const OF_ONE_CONNECTION: [HeaderName; 7] = [CONNECTION, CONTENT_LENGTH, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// Where requests are sent on to.
#[derive(Debug)]
pub(crate) struct Forward {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    to: Uri,
}

/// What the program answered.
#[derive(Debug)]
pub(crate) struct Forwarded {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    /// For people: what came, or why nothing did.
    pub(crate) said: String,
}

/// Reads the URL of a program.
///
/// # Errors
/// When it is no `http://` or `https://` URL.
pub(crate) fn url(text: &str) -> Result<Uri, String> {
    let uri: Option<Uri> = text.parse().ok().filter(|uri: &Uri| uri.host().is_some());
    uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")))
        .ok_or_else(|| format!("`{text}` is not a URL such as http://127.0.0.1:3000/hooks"))
}

impl Forward {
    pub(crate) fn to(to: Uri) -> Self {
        let is_plain = to.scheme_str() == Some("http");
        let roots = RootCertStore { roots: if is_plain { Vec::new() } else { roots::of_system() } };
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has the suites of the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        // The names of headers keep their case in HTTP/1.1 only.
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        Self { client: Client::builder(TokioExecutor::new()).http1_preserve_header_case(true).build(connector), to }
    }

    /// Sends the request on; 502 stands for an answer that did not come.
    pub(crate) async fn send(&self, received: &Received) -> Forwarded {
        let begun = Instant::now();
        match tokio::time::timeout(PATIENCE, self.exchange(received)).await {
            Ok(Ok((status, body))) => {
                let said = format!("{status} from {} in {} ms", self.to, begun.elapsed().as_millis());
                Forwarded { status, body, said }
            }
            Ok(Err(why)) => self.failed(&why),
            Err(_) => self.failed(&format!("no response within {} s", PATIENCE.as_secs())),
        }
    }

    async fn exchange(&self, received: &Received) -> Result<(StatusCode, Bytes), Why> {
        let mut request = Request::new(Full::new(received.body.clone()));
        *request.method_mut() = received.method.clone();
        *request.uri_mut() = self.to.clone();
        // The names go on as they came.
        *request.extensions_mut() = received.spelling.0.clone();
        for (name, value) in &received.headers {
            if !OF_ONE_CONNECTION.contains(name) {
                request.headers_mut().append(name, value.clone());
            }
        }
        let response = self.client.request(request).await.map_err(|error| Why::of(&error))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES).collect().await.map_err(|_| Why::BrokenOff)?;
        Ok((head.status, body.to_bytes()))
    }

    fn failed(&self, why: &dyn Display) -> Forwarded {
        let said = format!("{} failed: {why}", self.to);
        Forwarded { status: StatusCode::BAD_GATEWAY, body: Bytes::new(), said }
    }
}

/// Why there is no answer.
#[derive(Debug)]
enum Why {
    /// In the system's words.
    Connection(String),
    Tls(&'static str),
    BrokenOff,
}

impl Why {
    fn of(error: &hyper_util::client::legacy::Error) -> Self {
        let mut cause = std::error::Error::source(error);
        while let Some(one) = cause {
            if let Some(mut io) = one.downcast_ref::<std::io::Error>() {
                // The connector wraps what TLS wrapped.
                while let Some(inner) = io.get_ref().and_then(|inner| inner.downcast_ref::<std::io::Error>()) {
                    io = inner;
                }
                let tls = io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
                return tls.map_or_else(|| Self::Connection(system::in_words(io)), |tls| Self::Tls(tls_in_words(tls)));
            }
            cause = one.source();
        }
        Self::BrokenOff
    }
}

fn tls_in_words(error: &rustls::Error) -> &'static str {
    use CertificateError::{Expired, ExpiredContext, NotValidForName, NotValidForNameContext};
    match error {
        rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. }) => "its certificate has expired",
        rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
            "its certificate is not for the host of the URL"
        }
        rustls::Error::InvalidCertificate(_) => {
            "its certificate is not trusted here; the file that SSL_CERT_FILE names may have that of its authority"
        }
        rustls::Error::InvalidMessage(_) => "it does not speak TLS there; if it speaks plain HTTP, use an http URL",
        _ => "TLS could not be set up",
    }
}

impl Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(why) => f.write_str(why),
            Self::Tls(why) => f.write_str(why),
            Self::BrokenOff => write!(f, "the response broke off, or has more than {ANSWER_BYTES} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_are_forwarded_to() {
        for right in ["http://127.0.0.1:3000/hooks", "http://localhost", "https://hooks.example.com/a?b=c"] {
            assert!(url(right).is_ok(), "{right}");
        }
        for wrong in ["ftp://127.0.0.1/", "127.0.0.1:3000", "/hooks", "", "http://"] {
            assert!(url(wrong).unwrap_err().contains("http://127.0.0.1:3000/hooks"), "{wrong}");
        }
    }

    #[test]
    fn errors_of_tls_are_said_in_words_that_help() {
        let of = |error| tls_in_words(&rustls::Error::InvalidCertificate(error));
        assert!(of(CertificateError::Expired).contains("expired"));
        assert!(of(CertificateError::NotValidForName).contains("not for the host"));
        for other in [CertificateError::UnknownIssuer, CertificateError::BadSignature] {
            assert!(of(other).contains("SSL_CERT_FILE"));
        }
        let plain = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        assert!(tls_in_words(&plain).contains("use an http URL"));
        assert_eq!(tls_in_words(&rustls::Error::DecryptError), "TLS could not be set up");
    }

    #[test]
    fn an_answer_that_did_not_come_is_a_bad_gateway_and_says_why() {
        let forward = Forward::to("http://127.0.0.1:3000/hooks".parse().unwrap());
        let failed = forward.failed(&Why::BrokenOff);
        assert_eq!((failed.status, failed.body.len()), (StatusCode::BAD_GATEWAY, 0));
        assert_eq!(
            failed.said,
            "http://127.0.0.1:3000/hooks failed: the response broke off, or has more than 1048576 bytes"
        );
    }
}
