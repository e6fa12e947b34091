//! What a run leaves behind: everything that the invariants are read off.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tenterhook_dispatch::Drained;
use tenterhook_model::webhook::HaltedBy;
use tenterhook_model::{
    Attempt, Delivery, DeliveryId, Event, EventId, NoticeKind, Timestamp, Webhook, WebhookHealth, WebhookId,
};
use tenterhook_store::{Change, Sequence};

use super::net::Counts;
use super::plan::Plan;

/// A run, as it was.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) plan: Plan,
    /// The webhooks at the end, in the order of the plan.
    pub(crate) webhooks: Vec<Arc<Webhook>>,
    pub(crate) acked: Vec<Acked>,
    /// Requests in the order in which they reached a receiver.
    pub(crate) seen: Vec<Seen>,
    pub(crate) net: Counts,
    pub(crate) journal: Vec<Arc<Change>>,
    /// What a watcher saw that read along through crashes and restarts.
    pub(crate) watched: Vec<Arc<Change>>,
    pub(crate) deliveries: BTreeMap<DeliveryId, Delivery>,
    pub(crate) attempts: BTreeMap<DeliveryId, Vec<Attempt>>,
    pub(crate) events: BTreeMap<EventId, Arc<Event>>,
    /// The operational events, in the order of their publication.
    pub(crate) operational: Vec<Arc<Event>>,
    pub(crate) health: BTreeMap<WebhookId, WebhookHealth>,
    /// What saves have changed, in their order.
    pub(crate) saves: Vec<Save>,
    pub(crate) orders: Vec<Order>,
    pub(crate) lives: Vec<Life>,
    /// Who had stopped a webhook that was resumed when all was calm.
    pub(crate) halted: Vec<HaltedBy>,
    /// Milliseconds of all jumps of the wall clock, by direction.
    pub(crate) jumped_forward: u64,
    pub(crate) jumped_back: u64,
    /// How often the link to another node stalled.
    pub(crate) cut_off: usize,
    pub(crate) failed_commits: usize,
}

/// A publish that was answered.
#[derive(Debug, Clone)]
pub(crate) struct Acked {
    pub(crate) event_id: EventId,
    /// The webhooks that the event matched, when it was not a repeat.
    pub(crate) matched: BTreeSet<WebhookId>,
    pub(crate) duplicate: bool,
}

/// A request as a receiver saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) hook: usize,
    /// Since the beginning, without the jumps of the clock.
    pub(crate) from: Duration,
    /// When the receiver was done with it, or it was abandoned.
    pub(crate) until: Duration,
    /// The wall clock at its arrival.
    pub(crate) clock: Timestamp,
    /// The end of the journal at its arrival.
    pub(crate) journal: Sequence,
    /// The number of the process's life, from 0.
    pub(crate) life: usize,
    pub(crate) delivery: DeliveryId,
    pub(crate) attempt: u32,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    pub(crate) answer: Answer,
}

/// What a receiver did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Status(u16),
    /// A status, late.
    Slow(u16),
    /// 503 or 429, and when to come back in seconds.
    Busy(u16, u64),
    Hang,
    Reset,
}

/// A life of the process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    pub(crate) until: Duration,
    pub(crate) end: End,
}

impl Life {
    /// Whether outcomes may have been lost at its end.
    pub(crate) fn lost_outcomes(&self) -> bool {
        match self.end {
            End::Crash => true,
            End::Drain(drained) => drained.unsettled > 0,
        }
    }
}

/// How a life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Crash,
    Drain(Drained),
}

/// Something that an operator did, and between which ends of the journal.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) kind: OrderKind,
    pub(crate) called: Duration,
    pub(crate) answered: Duration,
}

/// A save of a webhook that was answered.
#[derive(Debug, Clone)]
pub(crate) struct Save {
    pub(crate) webhook: WebhookId,
    /// What it changed; nothing when the webhook was like that already.
    pub(crate) kind: Option<NoticeKind>,
    /// The commit before it was made by the server, so that `kind` may be wrong.
    pub(crate) is_doubtful: bool,
}

/// What an operator did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderKind {
    Pause(usize),
    Resume(usize),
    Cancel(DeliveryId),
    Redrive(DeliveryId),
    Ask(usize),
}

impl History {
    /// The changes of one delivery, in their order.
    pub(crate) fn changes(&self, id: DeliveryId) -> impl DoubleEndedIterator<Item = &Change> {
        self.journal.iter().map(|change| &**change).filter(move |change| change.delivery.id == id)
    }

    /// The delivery as the journal had it at `sequence`.
    pub(crate) fn at(&self, id: DeliveryId, sequence: Sequence) -> Option<&Delivery> {
        self.changes(id).take_while(|change| change.sequence <= sequence).last().map(|change| &change.delivery)
    }

    /// The place of a webhook in the plan.
    pub(crate) fn hook_of(&self, id: WebhookId) -> usize {
        self.webhooks.iter().position(|webhook| webhook.id == id).expect("a delivery goes to a webhook of the plan")
    }

    /// Whether somebody retried the delivery by hand.
    pub(crate) fn was_redriven(&self, id: DeliveryId) -> bool {
        self.orders.iter().any(|order| order.kind == OrderKind::Redrive(id))
    }

    /// When a person asked, and was answered, that a webhook of the plan be sent to.
    pub(crate) fn asked(&self, hook: usize) -> impl Iterator<Item = &Order> {
        self.orders.iter().filter(move |order| match order.kind {
            OrderKind::Resume(other) | OrderKind::Ask(other) => other == hook,
            OrderKind::Redrive(id) => self.hook_of(self.deliveries[&id].webhook_id) == hook,
            OrderKind::Pause(_) | OrderKind::Cancel(_) => false,
        })
    }

    /// Whether a process ended without recording everything after `from` and at or before `until`.
    pub(crate) fn crashed_between(&self, from: Duration, until: Duration) -> bool {
        self.lives.iter().any(|life| life.lost_outcomes() && life.until >= from && life.until <= until)
    }

    /// The whole run as text, to compare two runs by.
    pub(crate) fn trace(&self) -> String {
        let mut text = String::new();
        for seen in &self.seen {
            writeln!(text, "{seen:?}").unwrap();
        }
        for change in &self.journal {
            writeln!(text, "{change:?}").unwrap();
        }
        for (id, attempts) in &self.attempts {
            writeln!(text, "{id} {attempts:?}").unwrap();
        }
        writeln!(text, "{:?} {:?} {:?} {:?}", self.acked, self.orders, self.lives, self.health).unwrap();
        text
    }
}
