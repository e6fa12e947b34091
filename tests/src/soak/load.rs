//! What a server has to do: publishers, people who change webhooks, and watchers. Each goes on over restarts.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tenterhook_proto::tenterhook::v1;
use tenterhook_proto::tenterhook::v1::delivery_service_client::DeliveryServiceClient;
use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use super::receiver::{self, FAULTS};

/// Publishers, and how often each publishes.
const PUBLISHERS: usize = 4;
const PACE: Duration = Duration::from_millis(100);
/// How often somebody changes a webhook.
const CHANGES: Duration = Duration::from_millis(500);
/// Watchers, and how long each stays.
const WATCHERS: usize = 3;
const STAY: Duration = Duration::from_secs(7);
/// The pause after a call that failed, as during a restart.
const PAUSE: Duration = Duration::from_millis(200);
/// Time for any call.
const CALL: Duration = Duration::from_secs(10);

/// What was published since somebody asked.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// How long each publish took.
    pub(super) took: Vec<Duration>,
    /// Changes that watchers saw.
    pub(super) seen: usize,
    /// Calls that a server refused although it was there: then the load is not what it should be.
    pub(super) refused: Vec<String>,
}

impl Counted {
    /// Remembers a call that a server refused. What a broken connection makes of a call has no details.
    fn failed(&mut self, call: &str, status: &Status) {
        if !status.details().is_empty() && status.code() != Code::Unavailable {
            self.refused.push(format!("{call}: {:?}, {}", status.code(), status.message()));
        }
    }
}

/// The load; it ends when it is dropped.
#[derive(Debug)]
pub(super) struct Load {
    server: watch::Sender<Option<Channel>>,
    counted: Arc<Mutex<Counted>>,
    tasks: JoinSet<()>,
}

impl Load {
    /// Begins, without a server yet.
    pub(super) async fn begin() -> Self {
        let (server, aim) = watch::channel(None);
        let (counted, mut tasks) = (Arc::<Mutex<Counted>>::default(), JoinSet::new());
        let receiver = format!("http://{}", receiver::listen(&mut tasks).await);
        for number in 0..PUBLISHERS {
            tasks.spawn(publish(aim.clone(), number, counted.clone()));
        }
        for _ in 0..WATCHERS {
            tasks.spawn(look_on(aim.clone(), counted.clone()));
        }
        tasks.spawn(change(aim, receiver, counted.clone()));
        Self { server, counted, tasks }
    }

    /// Goes on with the server at this address.
    pub(super) fn aim(&self, address: &str) {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap().timeout(CALL);
        self.server.send_replace(Some(endpoint.connect_lazy()));
    }

    /// What was counted since the last call.
    pub(super) fn counted(&self) -> Counted {
        std::mem::take(&mut self.counted.lock().unwrap())
    }

    /// Ends all of it.
    pub(super) async fn end(mut self) {
        self.tasks.shutdown().await;
    }
}

/// The server as it is now, once there is one.
async fn channel(aim: &mut watch::Receiver<Option<Channel>>) -> Channel {
    let found = aim.wait_for(Option::is_some).await.expect("the load outlives its tasks");
    found.clone().expect("it was waited for")
}

