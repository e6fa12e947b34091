//! Publishing as a stream, with an acknowledgement for each event.

use std::sync::Arc;

use futures_util::future;
use futures_util::stream::{Stream, StreamExt as _};
use tokio::sync::{Semaphore, oneshot};

use crate::client::Client;
use crate::error::Error;
use crate::v1::stream_publish_events_response::Outcome;
use crate::v1::{Event, PublishResult, StreamPublishEventsRequest, StreamPublishEventsResponse};

/// Events sent ahead of their acknowledgements. Servers close a connection whose many small frames
/// they cannot keep up with.
const IN_FLIGHT_MAX: usize = 256;

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
    /// then be published again under their ids. Dropping the acknowledgements ends the stream.
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
        let (left, whether_left) = oneshot::channel();
        let sending = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
        let reader = Reader { sending: Arc::clone(&sending), _left: left };
        let requests = events.enumerate().take_until(whether_left).then(move |(position, event)| {
            let event = Some(client.complete(event));
            let sending = Arc::clone(&sending);
            async move {
                sending.acquire().await.ok()?.forget();
                Some(StreamPublishEventsRequest { sequence: position as u64, event })
            }
        });
        let requests = requests.take_while(|sent| future::ready(sent.is_some())).filter_map(future::ready);
        let response = self.events().stream_publish_events(requests).await?;
        Ok(response.into_inner().map(move |message| {
            reader.sending.add_permits(1);
            message.map(Ack::from).map_err(Error::from)
        }))
    }
}

/// Held by the stream of acknowledgements. Dropping it ends the stream of events: hyper would go on
/// sending, although nobody reads the response.
struct Reader {
    sending: Arc<Semaphore>,
    _left: oneshot::Sender<()>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.sending.close();
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
