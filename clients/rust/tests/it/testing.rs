//! The kit for users' own tests, with the server under test.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use tenterhook_client::testing::{RecordingReceiver, TestServer, wait_for};
use tenterhook_client::v1::*;
use tenterhook_client::{Client, json, parse};

const PATIENCE: Duration = Duration::from_secs(10);

async fn subscribe(client: &Client, url: String, max_attempts: i32) -> String {
    let schemes = vec![SignatureScheme::StandardWebhooks.into()];
    let webhook = Webhook {
        display_name: "hook".into(),
        request: Some(RequestTemplate { url, ..Default::default() }),
        retry: Some(RetryPolicy { max_attempts, ..Default::default() }),
        signing: Some(SigningPolicy { schemes, ..Default::default() }),
        ..Default::default()
    };
    client.create_webhook(webhook, "").await.unwrap().1
}

async fn publish(client: &Client) -> String {
    let data = Some(json(&serde_json::json!({"name": "Zürich"})).unwrap());
    client.publish(Event { r#type: "created".into(), data, ..Default::default() }).await.unwrap().event_id
}

#[tokio::test]
async fn an_event_arrives() {
    let (server, receiver) = (TestServer::start(&[]).unwrap(), RecordingReceiver::start(&[]).unwrap());
    let client = server.client();
    let secret = subscribe(&client, receiver.url() + "hook", 3).await;
    let id = publish(&client).await;
    let deliveries = wait_for(&client, &id, DeliveryState::Succeeded, PATIENCE).await.unwrap();
    assert_eq!(deliveries.iter().map(|one| one.attempts.len()).collect::<Vec<_>>(), [1]);
    let request = receiver.wait(1, PATIENCE).remove(0);
    assert_eq!(request.path, "/hook");
    let event = parse(&request.headers, request.body.into(), &[secret]).unwrap();
    assert_eq!((event.id, event.data["name"].as_str()), (id, Some("Zürich")));
    let others: Vec<Event> = server.client().list_events(ListEventsRequest::default()).try_collect().await.unwrap();
    assert!(others.is_empty(), "another client sees it");
    assert!(server.log().contains(server.target()));
}

#[tokio::test]
async fn a_receiver_can_fail_first_and_a_wait_sees_how_it_ends() {
    let (server, receiver) = (TestServer::start(&[]).unwrap(), RecordingReceiver::start(&[500]).unwrap());
    let client = server.client();
    subscribe(&client, receiver.url(), 1).await;
    let id = publish(&client).await;
    let ended = wait_for(&client, &id, DeliveryState::Succeeded, PATIENCE).await.unwrap_err().to_string();
    assert!(ended.contains(&format!("of event {id} is Failed: ")) && ended.contains("500"), "{ended}");
    let failed = wait_for(&client, &id, DeliveryState::Failed, PATIENCE).await.unwrap();
    assert_eq!(failed[0].attempts[0].response.as_ref().unwrap().status, 500);
}

#[tokio::test]
async fn a_wait_for_nothing_ends() {
    let server = TestServer::start(&[]).unwrap();
    let client = server.client();
    let id = publish(&client).await;
    let late = wait_for(&client, &id, DeliveryState::Succeeded, Duration::from_millis(100)).await.unwrap_err();
    assert!(late.to_string().ends_with("within 100ms: {}"), "{late}");
}

#[test]
fn a_server_that_does_not_start_says_why() {
    let flag = TestServer::start(&["--no-such-flag"]).unwrap_err().to_string();
    assert!(flag.contains("unexpected argument") || flag.contains("'--no-such-flag'"), "{flag}");
    let nowhere = TestServer::start_program("/nowhere", &[]).unwrap_err().to_string();
    assert!(nowhere.starts_with("cannot run /nowhere") && nowhere.contains("TENTERHOOK_BIN"), "{nowhere}");
}
