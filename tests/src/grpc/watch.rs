//! WatchDeliveries: order, bookmarks, resuming, filters, ends.

use std::time::Duration;

use tenterhook_api::Budgets;
use tenterhook_api::access::KeyRing;
use tenterhook_model::Next;
use tenterhook_proto::tenterhook::v1::{self, watch_deliveries_request::Start, watch_deliveries_response::Payload};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status, Streaming};

use super::bench::Bench;
use super::{fields, metadata, reason};

type Watch = Streaming<v1::WatchDeliveriesResponse>;

fn from(start: Start) -> v1::WatchDeliveriesRequest {
    v1::WatchDeliveriesRequest { start: Some(start), ..Default::default() }
}

fn earliest() -> v1::WatchDeliveriesRequest {
    from(Start::Position(v1::WatchPosition::Earliest.into()))
}

async fn watch(bench: &Bench, request: v1::WatchDeliveriesRequest) -> Result<Watch, Status> {
    bench.deliveries().watch_deliveries(request).await.map(tonic::Response::into_inner)
}

/// Opens a watch and takes its first message, which must be a bookmark.
async fn begun(bench: &Bench, request: v1::WatchDeliveriesRequest) -> Watch {
    let mut watch = watch(bench, request).await.unwrap();
    assert!(matches!(next(&mut watch).await.payload, Some(Payload::Bookmark(_))));
    watch
}

async fn next(watch: &mut Watch) -> v1::WatchDeliveriesResponse {
    watch.message().await.unwrap().expect("a watch does not end by itself")
}

/// What the message tells: the event's id and the state before and after.
fn told(message: &v1::WatchDeliveriesResponse) -> (String, i32, i32) {
    match message.payload.clone().unwrap() {
        Payload::Change(change) => {
            let delivery = change.delivery.unwrap();
            (delivery.event_id, change.previous_state, delivery.state)
        }
        Payload::Bookmark(_) => ("bookmark".into(), 0, 0),
    }
}

async fn quiet(watch: &mut Watch) -> bool {
    timeout(Duration::from_millis(100), watch.message()).await.is_err()
}

const PENDING: i32 = v1::DeliveryState::Pending as i32;
const RETRYING: i32 = v1::DeliveryState::Retrying as i32;
const SUCCEEDED: i32 = v1::DeliveryState::Succeeded as i32;

