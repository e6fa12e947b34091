//! `tenterhook store backup` of a server under load that is killed afterwards, and the restored server.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tenterhook_proto::tenterhook::v1::store_service_client::StoreServiceClient;
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tenterhook_proto::tenterhook::v1::{
    BackupRequest, CreateWebhookRequest, Event, GetEventRequest, PublishEventRequest, RequestTemplate, Webhook,
};
use tokio::task::{JoinSet, spawn_blocking};
use tonic::Code;
use tonic::transport::Endpoint;

use super::running::Running;
use super::serve::{Channel, Server, connect, start};
use super::{command, run, stderr, stdout};

/// Publishers at the same time.
const PUBLISHERS: usize = 4;
/// Events that are acknowledged before the backup begins.
const BEFORE: usize = 300;

fn events(channel: &Channel) -> EventServiceClient<Channel> {
    EventServiceClient::new(channel.clone())
}

async fn channel_to(server: &Server) -> Channel {
    connect(Endpoint::from_shared(format!("http://{}", server.api)).unwrap()).await
}

async fn publish(client: &mut EventServiceClient<Channel>, id: String) -> Result<String, tonic::Status> {
    let event = Event { id, r#type: "created".to_owned(), object_type: "x".repeat(50), ..Event::default() };
    let published = client.publish_event(PublishEventRequest { event: Some(event) }).await?;
    Ok(published.into_inner().result.unwrap().event_id)
}

/// Publishes until it is cut off.
async fn publish_on(mut client: EventServiceClient<Channel>, number: usize, stop: Arc<AtomicBool>) {
    for count in 0.. {
        if stop.load(Ordering::Relaxed) || publish(&mut client, format!("load-{number}-{count}")).await.is_err() {
            return;
        }
    }
}

/// Runs a command that is fine, on a thread for blocking work.
async fn succeed(arguments: Vec<String>) -> String {
    let output = spawn_blocking(move || run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())).await.unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output)
}

fn words(text: &str, file: &Path) -> Vec<String> {
    text.split(' ').map(|word| word.replace("FILE", &file.display().to_string())).collect()
}

#[tokio::test]
async fn a_backup_under_load_has_every_event_that_was_acknowledged_before_it_and_opens_after_a_kill() {
    crate::binary::tenterhook();
    let (folder, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = start(folder.path(), &["--dev"]);
    let channel = channel_to(&server).await;
    let webhook = Webhook {
        display_name: "down".to_owned(),
        // Nobody listens there, so that deliveries wait, are retried and fail meanwhile.
        request: Some(RequestTemplate { url: "http://127.0.0.1:9/".to_owned(), ..RequestTemplate::default() }),
        ..Webhook::default()
    };
    let request = CreateWebhookRequest { webhook: Some(webhook), ..CreateWebhookRequest::default() };
    WebhookServiceClient::new(channel.clone()).create_webhook(request).await.unwrap();
    let mut acknowledged = Vec::new();
    for number in 0..BEFORE {
        acknowledged.push(publish(&mut events(&channel), format!("before-{number}")).await.unwrap());
    }
    let stop = Arc::new(AtomicBool::new(false));
    let mut load = JoinSet::new();
    for number in 0..PUBLISHERS {
        load.spawn(publish_on(events(&channel), number, stop.clone()));
    }
    let file = folder.path().join("copy");
    let printed = succeed(words(&format!("store backup FILE --server http://{}", server.api), &file)).await;
    assert!(printed.contains("has a copy of the store"), "{printed}");
    server.running.signal("KILL");
    spawn_blocking(move || server.running.wait()).await.unwrap();
    stop.store(true, Ordering::Relaxed);
    load.join_all().await;

    let data = copy.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let store = format!("redb:{}", data.display());
    succeed(words(&format!("store import FILE --store {store}"), &file)).await;
    let checked = succeed(words(&format!("store check --store {store}"), &file)).await;
    assert!(checked.contains("is whole"), "{checked}");
    std::fs::copy(folder.path().join("data/sealing.key"), data.join("sealing.key")).unwrap();
    let restored = start(copy.path(), &["--dev"]);
    let channel = channel_to(&restored).await;
    for id in acknowledged {
        let request = GetEventRequest { event_id: id.clone(), ..GetEventRequest::default() };
        let found = events(&channel).get_event(request).await;
        assert!(found.is_ok(), "{id} was acknowledged before the backup began: {found:?}");
    }
    let late = publish(&mut events(&channel), "before-0".to_owned()).await;
    assert!(late.is_ok(), "an id of the old store is still its event's: {late:?}");
}

#[tokio::test]
async fn a_backup_that_cannot_be_made_says_why_and_leaves_no_file() {
    crate::binary::tenterhook();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy");
    let failed = |arguments: String| {
        let words = words(&arguments, &file);
        async move {
            let output = spawn_blocking(move || run(&words.iter().map(String::as_str).collect::<Vec<_>>()));
            let output = output.await.unwrap();
            assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
            stderr(&output)
        }
    };
    let error = failed("store backup FILE --server http://127.0.0.1:9".to_owned()).await;
    assert!(error.contains("no server responds at http://127.0.0.1:9"), "{error}");
    let error = failed("store backup FILE --server hooks.example.com".to_owned()).await;
    assert!(error.contains("--server is not a server's URL"), "{error}");
    // A server with keys, and one whose engine cannot.
    let keys = folder.path().join("keys");
    std::fs::write(&keys, "# no keys\n").unwrap();
    let server = start(folder.path(), &["--api-keys", &keys.display().to_string()]);
    let error = failed(format!("store backup FILE --server http://{}", server.api)).await;
    assert!(error.contains("no key") && error.contains("--key-file"), "{error}");
    drop(server);
    let sled = format!("sled:{}", folder.path().join("sled").display());
    let flags = ["serve", "--dev", "--listen", "127.0.0.1:0", "--ops-listen", "off", "--log-format", "json", "--store"];
    let mut server = Running::start(command(&[&flags[..], &[&sled]].concat()));
    let line: serde_json::Value = serde_json::from_str(&server.line_of_start()).unwrap();
    let url = format!("http://{}", line["listen"].as_str().unwrap());
    let error = failed(format!("store backup FILE --server {url}")).await;
    assert!(error.contains("the store is sled") && error.contains("tenterhook store export"), "{error}");
    let channel = connect(Endpoint::from_shared(url).unwrap()).await;
    let status = StoreServiceClient::new(channel).backup(BackupRequest {}).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(
        !file.exists()
            && std::fs::read_dir(folder.path())
                .unwrap()
                .all(|entry| { !entry.unwrap().file_name().to_string_lossy().contains("partial") })
    );
}
