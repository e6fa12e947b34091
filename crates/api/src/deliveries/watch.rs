//! WatchDeliveries: each change of each delivery, in commit order, from the journal.
//!
//! A watch is a place in the journal and at most one page of it. It reads the next page only
//! when the client has taken the last one, so a slow client costs constant memory and delays
//! nobody; one that is slower than the retention is told so.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, Stream, stream};
use tenterhook_model::{Namespace, Timestamp, limits};
use tenterhook_proto::tenterhook::v1::{self, watch_deliveries_request::Start, watch_deliveries_response::Payload};
use tenterhook_store::{Change, JournalSpan, Sequence, Topic, WebhookSet};
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::read::show;
use crate::access::{Caller, Reach};
use crate::check::Check;
use crate::refusal::Refusal;
use crate::state::{Api, WatchCount};
use crate::token::Resume;
use crate::wire::delivery::{View, write_state};
use crate::wire::filter::{DeliveryFilter, read_view};
use crate::wire::time::{read_duration, read_timestamp, timestamp};

/// One open watch.
pub(super) struct Watch {
    api: Api,
    caller: Caller,
    request: Checked,
    resume: Resume,
    /// The last change that was looked at.
    position: Sequence,
    /// Changes that were read, shared with other watches at the same place.
    page: Arc<[Arc<Change>]>,
    /// How many of them were looked at.
    looked_at: usize,
    /// Whatever passes is on it.
    topic: Topic,
    /// Rings when something has happened on the topic.
    bell: Arc<Notify>,
    /// When a bookmark is due.
    bookmark_at: Instant,
    /// Whether the first bookmark is out.
    begun: bool,
    /// The last change to be sent before the end, once the server stops.
    last: Option<Sequence>,
    /// Cancelled when the connection is about to close.
    retiring: CancellationToken,
    /// Whether the last bookmark before the connection closes is out.
    has_parted: bool,
    _count: WatchCount,
    _permit: OwnedSemaphorePermit,
}

/// What was asked for, checked.
struct Checked {
    namespace: Namespace,
    /// What the caller may look at there.
    reach: Reach,
    filter: DeliveryFilter,
    view: View,
    bookmark_interval: Duration,
    not_before: Option<Timestamp>,
}

impl Checked {
    /// Reads a request of somebody who may look at all of the namespace; [`Watch::begin`] asks who it is.
    fn read(check: &mut Check, request: &v1::WatchDeliveriesRequest) -> Self {
        let namespace = check.parse("namespace", &request.namespace);
        let filter = request.filter.clone().unwrap_or_default();
        let filter = check.within("filter", |check| {
            for (name, time) in [("start_time", &filter.start_time), ("end_time", &filter.end_time)] {
                if time.is_some() {
                    check.refuse(name, "is not allowed in a watch; use `start_time` of the request");
                }
            }
            DeliveryFilter::read(check, &filter)
        });
        let view = read_view(check, request.view, View::Basic);
        let range = limits::BOOKMARK_INTERVAL_RANGE;
        let interval = read_duration(check, "bookmark_interval", request.bookmark_interval, range);
        let not_before = match &request.start {
            Some(Start::StartTime(time)) => read_timestamp(check, "start_time", Some(*time)),
            Some(Start::Position(position)) => {
                if v1::WatchPosition::try_from(*position).is_err() {
                    check.refuse("position", "must be WATCH_POSITION_NOW or WATCH_POSITION_EARLIEST");
                }
                None
            }
            Some(Start::ResumeToken(_)) | None => None,
        };
        Self {
            namespace: namespace.unwrap_or_default(),
            reach: Reach::All,
            filter,
            view,
            bookmark_interval: interval.unwrap_or(limits::BOOKMARK_INTERVAL),
            not_before,
        }
    }

