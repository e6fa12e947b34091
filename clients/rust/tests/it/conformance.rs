//! Runs the shared scenarios against a real server; clients/conformance/README.md says what a step
//! means.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::{HeaderName, HeaderValue};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use regex::{Captures, Regex};
use serde_json::{Map, Value, json};
use tenterhook_client::v1::*;
use tenterhook_client::{
    Builder, Client, Connectivity, Error, FileCheckpoint, Kind, PublisherOptions, RetryPolicy, Watch,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Code;

use crate::contains::{at, contains, text};

const DESCRIPTORS: &[u8] = include_bytes!("../../src/gen/tenterhook.v1.bin");
const SCENARIOS_MIN: usize = 60;

/// Files of a run, which go with it.
#[derive(Default)]
struct Files(Option<PathBuf>);

impl Files {
    fn write(&mut self, name: &str, text: &str) -> String {
        let made = || std::env::temp_dir().join(format!("tenterhook-{}", uuid::Uuid::new_v4()));
        let folder = self.0.get_or_insert_with(made);
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        if let Some(folder) = &self.0 {
            std::fs::remove_dir_all(folder).unwrap();
        }
    }
}

/// No client is made by these variables, and the error says all that is expected.
fn refuse(variables: &Value, expected: &Value) -> Answer {
    let made = Builder::from_variables(|name| variables[name].as_str().map(str::to_owned));
    let refused = made.and_then(Builder::build).map(drop);
    let why = refused.expect_err("these variables are at fault").to_string();
    for wanted in expected.as_array().unwrap() {
        if !why.contains(wanted.as_str().unwrap()) {
            return Err(Failure::Wrong(format!("{wanted} is not in {why}")));
        }
    }
    Ok(expected.clone())
}

/// Notes the state of a watch's connection, once while it stays the same.
fn tell(told: &mut Vec<String>, state: &Connectivity) {
    let now = match state {
        Connectivity::Waiting { error, .. } => code_name(error.code),
        _ => "connected".to_owned(),
    };
    if told.last() != Some(&now) {
        told.push(now);
    }
}

/// Why a step failed: an answer of the API, or what is wrong with an answer.
#[derive(Debug)]
enum Failure {
    Call(Box<Error>),
    Wrong(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::Wrong(why) => f.write_str(why),
        }
    }
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Call(Box::new(error.into()))
    }
}

type Answer = Result<Value, Failure>;

#[tokio::test]
async fn every_scenario_passes() {
    let control = std::env::var("TENTERHOOK_CONTROL").expect("needs the harness: make test-clients");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/conformance");
    let (mut count, mut failed) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let document: Value = serde_json::from_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap()).unwrap();
        for scenario in document["scenarios"].as_array().unwrap() {
            count += 1;
            let mut runner = Runner::new(&control, document["given"].clone()).await;
            match runner.run(&scenario["steps"]).await {
                Ok(()) => println!("{} ... ok", scenario["name"]),
                Err(why) => failed.push(format!("{}\n  {why}", scenario["name"])),
            }
        }
    }
    assert!(count >= SCENARIOS_MIN, "only {count} scenarios");
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

struct OpenWatch {
    watch: Watch,
    known: BTreeSet<String>,
    seen: BTreeSet<String>,
}

struct Runner {
    control: String,
    given: Value,
    variables: BTreeMap<String, String>,
    clients: BTreeMap<String, Client>,
    watches: BTreeMap<String, OpenWatch>,
    attempts: BTreeMap<String, Arc<AtomicU64>>,
    /// What each watch told of its connection.
    connectivity: BTreeMap<String, Arc<Mutex<Vec<String>>>>,
    files: Files,
    pool: DescriptorPool,
}

