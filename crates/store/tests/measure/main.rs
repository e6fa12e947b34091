//! Measures what a delivery costs the store: publishers, a dispatcher that claims and settles,
//! and the CPU time of all of it; and whether retention keeps pace with publishers. Run it as
//! `cargo bench -p tenterhook-store --bench delivery`; it takes a minute. With the argument
//! `retention` it measures only that.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that meets an error has failed")]

mod retention;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tenterhook_model::webhook::WebhookSpec;
use tenterhook_model::{
    Attempt, CapturedResponse, Clock, Event, Header, HttpMethod, JsonText, Lane, Namespace, Next, OsEntropy, Outcome,
    SentRequest, SystemClock, Timestamp, Timings, Webhook, WebhookId,
};
use tenterhook_store::{
    CommitObserver, Expect, NewEvent, Reads, SealingKey, Settlement, Store, StoreOptions, WebhookChange, open,
};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Publishers that each wait for their answer.
const PUBLISHERS: usize = 64;
/// Settlements that are handed in together.
const BATCH: usize = 64;

/// Commits so far.
static COMMITS: AtomicUsize = AtomicUsize::new(0);

/// Counts commits.
#[derive(Debug)]
struct Commits;

impl CommitObserver for Commits {
    fn committed(&self, _: usize, _: Duration) {
        COMMITS.fetch_add(1, Ordering::Relaxed);
    }
}

fn main() {
    for (webhooks, events) in [(1, 20_000), (3, 10_000), (10, 4_000)] {
        let directory = tempfile::tempdir().unwrap();
        measure(&format!("redb:{}", directory.path().display()), |store| retention::run(store, webhooks, events));
    }
    if std::env::args().any(|argument| argument == "retention") {
        return;
    }
    for (webhooks, events) in [(1, 20_000), (10, 4_000)] {
        for engine in ["memory", "redb", "sled"] {
            let directory = tempfile::tempdir().unwrap();
            let path = if engine == "memory" { String::new() } else { directory.path().display().to_string() };
            measure(&format!("{engine}:{path}"), |store| run(store, webhooks, events));
        }
    }
}

/// Opens a store at `url` and measures it.
fn measure<F: Future<Output = ()>>(url: &str, work: impl FnOnce(Arc<dyn Store>) -> F) {
    let options = StoreOptions {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        sealing_key: SealingKey::new([1; 32]),
        reads: Reads::Inline,
        operational_events: true,
        node: Default::default(),
        observer: Some(Arc::new(Commits)),
    };
    COMMITS.store(0, Ordering::Relaxed);
    println!("{url}");
    let (store, writer) = open(url, options).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    let thread = std::thread::spawn(move || writer.run(&handle));
    runtime.block_on(work(store.clone()));
    store.close();
    thread.join().unwrap();
}

async fn run(store: Arc<dyn Store>, webhooks: u8, events: usize) {
    let ids = save_webhooks(&*store, webhooks).await;
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..PUBLISHERS {
        let (store, ids, next) = (store.clone(), ids.clone(), next.clone());
        tasks.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= events {
                    return;
                }
                let new = NewEvent { event: Arc::new(event(n)), content: [n as u8; 32], webhooks: ids.clone() };
                store.publish(vec![new]).await.unwrap();
            }
        });
    }
    let total = events * ids.len();
    let dispatched = dispatch(store.clone(), total);
    dispatched.await;
    while tasks.join_next().await.is_some() {}
    let (took, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    println!(
        "{total} deliveries of {events} events in {} commits: {:.0}/s, {:.1} us of CPU a delivery, {:.0} bytes on disk",
        COMMITS.load(Ordering::Relaxed),
        total as f64 / took,
        cpu * 1e6 / total as f64,
        store.gauges().await.unwrap().size_bytes as f64 / total as f64,
    );
}

async fn save_webhooks(store: &dyn Store, count: u8) -> Vec<WebhookId> {
    let mut ids = Vec::new();
    for number in 0..count {
        let webhook = webhook(number);
        ids.push(webhook.id);
        let change = WebhookChange::Put { webhook: Box::new(webhook), expect: Expect::Absent, request: None };
        store.save_webhook(change).await.unwrap();
    }
    ids
}