    /// What the watch is about: the less it is, the less wakes it.
    fn topic(&self) -> Topic {
        let reached = match self.reach {
            Reach::All => None,
            Reach::One(only) => Some(only),
        };
        match reached.or_else(|| self.filter.only_webhook()) {
            Some(only) => Topic::Webhook(only),
            None => Topic::Namespace(self.namespace.clone()),
        }
    }

    fn passes(&self, change: &Change, webhooks: &WebhookSet) -> bool {
        change.delivery.namespace == self.namespace
            && self.reach.holds(change.delivery.webhook_id)
            && self.filter.passes(&change.delivery, webhooks)
            && self.not_before.is_none_or(|time| change.time >= time)
    }
}

impl Watch {
    /// Opens a watch at the place that the request names.
    pub(super) async fn begin(api: Api, caller: Caller, request: v1::WatchDeliveriesRequest) -> Result<Self, Refusal> {
        let mut check = Check::new();
        let mut checked = Checked::read(&mut check, &request);
        check.finish()?;
        checked.reach = caller.reach(&checked.namespace)?;
        let permit = api.stream_permit()?;
        let span = api.store.journal();
        let resume = Resume::of(&api.token_key, &checked.namespace, span.epoch);
        let topic = checked.topic();
        let bell = api.store.bell_of(&topic);
        let position = start(&api, &request.start, &resume, span).await?;
        // Fails now, not after the first bookmark, when this point is no longer kept.
        api.store.changes(position, 1).await?;
        Ok(Self {
            caller,
            bookmark_at: Instant::now(),
            request: checked,
            resume,
            position,
            page: Arc::default(),
            looked_at: 0,
            topic,
            bell,
            begun: false,
            last: None,
            retiring: CancellationToken::new(),
            has_parted: false,
            _count: api.watch_begins(),
            _permit: permit,
            api,
        })
    }

    /// Ends it when `retiring` is cancelled, after a last bookmark with the place to resume from.
    pub(super) fn until(self, retiring: CancellationToken) -> Self {
        Self { retiring, ..self }
    }

    /// The messages of the watch; the last is the reason why it ended.
    pub(super) fn into_stream(self) -> impl Stream<Item = Result<v1::WatchDeliveriesResponse, Status>> + Send {
        stream::unfold(Some(self), |watch| async move {
            let mut watch = watch?;
            match AssertUnwindSafe(watch.next()).catch_unwind().await {
                Ok(Ok(message)) => Some((Ok(message), Some(watch))),
                Ok(Err(refusal)) => Some((Err(refusal.into()), None)),
                Err(_panic) => {
                    watch.api.meter.panicked("/tenterhook.v1.DeliveryService/WatchDeliveries");
                    Some((Err(Refusal::Internal.into()), None))
                }
            }
        })
    }

    /// The next message, however long it takes.
    async fn next(&mut self) -> Result<v1::WatchDeliveriesResponse, Refusal> {
        // Also within a page: a client that reads slowly has it for long.
        if !self.api.access.still_allows(&self.caller) {
            return Err(Refusal::KeyInvalid { shown: true });
        }
        if !self.begun {
            self.begun = true;
            return Ok(self.bookmark());
        }
        loop {
            while let Some(change) = self.page.get(self.looked_at).cloned() {
                self.looked_at += 1;
                debug_assert_eq!(change.sequence.0, self.position.0 + 1, "a watch has neither gaps nor repeats");
                self.position = change.sequence;
                if self.request.passes(&change, &self.api.store.webhooks()) {
                    debug_assert!(self.topic.takes_in(&change.delivery), "what passes is what wakes the watch");
                    return self.change(&change).await;
                }
            }
            self.check_end()?;
            let is_last = self.retiring.is_cancelled();
            if is_last || Instant::now() >= self.bookmark_at {
                self.has_parted = is_last;
                self.skip_others();
                return Ok(self.bookmark());
            }
            self.read_or_wait().await?;
        }
    }

