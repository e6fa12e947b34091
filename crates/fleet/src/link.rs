//! The connection to one node that makes attempts, from its joining to the end of all that it was given.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tenterhook_attempt::{Job, Load, Made};
use tenterhook_model::WebhookId;
use tokio::io::{AsyncRead, AsyncWrite, split};
use tokio::select;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::granting::Granting;
use crate::joining::Joining;
use crate::talk::{self, Grant, Incoming, JobFrame, MadeFrame, Order, Ordered, Report, Reported, excuse_of};

/// Webhooks that a node keeps; then it forgets all, and gets again what it needs.
const WEBHOOKS_KEPT: usize = 4_096;

/// A node that has joined.
#[derive(Debug)]
pub(crate) struct Link {
    joining: Joining,
    /// Whether the node takes jobs.
    is_open: AtomicBool,
    /// Attempts that have a place there.
    taken: AtomicUsize,
    /// Cancelled when it cannot be told anything more.
    broken: CancellationToken,
    under_way: Mutex<UnderWay>,
}

#[derive(Debug)]
struct UnderWay {
    /// Orders on their way; `None` once no more are sent.
    orders: Option<mpsc::Sender<Order>>,
    /// Who waits for the end of each attempt.
    flights: BTreeMap<u64, oneshot::Sender<Made>>,
    next_flight: u64,
    /// The revision of each webhook that the node has.
    webhooks: BTreeMap<WebhookId, u64>,
}

impl Link {
    /// A link to a node that joins, and the orders that it will be given.
    pub(crate) fn new(joining: Joining) -> (Self, mpsc::Receiver<Order>) {
        let (orders, waiting) = mpsc::channel(talk::waiting_at_most(joining.room));
        let (flights, webhooks) = (BTreeMap::new(), BTreeMap::new());
        let under_way = Mutex::new(UnderWay { orders: Some(orders), flights, next_flight: 0, webhooks });
        let (is_open, taken, broken) = (AtomicBool::new(true), AtomicUsize::new(0), CancellationToken::new());
        (Self { joining, is_open, taken, broken, under_way }, waiting)
    }

    /// What the node is called.
    pub(crate) fn node(&self) -> &str {
        &self.joining.node
    }

    /// The attempts that it has, and how many it takes at once.
    pub(crate) fn load(&self) -> Load {
        let room = if self.is_open.load(Ordering::Acquire) { self.joining.room } else { 0 };
        Load { taken: self.taken.load(Ordering::Relaxed), room }
    }

    /// How many attempts it takes at once while it takes jobs.
    pub(crate) fn room(&self) -> usize {
        self.joining.room
    }

