//! Faults of the database itself, under load: a standby is promoted, and a disk is full.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tenterhook_fixtures::postgres::{Safety, Server as Database};
use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tenterhook_proto::tenterhook::v1::{DeliveryState, Event, PublishEventRequest, json_document};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic_types::StatusExt as _;

use super::receiver::Receiver;
use super::{Acknowledged, PATIENCE, every_event_arrived, feed, make_webhook, repeats_are_the_same_request};
use crate::nodes::{Place, until};
use crate::process::serve::{self, Channel};
use crate::process::{run, stderr};

/// Publishers at work at the same time.
const PUBLISHERS: usize = 4;
/// Events that are acknowledged before a fault and after it, at least.
const EVENTS: usize = 60;
/// Pause of a publisher after a refusal.
const PAUSE: Duration = Duration::from_millis(50);
/// MiB of the disk of the tables.
const DISK: usize = 32;
/// Bytes of the data of an event that shall fill it.
const LARGE: usize = 128 * 1024;

fn event(id: &str, bytes: usize) -> PublishEventRequest {
    let data = json_document::Value::Json(format!("\"{}\"", "x".repeat(bytes)));
    let data = Some(tenterhook_proto::tenterhook::v1::JsonDocument { value: Some(data) });
    let event = Event { id: id.to_owned(), r#type: "created".to_owned(), data, ..Event::default() };
    PublishEventRequest { event: Some(event) }
}

/// Publishes until `end`, each event until it is acknowledged.
async fn publish(channel: Channel, name: String, acknowledged: Acknowledged, end: watch::Receiver<bool>) {
    let mut client = EventServiceClient::new(channel);
    for number in 0.. {
        let id = format!("{name}-{number}");
        while let Err(status) = client.publish_event(event(&id, 10)).await {
            assert_eq!(status.code(), tonic::Code::Unavailable, "{status:?}");
            if *end.borrow() {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
        acknowledged.lock().unwrap().insert(id);
        if *end.borrow() {
            return;
        }
    }
}

/// Waits until everything that was acknowledged has been delivered, and checks what is stored.
async fn all_is_well(place: &Place, acknowledged: &Acknowledged, receiver: &Receiver) {
    let acknowledged = std::mem::take(&mut *acknowledged.lock().unwrap());
    let all_done = |told: &feed::Deliveries| {
        let succeeded: BTreeSet<&str> = told.values().map(|one| one.event.as_str()).collect();
        told.values().all(|one| one.state == DeliveryState::Succeeded)
            && acknowledged.iter().all(|id| succeeded.contains(id.as_str()))
    };
    let channel = serve::connect(place.endpoint()).await;
    let told = tokio::time::timeout(PATIENCE, feed::read(channel.clone(), all_done)).await;
    let Ok(told) = told else {
        panic!("not delivered in time: {:#?}", feed::unfinished(channel).await);
    };
    assert_eq!(told, feed::list(channel).await, "the feed explains what the lists show");
    let arrived = std::mem::take(&mut *receiver.arrived.lock().unwrap());
    every_event_arrived(&acknowledged, &arrived);
    repeats_are_the_same_request(&told, &arrived);
}

/// Waits for so many more acknowledged events.
async fn more(acknowledged: &Acknowledged, events: usize) {
    let count = || acknowledged.lock().unwrap().len();
    let enough = count() + events;
    let enough = async {
        while count() < enough {
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(PATIENCE, enough).await.expect("events are acknowledged in time");
}

fn start(place: &Place, url: &str, folder: &Path) -> crate::process::running::Running {
    let node = place.start(url, folder, &["--dev"]);
    until("the node serves", || place.serves());
    node
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_synchronous_standby_that_is_promoted_under_load_has_everything() {
    crate::binary::tenterhook();
    let Some(mut primary) = Database::start(Safety::Durable) else { return };
    let standby = primary.standby();
    let (folder, url) = (tempfile::tempdir().unwrap(), primary.url_with(&standby));
    let (place, receiver) = (Place::new("only"), Receiver::start().await);
    let node = start(&place, &url, folder.path());
    let acknowledged = Acknowledged::new(Mutex::default());
    make_webhook(serve::connect(place.endpoint()).await, &receiver, None).await;
    let (end, mut publishers) = (watch::Sender::new(false), JoinSet::new());
    for number in 0..PUBLISHERS {
        let channel = serve::connect(place.endpoint()).await;
        publishers.spawn(publish(channel, format!("p{number}"), Arc::clone(&acknowledged), end.subscribe()));
    }
    more(&acknowledged, EVENTS).await;
    primary.kill();
    standby.promote();
    more(&acknowledged, EVENTS).await;
    end.send_replace(true);
    publishers.join_all().await;
    all_is_well(&place, &acknowledged, &receiver).await;
    node.signal("TERM");
    let ended = node.wait();
    assert_eq!(ended.status.code(), Some(0), "the same node has served all the time: {}", ended.log);
    let check = run(&["store", "check", "--store", &url]);
    assert_eq!(check.status.code(), Some(0), "{}", stderr(&check));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_whose_disk_is_full_refuses_events_and_loses_none() {
    crate::binary::tenterhook();
    let Some(database) = Database::start(Safety::Durable) else { return };
    let Some(disk) = database.small_disk(DISK) else { return };
    database.sql(&format!("create tablespace small location '{}'", disk.space().display()));
    database.sql("alter database postgres set default_tablespace = small");
    let (folder, url) = (tempfile::tempdir().unwrap(), database.url());
    let (place, receiver) = (Place::new("only"), Receiver::start().await);
    let node = start(&place, &url, folder.path());
    make_webhook(serve::connect(place.endpoint()).await, &receiver, None).await;
    let acknowledged = Acknowledged::new(Mutex::default());
    let mut client = EventServiceClient::new(serve::connect(place.endpoint()).await);
    for round in 0..2 {
        disk.fill();
        let refused = async {
            for number in 0.. {
                let id = format!("round-{round}-{number}");
                match client.publish_event(event(&id, LARGE)).await {
                    Ok(_) => acknowledged.lock().unwrap().insert(id),
                    Err(status) => return status,
                };
            }
            unreachable!("numbers have no end")
        };
        let refused = tokio::time::timeout(PATIENCE, refused).await.expect("a full disk is noticed");
        let info = refused.get_details_error_info().expect("it says why");
        assert_eq!((refused.code(), info.reason.as_str()), (tonic::Code::ResourceExhausted, "STORAGE_FULL"));
        assert!(refused.get_details_retry_info().is_some());
        disk.free();
        let again = async {
            let id = format!("round-{round}-after");
            while client.publish_event(event(&id, 10)).await.is_err() {
                tokio::time::sleep(PAUSE).await;
            }
            acknowledged.lock().unwrap().insert(id);
        };
        tokio::time::timeout(PATIENCE, again).await.expect("it takes events again");
    }
    all_is_well(&place, &acknowledged, &receiver).await;
    node.signal("TERM");
    let ended = node.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    let check = run(&["store", "check", "--store", &url]);
    assert_eq!(check.status.code(), Some(0), "{}", stderr(&check));
}