    /// Ends the watch of a caller that is no longer allowed, and that of a server that stops
    /// once all that happened before is sent.
    fn check_end(&mut self) -> Result<(), Refusal> {
        if !self.api.access.still_allows(&self.caller) {
            return Err(Refusal::KeyInvalid { shown: true });
        }
        if self.has_parted {
            return Err(Refusal::ConnectionAged);
        }
        if self.api.shutdown.is_cancelled() {
            let last = *self.last.get_or_insert_with(|| self.api.store.journal().last);
            if self.position >= last {
                return Err(Refusal::ShuttingDown);
            }
        }
        Ok(())
    }

    /// Passes over what happened elsewhere, without reading it. So the place of a
    /// watch stays near the end of the journal while its own topic is quiet.
    fn skip_others(&mut self) -> bool {
        let end = self.api.store.quiet_until(&self.topic, self.position);
        if let Some(end) = end {
            debug_assert!(end >= self.position, "a watch never goes back: {end:?} after {:?}", self.position);
            self.position = end;
        }
        end.is_some()
    }

    /// Reads the next page; when there is none, waits until something has happened on the topic.
    async fn read_or_wait(&mut self) -> Result<(), Refusal> {
        let api = Arc::clone(&self.api);
        // Asked for before the read, so that what comes after the read rings.
        let bell = Arc::clone(&self.bell);
        let mut bell = std::pin::pin!(bell.notified());
        let mut access = std::pin::pin!(api.access.changed().notified());
        bell.as_mut().enable();
        access.as_mut().enable();
        if !self.skip_others() {
            let page = api.store.changes(self.position, limits::JOURNAL_PAGE).await?;
            if !page.changes.is_empty() {
                (self.page, self.looked_at) = (page.changes, 0);
                return Ok(());
            }
            self.position = page.next;
        }
        // An idle watch keeps no page in memory.
        self.page = Arc::default();
        if self.last.is_some() {
            return Ok(());
        }
        let retiring = self.retiring.clone();
        // Whichever comes first, the loop looks at everything again; the order does not matter.
        tokio::select! { biased;
            () = api.shutdown.cancelled() => {}
            () = retiring.cancelled() => {}
            () = access => {}
            () = bell => {}
            () = tokio::time::sleep_until(self.bookmark_at) => {}
        }
        Ok(())
    }

    fn message(&mut self, payload: Payload) -> v1::WatchDeliveriesResponse {
        self.bookmark_at = Instant::now() + self.request.bookmark_interval;
        v1::WatchDeliveriesResponse { resume_token: self.resume.write(self.position), payload: Some(payload) }
    }

    fn bookmark(&mut self) -> v1::WatchDeliveriesResponse {
        let server_time = Some(timestamp(self.api.clock.now()));
        self.message(Payload::Bookmark(v1::Bookmark { server_time }))
    }

    async fn change(&mut self, change: &Change) -> Result<v1::WatchDeliveriesResponse, Refusal> {
        let delivery = show(&self.api, &change.delivery, self.request.view, limits::PAGE_BYTES).await?;
        let previous = change.previous.map_or(v1::DeliveryState::Unspecified, write_state);
        Ok(self.message(Payload::Change(v1::DeliveryChange {
            change_time: Some(timestamp(change.time)),
            previous_state: previous.into(),
            delivery: Some(delivery),
        })))
    }
}

/// The change after which the watch begins.
async fn start(api: &Api, start: &Option<Start>, resume: &Resume, span: JournalSpan) -> Result<Sequence, Refusal> {
    match start {
        None => Ok(span.last),
        Some(Start::ResumeToken(token)) => resume.read(token, span.last),
        Some(Start::StartTime(time)) => {
            let time = read_timestamp(&mut Check::new(), "start_time", Some(*time)).unwrap_or_default();
            Ok(api.store.sequence_at(time).await?)
        }
        Some(Start::Position(position)) if *position == i32::from(v1::WatchPosition::Earliest) => {
            Ok(span.before_oldest)
        }
        Some(Start::Position(_)) => Ok(span.last),
    }
}