impl Runner {
    async fn new(control: &str, given: Value) -> Self {
        let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
        let mut made = Self {
            control: control.to_owned(),
            given,
            variables: BTreeMap::new(),
            clients: BTreeMap::new(),
            watches: BTreeMap::new(),
            attempts: BTreeMap::new(),
            connectivity: BTreeMap::new(),
            files: Files::default(),
            pool,
        };
        let variables = ask(control, "/").await;
        made.variables = variables.as_object().unwrap().iter().map(|(k, v)| (k.clone(), text(v))).collect();
        let uuid = uuid::Uuid::new_v4();
        made.variables.insert("uuid".into(), uuid.to_string());
        made.variables.insert("ns".into(), format!("rs-{}", &uuid.simple().to_string()[..12]));
        let target = made.variables["target"].clone();
        made.connect("main", &json!({"target": target}));
        made
    }

    async fn run(&mut self, steps: &Value) -> Result<(), String> {
        for step in steps.as_array().unwrap() {
            if let Some(name) = step["given"].as_str() {
                let steps = self.given[name].clone();
                Box::pin(self.run(&steps)).await?;
            } else if let Some(times) = step["repeat"].as_u64() {
                for index in 0..times {
                    self.variables.insert("i".into(), index.to_string());
                    Box::pin(self.run(&step["steps"])).await?;
                }
            } else {
                let filled = self.fill(step);
                self.step(&filled).await.map_err(|failure| format!("{filled}\n  {failure}"))?;
            }
        }
        Ok(())
    }

    async fn step(&mut self, step: &Value) -> Result<(), Failure> {
        let start = Instant::now();
        let patience = Duration::from_millis(step["within_ms"].as_u64().unwrap_or(30_000));
        let patient = step.get("expect").is_some() && step.get("within_ms").is_some();
        let mut tried = self.attempt(step, patience).await;
        while tried.is_err() && patient && start.elapsed() < patience {
            tokio::time::sleep(Duration::from_millis(50)).await;
            tried = self.attempt(step, patience).await;
        }
        if tried.is_ok() && start.elapsed() < Duration::from_millis(step["at_least_ms"].as_u64().unwrap_or(0)) {
            return Err(Failure::Wrong("too early".into()));
        }
        tried
    }

