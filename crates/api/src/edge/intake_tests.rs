use std::collections::VecDeque;
use std::future::poll_fn;

use super::*;
use crate::access::lookup;
use crate::edge::Budgets;

const GET: &str = "/tenterhook.v1.WebhookService/GetWebhook";
const BATCH: &str = "/tenterhook.v1.EventService/BatchPublishEvents";
const PUBLISH: &str = "/tenterhook.v1.EventService/StreamPublishEvents";
const HEALTH_WATCH: &str = "/grpc.health.v1.Health/Watch";

/// A body that gives its frames one by one and then nothing, without an end.
#[derive(Debug, Default)]
struct Frames(VecDeque<Bytes>);

impl Body for Frames {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.pop_front().map_or(Poll::Pending, |bytes| Poll::Ready(Some(Ok(Frame::data(bytes)))))
    }
}

/// A message of so many bytes: a field that no message has, and an empty text.
fn message(size: usize) -> Vec<u8> {
    let mut content = b"\xfa\x3f".to_vec();
    if size > 7 {
        // A length in four bytes, of which it needs fewer.
        let rest = size - 6;
        content.extend((0..4).map(|place| (rest >> (7 * place)) as u8 & 0x7f | if place < 3 { 0x80 } else { 0 }));
    }
    content.resize(size, if size > 7 { b'x' } else { 0 });
    framed(&content)
}

