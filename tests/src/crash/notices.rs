//! What the server reports about itself survives a kill: each acknowledged change of a webhook has one
//! operational event.

use std::collections::BTreeMap;
use std::sync::Mutex;

use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tenterhook_proto::tenterhook::v1::{
    CreateWebhookRequest, EventFilter, EventRule, ListEventsRequest, PauseWebhookRequest, RequestTemplate,
    ResumeWebhookRequest, Webhook, json_document,
};

use super::receiver::Receiver;
use super::{PATIENCE, SEED, connect, live};
use crate::process::serve::Channel;
use crate::sim::chance::Dice;

/// How often the server is killed.
const ROUNDS: usize = 6;
/// Pauses in each round, so that a fast machine does not make a long test.
const PAUSES: usize = 40;
const PAUSED: &str = "tenterhook.webhook.paused";

async fn make(channel: Channel, name: &str, rules: Vec<EventRule>, receiver: &Receiver) -> String {
    let url = format!("http://{}/", receiver.address);
    let request = Some(RequestTemplate { url, ..RequestTemplate::default() });
    let webhook = Some(Webhook { display_name: name.to_owned(), request, rules, ..Webhook::default() });
    let request = CreateWebhookRequest { webhook, ..CreateWebhookRequest::default() };
    let made = WebhookServiceClient::new(channel).create_webhook(request).await.expect("the webhook is legal");
    made.into_inner().webhook.expect("it was made").id
}

/// Pauses and resumes until the server dies under it; each pause has a reason of its own.
async fn steer(channel: Channel, webhook_id: &str, round: usize, acknowledged: &Mutex<Vec<String>>) {
    let mut client = WebhookServiceClient::new(channel);
    for number in 0..PAUSES {
        let reason = format!("{round}-{number}");
        let pause =
            PauseWebhookRequest { webhook_id: webhook_id.to_owned(), reason: reason.clone(), ..Default::default() };
        if client.pause_webhook(pause).await.is_err() {
            return;
        }
        acknowledged.lock().unwrap().push(reason);
        let resume = ResumeWebhookRequest { webhook_id: webhook_id.to_owned(), ..Default::default() };
        if client.resume_webhook(resume).await.is_err() {
            return;
        }
    }
}

/// The reasons of all pauses that were published, and how often each was.
async fn published(channel: Channel) -> BTreeMap<String, usize> {
    let mut client = EventServiceClient::new(channel);
    let filter = Some(EventFilter { event_types: vec![PAUSED.to_owned()], ..EventFilter::default() });
    let mut request = ListEventsRequest { page_size: 1_000, filter, ..ListEventsRequest::default() };
    let mut found = BTreeMap::new();
    loop {
        let page = client.list_events(request.clone()).await.expect("lists are answered").into_inner();
        for event in page.events {
            let Some(json_document::Value::Json(data)) = event.data.and_then(|data| data.value) else {
                panic!("an operational event without data")
            };
            let data: serde_json::Value = serde_json::from_str(&data).unwrap();
            *found.entry(data["cause"]["reason"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        if page.next_page_token.is_empty() {
            return found;
        }
        request.page_token = page.next_page_token;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_loses_and_repeats_no_operational_event() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let acknowledged = Mutex::default();
    let (mut dice, mut steered) = (Dice::new(SEED), String::new());
    for round in 0..ROUNDS {
        let server = live(folder.path());
        let channel = connect(&server).await;
        if round == 0 {
            let all = EventRule { event_types: vec!["tenterhook.**".to_owned()], ..EventRule::default() };
            make(channel.clone(), "pager", vec![all], &receiver).await;
            steered = make(channel.clone(), "orders", Vec::new(), &receiver).await;
        }
        let life = dice.millis(5, 250);
        let kill = async {
            // The one wait for real time: a process is killed at a moment that it does not know.
            tokio::time::sleep(life).await;
            server.running.signal("KILL");
        };
        tokio::join!(steer(channel, &steered, round, &acknowledged), kill);
        server.running.wait();
    }
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() > ROUNDS, "only {} pauses were acknowledged", acknowledged.len());

    let server = live(folder.path());
    let channel = connect(&server).await;
    let all_published = async {
        loop {
            let published = published(channel.clone()).await;
            if acknowledged.iter().all(|reason| published.contains_key(reason)) {
                return published;
            }
            tokio::task::yield_now().await;
        }
    };
    let published = tokio::time::timeout(PATIENCE, all_published).await.expect("each acknowledged pause is published");
    assert!(published.values().all(|count| *count == 1), "published twice: {published:?}");
    server.running.signal("TERM");
    assert_eq!(server.running.wait().status.code(), Some(0));
}
