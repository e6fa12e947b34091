//! `tenterhook listen` as a receiver: what it prints, answers and verifies.

use std::io::{Read, Write};
use std::net::TcpStream;

use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tenterhook_proto::tenterhook::v1::{Event, ListWebhooksRequest, PublishEventRequest};

use super::running::Running;
use super::{command, serve};
use crate::canary::mark;

fn start(arguments: &[&str]) -> (Running, String) {
    let mut all = vec!["listen", "--port", "0"];
    all.extend(arguments);
    let mut running = Running::start(command(&all));
    let line = running.line_with("http://");
    let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    (running, address)
}

fn post(address: &str, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /hook HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{head}content-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_request_is_printed_and_answered() {
    let (mut running, address) = start(&[]);
    let answer = post(&address, "content-type: application/json\r\n", r#"{"a":1}"#);
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(running.line_with("POST /hook").contains("── 1 ──"));
    running.line_with("  \"a\": 1");
    running.line_with("200 OK");
    running.signal("TERM");
    assert_eq!(running.wait().status.code(), Some(0));
}

#[test]
fn the_first_requests_fail_if_wanted() {
    let (_running, address) = start(&["--fail-first", "2", "--status", "204"]);
    let statuses: Vec<String> = (0..3).map(|_| post(&address, "", "")[9..12].to_owned()).collect();
    assert_eq!(statuses, ["503", "503", "204"]);
}

#[test]
fn signatures_are_judged() {
    let (mut running, address) = start(&["--secret", &mark::hidden("listen")]);
    // printf '{}' | openssl dgst -sha512 -hmac NeverToBeSeen7Zx-listen
    let good = include_str!("netbox_signature.txt").trim();
    post(&address, &format!("x-hook-signature: {good}\r\n"), "{}");
    running.line_with("NETBOX verified");
    post(&address, &format!("x-hook-signature: {good}\r\n"), "{ }");
    running.line_with("NETBOX NOT verified");
    post(&address, "", "{}");
    running.line_with("no signature header");
}

#[test]
fn json_lines_are_for_programs() {
    let (mut running, address) = start(&["--json"]);
    post(&address, "X-Hook-Signature: b\r\nx-a: 1\r\nX-A: 2\r\n", "text");
    let line: serde_json::Value = serde_json::from_str(&running.line_with("\"method\"")).unwrap();
    let named = |name: &str| line["headers"].as_array().unwrap().iter().filter(|header| header[0] == name).count();
    assert_eq!([named("X-Hook-Signature"), named("x-a"), named("X-A"), named("content-length")], [1; 4], "{line}");
    assert_eq!((line["method"].as_str(), line["body"].as_str()), (Some("POST"), Some("text")));
    assert_eq!(line["path"], "/hook");
}

#[test]
fn a_receiver_with_a_server_gets_its_events_signed_until_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let server = super::serve::start_logging(super::serve::Log::Text, folder.path(), &["--dev"]);
    let url = format!("http://{}", server.api);
    let (mut listener, _) = start(&["--server", &url]);
    listener.line_with(&format!("{url} sends every event here"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let endpoint = tonic::transport::Endpoint::from_shared(url.clone()).unwrap();
    let (mut events, mut webhooks) = runtime.block_on(async {
        let channel = super::serve::connect(endpoint).await;
        (EventServiceClient::new(channel.clone()), WebhookServiceClient::new(channel))
    });
    let event = Event { r#type: "created".to_owned(), object_type: "dcim.site".to_owned(), ..Event::default() };
    let deliveries = runtime.block_on(events.publish_event(PublishEventRequest { event: Some(event) }));
    assert_eq!(deliveries.unwrap().into_inner().result.unwrap().delivery_count, 1);
    listener.line_with("POST /");
    listener.line_with("NETBOX verified");
    listener.line_with("STANDARD_WEBHOOKS verified");
    listener.signal("TERM");
    assert_eq!(listener.wait().status.code(), Some(0));
    let left = runtime.block_on(webhooks.list_webhooks(ListWebhooksRequest::default()));
    assert_eq!(left.unwrap().into_inner().webhooks.len(), 0, "its webhook is deleted");
}

#[test]
fn a_server_that_is_not_there_is_named_with_the_way_out() {
    let output = super::run(&["listen", "--port", "0", "--server", "http://127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(1));
    let text = super::stderr(&output);
    assert!(text.contains("no server responds at http://127.0.0.1:1") && text.contains("serve --dev"), "{text}");
}

#[test]
fn requests_are_sent_on_and_the_answer_comes_back() {
    let (mut program, behind) = start(&["--status", "418", "--secret", &mark::hidden("listen")]);
    let (mut running, address) = start(&["--forward", &format!("http://{behind}/app?x=1")]);
    let good = include_str!("netbox_signature.txt").trim();
    let answer = post(&address, &format!("x-hook-signature: {good}\r\nkeep-alive: 5\r\n"), "{}");
    assert!(answer.starts_with("HTTP/1.1 418"), "{answer}");
    running.line_with(&format!("418 I'm a teapot from http://{behind}/app?x=1 in "));
    let request = program.line_with("POST /app?x=1");
    assert!(request.contains("── 1 ──"), "{request}");
    // The body came byte for byte.
    assert!(program.line_with("NETBOX").contains("verified"));
    program.signal("TERM");
    program.wait();
    assert!(post(&address, "", "{}").starts_with("HTTP/1.1 502"));
    running.line_with("failed: ");
}

#[test]
fn requests_are_kept_and_shown_as_they_came() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("requests");
    let (mut running, address) = start(&["--save", folder.to_str().unwrap(), "--raw"]);
    post(&address, "content-type: application/json\r\n", r#"{"a":1}"#);
    running.line_with(r#"{"a":1}"#);
    running.line_with("0001.http");
    let kept = std::fs::read_to_string(folder.join("0001.http")).unwrap();
    assert!(kept.starts_with("POST /hook HTTP/1.1\r\n") && kept.ends_with("\r\n\r\n{\"a\":1}"), "{kept}");
}

#[test]
fn requests_are_sent_on_over_tls_to_whom_this_machine_trusts() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(path("tls.crt"), made.cert.pem()).unwrap();
    std::fs::write(path("tls.key"), made.signing_key.serialize_pem()).unwrap();
    let server = serve::start(folder.path(), &["--dev", "--tls-cert", &path("tls.crt"), "--tls-key", &path("tls.key")]);
    let port = server.api.rsplit_once(':').unwrap().1;
    let forward = |to: &str, roots: Option<&str>| {
        let mut command = command(&["listen", "--port", "0", "--forward", to]);
        roots.map(|roots| command.env("SSL_CERT_FILE", roots));
        let mut running = Running::start(command);
        let line = running.line_with("http://");
        let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
        (running, address)
    };
    let to = format!("https://localhost:{port}/hook");
    let (mut running, address) = forward(&to, Some(&path("tls.crt")));
    assert!(post(&address, "", "{}").starts_with("HTTP/1.1 404"));
    running.line_with(&format!("404 Not Found from {to} in "));
    for (to, roots, why) in [
        (to.clone(), None, "its certificate is not trusted here"),
        (to.replace("localhost", "127.0.0.1"), Some(path("tls.crt")), "its certificate is not for the host"),
        (format!("https://{address}/"), None, "it does not speak TLS there"),
    ] {
        let (mut running, address) = forward(&to, roots.as_deref());
        assert!(post(&address, "", "{}").starts_with("HTTP/1.1 502"), "{to}");
        running.line_with(&format!("{to} failed: {why}"));
    }
}
