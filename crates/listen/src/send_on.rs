//! Sends a request on to a program of one's own, and brings back what it answered.

use std::fmt::{self, Display};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use hyper::{Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tenterhook_model::system;
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
    client: Client<HttpConnector, Full<Bytes>>,
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

/// Reads the URL of a program on this machine or near it.
///
/// # Errors
/// When it is no `http://` URL.
pub(crate) fn url(text: &str) -> Result<Uri, String> {
    let uri: Option<Uri> = text.parse().ok().filter(|uri: &Uri| uri.host().is_some());
    uri.filter(|uri| uri.scheme_str() == Some("http"))
        .ok_or_else(|| format!("`{text}` is not a URL such as http://127.0.0.1:3000/hooks"))
}

impl Forward {
    pub(crate) fn to(to: Uri) -> Self {
        Self { client: Client::builder(TokioExecutor::new()).http1_preserve_header_case(true).build_http(), to }
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
    BrokenOff,
}

impl Why {
    fn of(error: &hyper_util::client::legacy::Error) -> Self {
        let mut cause = std::error::Error::source(error);
        while let Some(one) = cause {
            if let Some(io) = one.downcast_ref::<std::io::Error>() {
                return Self::Connection(system::in_words(io));
            }
            cause = one.source();
        }
        Self::BrokenOff
    }
}

impl Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(why) => f.write_str(why),
            Self::BrokenOff => write!(f, "the response broke off, or has more than {ANSWER_BYTES} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_urls_are_forwarded_to() {
        assert!(url("http://127.0.0.1:3000/hooks").is_ok() && url("http://localhost").is_ok());
        for wrong in ["https://127.0.0.1/", "127.0.0.1:3000", "/hooks", "", "http://"] {
            assert!(url(wrong).unwrap_err().contains("http://127.0.0.1:3000/hooks"), "{wrong}");
        }
    }
}
