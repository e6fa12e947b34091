//! Publishing as a stream, with an acknowledgement for each event.

use futures_util::stream::{Stream, StreamExt as _};

use crate::client::Client;
use crate::error::Error;
use crate::v1::stream_publish_events_response::Outcome;
use crate::v1::{Event, PublishResult, StreamPublishEventsRequest, StreamPublishEventsResponse};

/// What became of one event of a stream.
#[derive(Clone, Debug)]
pub struct Ack {
    /// The event's position in the stream, from 0.
    pub sequence: u64,
    /// `Ok` if the event is on the server's disk, an error if it was refused.
    pub outcome: Result<PublishResult, Error>,
}

impl Client {
    /// Publishes events as they come and yields what became of each, in order; one bad event does
    /// not end it. An `Err` is the end of the stream itself: events without an acknowledgement may
    /// then be published again under their ids.
    ///
    /// # Errors
    /// When the stream cannot be opened.
    pub async fn publish_stream<S>(
        &self,
        events: S,
    ) -> Result<impl Stream<Item = Result<Ack, Error>> + Send + use<S>, Error>
    where
        S: Stream<Item = Event> + Send + 'static,
    {
        let client = self.clone();
        let requests = events.enumerate().map(move |(position, event)| StreamPublishEventsRequest {
            sequence: position as u64,
            event: Some(client.complete(event)),
        });
        let response = self.events().stream_publish_events(requests).await?;
        Ok(response.into_inner().map(|message| message.map(Ack::from).map_err(Error::from)))
    }
}

impl From<StreamPublishEventsResponse> for Ack {
    fn from(response: StreamPublishEventsResponse) -> Self {
        let outcome = match response.outcome {
            Some(Outcome::Error(refused)) => Err(refused.into()),
            Some(Outcome::Result(result)) => Ok(result),
            None => Ok(PublishResult::default()),
        };
        Self { sequence: response.sequence, outcome }
    }
}