    async fn attempt(&mut self, step: &Value, patience: Duration) -> Result<(), Failure> {
        if let Some(after) = step["close_client_ms"].as_u64() {
            let client = self.clients[step["client"].as_str().unwrap()].clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(after)).await;
                client.close();
            });
        }
        if let Some(after) = step["give_up_ms"].as_u64() {
            return match tokio::time::timeout(Duration::from_millis(after), self.act(step)).await {
                Err(_dropped) => Ok(()),
                Ok(answer) => Err(Failure::Wrong(format!("not given up but {answer:?}"))),
            };
        }
        let late = |_| Failure::Wrong(format!("not within {patience:?}"));
        let answer = tokio::time::timeout(patience, self.act(step)).await.map_err(late)?;
        if let Some(wanted) = step.get("error") {
            return match answer {
                Err(Failure::Call(error)) => check_error(&error, wanted).map_err(Failure::Wrong),
                other => Err(Failure::Wrong(format!("no error but {other:?}"))),
            };
        }
        let answer = answer?;
        if let Some(wanted) = step.get("expect") {
            contains(&answer, wanted, "answer").map_err(Failure::Wrong)?;
        }
        if let Some(wanted) = step.get("count") {
            contains(&answer["count"], wanted, "count").map_err(Failure::Wrong)?;
        }
        for (name, path) in step["save"].as_object().into_iter().flatten() {
            self.variables.insert(name.clone(), text(at(&answer, path.as_str().unwrap())));
        }
        Ok(())
    }

    async fn act(&mut self, step: &Value) -> Answer {
        let client = self.clients[step["client"].as_str().unwrap_or("main")].clone();
        let request = step.get("request").cloned().unwrap_or_else(|| json!({}));
        if step.get("ping").is_some() {
            client.ping().await?;
            return Ok(json!({}));
        }
        if let Some(name) = step["write"].as_str() {
            let path = self.files.write(name, step["text"].as_str().unwrap());
            self.variables.insert(name.to_owned(), path);
            return Ok(json!({}));
        }
        if let Some(variables) = step.get("refuse") {
            return refuse(variables, &step["expect"]);
        }
        if let Some(name) = step["connectivity"].as_str() {
            return Ok(json!(*self.connectivity[name].lock().unwrap()));
        }
        if let Some(path) = step["call"].as_str() {
            return self.call(&client, path, request).await;
        }
        if let Some(event) = step.get("publish") {
            let result = client.publish(to_event(event)).await?;
            return Ok(self.to_json("PublishResult", &result));
        }
        if let Some(events) = step["publish_batch"].as_array() {
            let results = client.publish_batch(events.iter().map(to_event)).await?;
            return Ok(results.iter().map(|result| self.to_json("PublishResult", result)).collect());
        }
        if let Some(times) = step["leave"].as_u64() {
            return leave(&client, &step["publish_stream"][0], times).await;
        }
        if let Some(position) = step["fail_at"].as_u64() {
            // A stream of events cannot fail in Rust: it ends there, and its owner knows why.
            let events: Vec<_> = step["publish_stream"].as_array().unwrap().iter().map(to_event).collect();
            let source = stream::iter(events).take(usize::try_from(position).unwrap());
            let acks: Vec<_> = client.publish_stream(source).await?.try_collect().await?;
            return Ok(json!({"acknowledged": acks.len(), "own_error": true}));
        }
        if let Some(events) = step["publish_stream"].as_array() {
            return self.stream(&client, events.iter().map(to_event).collect(), step["then"].as_str()).await;
        }
        if let Some(count) = step["publish_each"].as_u64() {
            return self.publish_each(&client, step, usize::try_from(count).unwrap()).await;
        }
        if let Some(keys) = step["ordered"].as_u64() {
            return ordered(&client, keys).await;
        }
        if let Some(what) = step["list"].as_str() {
            return self.list(&client, what, request).await;
        }
        if let Some(name) = step["watch"].as_str() {
            let told = Arc::<Mutex<Vec<String>>>::default();
            self.connectivity.insert(name.to_owned(), Arc::clone(&told));
            let watch = client.watch(self.to_message("WatchDeliveriesRequest", request));
            let watch = watch.on_connectivity(move |state| tell(&mut told.lock().unwrap(), &state));
            let watch = match step["checkpoint"].as_str() {
                Some(path) => watch.checkpoint(FileCheckpoint::new(path)),
                None => watch,
            };
            let open = OpenWatch { watch, known: BTreeSet::new(), seen: BTreeSet::new() };
            self.watches.insert(name.to_owned(), open);
            if step.get("take").is_none() {
                return Ok(json!({}));
            }
        }
        if let Some(limit) = step["wait_ms"].as_u64() {
            let open = self.watches.get_mut(step["take"].as_str().unwrap()).unwrap();
            return open.wait(step, Duration::from_millis(limit)).await;
        }
        if let Some(name) = step["close_client"].as_str() {
            self.clients[name].close();
            return Ok(json!({}));
        }
        if let Some(name) = step["attempts"].as_str() {
            let made = self.attempts[name].load(Ordering::Relaxed);
            if made > step["at_most"].as_u64().unwrap() {
                return Err(Failure::Wrong(format!("{made} attempts")));
            }
            return Ok(json!({}));
        }
        if let Some(name) = step["take"].as_str() {
            return self.watches.get_mut(name).unwrap().take(step).await;
        }
        if let Some(name) = step["close"].as_str() {
            self.watches.remove(name);
            return Ok(json!({}));
        }
        if let Some(name) = step["connect"].as_str() {
            self.connect(name, step);
            return Ok(json!({}));
        }
        Ok(ask(&self.control, step["control"].as_str().unwrap()).await)
    }

    fn connect(&mut self, name: &str, step: &Value) {
        if let Some(variables) = step.get("env") {
            let builder = Builder::from_variables(|name| variables[name].as_str().map(str::to_owned)).unwrap();
            self.clients.insert(name.to_owned(), builder.build().unwrap());
            return;
        }
        let timeout = Duration::from_millis(step["timeout_ms"].as_u64().unwrap_or(10_000));
        let mut builder = Client::builder(step["target"].as_str().unwrap())
            .namespace(self.variables["ns"].as_str())
            .retry(retry_of(&step["retry"]))
            .timeout(timeout);
        if let Some(key) = step["api_key"].as_str() {
            builder = builder.api_key(key);
        }
        if let Some(keys) = step["api_keys"].as_array().cloned() {
            let next = AtomicUsize::new(0);
            builder = builder.api_key_from(move || {
                let index = next.fetch_add(1, Ordering::Relaxed).min(keys.len() - 1);
                text(&keys[index])
            });
        }
        let given: Vec<(HeaderName, HeaderValue)> = step["headers"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.parse().unwrap(), text(value).parse().unwrap()))
            .collect();
        let attempts = Arc::new(AtomicU64::new(0));
        self.attempts.insert(name.to_owned(), Arc::clone(&attempts));
        builder = builder.headers(move || {
            attempts.fetch_add(1, Ordering::Relaxed);
            given.clone()
        });
        if let Some(pem) = step["ca"].as_str() {
            builder = builder.ca(pem);
        }
        if let Some((certificate, key)) = step["cert"].as_str().zip(step["cert_key"].as_str()) {
            builder = builder.identity(certificate, key);
        }
        let client = if step["outside"] == true {
            // A thread that knows no runtime.
            std::thread::spawn(|| builder.build()).join().unwrap()
        } else {
            builder.build()
        };
        self.clients.insert(name.to_owned(), client.unwrap());
    }

    /// Publishes a stream; the harness is asked for `then` before it ends.
    async fn stream(&self, client: &Client, events: Vec<Event>, then: Option<&str>) -> Answer {
        let (control, then) = (self.control.clone(), then.map(str::to_owned));
        let end = stream::once(async move {
            if let Some(path) = then {
                ask(&control, &path).await;
            }
            None
        });
        let events = stream::iter(events).map(Some).chain(end).filter_map(std::future::ready);
        let acks = client.publish_stream(events).await?;
        let acks: Vec<_> = acks.try_collect().await?;
        let answers = acks.into_iter().map(|ack| match ack.outcome {
            Ok(result) => json!({"result": self.to_json("PublishResult", &result)}),
            Err(error) => {
                let field = error.field_violations.first().map(|violation| violation.field.clone());
                let (code, reason, text) = (code_name(error.code), error.reason_name(), error.to_string());
                json!({"error": {"code": code, "reason": reason, "field": field, "text": text}})
            }
        });
        Ok(answers.collect())
    }

    /// Publishes numbered events by a publisher, with something in the middle.
    async fn publish_each(&self, client: &Client, step: &Value, count: usize) -> Answer {
        let given = &step["publisher"];
        let number = |name: &str| given[name].as_u64().map(|number| usize::try_from(number).unwrap());
        let normal = PublisherOptions::default();
        let publisher = client.publisher(PublisherOptions {
            linger: given["linger_ms"].as_u64().map_or(normal.linger, Duration::from_millis),
            events_max: number("max_events").unwrap_or(normal.events_max),
            in_flight: number("in_flight").unwrap_or(normal.in_flight),
            outstanding: number("outstanding").unwrap_or(normal.outstanding),
            ..normal
        });
        let mut meanwhile = None;
        let mut publications = Vec::new();
        for n in 0..count {
            if let Some(path) = step["meanwhile"].as_str().filter(|_| n == count / 2) {
                let (control, path) = (self.control.clone(), path.to_owned());
                meanwhile = Some(tokio::spawn(async move { ask(&control, &path).await }));
            }
            let bad = step["bad"].as_array().is_some_and(|bad| bad.contains(&json!(n)));
            let key = step["keys"].as_u64().map(|keys| format!("k{}", n as u64 % keys));
            let event = Event {
                id: format!("e{n}"),
                r#type: if bad { String::new() } else { "created".into() },
                data: Some(tenterhook_client::json(&json!({"n": n})).unwrap()),
                ordering_key: key.unwrap_or_default(),
                ..Default::default()
            };
            publications.push(publisher.publish(event).await?);
        }
        publisher.close().await;
        if let Some(asked) = meanwhile {
            asked.await.unwrap();
        }
        let mut failed = Vec::new();
        for (n, publication) in publications.into_iter().enumerate() {
            let id = publication.event_id().to_owned();
            match publication.await {
                Ok(result) => assert_eq!(result.event_id, id),
                Err(_) => failed.push(n),
            }
        }
        Ok(json!({"stored": count - failed.len(), "failed": failed}))
    }

    async fn list(&self, client: &Client, what: &str, request: Value) -> Answer {
        let (count, token) = match what {
            "webhooks" => (count(client.list_webhooks(self.to_message("ListWebhooksRequest", request))).await?, None),
            "events" => (count(client.list_events(self.to_message("ListEventsRequest", request))).await?, None),
            _ => {
                let request = self.to_message("ListDeliveriesRequest", request);
                let (deliveries, token) = client.list_deliveries(request);
                (count(deliveries).await?, Some(token.get()))
            }
        };
        Ok(json!({"count": count, "resume_token": token}))
    }

    fn fill(&self, value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                let filled = members.iter().map(|(name, value)| (self.fill_text(name), self.fill(value)));
                Value::Object(filled.collect::<Map<_, _>>())
            }
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::String(text) => Value::String(self.fill_text(text)),
            other => other.clone(),
        }
    }

    fn fill_text(&self, text: &str) -> String {
        let variable = Regex::new(r"\$([a-z]+[0-9]*)").unwrap();
        variable.replace_all(text, |found: &Captures<'_>| self.variables[&found[1]].clone()).into_owned()
    }

    fn to_message<M: Message + Default>(&self, name: &str, fields: Value) -> M {
        let descriptor = self.pool.get_message_by_name(&format!("tenterhook.v1.{name}")).unwrap();
        let dynamic = DynamicMessage::deserialize(descriptor, fields).unwrap();
        M::decode(dynamic.encode_to_vec().as_slice()).unwrap()
    }

    fn to_json(&self, name: &str, message: &impl Message) -> Value {
        let descriptor = self.pool.get_message_by_name(&format!("tenterhook.v1.{name}")).unwrap();
        let dynamic = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).unwrap();
        let options = SerializeOptions::new().use_proto_field_name(true);
        dynamic.serialize_with_options(serde_json::value::Serializer, &options).unwrap()
    }

    /// Calls any method that is no stream by its name.
    async fn call(&self, client: &Client, path: &str, fields: Value) -> Answer {
        macro_rules! methods {
            ($($service:ident: $($name:literal $method:ident)*;)*) => {
                match path {
                    $($($name => {
                        let (_, name) = path.split_once('/').unwrap();
                        let request = self.to_message(&format!("{name}Request"), fields);
                        let response = client.$service().$method(tonic::Request::new(request)).await?;
                        Ok(self.to_json(&format!("{name}Response"), response.get_ref()))
                    })*)*
                    _ => panic!("{path} is no method"),
                }
            };
        }
        methods! {
            webhooks:
                "WebhookService/CreateWebhook" create_webhook
                "WebhookService/DeleteWebhook" delete_webhook
                "WebhookService/GetWebhook" get_webhook
                "WebhookService/ListWebhooks" list_webhooks
                "WebhookService/PauseWebhook" pause_webhook
                "WebhookService/RenderPreview" render_preview
                "WebhookService/ResumeWebhook" resume_webhook
                "WebhookService/RevokeSigningKey" revoke_signing_key
                "WebhookService/RotateSigningKey" rotate_signing_key
                "WebhookService/TestWebhook" test_webhook
                "WebhookService/UpdateWebhook" update_webhook;
            events:
                "EventService/GetEvent" get_event
                "EventService/ListEvents" list_events
                "EventService/PublishEvent" publish_event
                "EventService/ReplayEvents" replay_events;
            deliveries:
                "DeliveryService/BatchCancelDeliveries" batch_cancel_deliveries
                "DeliveryService/BatchRetryDeliveries" batch_retry_deliveries
                "DeliveryService/CancelDelivery" cancel_delivery
                "DeliveryService/GetDelivery" get_delivery
                "DeliveryService/GetDeliveryStats" get_delivery_stats
                "DeliveryService/ListDeliveries" list_deliveries
                "DeliveryService/RetryDelivery" retry_delivery;
            access:
                "AccessService/CreateToken" create_token
                "AccessService/ListTokens" list_tokens
                "AccessService/RevokeToken" revoke_token;
        }
    }
}

