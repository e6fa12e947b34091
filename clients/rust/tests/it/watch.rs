//! A watch resumes for ever, from what the program was handed.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use futures_util::{FutureExt as _, StreamExt as _};
use tenterhook_client::v1::watch_deliveries_request::Start;
use tenterhook_client::v1::watch_deliveries_response::Payload;
use tenterhook_client::v1::*;
use tenterhook_client::{Checkpoint, Connectivity, Watch};
use tonic::{Code, Status};
use tonic_types::ErrorDetails;

use crate::fake::{Fake, Step, refuse, refuse_with, send};

fn change(number: usize) -> Step {
    let delivery = Some(Delivery { id: format!("d{number}"), ..Default::default() });
    let payload = Some(Payload::Change(DeliveryChange { delivery, ..Default::default() }));
    send(WatchDeliveriesResponse { resume_token: format!("t{number}"), payload })
}

fn bookmark(token: &str) -> Step {
    send(WatchDeliveriesResponse { resume_token: token.into(), payload: Some(Payload::Bookmark(Bookmark::default())) })
}

fn silent() -> Step {
    Step::Silent(Duration::from_secs(20))
}

fn cut(code: Code) -> Step {
    Step::End(Status::new(code, "cut"))
}

fn within(interval: Duration) -> WatchDeliveriesRequest {
    WatchDeliveriesRequest { bookmark_interval: Some(interval.try_into().unwrap()), ..Default::default() }
}

async fn take(watch: &mut Watch, wanted: &[&str]) {
    for id in wanted {
        let change = watch.next().await.unwrap().change;
        assert_eq!(change.delivery.unwrap().id, *id);
    }
}

fn tokens(server: &Fake) -> Vec<String> {
    let starts = server.seen().into_iter().map(|seen| seen.message::<WatchDeliveriesRequest>().start);
    starts.map(|start| if let Some(Start::ResumeToken(token)) = start { token } else { String::new() }).collect()
}

#[tokio::test]
async fn changes_come_with_their_tokens_and_bookmarks_do_not_come() {
    let server = Fake::new([vec![bookmark("b"), change(1), bookmark("b2"), change(2), silent()]]).await;
    let mut watch = server.client().watch(Default::default());
    assert_eq!(watch.resume_token(), "");
    assert_eq!(watch.next().await.unwrap().token, "t1");
    assert_eq!(watch.resume_token(), "t1");
    take(&mut watch, &["d2"]).await;
}

#[tokio::test]
async fn a_cut_stream_resumes_after_what_was_handed_out() {
    for code in [Code::Unavailable, Code::Internal, Code::Unknown, Code::Cancelled] {
        let server = Fake::new([vec![bookmark("b"), change(1), cut(code)], vec![change(2), silent()]]).await;
        take(&mut server.client().watch(Default::default()), &["d1", "d2"]).await;
        assert_eq!(tokens(&server), ["", "t1"]);
    }
}

#[tokio::test]
async fn what_arrived_but_was_not_handed_out_is_not_counted() {
    let server = Fake::new([vec![change(1), change(2), change(3), silent()]]).await;
    let mut watch = server.client().watch(Default::default());
    take(&mut watch, &["d1"]).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(watch.resume_token(), "t1");
}

#[tokio::test]
async fn a_stream_that_ends_well_is_resumed_too() {
    let server = Fake::new([vec![change(1)], vec![], vec![change(2), silent()]]).await;
    take(&mut server.client().watch(Default::default()), &["d1", "d2"]).await;
    assert_eq!(tokens(&server), ["", "t1", "t1"]);
}

#[tokio::test]
async fn a_bookmark_moves_the_place_to_resume() {
    let server = Fake::new([vec![bookmark("quiet"), cut(Code::Unavailable)], vec![change(1), silent()]]).await;
    let start = Some(Start::Position(WatchPosition::Earliest.into()));
    take(&mut server.client().watch(WatchDeliveriesRequest { start, ..Default::default() }), &["d1"]).await;
    assert_eq!(tokens(&server), ["", "quiet"]);
}