#[tokio::test(start_paused = true)]
async fn each_change_is_told_in_order_from_now_on() {
    let bench = Bench::new().await;
    let webhook = bench.webhook("w").await;
    bench.publish("before").await;
    let mut watch = begun(&bench, v1::WatchDeliveriesRequest::default()).await;
    assert!(quiet(&mut watch).await);
    bench.attempt(&webhook, Next::RetryAt(tenterhook_model::Timestamp::MAX)).await;
    let event = bench.publish("created").await;
    bench.attempt(&webhook, Next::Succeed).await;
    let mut changes = Vec::new();
    for _ in 0..3 {
        changes.push(told(&next(&mut watch).await));
    }
    assert_eq!((changes[0].1, changes[0].2), (PENDING, RETRYING));
    assert_eq!(changes[1..], [(event.clone(), 0, PENDING), (event, PENDING, SUCCEEDED)]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_resumed_from_any_token_misses_and_repeats_nothing_even_after_a_restart() {
    let mut bench = Bench::new().await;
    let webhook = bench.webhook("w").await;
    for _ in 0..5 {
        bench.publish("created").await;
        bench.attempt(&webhook, Next::Succeed).await;
    }
    let mut watch = begun(&bench, earliest()).await;
    let mut all = Vec::new();
    for _ in 0..10 {
        all.push(next(&mut watch).await);
    }
    bench.routes = bench.api(CancellationToken::new()).await.routes;
    for (place, message) in all.iter().enumerate() {
        let mut resumed = begun(&bench, from(Start::ResumeToken(message.resume_token.clone()))).await;
        for expected in &all[place + 1..] {
            assert_eq!(next(&mut resumed).await, *expected, "from {place}");
        }
        assert!(quiet(&mut resumed).await);
    }
}

#[tokio::test(start_paused = true)]
async fn list_then_watch_misses_nothing() {
    let bench = Bench::new().await;
    bench.webhook("w").await;
    bench.publish("listed").await;
    let list = bench.deliveries().list_deliveries(v1::ListDeliveriesRequest::default()).await.unwrap().into_inner();
    let after = bench.publish("after").await;
    let mut watch = begun(&bench, from(Start::ResumeToken(list.resume_token))).await;
    assert_eq!(told(&next(&mut watch).await), (after, 0, PENDING));
}

#[tokio::test(start_paused = true)]
async fn only_the_first_page_of_a_list_gives_a_resume_token() {
    let bench = Bench::new().await;
    bench.webhook("w").await;
    bench.publish("a").await;
    bench.publish("b").await;
    let request = v1::ListDeliveriesRequest { page_size: 1, ..Default::default() };
    let first = bench.deliveries().list_deliveries(request.clone()).await.unwrap().into_inner();
    let second = v1::ListDeliveriesRequest { page_token: first.next_page_token, ..request };
    let second = bench.deliveries().list_deliveries(second).await.unwrap().into_inner();
    assert!(!first.resume_token.is_empty() && second.resume_token.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_watch_from_a_time_begins_with_the_first_change_at_it() {
    let bench = Bench::new().await;
    bench.webhook("w").await;
    bench.publish("old").await;
    bench.clock.advance(Duration::from_secs(10));
    let new = bench.publish("new").await;
    let seconds = 1_700_000_000 + 5;
    let mut watch = begun(&bench, from(Start::StartTime(prost_types::Timestamp { seconds, nanos: 0 }))).await;
    assert_eq!(told(&next(&mut watch).await).0, new);
}

#[tokio::test(start_paused = true)]
async fn a_bookmark_comes_after_each_interval_of_silence() {
    let bench = Bench::new().await;
    bench.webhook("w").await;
    let request = v1::WatchDeliveriesRequest {
        bookmark_interval: Some(prost_types::Duration { seconds: 2, nanos: 0 }),
        filter: Some(v1::DeliveryFilter { event_types: vec!["wanted".into()], ..Default::default() }),
        ..Default::default()
    };
    let mut watch = begun(&bench, request.clone()).await;
    let started = Instant::now();
    let bookmark = next(&mut watch).await;
    assert!(matches!(bookmark.payload, Some(Payload::Bookmark(_))));
    assert!(started.elapsed() >= Duration::from_secs(2) && started.elapsed() < Duration::from_secs(3));
    bench.publish("other").await;
    let wanted = bench.publish("wanted").await;
    assert_eq!(told(&next(&mut watch).await).0, wanted);
    let resumed = v1::WatchDeliveriesRequest { start: Some(Start::ResumeToken(bookmark.resume_token)), ..request };
    assert_eq!(told(&next(&mut begun(&bench, resumed).await).await).0, wanted, "a bookmark is a place to resume");
}

#[tokio::test(start_paused = true)]
async fn a_bookmark_passes_over_changes_that_the_filter_leaves_out() {
    let bench = Bench::new().await;
    bench.webhook("w").await;
    let filter = Some(v1::DeliveryFilter { event_types: vec!["wanted".into()], ..Default::default() });
    let mut watch = begun(&bench, v1::WatchDeliveriesRequest { filter: filter.clone(), ..Default::default() }).await;
    bench.publish("other").await;
    let bookmark = next(&mut watch).await;
    let mut all = begun(&bench, from(Start::ResumeToken(bookmark.resume_token))).await;
    assert!(quiet(&mut all).await);
}

#[tokio::test(start_paused = true)]
async fn filters_and_views_are_those_of_the_request() {
    let bench = Bench::new().await;
    let (one, two) = (bench.webhook("one").await, bench.webhook("two").await);
    bench.publish("created").await;
    bench.attempt(&one, Next::Succeed).await;
    bench.attempt(&two, Next::Succeed).await;
    let filter = v1::DeliveryFilter { webhook_ids: vec![two.clone()], states: vec![SUCCEEDED], ..Default::default() };
    let request = |view: v1::DeliveryView| v1::WatchDeliveriesRequest {
        filter: Some(filter.clone()),
        view: view.into(),
        ..earliest()
    };
    for (view, attempts) in [(v1::DeliveryView::Basic, 0), (v1::DeliveryView::Full, 1)] {
        let mut watch = begun(&bench, request(view)).await;
        let Some(Payload::Change(change)) = next(&mut watch).await.payload else { panic!("a change") };
        let delivery = change.delivery.unwrap();
        assert_eq!((delivery.webhook_id.as_str(), delivery.attempts.len()), (two.as_str(), attempts));
        assert!(quiet(&mut watch).await);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_kept_is_told_with_the_oldest_time() {
    let bench = Bench::new().await;
    let webhook = bench.webhook("w").await;
    let mut first = begun(&bench, v1::WatchDeliveriesRequest::default()).await;
    bench.publish("old").await;
    let token = next(&mut first).await.resume_token;
    bench.attempt(&webhook, Next::Succeed).await;
    bench.clock.advance(Duration::from_secs(100));
    bench.publish("kept").await;
    bench.attempt(&webhook, Next::Succeed).await;
    let before = tenterhook_model::Clock::now(&*bench.clock).before(Duration::from_secs(50));
    while bench.store.expire(before, 100).await.unwrap().removed > 0 {}
    for start in
        [Start::ResumeToken(token), Start::StartTime(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 })]
    {
        let expired = watch(&bench, from(start)).await.unwrap_err();
        assert_eq!((expired.code(), reason(&expired).as_str()), (Code::OutOfRange, "RESUME_TOKEN_EXPIRED"));
        assert_eq!(metadata(&expired, "oldest_time"), "2023-11-14T22:15:00Z");
    }
    let mut kept = begun(&bench, earliest()).await;
    assert_eq!(told(&next(&mut kept).await).2, PENDING);
}

/// A quiet watch passes over what happens elsewhere, so that retention never overtakes it.
#[tokio::test(start_paused = true)]
async fn a_watch_of_a_quiet_namespace_outlives_changes_that_it_never_saw() {
    let bench = Bench::new().await;
    let webhook = bench.webhook("w").await;
    let elsewhere = || v1::WatchDeliveriesRequest { namespace: "elsewhere".into(), ..Default::default() };
    let mut idle = begun(&bench, elsewhere()).await;
    let mut token = String::new();
    for _ in 0..3 {
        for _ in 0..100 {
            bench.publish("created").await;
        }
        bench.attempt(&webhook, Next::Succeed).await;
        bench.clock.advance(Duration::from_secs(100));
        let now = tenterhook_model::Clock::now(&*bench.clock);
        while bench.store.expire(now, 1_000).await.unwrap().clear.is_none() {}
        let message = next(&mut idle).await;
        assert!(matches!(message.payload, Some(Payload::Bookmark(_))));
        assert_ne!(token, message.resume_token, "the token moves on with the journal");
        token = message.resume_token;
    }
    let start = Some(Start::ResumeToken(token));
    begun(&bench, v1::WatchDeliveriesRequest { start, ..elsewhere() }).await;
}

#[tokio::test(start_paused = true)]
async fn a_stopping_server_sends_what_happened_and_then_says_so() {
    let bench = Bench::new().await;
    bench.webhook("w").await;
    let mut watch = begun(&bench, v1::WatchDeliveriesRequest::default()).await;
    let event = bench.publish("created").await;
    bench.shutdown.cancel();
    let last = next(&mut watch).await;
    assert_eq!(told(&last).0, event);
    let end = watch.message().await.unwrap_err();
    assert_eq!((end.code(), reason(&end).as_str()), (Code::Unavailable, "SHUTTING_DOWN"));
}

#[tokio::test(start_paused = true)]
async fn a_watch_on_a_connection_that_closes_ends_with_the_place_to_resume_from() {
    let bench = Bench::new().await;
    bench.webhook("w").await;
    let connection = Budgets::default().connection();
    let mut request = Request::new(v1::WatchDeliveriesRequest::default());
    request.extensions_mut().insert(connection.clone());
    let mut watch = bench.deliveries().watch_deliveries(request).await.unwrap().into_inner();
    next(&mut watch).await;
    let before = bench.publish("created").await;
    connection.retire();
    let parting = next(&mut watch).await;
    assert!(matches!(parting.payload, Some(Payload::Bookmark(_))));
    let end = watch.message().await.unwrap_err();
    assert_eq!((end.code(), reason(&end).as_str()), (Code::Unavailable, "SHUTTING_DOWN"));
    assert_eq!(metadata(&end, "cause"), "connection_age");
    let after = bench.publish("created").await;
    let mut resumed = begun(&bench, from(Start::ResumeToken(parting.resume_token))).await;
    assert_eq!(told(&next(&mut resumed).await).0, before, "nothing is lost between the two");
    assert_eq!(told(&next(&mut resumed).await).0, after);
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_when_its_key_is_revoked() {
    let bench = Bench::new().await;
    let mut watch = begun(&bench, v1::WatchDeliveriesRequest::default()).await;
    assert!(quiet(&mut watch).await);
    bench.access.replace(KeyRing::default());
    let end = watch.message().await.unwrap_err();
    assert_eq!((end.code(), reason(&end).as_str()), (Code::Unauthenticated, "KEY_INVALID"));
}

#[tokio::test(start_paused = true)]
async fn a_watcher_that_does_not_read_holds_nobody_up_and_gets_everything_later() {
    let bench = Bench::new().await;
    bench.webhook("w").await;
    let mut slow = begun(&bench, v1::WatchDeliveriesRequest::default()).await;
    let mut fast = begun(&bench, v1::WatchDeliveriesRequest::default()).await;
    let mut sent = Vec::new();
    for _ in 0..1_000 {
        sent.push(bench.publish("created").await);
        assert_eq!(told(&next(&mut fast).await).0, *sent.last().unwrap());
    }
    for expected in sent {
        assert_eq!(told(&next(&mut slow).await).0, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn another_namespace_is_not_told_of() {
    let bench = Bench::new().await;
    bench.webhook("w").await;
    bench.publish("created").await;
    let mut other = begun(&bench, v1::WatchDeliveriesRequest { namespace: "other".into(), ..earliest() }).await;
    assert!(quiet(&mut other).await);
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_namespace_is_refused_and_so_are_times_in_the_filter() {
    let bench = Bench::new().await;
    let list = bench.deliveries().list_deliveries(v1::ListDeliveriesRequest::default()).await.unwrap().into_inner();
    let foreign =
        v1::WatchDeliveriesRequest { namespace: "other".into(), ..from(Start::ResumeToken(list.resume_token)) };
    let refused = watch(&bench, foreign).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "RESUME_TOKEN_INVALID"));
    let time = Some(prost_types::Timestamp { seconds: 1, nanos: 0 });
    let filter = Some(v1::DeliveryFilter { end_time: time, ..Default::default() });
    let refused = watch(&bench, v1::WatchDeliveriesRequest { filter, ..Default::default() }).await.unwrap_err();
    assert_eq!(fields(&refused), ["filter.end_time"]);
    let unknown = watch(&bench, from(Start::Position(9))).await.unwrap_err();
    assert_eq!(fields(&unknown), ["position"]);
}
