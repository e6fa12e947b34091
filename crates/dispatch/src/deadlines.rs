//! Ends deliveries that run out of time while nobody claims them, because their webhook is
//! paused, its breaker or rate limit holds them back, or another of their ordering key comes first.
//!
//! By the expiry of their event the store knows them in the order of time. By their age the open
//! deliveries of a webhook come in the order in which they were made, so each webhook is looked
//! at when its oldest gets too old, and no sooner. All goes in steps of a bounded size.
//!
//! It also watches the clock: when that is set back, next attempts come forward ([`Forward`]); when it
//! jumps ahead by hours, nothing is ended for a while ([`Ahead`]).

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tenterhook_model::{Clock, Delivery, DeliveryId, Timestamp, Webhook, WebhookId};
use tenterhook_policy::{give_up_time, max_age};
use tenterhook_store::{Maintaining, StoreError};
use tokio::select;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ahead::Ahead;
use crate::forward::Forward;

/// Deliveries of one step.
const STEP: usize = 256;
/// The shortest time between two looks at one webhook: what gets too old meanwhile ends together.
const BETWEEN: Duration = Duration::from_millis(250);
/// The longest sleep: by then a wall clock that was set is noticed. A retry may be due in a second.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// The shortest sleep: what the timer of the runtime can tell apart.
const SLEEP_MIN: Duration = Duration::from_millis(1);
/// The wait after the store failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// When those are looked at again that were under way when they got too old.
const AGAIN: Duration = Duration::from_secs(1);

/// Where the look at a webhook stands.
#[derive(Debug, Clone, Copy)]
struct Look {
    /// The age that was gone by.
    max_age: Duration,
    /// When the next one is.
    time: Timestamp,
    /// The last that was passed over, because it was retried by hand.
    after: Option<DeliveryId>,
    /// When it begins with the oldest again, because one that was passed over gets too old.
    passed: Timestamp,
}

/// Ends deliveries that run out of time while nobody claims them.
#[derive(Debug)]
pub struct Deadlines {
    store: Arc<dyn Maintaining>,
    clock: Arc<dyn Clock>,
    looks: BTreeMap<WebhookId, Look>,
    times: BTreeSet<(Timestamp, WebhookId)>,
    revision: Option<u64>,
    forward: Forward,
    ahead: Ahead,
    /// The time of day at the last step.
    latest: Timestamp,
}

impl Deadlines {
    /// One that has not begun.
    pub fn new(store: Arc<dyn Maintaining>, clock: Arc<dyn Clock>) -> Self {
        let forward = Forward::new(Arc::clone(&store), Arc::clone(&clock));
        Self {
            store,
            clock,
            looks: BTreeMap::new(),
            times: BTreeSet::new(),
            revision: None,
            forward,
            ahead: Ahead::default(),
            latest: Timestamp::MIN,
        }
    }

