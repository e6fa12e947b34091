//! A connection to the node that serves, for the calls of one client.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use hyper::Uri;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tenterhook_api::server::{CONNECTION_WINDOW_BYTES, HEADER_LIST_BYTES, KEEPALIVE, STREAM_WINDOW_BYTES};
use tenterhook_fleet::Joining;
use tenterhook_model::OsEntropy;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::body::Body;

use super::cuttable::Cuttable;
use super::proof::{Caller, NodeKey, Unproved, binding_of_client, introduce};
use crate::app::calls::Calls;

/// What is spoken inside TLS (RFC 9113 section 3.2).
const HTTP2: &[u8] = b"h2";
/// Bytes of one request that wait in HTTP/2 for the node's flow control.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// Why a node is not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreached {
    /// Its address is none.
    #[error("it has given no --node-address, or one that this version does not know")]
    Address,
    /// Nobody answers there.
    #[error("nobody answers at its --node-address")]
    Silent,
    /// TLS failed.
    #[error("TLS 1.3 was not agreed on at its --node-address")]
    Tls,
    /// It is not the node that it should be.
    #[error("{0}")]
    Unproved(#[from] Unproved),
}

/// Moves the bytes of a connection until it ends.
pub(super) type Moving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where the tasks of a connection run, and what ends them.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    pub(super) calls: TaskTracker,
    /// Cancelled when the connection is to break.
    pub(super) cut: CancellationToken,
}

/// The bytes of a connection, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Connects to the node at `address` for `caller`; `None` stands for this node itself.
///
/// # Errors
/// When it cannot be reached, or does not prove that it has `key`.
pub(super) async fn dial(
    address: &Uri,
    key: &NodeKey,
    caller: Option<&Caller>,
    tasks: Tasks,
) -> Result<(SendRequest<Body>, Moving), Unreached> {
    let mut way = connect(address).await?;
    let caller = caller.cloned().unwrap_or_else(|| Caller::node(way.own, None));
    introduce(&mut way.stream, key, &way.binding, &caller, &OsEntropy).await?;
    open(way.stream, tasks).await
}

/// Connects to the node at `address` to make attempts for it.
///
/// # Errors
/// As [`dial`].
pub(super) async fn join(address: &Uri, key: &NodeKey, joining: Joining) -> Result<Box<dyn Stream>, Unreached> {
    let mut way = connect(address).await?;
    let caller = Caller::node(way.own, Some(joining));
    introduce(&mut way.stream, key, &way.binding, &caller, &OsEntropy).await?;
    Ok(way.stream)
}

/// A connection that nothing was said on.
struct Way {
    stream: Box<dyn Stream>,
    /// What binds a proof to it.
    binding: Vec<u8>,
    /// This end of it.
    own: SocketAddr,
}

async fn connect(address: &Uri) -> Result<Way, Unreached> {
    let (host, port) = address.host().zip(address.port_u16()).ok_or(Unreached::Address)?;
    let host = host.trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, port)).await.map_err(|_| Unreached::Silent)?;
    // Small calls must not wait for more to send; a socket that refuses the option still works.
    let _ = stream.set_nodelay(true);
    let own = stream.local_addr().map_err(|_| Unreached::Silent)?;
    match address.scheme_str() {
        Some("http") => Ok(Way { stream: Box::new(stream), binding: Vec::new(), own }),
        Some("https") => {
            let stream = encrypted(stream, host).await?;
            let binding = binding_of_client(stream.get_ref().1);
            Ok(Way { stream: Box::new(stream), binding, own })
        }
        _ => Err(Unreached::Address),
    }
}

/// TLS on `stream`.
pub(super) async fn encrypted(stream: TcpStream, host: &str) -> Result<TlsStream<TcpStream>, Unreached> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| Unreached::Address)?;
    TlsConnector::from(tls()).connect(name, stream).await.map_err(|_| Unreached::Tls)
}

/// Opens HTTP/2 on `stream`.
async fn open(stream: Box<dyn Stream>, tasks: Tasks) -> Result<(SendRequest<Body>, Moving), Unreached> {
    let mut builder = http2::Builder::new(Calls::new(tasks.calls));
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(HEADER_LIST_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .keep_alive_interval(KEEPALIVE.0)
        .keep_alive_timeout(KEEPALIVE.1);
    let opened = builder.handshake(TokioIo::new(Cuttable::new(stream, tasks.cut))).await;
    let (send, connection) = opened.map_err(|_| Unreached::Silent)?;
    Ok((send, Box::pin(async move { drop(connection.await) })))
}

/// The client's side of TLS 1.3 between nodes. Whose certificate it is says nothing here: the node proves
/// itself by the key that all nodes share, bound to this session, and with the certificate that it has for
/// clients, whatever names are in it.
fn tls() -> Arc<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone());
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).expect("ring has all that TLS 1.3 needs");
    let verifier = Arc::new(ProvedLater(provider));
    let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.alpn_protocols.push(HTTP2.to_vec());
    Arc::new(config)
}

/// Takes any certificate whose key signed the handshake.
#[derive(Debug)]
struct ProvedLater(Arc<CryptoProvider>);

impl ServerCertVerifier for ProvedLater {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("nodes speak TLS 1.3 with each other".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
