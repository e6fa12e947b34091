//! The main job through the real binary: TLS on both sides, a key, a signature, a retry, the watch.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tenterhook_engine::signature::{Received, verify};
use tenterhook_model::webhook::SignatureScheme;
use tenterhook_model::{Clock, SystemClock};
use tenterhook_proto::tenterhook::v1::delivery_service_client::DeliveryServiceClient;
use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tenterhook_proto::tenterhook::v1::watch_deliveries_response::Payload;
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tenterhook_proto::tenterhook::v1::{
    BackoffSchedule, CreateWebhookRequest, DeliveryState, Event, HeaderTemplate, JsonDocument, PublishEventRequest,
    RequestTemplate, RetryPolicy, SignatureScheme as Scheme, SigningPolicy, TransportPolicy, WatchDeliveriesRequest,
    Webhook, json_document, retry_policy,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tonic::metadata::MetadataValue;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use super::serve::{connect, start};
use super::{run, stderr, stdout};
use crate::canary::mark;

/// Time for anything in this test; it takes about two seconds.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) type Issuer = CertifiedIssuer<'static, KeyPair>;

pub(crate) fn authority() -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for this machine and its key.
pub(crate) fn issue(authority: &Issuer) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    // Under the name of its authority it would count as signed by itself.
    params.distinguished_name.push(DnType::CommonName, "localhost");
    (params.signed_by(&key, authority).unwrap(), key)
}

/// A request as the receiver got it: the head and the body.
#[derive(Debug)]
struct Arrived {
    head: String,
    body: String,
}

/// A receiver over TLS that refuses its first request.
async fn receive(listener: TcpListener, acceptor: TlsAcceptor, arrived: mpsc::Sender<Arrived>) {
    let count = AtomicUsize::new(0);
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let Ok(mut stream) = acceptor.accept(stream).await else { continue };
        let mut bytes = Vec::new();
        let request = loop {
            if stream.read_buf(&mut bytes).await.unwrap() == 0 {
                break None;
            }
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                break Some(Arrived { head: head.to_owned(), body: body.to_owned() });
            }
        };
        let Some(request) = request else { continue };
        let status = if count.fetch_add(1, Ordering::Relaxed) == 0 { "503 Busy" } else { "200 OK" };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
        let _ = stream.shutdown().await;
        arrived.send(request).await.unwrap();
    }
}

fn webhook(port: u16, ca: &str) -> CreateWebhookRequest {
    let secret = HeaderTemplate { name: "X-Secret".to_owned(), value: mark::hidden("header"), sensitive: true };
    let schedule = BackoffSchedule { waits: vec![prost_types::Duration { seconds: 1, nanos: 0 }] };
    let webhook = Webhook {
        display_name: "receiver".to_owned(),
        request: Some(RequestTemplate {
            url: format!("https://127.0.0.1:{port}/hook"),
            headers: vec![secret],
            body: r#"{"name": {{ data.name | tojson }}}"#.to_owned(),
            ..RequestTemplate::default()
        }),
        signing: Some(SigningPolicy { schemes: vec![Scheme::StandardWebhooks.into()], ..Default::default() }),
        retry: Some(RetryPolicy {
            backoff: Some(retry_policy::Backoff::Schedule(schedule)),
            jitter: Some(0.0),
            ..RetryPolicy::default()
        }),
        transport: Some(TransportPolicy { ca_certificates_pem: ca.to_owned(), ..TransportPolicy::default() }),
        ..Webhook::default()
    };
    let (webhook, signing_secret) = (Some(webhook), mark::standard("end to end"));
    CreateWebhookRequest { webhook, signing_secret, ..CreateWebhookRequest::default() }
}