#[tokio::test]
async fn silence_of_three_bookmark_intervals_makes_a_new_connection() {
    let server = Fake::new([vec![change(1), silent()], vec![change(2), silent()]]).await;
    let start = Instant::now();
    take(&mut server.client().watch(within(Duration::from_millis(100))), &["d1", "d2"]).await;
    assert!((300..3000).contains(&start.elapsed().as_millis()));
}

#[tokio::test]
async fn a_slow_program_is_no_silence() {
    let server = Fake::new([vec![change(1), change(2), silent()]]).await;
    let mut watch = server.client().watch(within(Duration::from_millis(50)));
    take(&mut watch, &["d1"]).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    take(&mut watch, &["d2"]).await;
    assert_eq!(tokens(&server).len(), 1);
}

#[tokio::test]
async fn a_wait_that_is_given_up_loses_nothing() {
    let server = Fake::new([vec![Step::Silent(Duration::from_millis(200)), change(1), silent()]]).await;
    let mut watch = server.client().watch(Default::default());
    for _ in 0..3 {
        tokio::time::timeout(Duration::from_millis(20), watch.next()).await.unwrap_err();
    }
    take(&mut watch, &["d1"]).await;
}

#[tokio::test]
async fn an_expired_token_ends_the_watch() {
    let details = ErrorDetails::with_error_info("RESUME_TOKEN_EXPIRED", "tenterhook", []);
    let server = Fake::new([refuse_with(Code::OutOfRange, details)]).await;
    let start = Some(Start::ResumeToken("old".into()));
    let error = server.client().watch(WatchDeliveriesRequest { start, ..Default::default() }).next().await.unwrap_err();
    assert_eq!(error.reason, ErrorReason::ResumeTokenExpired);
    assert_eq!(tokens(&server), ["old"]);
}

#[tokio::test]
async fn what_cannot_get_better_ends_the_watch() {
    for code in [Code::InvalidArgument, Code::Unauthenticated, Code::PermissionDenied, Code::NotFound] {
        let server = Fake::new([refuse(code)]).await;
        assert_eq!(server.client().watch(Default::default()).next().await.unwrap_err().code, code);
    }
}

#[tokio::test]
async fn many_cuts_lose_and_repeat_nothing() {
    let server = Fake::new((0..20).map(|n| vec![bookmark("b"), change(n), cut(Code::Unavailable)])).await;
    let mut watch = server.client().watch(Default::default());
    for number in 0..20 {
        take(&mut watch, &[&format!("d{number}")]).await;
    }
}

#[tokio::test]
async fn filters_and_namespace_are_kept_over_a_reconnect() {
    let server = Fake::new([refuse(Code::Unavailable), vec![change(1), silent()]]).await;
    let filter = Some(DeliveryFilter { webhook_ids: vec!["wh".into()], ..Default::default() });
    let client = server.builder().namespace("mine").build().unwrap();
    take(&mut client.watch(WatchDeliveriesRequest { filter, ..Default::default() }), &["d1"]).await;
    for seen in server.seen() {
        let request: WatchDeliveriesRequest = seen.message();
        assert_eq!(request.namespace, "mine");
        assert_eq!(request.filter.unwrap().webhook_ids, ["wh"]);
    }
}

#[tokio::test]
async fn as_a_stream_it_ends_after_an_error() {
    let server = Fake::new([vec![change(1), cut(Code::OutOfRange)]]).await;
    let found: Vec<_> = server.client().watch(Default::default()).into_stream().collect().await;
    assert_eq!(found.len(), 2);
    assert!(found[0].is_ok() && found[1].is_err());
}

