//! A watch that resumes for ever from what the program was handed.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, Stream};
use tokio::time::{Instant, timeout_at};
use tonic::{Code, Status, Streaming};

use crate::checkpoint::{Checkpoint, Kept};
use crate::client::Client;
use crate::connectivity::{Connectivity, Follower};
use crate::error::{Error, Kind};
use crate::v1::watch_deliveries_request::Start;
use crate::v1::watch_deliveries_response::Payload;
use crate::v1::{DeliveryChange, WatchDeliveriesRequest, WatchDeliveriesResponse};

/// The server's, where a watch asks for none.
const DEFAULT_BOOKMARK_INTERVAL: Duration = Duration::from_secs(30);
/// So many bookmark intervals of silence mean that the connection is dead.
const SILENT_INTERVALS: u32 = 3;

/// One change of a delivery.
#[derive(Clone, Debug)]
pub struct Change {
    /// What changed.
    pub change: DeliveryChange,
    /// Resumes right after this change.
    pub token: String,
}

/// An endless sequence of changes.
pub struct Watch {
    client: Client,
    request: WatchDeliveriesRequest,
    /// A stream on its way; it outlives a wait that is given up.
    opening: Option<Opening>,
    stream: Option<Streaming<WatchDeliveriesResponse>>,
    silence: Duration,
    follower: Follower,
    kept: Option<Kept>,
    failures: u32,
    /// When it may connect again.
    not_before: Option<Instant>,
    /// Since when the program waits for a message.
    waiting_since: Option<Instant>,
}

type Opening = Pin<Box<dyn Future<Output = Result<Streaming<WatchDeliveriesResponse>, Status>> + Send>>;

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("request", &self.request)
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Every change of every delivery that matches, in order, without a gap and without an end:
    /// broken and silent connections are made again, and the watch resumes after the last change
    /// that the program was handed. It connects at the first [`Watch::next`].
    #[must_use]
    pub fn watch(&self, mut request: WatchDeliveriesRequest) -> Watch {
        self.scope(&mut request.namespace);
        let asked = request.bookmark_interval.and_then(|asked| Duration::try_from(asked).ok());
        let silence = SILENT_INTERVALS * asked.unwrap_or(DEFAULT_BOOKMARK_INTERVAL);
        Watch {
            client: self.clone(),
            request,
            opening: None,
            stream: None,
            silence,
            follower: Follower::default(),
            kept: None,
            failures: 0,
            not_before: None,
            waiting_since: None,
        }
    }
}

impl Watch {
    /// Calls `listener` when the watch has connected, and each time that it could not.
    #[must_use]
    pub fn on_connectivity(mut self, listener: impl FnMut(Connectivity) + Send + 'static) -> Self {
        self.follower.listen(Box::new(listener));
        self
    }

    /// Keeps in `checkpoint`, such as a [`FileCheckpoint`](crate::FileCheckpoint), how far the program came, and
    /// begins there once it has a token, instead of at the start that the request asks for.
    #[must_use]
    pub fn checkpoint(mut self, checkpoint: impl Checkpoint + 'static) -> Self {
        self.kept = Some(Kept::new(Arc::new(checkpoint)));
        self
    }

    /// Waits for the next change.
    ///
    /// # Errors
    /// Only those that would come again, such as a token that is no longer kept or a first connection that
    /// can never be made ([`Error::permanent`]), and [`Kind::Closed`](crate::Kind::Closed) when the client is closed.
    /// A checkpoint that cannot be loaded or saved fails with [`Code::Internal`]; the next call tries again.
    ///
    /// # Cancel safety
    /// No change is lost when the future is dropped, by a timeout for example; the next call goes on
    /// where this one stopped.
    pub async fn next(&mut self) -> Result<Change, Error> {
        loop {
            self.keep().await?;
            match self.receive().await {
                Ok(message) => {
                    self.failures = 0;
                    self.follower.heard();
                    self.request.start = Some(Start::ResumeToken(message.resume_token.clone()));
                    if let Some(Payload::Change(change)) = message.payload {
                        return Ok(Change { change, token: message.resume_token });
                    }
                }
                Err(status) => {
                    (self.opening, self.stream, self.waiting_since) = (None, None, None);
                    let error = Error::from(status);
                    if error.kind() == Kind::Closed {
                        self.client.calls.disconnect();
                        return Err(error);
                    }
                    // One that was connected goes on whatever becomes of the server's certificate or name.
                    if ends_watch(error.code) || (error.permanent && !self.follower.was_connected()) {
                        return Err(error);
                    }
                    let wait = self.client.calls.wait(self.failures);
                    self.not_before = Some(Instant::now() + wait);
                    self.failures = self.failures.saturating_add(1);
                    self.follower.failed(error, wait);
                }
            }
        }
    }

    /// Resumes after the last change that [`Watch::next`] returned, or after a later bookmark;
    /// empty before there was any.
    #[must_use]
    pub fn resume_token(&self) -> &str {
        token_of(&self.request)
    }

    /// The changes as a stream, which ends after an error.
    pub fn into_stream(self) -> impl Stream<Item = Result<Change, Error>> + Send {
        stream::unfold(Some(self), |watch| async {
            let mut watch = watch?;
            let next = watch.next().await;
            let rest = next.is_ok().then_some(watch);
            Some((next, rest))
        })
    }

    /// Saves where the watch stands, or at first loads it.
    async fn keep(&mut self) -> Result<(), Error> {
        let token = token_of(&self.request);
        let Some(kept) = &mut self.kept else { return Ok(()) };
        if let Some(token) = kept.keep(token).await? {
            self.request.start = Some(Start::ResumeToken(token));
        }
        Ok(())
    }

    /// Takes the next message off the stream, which it opens if need be.
    async fn receive(&mut self) -> Result<WatchDeliveriesResponse, Status> {
        if self.stream.is_none() && self.opening.is_none() {
            if let Some(moment) = self.not_before {
                self.client.calls.pause_until(moment).await?;
            }
            let (mut deliveries, request) = (self.client.deliveries(), self.request.clone());
            let open = async move { Ok(deliveries.watch_deliveries(request).await?.into_inner()) };
            self.opening = Some(Box::pin(open));
        }
        let silent_at = *self.waiting_since.get_or_insert_with(Instant::now) + self.silence;
        let message = match timeout_at(silent_at, self.read()).await {
            Ok(message) => message?.ok_or_else(|| Status::unavailable("the stream ended"))?,
            Err(_) => {
                // The connection may be dead and not know it: only another one helps.
                self.client.calls = self.client.calls.reconnected();
                return Err(Status::unavailable("the stream is silent"));
            }
        };
        self.waiting_since = None;
        Ok(message)
    }

    async fn read(&mut self) -> Result<Option<WatchDeliveriesResponse>, Status> {
        let stream = match (&mut self.stream, &mut self.opening) {
            (Some(stream), _) => stream,
            (none, Some(opening)) => {
                let stream = opening.await?;
                self.opening = None;
                none.insert(stream)
            }
            (None, None) => return Err(Status::unavailable("the stream ended")),
        };
        stream.message().await
    }
}

fn token_of(request: &WatchDeliveriesRequest) -> &str {
    match &request.start {
        Some(Start::ResumeToken(token)) => token,
        _ => "",
    }
}

/// Whether a watch that failed so would fail again.
fn ends_watch(code: Code) -> bool {
    matches!(
        code,
        Code::AlreadyExists
            | Code::DataLoss
            | Code::FailedPrecondition
            | Code::InvalidArgument
            | Code::NotFound
            | Code::OutOfRange
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::Unimplemented
    )
}
