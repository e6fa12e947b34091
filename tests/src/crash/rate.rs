//! A rate that holds over kills: each start of the server gives no request more.

use std::time::Duration;

use tenterhook_proto::tenterhook::v1::{DeliveryState, RateLimit};

use super::receiver::Receiver;
use super::{Acknowledged, connect, every_event_arrived, feed, live, make_webhook, publish};

/// Seconds between two requests.
const PERIOD: f64 = 2.0;
/// What the way of a request may take from a gap, on a machine that has much else to do: without a
/// rate that outlives a kill, the gap would be the time of a start, which is far below a second.
const SLACK: f64 = 0.7;
/// How often the server is killed.
const KILLS: usize = 3;
/// Time until one more delivery has ended.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_keeps_the_rate_of_a_webhook() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let acknowledged = Acknowledged::default();
    let mut server = live(folder.path());
    let channel = connect(&server).await;
    let rate = RateLimit { requests_per_second: 1.0 / PERIOD, burst: 1, ..RateLimit::default() };
    make_webhook(channel.clone(), &receiver, Some(rate)).await;
    for event in ["a", "b", "c", "d"] {
        publish(channel.clone(), event.to_owned(), acknowledged.clone(), 1).await;
    }
    for ended in 1..=KILLS + 1 {
        let channel = connect(&server).await;
        // What has ended is recorded, and with it what the rate has let through.
        let enough = |told: &feed::Deliveries| {
            let all: usize = told.values().map(|one| usize::try_from(one.attempts).unwrap_or(0)).sum();
            let in_flight = told.values().any(|one| one.state == DeliveryState::InFlight);
            all >= ended && !in_flight
        };
        tokio::time::timeout(PATIENCE, feed::read(channel, enough)).await.expect("the next request goes out in time");
        server.running.signal("KILL");
        server.running.wait();
        server = live(folder.path());
    }
    let channel = connect(&server).await;
    let done =
        |told: &feed::Deliveries| told.len() == 4 && told.values().all(|one| one.state == DeliveryState::Succeeded);
    tokio::time::timeout(PATIENCE, feed::read(channel, done)).await.expect("everything is delivered");
    server.running.signal("TERM");
    server.running.wait();

    let arrived = std::mem::take(&mut *receiver.arrived.lock().unwrap());
    every_event_arrived(&std::mem::take(&mut *acknowledged.lock().unwrap()), &arrived);
    let gaps: Vec<f64> = arrived.windows(2).map(|pair| (pair[1].at - pair[0].at).as_secs_f64()).collect();
    assert!(gaps.iter().all(|gap| *gap >= PERIOD - SLACK), "{gaps:?}");
}
