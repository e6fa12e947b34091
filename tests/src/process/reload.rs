//! What a running server reads again: keys and certificates; and the first key of all.

use std::path::Path;
use std::thread::yield_now;
use std::time::Duration;

use tenterhook_proto::tenterhook::v1::delivery_service_client::DeliveryServiceClient;
use tenterhook_proto::tenterhook::v1::watch_deliveries_response::Payload;
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tenterhook_proto::tenterhook::v1::{CreateWebhookRequest, RequestTemplate, WatchDeliveriesRequest, Webhook};
use tokio::task::yield_now as give_way;
use tonic::Code;
use tonic::metadata::MetadataValue;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use super::end_to_end::{authority, issue};
use super::serve::{Log, connect, get, start_logging};
use super::{run, stderr, stdout};

/// Time for anything in these tests; it takes less than a second.
const PATIENCE: Duration = Duration::from_secs(30);

/// A new admin key, and its line in a key file.
fn new_key() -> (String, String) {
    let made = run(&["key", "new", "--role", "admin"]);
    let key = stderr(&made).lines().find(|line| line.starts_with("th_")).unwrap().to_owned();
    (key, stdout(&made))
}

fn write(path: &Path, text: &str) -> String {
    std::fs::write(path, text).unwrap();
    path.display().to_string()
}

#[test]
fn a_hangup_reads_the_keys_at_once_and_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    let file = write(&keys, "san:a.example.com viewer *\n");
    let server = start_logging(Log::Json, folder.path(), &["--api-keys", &file]);
    let files = || get(&server.ops, "/readyz?verbose").1;
    assert_eq!(files(), "ok\napi-keys: ok\n");
    write(&keys, "san:a.example.com viewer *\nsan:b.example.com king *\n");
    server.running.signal("HUP");
    while files() == "ok\napi-keys: ok\n" {
        yield_now();
    }
    assert!(files().contains("api-keys: line 2: "), "{}", files());
    assert!(get(&server.ops, "/metrics").1.lines().any(|line| line == "tenterhook_keys_valid 0"));
    assert_eq!(get(&server.ops, "/readyz").0, "HTTP/1.1 200 OK", "the other keys are in force");
    server.running.signal("TERM");
    let ended = server.running.wait();
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.log.contains("received SIGHUP"), "{}", ended.log);
}

#[tokio::test]
async fn the_streams_of_a_removed_key_end_although_another_line_has_an_error() {
    crate::binary::tenterhook();
    let ((key, line), (_, other)) = (new_key(), new_key());
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    let file = write(&keys, &format!("{line}{other}"));
    let mut server = start_logging(Log::Json, folder.path(), &["--api-keys", &file]);
    server.running.hides(key.as_bytes());
    let play = async {
        let channel = connect(Endpoint::from_shared(format!("http://{}", server.api)).unwrap()).await;
        let bearer: MetadataValue<_> = format!("Bearer {key}").parse().unwrap();
        let mut deliveries = DeliveryServiceClient::with_interceptor(channel, |mut request: tonic::Request<()>| {
            request.metadata_mut().insert("authorization", bearer.clone());
            Ok(request)
        });
        let mut watch = deliveries.watch_deliveries(WatchDeliveriesRequest::default()).await.unwrap().into_inner();
        assert!(matches!(watch.message().await.unwrap().unwrap().payload, Some(Payload::Bookmark(_))));
        write(&keys, &format!("{other}what is this\n"));
        server.running.signal("HUP");
        assert_eq!(watch.message().await.unwrap_err().code(), Code::Unauthenticated);
        let refused = deliveries.watch_deliveries(WatchDeliveriesRequest::default()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
    };
    tokio::time::timeout(PATIENCE, play).await.expect("the stream ends");
}

#[tokio::test]
async fn a_hangup_serves_the_new_certificate_to_new_connections_and_a_bad_one_to_nobody() {
    crate::binary::tenterhook();
    let (old, new) = (authority(), authority());
    let folder = tempfile::tempdir().unwrap();
    let (certificate_path, key_path) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    let (certificate, key) = issue(&old);
    let (certificate_file, key_file) =
        (write(&certificate_path, &certificate.pem()), write(&key_path, &key.serialize_pem()));
    let keys_file = write(&folder.path().join("keys"), &new_key().1);
    let flags = ["--tls-cert", &certificate_file, "--tls-key", &key_file, "--api-keys", &keys_file];
    let server = start_logging(Log::Json, folder.path(), &flags);
    let trusting = |authority: &str| {
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority)).domain_name("localhost");
        Endpoint::from_shared(format!("https://{}", server.api)).unwrap().tls_config(tls).unwrap()
    };
    let verbose = || get(&server.ops, "/readyz?verbose").1;
    let play = async {
        let mut open = DeliveryServiceClient::new(connect(trusting(&old.pem())).await);
        assert!(trusting(&new.pem()).connect().await.is_err());
        write(&certificate_path, "-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n");
        server.running.signal("HUP");
        while verbose().contains("tls-cert: ok") {
            give_way().await;
        }
        assert!(verbose().contains("tls-cert: --tls-"), "{}", verbose());
        assert!(trusting(&old.pem()).connect().await.is_ok(), "the one before is in force");
        let (certificate, key) = issue(&new);
        write(&certificate_path, &certificate.pem());
        write(&key_path, &key.serialize_pem());
        server.running.signal("HUP");
        while trusting(&new.pem()).connect().await.is_err() {
            give_way().await;
        }
        assert!(verbose().contains("tls-cert: ok"), "{}", verbose());
        let refused = open.watch_deliveries(WatchDeliveriesRequest::default()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "a connection that is open goes on");
    };
    tokio::time::timeout(PATIENCE, play).await.expect("everything happens in time");
}