#[tokio::test]
async fn a_watch_tells_when_it_lost_its_connection_and_when_it_is_back() {
    let away = || cut(Code::Unavailable);
    let server = Fake::new([vec![change(1), away()], vec![away()], vec![away()], vec![change(2), silent()]]).await;
    let (told, hears) = std::sync::mpsc::channel();
    let watch = server.client().watch(Default::default());
    let mut watch = watch.on_connectivity(move |state| told.send(state).unwrap());
    take(&mut watch, &["d1", "d2"]).await;
    let waits = |state: &Connectivity| match state {
        Connectivity::Waiting { error, retry_in } => Some((error.message.clone(), *retry_in > Duration::ZERO)),
        _ => None,
    };
    let heard: Vec<_> = hears.try_iter().map(|state| waits(&state)).collect();
    let lost = Some(("cut".to_owned(), true));
    assert_eq!(heard, [None, lost.clone(), lost.clone(), lost, None]);
}

/// A checkpoint that notes what is saved, and fails when it is told to.
#[derive(Default)]
struct Memory {
    token: Option<String>,
    saved: Mutex<Vec<String>>,
    failures: AtomicUsize,
    /// Each save waits for a word from here.
    gate: Option<Mutex<Receiver<()>>>,
}

impl Checkpoint for &'static Memory {
    fn load(&self) -> io::Result<Option<String>> {
        Ok(self.token.clone())
    }

    fn save(&self, token: &str) -> io::Result<()> {
        if self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            return Err(io::Error::other("the disk is read only"));
        }
        if let Some(gate) = &self.gate {
            gate.lock().unwrap().recv().expect("the test lets it go");
        }
        self.saved.lock().unwrap().push(token.to_owned());
        Ok(())
    }
}

fn memory(token: Option<&str>) -> &'static Memory {
    Box::leak(Box::new(Memory { token: token.map(str::to_owned), ..Default::default() }))
}

#[tokio::test]
async fn a_change_counts_as_handled_when_the_next_is_asked_for() {
    let server = Fake::new([vec![change(1), bookmark("b"), change(2), silent()]]).await;
    let kept = memory(None);
    let mut watch = server.client().watch(Default::default()).checkpoint(kept);
    take(&mut watch, &["d1"]).await;
    assert!(kept.saved.lock().unwrap().is_empty());
    take(&mut watch, &["d2"]).await;
    assert_eq!(*kept.saved.lock().unwrap(), ["t1", "b"]);
}

#[tokio::test]
async fn what_was_saved_wins_over_where_the_watch_would_begin() {
    let server = Fake::new([vec![change(8), silent()], vec![change(1), silent()]]).await;
    for (token, first) in [(Some("t7"), "d8"), (None, "d1")] {
        let mut watch = server.client().watch(Default::default()).checkpoint(memory(token));
        take(&mut watch, &[first]).await;
    }
    assert_eq!(tokens(&server), ["t7", ""]);
}

#[tokio::test]
async fn a_save_that_fails_is_an_error_and_tried_again() {
    let server = Fake::new([vec![change(1), change(2), silent()]]).await;
    let kept = memory(None);
    let mut watch = server.client().watch(Default::default()).checkpoint(kept);
    take(&mut watch, &["d1"]).await;
    kept.failures.store(1, Ordering::Relaxed);
    let error = watch.next().await.unwrap_err();
    assert_eq!(
        (error.code, error.message.as_str()),
        (Code::Internal, "cannot save the checkpoint: the disk is read only")
    );
    take(&mut watch, &["d2"]).await;
    assert_eq!(*kept.saved.lock().unwrap(), ["t1"]);
}

#[tokio::test]
async fn a_save_goes_on_when_the_wait_for_it_is_given_up() {
    let server = Fake::new([vec![change(1), change(2), silent()]]).await;
    let (go, gate) = channel();
    let kept: &Memory = Box::leak(Box::new(Memory { gate: Some(Mutex::new(gate)), ..Default::default() }));
    let mut watch = server.client().watch(Default::default()).checkpoint(kept);
    take(&mut watch, &["d1"]).await;
    assert!(watch.next().now_or_never().is_none());
    go.send(()).unwrap();
    take(&mut watch, &["d2"]).await;
    assert_eq!(*kept.saved.lock().unwrap(), ["t1"]);
}
