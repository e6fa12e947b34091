//! The bounded queue of writes, by count and by bytes. Publishers over the bound are refused;
//! what the server itself writes waits for its turn. A store sends into it, and its writer takes from it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tenterhook_model::{
    AccessToken, CertificateEnd, Delivery, DeliveryId, EventId, Namespace, Timestamp, TokenId, WebhookId, limits,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::error::{SaveError, StoreError, TokenError};
use crate::lock::lock;
use crate::record::{
    Expired, NewEvent, NoticeId, Published, Redrive, SavedWebhook, Settled, Settlement, WebhookChange,
};

/// When a refused publisher is asked to come back: many commits later, and soon for a person.
const RETRY_AFTER: Duration = Duration::from_millis(250);
/// Bytes that an event takes in the queue on top of its own size, roughly.
const EVENT_OVERHEAD: usize = 256;

/// Who waits for an answer.
pub(crate) type Answer<T, E = StoreError> = oneshot::Sender<Result<T, E>>;

/// One write.
#[derive(Debug)]
pub(crate) enum Request {
    Publish {
        events: Vec<NewEvent>,
        room: OwnedSemaphorePermit,
        answer: Answer<Vec<Published>>,
    },
    Announce {
        notice: NoticeId,
        event: Box<NewEvent>,
        answer: Answer<Option<Published>>,
    },
    NoteExpiry {
        webhook: (WebhookId, u64),
        end: CertificateEnd,
        days: u32,
        answer: Answer<bool>,
    },
    Settle {
        settlements: Vec<Settlement>,
        answer: Answer<Vec<Settled>>,
    },
    Ask {
        webhook: WebhookId,
        answer: Answer<()>,
    },
    Redrive {
        deliveries: Vec<DeliveryId>,
        answer: Answer<Vec<Redrive>>,
    },
    Cancel {
        deliveries: Vec<DeliveryId>,
        answer: Answer<Vec<Redrive>>,
    },
    Replay {
        webhook: WebhookId,
        events: Vec<EventId>,
        answer: Answer<Vec<DeliveryId>>,
    },
    Save {
        change: WebhookChange,
        answer: Answer<SavedWebhook, SaveError>,
    },
    Remember {
        namespace: Namespace,
        request: (String, [u8; 32]),
        count: u64,
        answer: Answer<()>,
    },
    AddToken {
        token: Box<AccessToken>,
        answer: Answer<(), TokenError>,
    },
    RemoveToken {
        id: TokenId,
        answer: Answer<Option<Arc<AccessToken>>>,
    },
    Expire {
        before: Timestamp,
        limit: usize,
        answer: Answer<Expired>,
    },
    GiveUp {
        deliveries: Vec<Delivery>,
        answer: Answer<usize>,
    },
    GiveUpExpired {
        limit: usize,
        answer: Answer<usize>,
    },
    BringForward {
        moves: Vec<(Delivery, Timestamp)>,
        answer: Answer<usize>,
    },
    /// Writes what is there already, to find out whether the disk takes writes again.
    Probe {
        answer: Answer<()>,
    },
}

impl Request {
    /// How many items it has, for the bound of a commit.
    pub(crate) fn items(&self) -> usize {
        match self {
            Self::Publish { events, .. } => events.len(),
            Self::Settle { settlements, .. } => settlements.len(),
            Self::Redrive { deliveries, .. } | Self::Cancel { deliveries, .. } => deliveries.len(),
            Self::Replay { events, .. } => events.len(),
            Self::GiveUp { deliveries, .. } => deliveries.len(),
            Self::GiveUpExpired { limit, .. } => *limit,
            Self::BringForward { moves, .. } => moves.len(),
            Self::Save { .. }
            | Self::Announce { .. }
            | Self::NoteExpiry { .. }
            | Self::Remember { .. }
            | Self::AddToken { .. }
            | Self::RemoveToken { .. }
            | Self::Ask { .. }
            | Self::Expire { .. }
            | Self::Probe { .. } => 1,
        }
    }

    /// Whether it has a commit of its own, because it reads ranges or changes what other
    /// writes of a commit go by.
    pub(crate) fn is_alone(&self) -> bool {
        matches!(self, Self::Save { .. } | Self::Expire { .. } | Self::GiveUpExpired { .. })
    }
}

/// The sending side of the queue.
#[derive(Debug)]
pub(crate) struct Inbox {
    sender: Mutex<Option<mpsc::Sender<Request>>>,
    bytes: Arc<Semaphore>,
}

impl Inbox {
    /// An inbox, and the side that the writer takes from.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Request>) {
        let (sender, receiver) = mpsc::channel(limits::COMMIT_QUEUE);
        let bytes = Arc::new(Semaphore::new(limits::COMMIT_QUEUE_BYTES));
        (Self { sender: Mutex::new(Some(sender)), bytes }, receiver)
    }

    fn sender(&self) -> Result<mpsc::Sender<Request>, StoreError> {
        lock(&self.sender).clone().ok_or(StoreError::Closed)
    }

    /// Takes no more writes.
    pub(crate) fn close(&self) {
        lock(&self.sender).take();
    }

    /// Whether writes are taken.
    pub(crate) fn is_open(&self) -> bool {
        lock(&self.sender).as_ref().is_some_and(|sender| !sender.is_closed())
    }

    /// Publishes, unless too much waits already.
    pub(crate) async fn publish(&self, events: Vec<NewEvent>) -> Result<Vec<Published>, StoreError> {
        let overloaded = || StoreError::Overloaded { retry_after: RETRY_AFTER };
        let bytes: usize = events.iter().map(|new| new.event.size() + EVENT_OVERHEAD).sum();
        const { assert!(limits::COMMIT_QUEUE_BYTES <= u32::MAX as usize) };
        // One batch that is larger than the whole queue goes through an empty one.
        let bytes = bytes.min(limits::COMMIT_QUEUE_BYTES) as u32;
        let room = self.bytes.clone().try_acquire_many_owned(bytes).map_err(|_| overloaded())?;
        let (answer, wait) = oneshot::channel();
        self.sender()?.try_send(Request::Publish { events, room, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => overloaded(),
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })?;
        wait.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Hands in a write and waits for its answer, however long the queue is.
    pub(crate) async fn write<T, E: From<StoreError>>(
        &self,
        request: impl FnOnce(Answer<T, E>) -> Request,
    ) -> Result<T, E> {
        let (answer, wait) = oneshot::channel();
        self.sender()?.send(request(answer)).await.map_err(|_| StoreError::Closed)?;
        wait.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }
}
