//! StreamPublishEvents: one acknowledgement for each event, in order.
//!
//! Whatever has come while one chunk of at most [`CHUNK`] events was stored is the next chunk, so
//! events keep their order, commits fill under load, and a client that does not take its
//! acknowledgements is not read from: both directions are bounded by HTTP/2's own flow
//! control. A bad event is refused by its acknowledgement; the others of its chunk are stored.

use std::pin::pin;

use futures_util::{Stream, StreamExt as _, stream};
use tenterhook_proto::tenterhook::v1::{self, stream_publish_events_response::Outcome};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tonic::{Status, Streaming};

use super::publish;
use crate::access::Caller;
use crate::edge::{Charge, reworded};
use crate::refusal::Refusal;
use crate::state::Api;

/// Events of one stream that are stored together: at most 16 MiB of the largest.
const CHUNK: usize = 64;

/// What comes in, or why no more does.
type Message = Result<v1::StreamPublishEventsRequest, Status>;
/// What goes out.
type Acknowledgement = Result<v1::StreamPublishEventsResponse, Status>;

/// One open stream of events.
pub(super) struct Inbound {
    api: Api,
    caller: Caller,
    messages: Streaming<v1::StreamPublishEventsRequest>,
    /// What the messages hold until they are acknowledged; `None` if nobody counts.
    charge: Option<Charge>,
    _permit: OwnedSemaphorePermit,
}

impl Inbound {
    /// Opens the stream of `messages`.
    ///
    /// # Errors
    /// When too many streams are open.
    pub(super) fn open(
        api: Api,
        caller: Caller,
        messages: Streaming<v1::StreamPublishEventsRequest>,
        charge: Option<Charge>,
    ) -> Result<Self, Refusal> {
        let permit = api.stream_permit()?;
        Ok(Self { api, caller, messages, charge, _permit: permit })
    }

    /// Waits until the connection is about to close.
    async fn retiring(charge: Option<&Charge>) {
        match charge {
            Some(charge) => charge.connection().retiring().cancelled().await,
            None => std::future::pending().await,
        }
    }

    /// The next message; the reason why the stream ends early; or its end.
    async fn next(&mut self) -> Option<Result<v1::StreamPublishEventsRequest, Status>> {
        let message = loop {
            // Asked for before the look, so that a change after it rings.
            let mut changed = pin!(self.api.access.changed().notified());
            changed.as_mut().enable();
            if !self.api.access.still_allows(&self.caller) {
                return Some(Err(Refusal::KeyInvalid { shown: true }.into()));
            }
            // The ends first: a client that never pauses must not hold them up.
            tokio::select! { biased;
                () = self.api.shutdown.cancelled() => return Some(Err(Refusal::ShuttingDown.into())),
                () = Self::retiring(self.charge.as_ref()) => return Some(Err(Refusal::ConnectionAged.into())),
                () = changed => {}
                message = self.messages.message() => break message,
            }
        };
        match message {
            Err(status) => Some(Err(reworded(status))),
            Ok(None) => None,
            Ok(Some(message)) => Some(Ok(message)),
        }
    }
}

/// The acknowledgements of the events that come in.
pub(super) fn acknowledgements(
    inbound: Inbound,
    trace_parent: Option<String>,
) -> impl Stream<Item = Acknowledgement> + Send {
    let (api, caller, charge) = (inbound.api.clone(), inbound.caller.clone(), inbound.charge.clone());
    let publisher = Publisher { api, caller, charge, trace_parent };
    let messages = stream::unfold(Some(inbound), |inbound| async move {
        let mut inbound = inbound?;
        let message = inbound.next().await?;
        let rest = message.is_ok().then_some(inbound);
        Some((message, rest))
    });
    let acknowledge = move |messages: Vec<Message>| {
        let publisher = publisher.clone();
        async move { stream::iter(publisher.acknowledge(messages).await) }
    };
    messages.ready_chunks(CHUNK).then(acknowledge).flatten()
}

/// Who publishes the events of a stream.
#[derive(Clone)]
struct Publisher {
    api: Api,
    caller: Caller,
    charge: Option<Charge>,
    trace_parent: Option<String>,
}

impl Publisher {
    /// Stores a chunk; one acknowledgement for each message, in order.
    async fn acknowledge(&self, messages: Vec<Message>) -> Vec<Acknowledgement> {
        let started = Instant::now();
        let mut answers: Vec<Option<Acknowledgement>> = Vec::with_capacity(messages.len());
        let (mut events, mut places) = (Vec::new(), Vec::new());
        let charged = messages.iter().filter(|message| message.is_ok()).count();
        for message in messages {
            let answer = match message {
                Err(status) => Some(Err(status)),
                Ok(v1::StreamPublishEventsRequest { sequence, event }) => {
                    match publish::read_one(&self.api, &self.caller, event, self.trace_parent.clone()) {
                        Err(refusal) => Some(Ok(acknowledgement(sequence, Err(refusal)))),
                        Ok(parsed) => {
                            events.push(parsed);
                            places.push((answers.len(), sequence));
                            None
                        }
                    }
                }
            };
            answers.push(answer);
        }
        let stored = self.api.intake.publish_each(events).await;
        assert_eq!(stored.len(), places.len(), "each event has one result, or a client waits for ever");
        let mut new_events = 0;
        for ((place, sequence), result) in places.into_iter().zip(stored) {
            new_events += usize::from(result.as_ref().is_ok_and(|published| !published.duplicate));
            let result = result.map(publish::write).map_err(Refusal::from);
            answers[place] = Some(Ok(acknowledgement(sequence, result)));
        }
        assert!(answers.iter().all(Option::is_some), "each message of a chunk is acknowledged, in its order");
        if let Some(charge) = &self.charge {
            charge.settle(charged);
        }
        self.api.meter.published(started.elapsed(), new_events);
        answers.into_iter().flatten().collect()
    }
}

fn acknowledgement(sequence: u64, result: Result<v1::PublishResult, Refusal>) -> v1::StreamPublishEventsResponse {
    v1::StreamPublishEventsResponse { sequence, outcome: Some(outcome(result)) }
}

fn outcome(result: Result<v1::PublishResult, Refusal>) -> Outcome {
    match result {
        Ok(result) => Outcome::Result(result),
        Err(refusal) => Outcome::Error(v1::PublishError {
            code: refusal.code().into(),
            reason: refusal.reason().into(),
            message: refusal.message(),
            field: refusal.first_field().unwrap_or_default().to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_event_names_its_first_field() {
        let Outcome::Error(error) = outcome(Err(Refusal::field("event.type", "must not be empty"))) else {
            panic!("an error")
        };
        assert_eq!((error.code, error.reason()), (3, v1::ErrorReason::InvalidField));
        assert_eq!((&*error.field, &*error.message), ("event.type", "event.type: must not be empty"));
    }
}