impl OpenWatch {
    /// Waits so long for a change, which does not come unless it is one to skip.
    async fn wait(&mut self, step: &Value, limit: Duration) -> Answer {
        let skip: Vec<String> = step["skip"].as_array().into_iter().flatten().map(text).collect();
        self.known.extend(skip.iter().cloned());
        match tokio::time::timeout(limit, self.watch.next()).await {
            Err(_dropped) => Ok(json!({})),
            Ok(next) => {
                let event = next?.change.delivery.unwrap_or_default().event_id;
                let wrong = || Failure::Wrong(format!("not nothing but {event}"));
                if skip.contains(&event) { Ok(json!({})) } else { Err(wrong()) }
            }
        }
    }

    /// Reads so many changes, or until each event was seen in the state; none may come twice, and no
    /// other event.
    async fn take(&mut self, step: &Value) -> Answer {
        let count = step["count"].as_u64().unwrap_or(0);
        let none = || if count > 0 { Vec::new() } else { vec![json!("an error")] };
        let events = step["events"].as_array().cloned().unwrap_or_else(none);
        let mut waiting: BTreeSet<String> = events.iter().map(text).collect();
        self.known.extend(waiting.iter().cloned());
        let (mut token, mut taken) = (String::new(), 0);
        while !waiting.is_empty() || taken < count {
            let next = self.watch.next().await?;
            (token, taken) = (next.token, taken + 1);
            let delivery = next.change.delivery.unwrap_or_default();
            let mark = format!("{} {:?} {}", delivery.id, delivery.state(), delivery.attempt_count);
            if count > 0 {
                self.known.insert(delivery.event_id.clone());
            }
            if !self.known.contains(&delivery.event_id) || !self.seen.insert(mark.clone()) {
                return Err(Failure::Wrong(format!("{mark} of {} came twice or is not wanted", delivery.event_id)));
            }
            if delivery.state().as_str_name() == step["state"] {
                waiting.remove(&delivery.event_id);
            }
        }
        Ok(json!({"token": token, "count": taken}))
    }
}