/// Claims what is due and lets it succeed, some batches at a time.
async fn dispatch(store: Arc<dyn Store>, total: usize) {
    let mut settled = 0;
    let mut settling = JoinSet::new();
    while settled < total {
        for webhook in store.take_ready(SystemClock.now()) {
            loop {
                let claims = store.claim(webhook, BATCH, SystemClock.now()).await.unwrap();
                let short = claims.len() < BATCH;
                let settlements: Vec<_> = claims
                    .iter()
                    .map(|claim| Settlement {
                        delivery_id: claim.delivery.id,
                        attempt: Some(Arc::new(attempt(&claim.event))),
                        counts: true,
                        next: Next::Succeed,
                        health: None,
                        suspend: None,
                    })
                    .collect();
                if !settlements.is_empty() {
                    let store = store.clone();
                    settling.spawn(async move { store.settle(settlements).await.unwrap().len() });
                }
                if short {
                    break;
                }
            }
        }
        tokio::select! {
            biased;
            Some(done) = settling.join_next() => settled += done.unwrap(),
            () = store.due_bell().notified() => {}
        }
    }
}

fn webhook(number: u8) -> Webhook {
    Webhook {
        id: WebhookId::from_bytes([number + 1; 16]),
        lane: Lane(0),
        namespace: Namespace::default(),
        spec: WebhookSpec { display_name: format!("webhook {number}"), ..Default::default() },
        halt: None,
        signing_keys: Vec::new(),
        revision: 0,
        create_time: Timestamp::default(),
        update_time: Timestamp::default(),
    }
}

/// An event of about 1 KiB.
fn event(n: usize) -> Event {
    let data = format!("{{\"id\": {n}, \"text\": \"{}\"}}", "x".repeat(900));
    Event {
        id: format!("evt_{n:026}").parse().unwrap(),
        namespace: Namespace::default(),
        event_type: "dcim.site.updated".into(),
        object_type: "dcim.site".into(),
        occur_time: None,
        username: "admin".into(),
        request_id: "17af32f0-852a-46ca-a7d4-33ecd0c13de6".into(),
        data: Some(JsonText::parse(&data).unwrap()),
        snapshots: None,
        request: None,
        context: None,
        attributes: Default::default(),
        ordering_key: String::new(),
        deliver_after: None,
        expire_time: None,
        publish_time: Timestamp::default(),
        trace_parent: None,
    }
}

fn attempt(event: &Event) -> Attempt {
    let header = |name: &'static str, value: &str| Header::new(name, value);
    let body = bytes::Bytes::copy_from_slice(event.data.as_ref().unwrap().as_str().as_bytes());
    let ms = |n| Some(Duration::from_micros(n));
    Attempt {
        number: 1,
        start_time: SystemClock.now(),
        duration: Duration::from_micros(400),
        outcome: Outcome::Success,
        error: String::new(),
        request: Some(SentRequest {
            method: HttpMethod::Post,
            url: "http://127.0.0.1:9000/hook".into(),
            headers: vec![
                header("content-type", "application/json"),
                header("user-agent", "Tenterhook/0.1.0"),
                header("x-tenterhook-delivery", "dlv_01kexample0000000000000000"),
                header("x-tenterhook-attempt", "1"),
                header("x-hook-signature", &"a".repeat(128)),
            ],
            body,
            body_truncated: false,
        }),
        response: Some(CapturedResponse {
            status: 200,
            headers: vec![header("date", "Tue, 24 Nov 2026 07:00:00 GMT"), header("content-length", "0")],
            body: bytes::Bytes::new(),
            body_truncated: false,
            note: String::new(),
        }),
        timings: Timings { queued: ms(900), render: ms(20), dns: None, connect: None, tls: None, first_byte: ms(300) },
        remote_address: Some("127.0.0.1:9000".parse().unwrap()),
        tried_addresses: Vec::new(),
        proxy: String::new(),
        trace_id: String::new(),
    }
}

/// CPU time of this process so far, of all threads, user and system.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}