    /// Takes a place; how many are taken with it.
    pub(crate) fn take(&self) -> usize {
        self.taken.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Gives a place back.
    pub(crate) fn give_back(&self) {
        let before = self.taken.fetch_sub(1, Ordering::Relaxed);
        assert!(before > 0, "the node {} gets back a place that nobody took", self.node());
    }

    /// Gives the node a job; its flight, and where its end is told. `None` when that cannot be done: then it gets no more.
    pub(crate) fn begin(&self, job: &Job<'_>, serving: &Granting) -> Option<(u64, oneshot::Receiver<Made>)> {
        let record = serving.carrier.event(job.context.event());
        let mut under_way = self.under_way();
        let begun = under_way.begin(job, record, serving);
        if begun.is_none() {
            self.close(&mut under_way);
        }
        begun
    }

    /// Interrupts an attempt.
    pub(crate) fn cut(&self, flight: u64) {
        self.say(Ordered::Cut(flight));
    }

    fn say(&self, ordered: Ordered) {
        let mut under_way = self.under_way();
        if under_way.say(ordered).is_none() {
            self.close(&mut under_way);
        }
    }

    /// Takes the node's jobs away: what it was told last is not sure.
    fn close(&self, under_way: &mut UnderWay) {
        self.is_open.store(false, Ordering::Release);
        under_way.orders = None;
        self.broken.cancel();
    }

    /// Works with the node until it goes, is lost, or `end`; `gone` is called when it gets no more jobs. All that it
    /// was given has ended when this returns.
    pub(crate) async fn run<S>(
        &self,
        stream: S,
        orders: mpsc::Receiver<Order>,
        serving: &Granting,
        end: impl Future<Output = ()>,
        gone: impl Fn(),
    ) where
        S: AsyncRead + AsyncWrite + Send,
    {
        let (reader, writer) = split(stream);
        let mut granted = Instant::now();
        {
            let reading = self.read(Incoming::new(reader), serving, &mut granted, &gone);
            // The end comes first.
            select! { biased;
                () = end => {}
                () = self.broken.cancelled() => {}
                () = reading => {}
                () = talk::write(writer, orders) => {}
            }
        }
        self.close(&mut self.under_way());
        gone();
        if !self.under_way().flights.is_empty() {
            // It may not know yet that it is lost.
            sleep_until(granted + serving.grant).await;
        }
        self.under_way().flights.clear();
    }

    /// Takes reports until the node has gone, or its grant has ended.
    async fn read<R>(&self, mut incoming: Incoming<R>, serving: &Granting, granted: &mut Instant, gone: &impl Fn())
    where
        R: AsyncRead + Unpin,
    {
        self.grant(0, serving);
        loop {
            // The end of the grant comes first: the node has stopped by itself then.
            let report: Option<Report> = select! { biased;
                () = sleep_until(*granted + serving.grant) => return,
                report = incoming.next() => report,
            };
            match report.and_then(|report| report.reported) {
                Some(Reported::Beat(beat)) if serving.may_grant() => {
                    *granted = Instant::now();
                    self.grant(beat, serving);
                }
                Some(Reported::Beat(_)) => {}
                Some(Reported::Made(made)) => match self.ended(made, serving) {
                    Some(()) => {}
                    None => return,
                },
                Some(Reported::Leaving(())) => {
                    tracing::info!(node = self.node(), "a node is leaving: it gets no more attempts");
                    self.is_open.store(false, Ordering::Release);
                    gone();
                }
                None => return,
            }
        }
    }

    fn grant(&self, beat: u64, serving: &Granting) {
        let millis = u64::try_from(serving.grant.as_millis()).unwrap_or(u64::MAX);
        self.say(Ordered::Grant(Grant { beat, millis }));
    }

    /// Tells the end of an attempt; `None` when the report cannot be read.
    fn ended(&self, made: MadeFrame, serving: &Granting) -> Option<()> {
        let MadeFrame { flight, attempt, excuse, panicked } = made;
        let tell = self.under_way().flights.remove(&flight);
        if let Some(tell) = tell {
            let (attempt, excuse) = (serving.carrier.read_attempt(&attempt).ok()?, excuse_of(excuse)?);
            // Whoever waited may have given up.
            let _ = tell.send(Made { attempt, excuse, panicked });
        }
        Some(())
    }

    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnderWay {
    fn begin(&mut self, job: &Job<'_>, event: Bytes, serving: &Granting) -> Option<(u64, oneshot::Receiver<Made>)> {
        if self.webhooks.get(&job.webhook.id) != Some(&job.webhook.revision) {
            if self.webhooks.len() == WEBHOOKS_KEPT {
                self.webhooks.clear();
                self.say(Ordered::Forget(()))?;
            }
            self.webhooks.insert(job.webhook.id, job.webhook.revision);
            self.say(Ordered::Webhook(serving.carrier.webhook(job.webhook)))?;
        }
        let flight = self.next_flight;
        self.next_flight += 1;
        let of = job.context.event();
        self.say(Ordered::Job(JobFrame {
            flight,
            webhook: Bytes::copy_from_slice(job.webhook.id.as_bytes()),
            delivery: Bytes::copy_from_slice(job.delivery_id.as_bytes()),
            number: job.number,
            due: job.due_time.map(Into::into),
            namespace: of.namespace.to_string(),
            event_id: of.id.to_string(),
            event,
            time: serving.clock.now().into(),
        }))?;
        let (tell, end) = oneshot::channel();
        debug_assert!(self.orders.is_some(), "a job was said, so orders are still sent");
        let before = self.flights.insert(flight, tell);
        assert!(before.is_none(), "the flight {flight} is numbered once");
        Some((flight, end))
    }

    /// Says it to the node, unless that takes nothing any more.
    fn say(&self, ordered: Ordered) -> Option<()> {
        self.orders.as_ref()?.try_send(Order { ordered: Some(ordered) }).ok()
    }
}

/// Says why a node may not join, and waits until it has gone, for a moment.
pub(crate) async fn refuse<S>(stream: S, order: Order)
where
    S: AsyncRead + AsyncWrite + Send,
{
    /// How long it has to read why.
    const PATIENCE: Duration = Duration::from_secs(1);
    let (mut reader, writer) = split(stream);
    let (orders, waiting) = mpsc::channel(1);
    let said = orders.try_send(order);
    assert!(said.is_ok(), "the other end of the channel is here");
    drop(orders);
    talk::write(writer, waiting).await;
    // Closed too early, the connection could be reset before the node has read.
    let _ = tokio::time::timeout(PATIENCE, tokio::io::copy(&mut reader, &mut tokio::io::sink())).await;
}