/// Checks that the events of each key were stored in the order of their numbers.
async fn ordered(client: &Client, keys: u64) -> Answer {
    let request = ListEventsRequest { page_size: 1000, ..Default::default() };
    let events: Vec<Event> = client.list_events(request).try_collect().await?; // newest first
    let mut last = BTreeMap::new();
    for event in &events {
        let n: u64 = event.id[1..].parse().unwrap();
        if last.insert(n % keys, n).is_some_and(|later| n >= later) {
            return Err(Failure::Wrong(format!("{} is out of order", event.id)));
        }
    }
    Ok(json!({"count": events.len()}))
}

/// Opens streams whose events do not end, and leaves each after its first acknowledgement.
async fn leave(client: &Client, event: &Value, times: u64) -> Answer {
    for _ in 0..times {
        let event = to_event(event);
        let mut acks = pin!(client.publish_stream(stream::repeat_with(move || event.clone())).await?);
        acks.next().await.unwrap()?.outcome?;
    }
    Ok(json!({}))
}

/// The policy of a step: true or false, or the fields that are not zero.
fn retry_of(given: &Value) -> RetryPolicy {
    if !given.is_object() {
        return RetryPolicy { enabled: given.as_bool().unwrap_or(true), ..Default::default() };
    }
    let milliseconds = |name: &str| Duration::from_millis(given[name].as_u64().unwrap_or(0));
    RetryPolicy {
        initial: milliseconds("initial_ms"),
        multiplier: given["multiplier"].as_f64().unwrap_or(0.0),
        max: milliseconds("max_ms"),
        jitter: 0.0,
        enabled: given["enabled"].as_bool().unwrap_or(true),
    }
}

