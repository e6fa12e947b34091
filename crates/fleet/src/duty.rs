//! The work of a node that stands by: it makes the attempts that the node that serves gives it.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tenterhook_attempt::{AttemptTrace, Deliver, Job, Made, make};
use tenterhook_engine::{Compilations, EventContext, Render};
use tenterhook_model::{DeliveryId, EventId, Namespace, Timestamp, Webhook, WebhookId};
use tenterhook_store::{CarriedTime, Carrier};
use tokio::io::{AsyncRead, AsyncWrite, split};
use tokio::select;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::served_time::ServedTime;
use crate::talk::{self, Grant, Incoming, JobFrame, MadeFrame, Order, Ordered, Report, Reported, number_of};

/// Beats in the time of a grant: all but one of them may be lost.
const BEATS_A_GRANT: u32 = 4;

/// How a duty ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relieved {
    /// The node that serves does not take this one; why.
    Refused(String),
    /// That node is gone, or gives no more grants. No attempt is under way any more.
    Lost,
    /// It was asked to leave, and all that it had was finished.
    Left,
}

/// What attempts are made with, apart from the deliverer.
#[derive(Debug, Clone)]
pub struct Outfit {
    /// Renders and signs.
    pub render: Arc<dyn Render>,
    /// Compiled webhooks.
    pub compilations: Arc<Compilations>,
    /// Makes the spans of attempts.
    pub trace: Arc<dyn AttemptTrace>,
    /// Reads what the node that serves sends.
    pub carrier: Carrier,
}

/// A node that makes attempts for the one that serves.
#[derive(Debug, Clone)]
pub struct Duty<D> {
    /// What attempts are made with.
    pub outfit: Outfit,
    /// Makes their HTTP exchanges.
    pub deliverer: D,
    /// How many it makes at once.
    pub room: usize,
}

impl<D: Deliver> Duty<D> {
    /// Works for the node at the other end of `stream`, which was asked at `asked` to let this one join, until it is
    /// lost or `leave` is cancelled and all is finished.
    ///
    /// # Cancel safety
    /// Dropped, every attempt is cut off.
    pub async fn run<S>(self, stream: S, asked: Instant, leave: &CancellationToken) -> Relieved
    where
        S: AsyncRead + AsyncWrite + Send,
    {
        let (reader, writer) = split(stream);
        let (reports, waiting) = mpsc::channel(talk::waiting_at_most(self.room));
        let watch = Watch::new(self, reports, asked);
        let mut writing = pin!(talk::write(writer, waiting));
        // What the node that serves has said comes before the end of what it is told.
        let relieved = select! { biased;
            relieved = watch.stand(Incoming::new(reader), leave) => relieved,
            () = &mut writing => return Relieved::Lost,
        };
        if relieved == Relieved::Left {
            writing.await;
        }
        relieved
    }
}

/// A duty under way.
struct Watch<D> {
    duty: Duty<D>,
    reports: mpsc::Sender<Report>,
    /// Whether this node can be of no use any more: it may not send, or what it is given or says is lost.
    is_over: bool,
    webhooks: BTreeMap<WebhookId, Arc<Webhook>>,
    attempts: JoinSet<MadeFrame>,
    cuts: BTreeMap<u64, CancellationToken>,
    /// When each beat was sent that has no grant yet.
    beats: VecDeque<(u64, Instant)>,
    /// Until when this node may send, and the time between beats; nothing before the first grant.
    grant: Option<(Instant, Duration)>,
}

impl<D: Deliver> Watch<D> {
    fn new(duty: Duty<D>, reports: mpsc::Sender<Report>, asked: Instant) -> Self {
        Self {
            duty,
            reports,
            is_over: false,
            webhooks: BTreeMap::new(),
            attempts: JoinSet::new(),
            cuts: BTreeMap::new(),
            beats: VecDeque::from([(0, asked)]),
            grant: None,
        }
    }