#[test]
fn the_first_key_of_a_container_is_made_and_printed_once() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    let flags = ["--api-keys", keys.to_str().unwrap(), "--bootstrap-key"];
    let key = {
        let server = start_logging(Log::Json, folder.path(), &flags);
        server.running.signal("TERM");
        let printed = server.running.wait().printed;
        printed.lines().find(|line| line.starts_with("th_")).expect("a key is printed").to_owned()
    };
    let line = std::fs::read_to_string(&keys).unwrap();
    assert!(
        line.starts_with("sha256:") && line.ends_with(" admin * bootstrap\n") && !line.contains(&key[3..]),
        "{line}"
    );
    let server = start_logging(Log::Json, folder.path(), &flags);
    server.running.signal("TERM");
    assert!(!server.running.wait().printed.contains("th_"), "it is printed once");
    assert_eq!(std::fs::read_to_string(&keys).unwrap(), line);
    for (text, is_fine) in [("", true), ("# ours\n", true), ("junk\n", false)] {
        let file = write(&folder.path().join("other"), text);
        let checked = run(&[
            "serve",
            "--check",
            "--listen",
            "127.0.0.1:0",
            "--ops-listen",
            "off",
            "--store",
            "memory:",
            "--api-keys",
            &file,
            "--bootstrap-key",
        ]);
        assert_eq!(checked.status.success(), is_fine, "{text:?}: {}", stderr(&checked));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "--check leaves the file as it is");
    }
    let output = run(&["serve", "--bootstrap-key", "--store", "memory:"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--bootstrap-key: needs --api-keys too"), "{}", stderr(&output));
}

#[tokio::test]
async fn a_hangup_opens_the_audit_log_again_after_it_was_moved_and_loses_no_entry() {
    crate::binary::tenterhook();
    let folder = tempfile::tempdir().unwrap();
    let (log, moved) = (folder.path().join("audit.jsonl"), folder.path().join("audit.1"));
    let server = start_logging(Log::Json, folder.path(), &["--dev", "--audit-log", &log.display().to_string()]);
    let lines = |path: &Path| std::fs::read_to_string(path).unwrap_or_default().lines().count();
    let play = async {
        let channel = connect(Endpoint::from_shared(format!("http://{}", server.api)).unwrap()).await;
        let mut webhooks = WebhookServiceClient::new(channel);
        let mut made = 0;
        let mut make = async || {
            made += 1;
            let request = Some(RequestTemplate { url: "http://127.0.0.1:9/".to_owned(), ..RequestTemplate::default() });
            let webhook = Webhook { display_name: format!("w{made}"), request, ..Webhook::default() };
            let request = CreateWebhookRequest { webhook: Some(webhook), ..CreateWebhookRequest::default() };
            webhooks.create_webhook(request).await.unwrap();
            made
        };
        make().await;
        std::fs::rename(&log, &moved).unwrap();
        assert_eq!(make().await, 2, "the open file is still written to");
        server.running.signal("HUP");
        let mut all = 2;
        while !log.exists() || lines(&log) == 0 {
            all = make().await;
        }
        // The entry is written when the call has ended.
        while lines(&moved) + lines(&log) < all {
            give_way().await;
        }
        assert_eq!(lines(&moved) + lines(&log), all);
    };
    tokio::time::timeout(PATIENCE, play).await.expect("the file is made again");
}