fn framed(content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend_from_slice(&u32::try_from(content.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(content);
    bytes
}

fn intake(path: &str, connection: &Connection, frames: impl IntoIterator<Item = Vec<u8>>) -> Intake<Frames> {
    let frames = Frames(frames.into_iter().map(Bytes::from).collect());
    Intake::new(frames, lookup(path).unwrap(), connection.clone())
}

/// The next frame's data, or the status in its place.
async fn next(intake: &mut Intake<Frames>) -> Result<Bytes, Status> {
    let frame = poll_fn(|context| Pin::new(&mut *intake).poll_frame(context)).await.expect("no end");
    frame.map(|frame| frame.into_data().unwrap()).map_err(|error| *error.downcast().unwrap())
}

#[tokio::test]
async fn a_message_is_charged_by_its_length_before_it_has_come_and_given_back_at_the_end() {
    let connection = Budgets::default().connection();
    let mut intake = intake(GET, &connection, [message(1_000)[..7].to_vec()]);
    assert_eq!(next(&mut intake).await.unwrap().len(), 7);
    assert_eq!(connection.bytes().held(), 1_000);
    let charge = intake.charge();
    drop(intake);
    assert_eq!(connection.bytes().held(), 1_000, "the call holds it until it is answered");
    drop(charge);
    assert_eq!(connection.bytes().held(), 0);
}

#[tokio::test]
async fn a_prefix_may_come_in_pieces() {
    let connection = Budgets::default().connection();
    let pieces = message(3).into_iter().map(|byte| vec![byte]);
    let mut intake = intake(GET, &connection, pieces);
    let mut whole = Vec::new();
    while whole.len() < PREFIX + 3 {
        whole.extend_from_slice(&next(&mut intake).await.unwrap());
    }
    assert_eq!(whole, message(3));
    assert_eq!(connection.bytes().held(), 3);
}

#[tokio::test]
async fn messages_over_the_budget_are_refused_with_a_time_to_come_back() {
    let connection = Budgets::default().connection();
    let mut open = Vec::new();
    let status = loop {
        let mut intake = intake(GET, &connection, [message(4 << 20)[..5].to_vec()]);
        match next(&mut intake).await {
            Ok(_) => open.push(intake),
            Err(status) => break status,
        }
    };
    assert_eq!((open.len(), status.code()), (4, tonic::Code::ResourceExhausted));
    let details = tonic_types::StatusExt::get_details_retry_info(&status);
    assert_eq!(details.unwrap().retry_delay, Some(Duration::from_secs(1)));
}

#[tokio::test]
async fn what_is_over_its_limit_is_left_to_the_decoder() {
    let connection = Budgets::default().connection();
    let mut intake = intake(HEALTH_WATCH, &connection, [message(OPEN_MESSAGE_BYTES + 1)[..5].to_vec()]);
    next(&mut intake).await.unwrap();
    assert_eq!(connection.bytes().held(), 0);
}

/// A message of so many empty events.
fn batch(events: usize) -> Vec<u8> {
    framed(&b"\x0a\x00".repeat(events))
}

/// An event whose data is a list of so many values, of which each takes 15 bytes.
fn list(values: usize) -> Vec<u8> {
    let value = b"\x0a\x0d\x1a\x0babcdefghijk";
    let nested = |number: u8, content: Vec<u8>| {
        let length = content.len();
        let mut bytes = vec![number << 3 | 2];
        bytes.extend((0..4).map(|place| (length >> (7 * place)) as u8 & 0x7f | if place < 3 { 0x80 } else { 0 }));
        bytes.extend(content);
        bytes
    };
    nested(2, nested(8, nested(2, nested(6, value.repeat(values)))))
}

#[tokio::test]
async fn what_a_message_takes_in_memory_is_charged_before_its_last_byte_is_handed_on() {
    let connection = Budgets::default().connection();
    let whole = framed(&list(1_000));
    let (first, rest) = whole.split_at(1_000);
    let mut intake = intake(PUBLISH, &connection, [first.to_vec(), rest.to_vec()]);
    next(&mut intake).await.unwrap();
    let held = connection.bytes().held();
    assert!(held > whole.len(), "{held}");
    next(&mut intake).await.unwrap();
    let held = connection.bytes().held();
    assert!(held > 100 * 1_000, "{held}");
    intake.charge().settle(1);
    assert_eq!(connection.bytes().held(), 0);
}

#[tokio::test]
async fn a_message_that_would_take_very_much_in_memory_is_refused_for_good() {
    let connection = Budgets::default().connection();
    let pieces: Vec<_> = framed(&list(200_000)).chunks(16 * 1024).map(<[u8]>::to_vec).collect();
    let mut intake = intake(PUBLISH, &connection, pieces);
    let status = loop {
        if let Err(status) = next(&mut intake).await {
            break status;
        }
    };
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    assert!(status.message().contains("16,777,216 bytes in memory; send fewer"), "{status}");
    assert!(connection.bytes().held() <= limits::MESSAGE_MEMORY_BYTES);
    drop(intake);
    assert_eq!(connection.bytes().held(), 0);
}

#[tokio::test(start_paused = true)]
async fn elements_wait_for_the_acknowledgement_of_messages_before_theirs() {
    let connection = Budgets::default().connection();
    let mut intake = intake(PUBLISH, &connection, [[framed(&list(25_000)), framed(&list(100_000))].concat()]);
    let second = framed(&list(100_000)).len();
    let mut handed_on = next(&mut intake).await.unwrap().len();
    assert_eq!(handed_on, framed(&list(25_000)).len() + PREFIX);
    assert!(tokio::time::timeout(Duration::from_secs(1), next(&mut intake)).await.is_err());
    intake.charge().settle(1);
    handed_on = next(&mut intake).await.unwrap().len();
    assert_eq!(handed_on, second - PREFIX);
}

#[tokio::test]
async fn what_is_no_message_is_refused_before_the_decoder_sees_it() {
    let connection = Budgets::default().connection();
    let mut odd = intake(GET, &connection, [framed(b"\x0b\x0c")]);
    assert_eq!(next(&mut odd).await.unwrap_err().code(), tonic::Code::Internal);
    let mut compressed = framed(b"\x0b\x0c");
    compressed[0] = 1;
    let mut compressed = intake(GET, &connection, [compressed]);
    assert!(next(&mut compressed).await.is_ok(), "the decoder says why it is not read");
}

#[tokio::test]
async fn a_batch_of_too_many_empty_events_is_refused_before_it_can_be_decoded() {
    let connection = Budgets::default().connection();
    let mut fits = intake(BATCH, &connection, [batch(limits::BATCH_EVENTS)]);
    assert_eq!(next(&mut fits).await.unwrap().len(), PREFIX + 2 * limits::BATCH_EVENTS);
    let mut pieces: Vec<_> = batch(1_000_000).chunks(700).map(<[u8]>::to_vec).collect();
    // The end never comes: it is not waited for.
    pieces.pop();
    let mut intake = intake(BATCH, &connection, pieces);
    let mut handed_on = 0;
    let status = loop {
        match next(&mut intake).await {
            Ok(piece) => handed_on += piece.len(),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    assert!(status.message().contains("at most 1,000 events"), "{status}");
    assert!(handed_on <= PREFIX + 2 * limits::BATCH_EVENTS + 700, "{handed_on}");
}

#[tokio::test(start_paused = true)]
async fn a_publishing_stream_waits_for_its_own_acknowledgements() {
    let connection = Budgets::default().connection();
    let size = UNACKNOWLEDGED_BYTES / 2;
    let both = [message(size), message(size), message(10)].concat();
    let mut intake = intake(PUBLISH, &connection, [both]);
    let first = next(&mut intake).await.unwrap();
    assert_eq!(first.len(), 2 * (PREFIX + size), "what is charged goes on without the rest");
    assert!(tokio::time::timeout(Duration::from_secs(1), next(&mut intake)).await.is_err());
    intake.charge().settle(1);
    assert_eq!(next(&mut intake).await.unwrap().len(), PREFIX + 10);
    assert_eq!(connection.bytes().held(), size + 10);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_has_begun_must_end_and_a_publishing_stream_may_be_silent_between_two() {
    let connection = Budgets::default().connection();
    for (path, frames, time) in [
        (GET, vec![message(9)[..8].to_vec()], Some(MESSAGE_TIME)),
        (PUBLISH, vec![message(9)[..8].to_vec()], Some(MESSAGE_TIME)),
        (PUBLISH, vec![message(9)], None),
        (PUBLISH, vec![], None),
        (HEALTH_WATCH, vec![], Some(OPEN_TIME)),
        (HEALTH_WATCH, vec![message(9)], Some(OPEN_TIME)),
        ("/tenterhook.v1.DeliveryService/WatchDeliveries", vec![], Some(OPEN_TIME)),
    ] {
        let count = frames.len();
        let mut intake = intake(path, &connection, frames);
        for _ in 0..count {
            next(&mut intake).await.unwrap();
        }
        let begun = tokio::time::Instant::now();
        let waited = tokio::time::timeout(Duration::from_secs(3_600), next(&mut intake)).await;
        match time {
            Some(time) => {
                assert_eq!(waited.unwrap().unwrap_err().code(), tonic::Code::DeadlineExceeded, "{path}");
                assert_eq!(begun.elapsed().as_secs(), time.as_secs(), "{path}");
            }
            None => assert!(waited.is_err(), "{path}"),
        }
    }
}
