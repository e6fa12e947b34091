//! Spans on their way to a collector stand-in over TLS, by both protocols.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter as _};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::*;
use crate::roots;
use crate::telemetry::FLUSH_TIMEOUT;

/// A call of the collector: version of HTTP, path, content type, and bytes of its body.
type Called = (hyper::Version, String, String, usize);

/// A collector behind TLS, with a certificate for `localhost` and a place for its calls.
struct StandIn {
    url: String,
    certificate: CertificateDer<'static>,
    calls: mpsc::Receiver<Called>,
    _tasks: JoinSet<()>,
}

async fn answer(
    request: Request<Incoming>,
    calls: mpsc::Sender<Called>,
) -> Result<Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>>, Infallible> {
    let (parts, body) = request.into_parts();
    let is_grpc = parts.version == hyper::Version::HTTP_2;
    let bytes = body.collect().await.unwrap().to_bytes().len();
    let content_type = parts.headers["content-type"].to_str().unwrap().to_owned();
    calls.send((parts.version, parts.uri.path().to_owned(), content_type.clone(), bytes)).await.unwrap();
    // An empty message: for gRPC in a frame, with the status OK behind it.
    let message: &[u8] = if is_grpc { &[0; 5] } else { &[] };
    let trailers = async move {
        let ok = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
        is_grpc.then_some(Ok(ok))
    };
    let body = Full::new(Bytes::from_static(message)).with_trailers(trailers);
    Ok(Response::builder().header("content-type", content_type).body(body).unwrap())
}

impl StandIn {
    async fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config = builder.with_no_client_auth().with_single_cert(vec![certificate.clone()], key).unwrap();
        config.alpn_protocols.push(b"h2".to_vec());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let (sender, calls) = mpsc::channel(8);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
            // One that trusts nobody ends here.
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = service_fn(move |request| answer(request, sender.clone()));
            // It breaks when the exporter ends.
            let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        });
        Self { url, certificate, calls, _tasks: tasks }
    }
}

/// Sends one span. Says whether it was taken.
async fn send(collector: &Collector) -> bool {
    let provider = SdkTracerProvider::builder().with_span_processor(collector.queue().unwrap()).build();
    provider.tracer("test").start("span").end();
    tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH_TIMEOUT)).await.unwrap().is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_reach_a_collector_over_tls_by_grpc_and_by_http() {
    for (protocol, version, path, content_type) in [
        (
            OtlpProtocol::Grpc,
            hyper::Version::HTTP_2,
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            "application/grpc",
        ),
        (OtlpProtocol::HttpProtobuf, hyper::Version::HTTP_11, "/v1/traces", "application/x-protobuf"),
    ] {
        let mut stand_in = StandIn::new().await;
        let roots = roots::of(&[stand_in.certificate.clone()]);
        let collector = Collector::new(&stand_in.url, protocol, roots).unwrap();
        assert!(send(&collector).await, "{protocol:?}");
        let called = stand_in.calls.recv().await.unwrap();
        assert_eq!((called.0, called.1.as_str(), called.2.as_str()), (version, path, content_type));
        assert!(called.3 > 20, "a span in {} bytes", called.3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_no_root_has_signed_gets_nothing() {
    for protocol in [OtlpProtocol::Grpc, OtlpProtocol::HttpProtobuf] {
        let mut stand_in = StandIn::new().await;
        let collector = Collector::new(&stand_in.url, protocol, Vec::new()).unwrap();
        send(&collector).await;
        assert!(stand_in.calls.try_recv().is_err(), "{protocol:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_nobody_runs_cannot_be_reached() {
    for protocol in [OtlpProtocol::Grpc, OtlpProtocol::HttpProtobuf] {
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let spans = Collector::new(&format!("http://{address}"), protocol, Vec::new()).unwrap().spans().unwrap();
        let error = spans.export(Vec::new()).await.unwrap_err();
        assert_eq!(reason(&error), "it cannot be reached", "{protocol:?}: {error}");
    }
}