async fn publish(mut aim: watch::Receiver<Option<Channel>>, number: usize, counted: Arc<Mutex<Counted>>) {
    let mut ticks = interval(PACE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for count in 0u64.. {
        ticks.tick().await;
        let event = v1::Event {
            r#type: ["created", "updated"][count as usize % 2].to_owned(),
            object_type: "dcim.site".to_owned(),
            ordering_key: if count.is_multiple_of(5) { format!("key-{number}") } else { String::new() },
            data: Some(v1::JsonDocument { value: Some(v1::json_document::Value::Json(data(count))) }),
            ..v1::Event::default()
        };
        let began = Instant::now();
        let request = v1::PublishEventRequest { event: Some(event) };
        match EventServiceClient::new(channel(&mut aim).await).publish_event(request).await {
            Ok(_) => counted.lock().unwrap().took.push(began.elapsed()),
            Err(status) => {
                counted.lock().unwrap().failed("PublishEvent", &status);
                sleep(PAUSE).await;
            }
        }
    }
}

/// Data of 20 bytes to 13 KB: events of all sizes share the store's pages.
fn data(count: u64) -> String {
    format!(r#"{{"id": {count}, "name": "{}"}}"#, "x".repeat(200 * (count as usize % 9).pow(2)))
}

async fn look_on(mut aim: watch::Receiver<Option<Channel>>, counted: Arc<Mutex<Counted>>) {
    let mut resume_token = String::new();
    loop {
        let start =
            (!resume_token.is_empty()).then(|| v1::watch_deliveries_request::Start::ResumeToken(resume_token.clone()));
        let request = v1::WatchDeliveriesRequest { start, ..v1::WatchDeliveriesRequest::default() };
        let Ok(watch) = DeliveryServiceClient::new(channel(&mut aim).await).watch_deliveries(request).await else {
            // The token may be too old, or of the server before.
            resume_token.clear();
            sleep(PAUSE).await;
            continue;
        };
        let mut watch = watch.into_inner();
        let _left = timeout(STAY, async {
            while let Ok(Some(message)) = watch.message().await {
                resume_token = message.resume_token;
                counted.lock().unwrap().seen += 1;
            }
        })
        .await;
    }
}

fn webhook(name: &str, receiver: &str, fault: &str) -> v1::Webhook {
    let wait = |seconds| prost_types::Duration { seconds, nanos: 0 };
    let schedule = v1::BackoffSchedule { waits: vec![wait(1), wait(2)] };
    let transport = v1::TransportPolicy { attempt_timeout: Some(wait(2)), ..v1::TransportPolicy::default() };
    v1::Webhook {
        display_name: name.to_owned(),
        request: Some(v1::RequestTemplate { url: format!("{receiver}{fault}"), ..v1::RequestTemplate::default() }),
        retry: Some(v1::RetryPolicy {
            backoff: Some(v1::retry_policy::Backoff::Schedule(schedule)),
            ..v1::RetryPolicy::default()
        }),
        transport: Some(transport),
        ..v1::Webhook::default()
    }
}

/// Keeps one webhook for each fault, and replaces the oldest one again and again.
async fn change(mut aim: watch::Receiver<Option<Channel>>, receiver: String, counted: Arc<Mutex<Counted>>) {
    let mut kept: Vec<String> = Vec::new();
    for count in 0usize.. {
        let mut webhooks = WebhookServiceClient::new(channel(&mut aim).await);
        let fault = FAULTS[count % FAULTS.len()];
        let webhook = Some(webhook(&format!("{fault} {count}"), &receiver, fault));
        let request = v1::CreateWebhookRequest { webhook, ..v1::CreateWebhookRequest::default() };
        match webhooks.create_webhook(request).await {
            Ok(made) => kept.push(made.into_inner().webhook.unwrap().id),
            Err(status) => {
                counted.lock().unwrap().failed("CreateWebhook", &status);
                sleep(PAUSE).await;
            }
        }
        let Some(oldest) = kept.first().cloned().filter(|_| kept.len() > FAULTS.len()) else { continue };
        let pause = v1::PauseWebhookRequest { webhook_id: oldest.clone(), ..v1::PauseWebhookRequest::default() };
        let resume = v1::ResumeWebhookRequest { webhook_id: oldest.clone(), ..v1::ResumeWebhookRequest::default() };
        let delete = v1::DeleteWebhookRequest { webhook_id: oldest, allow_missing: true, ..Default::default() };
        // A server that stops meanwhile is asked again at the next change.
        let _ = webhooks.pause_webhook(pause).await;
        let _ = webhooks.resume_webhook(resume).await;
        if webhooks.delete_webhook(delete).await.is_ok() {
            kept.remove(0);
        }
        sleep(CHANGES).await;
    }
}