async fn ask(control: &str, path: &str) -> Value {
    let address = control.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

async fn count<T>(items: impl futures_util::Stream<Item = Result<T, Error>>) -> Result<usize, Error> {
    let mut items = pin!(items);
    let mut count = 0;
    while let Some(item) = items.next().await {
        item?;
        count += 1;
    }
    Ok(count)
}

fn to_event(fields: &Value) -> Event {
    let document = |value: &Value| (!value.is_null()).then(|| tenterhook_client::json(value).unwrap());
    let snapshots = fields.get("snapshots").map(|snapshots| Snapshots {
        prechange: document(&snapshots["prechange"]),
        postchange: document(&snapshots["postchange"]),
    });
    let attributes = fields["attributes"].as_object().into_iter().flatten();
    Event {
        id: text(&fields["id"]),
        namespace: text(&fields["namespace"]),
        r#type: text(&fields["type"]),
        object_type: text(&fields["object_type"]),
        username: text(&fields["username"]),
        data: document(&fields["data"]),
        attributes: attributes.map(|(name, value)| (name.clone(), text(value))).collect(),
        snapshots,
        ..Default::default()
    }
}

fn code_name(code: Code) -> String {
    let upper = Regex::new("(.)([A-Z])").unwrap();
    upper.replace_all(&format!("{code:?}"), "${1}_${2}").to_uppercase()
}

fn check_error(error: &Error, wanted: &Value) -> Result<(), String> {
    let code = code_name(error.code);
    let kind = match code.as_str() {
        "NOT_FOUND" => Kind::NotFound,
        "ALREADY_EXISTS" | "ABORTED" | "FAILED_PRECONDITION" => Kind::Conflict,
        "INVALID_ARGUMENT" | "OUT_OF_RANGE" => Kind::Invalid,
        "UNAVAILABLE" => Kind::Unavailable,
        "CANCELLED" if wanted["closed"] == true => Kind::Closed,
        _ => Kind::Other,
    };
    let reason = wanted["reason"].as_str();
    let field = wanted["field"].as_str();
    let metadata = wanted["metadata"].as_array().into_iter().flatten().map(text);
    let fits = text(&wanted["code"]).split('|').any(|one| one == code)
        && error.kind() == kind
        && reason.is_none_or(|reason| reason == error.reason_name())
        && field.is_none_or(|field| error.field_violations.iter().any(|one| one.field.starts_with(field)))
        && wanted.get("message").is_none_or(|wanted| contains(&json!(error.message), wanted, "message").is_ok())
        && wanted.get("text").is_none_or(|wanted| contains(&json!(error.to_string()), wanted, "text").is_ok())
        && wanted["permanent"].as_bool().is_none_or(|permanent| permanent == error.permanent)
        && wanted["retry_after"].as_bool().is_none_or(|told| told == error.retry_after.is_some())
        && metadata.into_iter().all(|name| error.metadata.contains_key(&name));
    if fits { Ok(()) } else { Err(format!("{error:?} is not {wanted}")) }
}