    /// Works until `cancel`, or until the store is closed.
    pub async fn run(mut self, cancel: CancellationToken) {
        let store = Arc::clone(&self.store);
        loop {
            // Enabled before the look, so that no ring is missed.
            let mut bell = pin!(store.deadline_bell().notified());
            bell.as_mut().enable();
            let pause = match self.step().await {
                Ok(pause) => pause,
                Err(StoreError::Closed) => return,
                Err(error) => {
                    tracing::warn!(%error, "what ran out of time could not be ended; trying again");
                    AFTER_FAILURE
                }
            };
            // The end comes first.
            select! { biased;
                () = cancel.cancelled() => return,
                () = &mut bell => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One bounded step; returns how long nothing more is to be done.
    async fn step(&mut self) -> Result<Duration, StoreError> {
        if self.forward.step().await? {
            return Ok(SLEEP_MIN);
        }
        let now = self.clock.now();
        if now < self.latest {
            // The clock was set back: the times of the looks are no longer right.
            (self.looks, self.times, self.revision) = Default::default();
        }
        self.latest = now;
        let instant = Instant::now();
        self.ahead.look(now, instant);
        if self.ahead.is_doubted(instant) {
            return Ok(SLEEP_MAX);
        }
        self.refresh(now);
        if self.store.next_expiry().is_some_and(|time| time <= now) {
            self.store.give_up_expired(STEP).await?;
        }
        if let Some(&(time, webhook)) = self.times.first().filter(|(time, _)| *time <= now) {
            let next = self.look(webhook, now).await?;
            let was_set = self.times.remove(&(time, webhook));
            assert!(was_set, "the look at {webhook} was to come at {time:?}");
            self.times.insert((next.time, webhook));
            self.looks.insert(webhook, next);
        }
        let next = [self.store.next_expiry(), self.times.first().map(|(time, _)| *time)].into_iter().flatten().min();
        Ok(next.map_or(SLEEP_MAX, |time| time.since(self.clock.now()).clamp(SLEEP_MIN, SLEEP_MAX)))
    }

    /// Takes over what changed in the webhooks. One that is new, or whose age changed, is looked at now.
    fn refresh(&mut self, now: Timestamp) {
        let set = self.store.webhooks();
        if self.revision == Some(set.revision) {
            return;
        }
        self.revision = Some(set.revision);
        let times = &mut self.times;
        self.looks.retain(|id, look| {
            let age = set.by_id.get(id).map(|webhook| max_age(&webhook.spec.retry));
            let keeps = age == Some(look.max_age);
            if !keeps {
                times.remove(&(look.time, *id));
            }
            keeps
        });
        for (id, webhook) in &set.by_id {
            self.looks.entry(*id).or_insert_with(|| {
                times.insert((now, *id));
                from_the_start(webhook, now)
            });
        }
    }

    /// Ends what is too old among the next deliveries of the webhook; answers what comes next.
    async fn look(&self, id: WebhookId, now: Timestamp) -> Result<Look, StoreError> {
        let set = self.store.webhooks();
        let (Some(webhook), Some(mut look)) = (set.by_id.get(&id), self.looks.get(&id).copied()) else {
            return Ok(Look { max_age: Duration::ZERO, time: Timestamp::MAX, after: None, passed: Timestamp::MAX });
        };
        if look.passed <= now {
            look = from_the_start(webhook, now);
        }
        let open = self.store.open_deliveries(id, look.after, STEP).await?;
        let is_whole = open.len() < STEP;
        let mut over: Vec<Delivery> = Vec::new();
        let mut young = None;
        for delivery in open {
            let end = give_up_time(&delivery, None, &webhook.spec.retry);
            let by_age = delivery.create_time.after(look.max_age);
            // One that was made while the clock was ahead says nothing of those behind it.
            if by_age > now && delivery.create_time <= now {
                // All behind it are younger.
                young = Some(by_age);
                break;
            }
            if end <= now {
                over.push(delivery);
            } else {
                look.passed = look.passed.min(end);
                look.after = Some(delivery.id);
            }
        }
        look.time = match young {
            Some(time) => time.max(now.after(BETWEEN)),
            None if is_whole => now.after(look.max_age.max(BETWEEN)),
            // There is more of the same.
            None => now,
        };
        look.time = look.time.min(look.passed.max(now.after(BETWEEN)));
        assert!(look.time > now || !is_whole, "a look that saw all of {id} would come again at once, for ever");
        let expected = over.len();
        if expected > 0 && self.store.give_up(over).await? < expected {
            // Some are under way, or have just changed.
            return Ok(Look { time: now.after(AGAIN), ..from_the_start(webhook, now) });
        }
        Ok(look)
    }
}

/// A look that begins with the oldest delivery. The next such look comes after the age: what is
/// retried by hand until then, behind the back of this one, gets too old later than that.
fn from_the_start(webhook: &Webhook, now: Timestamp) -> Look {
    let max_age = max_age(&webhook.spec.retry);
    Look { max_age, time: now, after: None, passed: now.after(max_age) }
}
