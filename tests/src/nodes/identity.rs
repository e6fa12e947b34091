//! Who calls is known on the node that serves, whichever node a client connects to, and nobody can say that it
//! is somebody else.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;

use tenterhook_fixtures::postgres::schema;
use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tenterhook_proto::tenterhook::v1::{
    CreateWebhookRequest, Event, ListWebhooksRequest, PublishEventRequest, RequestTemplate, Webhook,
};
use tonic::Code;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use super::{Place, until};
use crate::process::end_to_end::{Issuer, authority, issue};
use crate::process::serve;

/// Where clients come from; nodes come from another address of this machine.
const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The certificate and the key of a client, in PEM.
fn client_identity(authority: &Issuer, name: &str) -> Identity {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let certificate = params.signed_by(&key, authority).unwrap();
    Identity::from_pem(certificate.pem(), key.serialize_pem())
}

/// The way to a node over TLS, as the holder of this certificate.
fn endpoint(place: &Place, authority: &Issuer, identity: Option<Identity>) -> Endpoint {
    let mut tls =
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority.pem())).domain_name("localhost");
    if let Some(identity) = identity {
        tls = tls.identity(identity);
    }
    let endpoint = Endpoint::from_shared(format!("https://{}", place.api)).unwrap();
    endpoint.local_address(Some(CLIENT.into())).tls_config(tls).unwrap()
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn webhook(name: &str) -> CreateWebhookRequest {
    let request = RequestTemplate { url: "https://hooks.example.com/".to_owned(), ..RequestTemplate::default() };
    let webhook = Webhook { display_name: name.to_owned(), request: Some(request), ..Webhook::default() };
    CreateWebhookRequest { webhook: Some(webhook), ..CreateWebhookRequest::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_roles_and_addresses_hold_through_a_node_that_forwards() {
    crate::binary::tenterhook();
    let Some(url) = schema() else { return };
    let (folder, authority) = (tempfile::tempdir().unwrap(), authority());
    let (certificate, key) = issue(&authority);
    let keys = "san:admin.example admin * platform\nsan:publisher.example publisher default\n";
    let audit = folder.path().join("audit.jsonl");
    let flags = [
        ("--tls-cert", write(folder.path(), "tls.crt", &certificate.pem())),
        ("--tls-key", write(folder.path(), "tls.key", &key.serialize_pem())),
        ("--client-ca", write(folder.path(), "ca.crt", &authority.pem())),
        ("--api-keys", write(folder.path(), "keys", keys)),
    ];
    let flags: Vec<&str> = flags.iter().flat_map(|(flag, value)| [*flag, value.as_str()]).collect();
    let audited = [flags.as_slice(), &["--audit-log", audit.to_str().unwrap()]].concat();
    let (first, second) = (Place::new("first"), Place::new("second"));
    let mut serving = first.start(&url, folder.path(), &audited);
    serving.hides(key.serialize_der());
    until("the first serves", || first.serves());
    let mut standing_by = second.start(&url, folder.path(), &flags);
    standing_by.hides(key.serialize_der());
    until("the second forwards", || second.forwards_to("first"));

    let admin = serve::connect(endpoint(&second, &authority, Some(client_identity(&authority, "admin.example")))).await;
    WebhookServiceClient::new(admin).create_webhook(webhook("by the admin")).await.unwrap();
    let publisher = client_identity(&authority, "publisher.example");
    let publisher = serve::connect(endpoint(&second, &authority, Some(publisher))).await;
    let event = Event { id: "e1".to_owned(), r#type: "created".to_owned(), ..Event::default() };
    EventServiceClient::new(publisher.clone()).publish_event(PublishEventRequest { event: Some(event) }).await.unwrap();
    let refused = WebhookServiceClient::new(publisher).create_webhook(webhook("by the publisher")).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    for identity in [None, Some(client_identity(&authority, "stranger.example"))] {
        let stranger = serve::connect(endpoint(&second, &authority, identity)).await;
        let refused = WebhookServiceClient::new(stranger).list_webhooks(ListWebhooksRequest::default()).await;
        assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);
    }

    // The address in the audit trail is the client's own, and not that of the node between.
    let trail = std::fs::read_to_string(&audit).unwrap();
    let created = trail.lines().find(|line| line.contains("CreateWebhook")).unwrap_or_else(|| panic!("{trail}"));
    let created: serde_json::Value = serde_json::from_str(created).unwrap();
    assert_eq!(created["caller"], "platform");
    assert!(created["peer"].as_str().unwrap().starts_with("127.0.0.2:"), "{created}");
    for node in [standing_by, serving] {
        node.signal("TERM");
        assert_eq!(node.wait().status.code(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_can_say_who_calls_without_the_sealing_key() {
    crate::binary::tenterhook();
    let Some(url) = schema() else { return };
    let folder = tempfile::tempdir().unwrap();
    let keys = write(folder.path(), "keys", "san:admin.example admin *\n");
    let flags = ["--api-keys", keys.as_str()];
    let (first, second) = (Place::new("first"), Place::new("second"));
    let serving = first.start(&url, folder.path(), &flags);
    until("the first serves", || first.serves());
    let standing_by = second.start(&url, folder.path(), &flags);
    until("the second forwards", || second.forwards_to("first"));
    let said = br#"{"peer":"192.0.2.1:1","names":["admin.example"],"http1":false}"#;
    for place in [&first, &second] {
        let mut stream = TcpStream::connect(&place.api).unwrap();
        stream.write_all(&[b"\0tenterhook node 1\n".as_slice(), &[7; 32]].concat()).unwrap();
        let mut answer = [0; 64];
        stream.read_exact(&mut answer).expect("a node says that it is one");
        let length = (said.len() as u32).to_be_bytes();
        // What the node itself has proved with is the best that a stranger has.
        stream.write_all(&[length.as_slice(), said, &answer[32..]].concat()).unwrap();
        let mut rest = Vec::new();
        // The end may be a reset.
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.is_empty(), "{}: {rest:?}", place.name);
        until("it is counted", || {
            let metrics = serve::get(&place.ops, "/metrics").1;
            metrics.contains("tenterhook_connections_cut_total{reason=\"unproved\"} 1")
        });
    }
    for node in [standing_by, serving] {
        node.signal("TERM");
        assert_eq!(node.wait().status.code(), Some(0));
    }
}
