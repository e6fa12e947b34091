//! A small client of HTTP/1.1 for OTLP: a connection for each export, which are seconds apart.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry_http::{HttpClient, HttpError};
use rustls::crypto::ring;
use rustls::pki_types::{ServerName, TrustAnchor};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::context::TokioContext;

/// Time for one export, from the look-up of the name to the end of the response; OTLP's default.
const EXCHANGE: Duration = Duration::from_secs(10);
/// Bytes of a response; it says at most what was refused, and why.
const RESPONSE_BYTES: usize = 64 * 1024;

/// A client for one collector.
#[derive(Debug)]
pub(crate) struct Client {
    runtime: Handle,
    tls: Option<Arc<ClientConfig>>,
}

impl Client {
    /// A client that speaks TLS, by one of these roots, or none. Call it inside the runtime.
    ///
    /// # Errors
    /// When this build speaks no version of TLS.
    pub(super) fn new(roots: Option<Vec<TrustAnchor<'static>>>) -> Result<Self, rustls::Error> {
        let tls = |roots: Vec<TrustAnchor<'static>>| {
            let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
            let builder = builder.with_safe_default_protocol_versions()?;
            let config = builder.with_root_certificates(RootCertStore { roots }).with_no_client_auth();
            Ok::<_, rustls::Error>(Arc::new(config))
        };
        Ok(Self { runtime: Handle::current(), tls: roots.map(tls).transpose()? })
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        // Exporters run on threads of their own, which are not the runtime's.
        let exchange = async { timeout(EXCHANGE, exchange(request, self.tls.clone())).await };
        let exchanged = TokioContext::new(exchange, self.runtime.clone()).await;
        exchanged.unwrap_or_else(|_| Err("the collector did not respond in time".into()))
    }
}

async fn exchange(request: Request<Bytes>, tls: Option<Arc<ClientConfig>>) -> Result<Response<Bytes>, HttpError> {
    let uri = request.uri();
    // An IPv6 address has brackets in a URL, and none elsewhere.
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = uri.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
    let stream = TcpStream::connect((host.as_str(), port)).await?;
    match tls {
        Some(config) => {
            let name = ServerName::try_from(host)?;
            send(TlsConnector::from(config).connect(name, stream).await?, request).await
        }
        None => send(stream, request).await,
    }
}

/// Sends the request on a new connection, which ends with the response.
async fn send<S>(stream: S, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let (mut parts, body) = request.into_parts();
    let authority = parts.uri.authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
    parts.headers.insert(HOST, HeaderValue::from_str(&authority)?);
    parts.uri = parts.uri.path_and_query().cloned().map_or_else(Default::default, Into::into);
    let respond = async move {
        let response = sender.send_request(Request::from_parts(parts, Full::new(body))).await?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, RESPONSE_BYTES).collect().await?.to_bytes();
        Ok(Response::from_parts(parts, body))
    };
    // It moves the bytes of both, and ends when the sender is gone; the exchange says how it went.
    let (response, _ended) = tokio::join!(respond, connection);
    response
}