fn event() -> PublishEventRequest {
    let data = JsonDocument { value: Some(json_document::Value::Json(r#"{"name": "Zürich"}"#.to_owned())) };
    let event = Event {
        id: "site-1".to_owned(),
        r#type: "created".to_owned(),
        object_type: "dcim.site".to_owned(),
        data: Some(data),
        ..Event::default()
    };
    PublishEventRequest { event: Some(event) }
}

fn is_signed(request: &Arrived, secret: &str) -> bool {
    let headers: Vec<(&str, &str)> = request.head.lines().skip(1).filter_map(|line| line.split_once(": ")).collect();
    let received = Received { headers: &headers, body: request.body.as_bytes(), now: SystemClock.now() };
    verify(SignatureScheme::StandardWebhooks, &[secret], received).is_ok()
}

#[tokio::test]
async fn an_event_goes_from_publish_to_a_receiver_with_tls_on_both_sides() {
    crate::binary::tenterhook();
    tokio::time::timeout(PATIENCE, play()).await.expect("everything happens in time");
}

async fn play() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority();
    let (certificate, key) = issue(&authority);
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let made = run(&["key", "new", "--role", "admin"]);
    let api_key = stderr(&made).lines().find(|line| line.starts_with("th_")).unwrap().to_owned();
    let (cert_file, key_file) = (path("tls.crt", &certificate.pem()), path("tls.key", &key.serialize_pem()));
    let keys_file = path("keys", &stdout(&made));
    let flags = [
        "--tls-cert",
        &cert_file,
        "--tls-key",
        &key_file,
        "--api-keys",
        &keys_file,
        "--allow-network",
        "127.0.0.0/8,::1/128",
    ];
    let folder_of_server = folder.path().to_owned();
    let mut server = start(&folder_of_server, &flags);
    server.running.hides(api_key.as_bytes());
    server.running.hides(key.serialize_der());

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (certificate, key) = issue(&authority);
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let (sender, mut arrived) = mpsc::channel(8);
    let mut receiving = JoinSet::new();
    receiving.spawn(receive(listener, TlsAcceptor::from(Arc::new(config)), sender));

    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority.pem())).domain_name("localhost");
    let endpoint = Endpoint::from_shared(format!("https://{}", server.api)).unwrap().tls_config(tls).unwrap();
    let channel = connect(endpoint).await;
    let refused = EventServiceClient::new(channel.clone()).publish_event(event()).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unauthenticated, "without a key nobody publishes");

    let bearer: MetadataValue<_> = format!("Bearer {api_key}").parse().unwrap();
    let with_key = |mut request: tonic::Request<()>| {
        request.metadata_mut().insert("authorization", bearer.clone());
        Ok(request)
    };
    let mut webhooks = WebhookServiceClient::with_interceptor(channel.clone(), with_key);
    let created = webhooks.create_webhook(webhook(port, &authority.pem())).await.unwrap().into_inner();
    assert_eq!(created.signing_secret, mark::standard("end to end"));
    let mut deliveries = DeliveryServiceClient::with_interceptor(channel.clone(), with_key);
    let mut watch = deliveries.watch_deliveries(WatchDeliveriesRequest::default()).await.unwrap().into_inner();
    assert!(matches!(watch.message().await.unwrap().unwrap().payload, Some(Payload::Bookmark(_))));
    let mut events = EventServiceClient::with_interceptor(channel, with_key);
    let result = events.publish_event(event()).await.unwrap().into_inner().result.unwrap();
    assert_eq!((result.duplicate, result.delivery_count), (false, 1));
    let again = events.publish_event(event()).await.unwrap().into_inner().result.unwrap();
    assert!(again.duplicate, "the id makes it idempotent");

    let (first, second) = (arrived.recv().await.unwrap(), arrived.recv().await.unwrap());
    for (request, attempt) in [(&first, "1"), (&second, "2")] {
        assert!(request.head.starts_with("POST /hook HTTP/1.1"), "{}", request.head);
        assert_eq!(request.body, "{\"name\": \"Z\\u00fcrich\"}");
        assert!(request.head.to_lowercase().contains(&format!("x-tenterhook-attempt: {attempt}")), "{}", request.head);
        assert!(request.head.to_lowercase().contains("webhook-id: site-1"), "the id is the event's on every attempt");
        assert!(request.head.to_lowercase().contains(&format!("x-secret: {}", mark::hidden("header")).to_lowercase()));
        assert!(is_signed(request, &created.signing_secret));
    }
    let mut states = Vec::new();
    while states.last() != Some(&DeliveryState::Succeeded) {
        if let Some(Payload::Change(change)) = watch.message().await.unwrap().unwrap().payload {
            states.push(change.delivery.unwrap().state());
        }
    }
    assert_eq!(states.first(), Some(&DeliveryState::Pending));
    assert!(states.contains(&DeliveryState::Retrying));

    server.running.signal("TERM");
    let ended = tokio::task::spawn_blocking(move || server.running.wait().status).await.unwrap();
    assert_eq!(ended.code(), Some(0));
    let farewell = watch.message().await.expect_err("a stream that is cut by the end says so");
    assert_eq!(farewell.code(), tonic::Code::Unavailable);
}