    async fn stand<R>(mut self, mut incoming: Incoming<R>, leave: &CancellationToken) -> Relieved
    where
        R: AsyncRead + Unpin,
    {
        let (mut next_beat, mut is_leaving) = (None, false);
        loop {
            let until = self.grant.map(|(until, _)| until);
            // The end of the grant comes first; then what frees places.
            select! { biased;
                () = wait_until(until) => return Relieved::Lost,
                () = leave.cancelled(), if !is_leaving => {
                    is_leaving = true;
                    self.say(Reported::Leaving(()));
                }
                Some(ended) = self.attempts.join_next() => self.ended(ended),
                () = wait_until(next_beat) => {
                    self.beat();
                    next_beat = self.grant.map(|(_, pause)| Instant::now() + pause);
                }
                order = incoming.next::<Order>() => match order.and_then(|order| order.ordered) {
                    Some(Ordered::Refused(why)) => return Relieved::Refused(why),
                    Some(Ordered::Grant(grant)) => {
                        self.granted(grant);
                        next_beat = next_beat.or_else(|| self.grant.map(|(_, pause)| Instant::now() + pause));
                    }
                    Some(Ordered::Webhook(record)) => match self.duty.outfit.carrier.read_webhook(&record) {
                        Ok(webhook) => drop(self.webhooks.insert(webhook.id, Arc::new(webhook))),
                        Err(error) => return Relieved::Refused(error.to_string()),
                    },
                    Some(Ordered::Forget(())) => self.webhooks.clear(),
                    Some(Ordered::Job(job)) => self.begin(job),
                    Some(Ordered::Cut(flight)) => if let Some(cut) = self.cuts.get(&flight) { cut.cancel() },
                    None => return Relieved::Lost,
                },
            }
            if self.is_over {
                return Relieved::Lost;
            }
            if is_leaving && self.attempts.is_empty() {
                return Relieved::Left;
            }
        }
    }

    fn say(&mut self, reported: Reported) {
        self.is_over |= self.reports.try_send(Report { reported: Some(reported) }).is_err();
    }

    fn beat(&mut self) {
        let beat = self.beats.back().map_or(0, |(beat, _)| *beat) + 1;
        self.beats.push_back((beat, Instant::now()));
        debug_assert!(self.beats.iter().is_sorted(), "beats are numbered in the order in which they are sent");
        self.say(Reported::Beat(beat));
    }

    fn granted(&mut self, grant: Grant) {
        let Some(at) = self.beats.iter().position(|(beat, _)| *beat == grant.beat) else { return };
        let (_, asked) = self.beats[at];
        // The last one stays: the next gets its number from it.
        self.beats.drain(..at);
        let length = Duration::from_millis(grant.millis);
        self.grant = Some((asked + length, length / BEATS_A_GRANT));
    }

    /// Begins the attempt of a job. A node that may not send, or that cannot read it, is of no use: if it only said no, it
    /// would get the next at once.
    fn begin(&mut self, job: JobFrame) {
        let flight = job.flight;
        let may_send = self.grant.is_some_and(|(until, _)| Instant::now() < until);
        let Some(begun) = self.read(job).filter(|_| may_send) else {
            self.is_over = true;
            return;
        };
        let cut = CancellationToken::new();
        self.cuts.insert(flight, cut.clone());
        let duty = self.duty.clone();
        self.attempts.spawn(async move {
            let Outfit { render, compilations, trace, carrier } = &duty.outfit;
            let Begun { webhook, context, delivery_id, number, due_time, clock } = &begun;
            let job = Job { webhook, context, delivery_id: *delivery_id, number: *number, due_time: *due_time };
            let tools = tenterhook_attempt::Tools { render: &**render, compilations, clock, trace: &**trace };
            let Made { attempt, excuse, panicked } = make(job, tools, duty.deliverer, &cut).await;
            MadeFrame { flight, attempt: carrier.attempt(&attempt), excuse: number_of(excuse), panicked }
        });
    }

    /// What a job is of; `None` when it cannot be read, or is of a webhook that never came.
    fn read(&self, job: JobFrame) -> Option<Begun> {
        let webhook = self.webhooks.get(&WebhookId::from_bytes(id_of(&job.webhook)?))?.clone();
        let (namespace, id): (Namespace, EventId) = (job.namespace.parse().ok()?, job.event_id.parse().ok()?);
        let event = self.duty.outfit.carrier.read_event(namespace, id, &job.event).ok()?;
        Some(Begun {
            webhook,
            context: Arc::new(EventContext::new(Arc::new(event))),
            delivery_id: DeliveryId::from_bytes(id_of(&job.delivery)?),
            number: Some(job.number).filter(|number| *number > 0)?,
            due_time: job.due.map(CarriedTime::get),
            clock: ServedTime::new(job.time.get()),
        })
    }

    fn ended(&mut self, ended: Result<MadeFrame, JoinError>) {
        let made = ended.expect("attempts catch their panics and are aborted only with the duty");
        let cut = self.cuts.remove(&made.flight);
        assert!(cut.is_some(), "the attempt of flight {} has ended twice", made.flight);
        assert_eq!(self.cuts.len(), self.attempts.len(), "each attempt can be cut, and nothing else");
        self.say(Reported::Made(made));
    }
}

/// An attempt that begins.
struct Begun {
    webhook: Arc<Webhook>,
    context: Arc<EventContext>,
    delivery_id: DeliveryId,
    number: u32,
    due_time: Option<Timestamp>,
    clock: ServedTime,
}

fn id_of(bytes: &Bytes) -> Option<[u8; 16]> {
    bytes.as_ref().try_into().ok()
}

async fn wait_until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
