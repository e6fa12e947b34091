//! Drives a run: does what the plan says at its time, then waits for calm and collects what
//! is left.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tenterhook_dispatch::Drained;
use tenterhook_model::webhook::{Halt, HaltedBy, SigningKey};
use tenterhook_model::{
    Clock, DeliveryId, DeliveryState, Event, JsonText, Lane, NoticeKind, Secret, SigningKeyId, Timestamp, Webhook,
    WebhookId,
};
use tenterhook_store::{DeliveryQuery, Expect, Redrive, SaveError, WebhookChange};

use super::collect;
use super::history::{End, History, Life, Order, OrderKind, Save};
use super::net::Counts;
use super::plan::{CALM, EventPlan, Plan, SIGNING_SECRET, Step};
use super::world::{Machine, Process};
use crate::canary::lookout::{Kept, listen_to_the_log};

/// By then everything must have been delivered: eight attempts take up to 5 s · (3⁷ − 1) / 2, twice that with jitter.
const PATIENCE: Duration = Duration::from_secs(6 * 3_600);

/// Runs what the seed says, on a runtime of its own.
pub(crate) fn run(seed: u64) -> History {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without I/O can always be built").block_on(Driver::run(Plan::new(seed)))
}

struct Driver {
    plan: Plan,
    machine: Machine,
    /// Absent only while one process follows another.
    process: Option<Process>,
    orders: Vec<Order>,
    saves: Vec<Save>,
    lives: Vec<Life>,
    halted: Vec<HaltedBy>,
    jumped_forward: u64,
    jumped_back: u64,
    cut_off: usize,
    _kept: Kept,
}

impl Driver {
    async fn run(plan: Plan) -> History {
        listen_to_the_log();
        let machine = Machine::new(&plan);
        let process = Some(machine.start(0));
        let mut driver = Self {
            _kept: machine.disk.kept(),
            plan,
            machine,
            process,
            orders: Vec::new(),
            saves: Vec::new(),
            lives: Vec::new(),
            halted: Vec::new(),
            jumped_forward: 0,
            jumped_back: 0,
            cut_off: 0,
        };
        for number in 0..driver.plan.hooks.len() {
            let webhook = driver.webhook(number);
            let (webhook, kind) = (webhook.id, driver.save(webhook, Expect::Absent).await.map(|_| NoticeKind::Created));
            let kind = Some(kind.expect("a new disk takes new webhooks"));
            driver.saves.push(Save { webhook, kind, is_doubtful: false });
        }
        for (time, step) in driver.plan.steps.clone() {
            driver.sleep_until(time).await;
            driver.step(step).await;
        }
        driver.sleep_until(CALM).await;
        driver.calm_down().await;
        driver.finish().await
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("one process follows another within one step")
    }

    async fn sleep_until(&self, time: Duration) {
        tokio::time::sleep(time.saturating_sub(self.machine.clock.elapsed())).await;
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Publish(plans) => {
                let events = plans.iter().map(|plan| self.event(plan)).collect();
                self.process.as_mut().expect("one process follows another within one step").publish(events);
            }
            Step::Pause(hook) => self.halt(OrderKind::Pause(hook), hook, Some(operator())).await,
            Step::Resume(hook) => self.halt(OrderKind::Resume(hook), hook, None).await,
            Step::Cancel(number) => self.change(number, OrderKind::Cancel).await,
            Step::Redrive(number) => self.change(number, OrderKind::Redrive).await,
            Step::Ask(hook) => self.ask(hook).await,
            Step::Crash { turns } => {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
                self.end_life(End::Crash).await;
                self.start();
            }
            Step::Restart => {
                self.end_life(End::Drain(Drained::default())).await;
                self.start();
            }
            Step::Jump { millis } => {
                self.machine.clock.jump(millis);
                let size = millis.unsigned_abs();
                if millis < 0 { self.jumped_back += size } else { self.jumped_forward += size }
            }
            Step::KillNode(node) => self.process().nodes.kill(node),
            Step::CutOffNode { node, length } => {
                self.process().nodes.cut_off(node, length);
                self.cut_off += 1;
            }
            Step::DiskFails { commits } => self.machine.disk.fail(commits),
        }
    }

    async fn end_life(&mut self, how: End) {
        let process = self.process.take().expect("one process follows another within one step");
        assert!(process.is_alive(), "the dispatcher ends only when it is told to");
        self.lives.push(if how == End::Crash { process.crash().await } else { process.drain().await });
    }

    fn start(&mut self) {
        self.process = Some(self.machine.start(self.lives.len()));
    }

    async fn save(&self, webhook: Webhook, expect: Expect) -> Result<Arc<Webhook>, SaveError> {
        let change = WebhookChange::Put { webhook: Box::new(webhook), expect, request: None };
        self.process().store.save_webhook(change).await.map(|saved| saved.webhook)
    }

    async fn halt(&mut self, kind: OrderKind, hook: usize, halt: Option<Halt>) {
        let found = self.process().store.webhooks().by_id[&id_of(hook)].clone();
        let called = self.machine.clock.elapsed();
        // While the disk fails it is as if nobody had asked.
        if let Ok(saved) = self.save(Webhook { halt, ..Webhook::clone(&found) }, Expect::Present).await {
            let done = if saved.halt.is_some() { NoticeKind::Paused } else { NoticeKind::Resumed };
            let done = (saved.halt != found.halt).then_some(done);
            let is_doubtful = saved.revision != found.revision + 1;
            self.saves.push(Save { webhook: saved.id, kind: done, is_doubtful });
            self.orders.push(Order { kind, called, answered: self.machine.clock.elapsed() });
        }
    }

    /// Asks that a webhook be sent to now, as a successful test does.
    async fn ask(&mut self, hook: usize) {
        let called = self.machine.clock.elapsed();
        if self.process().store.ask(id_of(hook)).await.is_ok() {
            self.orders.push(Order { kind: OrderKind::Ask(hook), called, answered: self.machine.clock.elapsed() });
        }
    }

    /// Cancels or retries a delivery.
    async fn change(&mut self, number: usize, kind: fn(DeliveryId) -> OrderKind) {
        let Some(id) = self.choose(number).await else { return };
        let called = self.machine.clock.elapsed();
        let store = &self.process().store;
        let answer = match kind(id) {
            OrderKind::Cancel(_) => store.cancel(vec![id]).await,
            _ => store.redrive(vec![id]).await,
        };
        if matches!(answer.as_deref(), Ok([Redrive::Done(_)])) {
            self.orders.push(Order { kind: kind(id), called, answered: self.machine.clock.elapsed() });
        }
    }

    /// A delivery: by an even number one that is under way, if any is; else the one that was
    /// made as the `number`-th, if there are so many.
    async fn choose(&self, number: usize) -> Option<DeliveryId> {
        let states = vec![DeliveryState::InFlight];
        let query = DeliveryQuery { states, limit: 100, ..DeliveryQuery::default() };
        let under_way = self.process().store.list_deliveries(query).await.expect("the disk can be read").items;
        if number.is_multiple_of(2) && !under_way.is_empty() {
            return Some(under_way[number % under_way.len()].id);
        }
        let watched = self.machine.watched.lock().unwrap();
        let mut made = watched.iter().filter(|change| change.previous.is_none());
        made.nth(number).map(|change| change.delivery.id)
    }

    /// Nothing fails any more; what somebody or the server stopped is resumed until nothing is open.
    async fn calm_down(&mut self) {
        self.machine.disk.fail(0);
        let end = self.machine.clock.elapsed() + PATIENCE;
        while (self.any_open().await || self.any_notice().await) && self.machine.clock.elapsed() < end {
            for hook in 0..self.plan.hooks.len() {
                let halt = self.process().store.webhooks().by_id[&id_of(hook)].halt.clone();
                if let Some(halt) = halt {
                    self.halted.push(halt.by);
                    self.halt(OrderKind::Resume(hook), hook, None).await;
                }
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn any_notice(&self) -> bool {
        !self.process().store.notices(1).await.expect("the disk can be read").is_empty()
    }

    async fn any_open(&self) -> bool {
        let states: Vec<_> = DeliveryState::ALL.into_iter().filter(|state| !state.is_final()).collect();
        for namespace in collect::namespaces() {
            let query = DeliveryQuery { namespace, states: states.clone(), limit: 1, ..DeliveryQuery::default() };
            let page = self.process().store.list_deliveries(query).await.expect("the disk can be read");
            if !page.items.is_empty() || page.next.is_some() {
                return true;
            }
        }
        false
    }

    async fn finish(mut self) -> History {
        self.end_life(End::Drain(Drained::default())).await;
        // A last process that does nothing but tell what is on the disk.
        self.start();
        let store = Arc::clone(&self.process().store);
        let acked = std::mem::take(&mut *self.machine.acked.lock().unwrap());
        let watched = std::mem::take(&mut *self.machine.watched.lock().unwrap());
        let mut history = History {
            webhooks: store.webhooks().by_id.values().cloned().collect(),
            acked,
            seen: Vec::new(),
            net: Counts::default(),
            journal: collect::journal(&*store).await,
            watched,
            deliveries: collect::deliveries(&*store).await,
            attempts: BTreeMap::new(),
            events: collect::events(&*store).await,
            operational: collect::operational(&*store).await,
            saves: self.saves,
            health: BTreeMap::new(),
            orders: self.orders,
            lives: self.lives,
            halted: self.halted,
            jumped_forward: self.jumped_forward,
            jumped_back: self.jumped_back,
            cut_off: self.cut_off,
            failed_commits: self.machine.disk.failed(),
            plan: self.plan,
        };
        for id in history.deliveries.keys() {
            history.attempts.insert(*id, store.attempts(*id).await.expect("the disk can be read"));
        }
        for webhook in &history.webhooks {
            history.health.insert(webhook.id, store.health(webhook.id));
        }
        (history.seen, history.net) = self.machine.net.take();
        self.process.take().expect("it was just started").crash().await;
        history
    }

    fn webhook(&self, number: usize) -> Webhook {
        let key = SigningKey {
            id: SigningKeyId::from_bytes([1; 16]),
            secret: Secret::new(SIGNING_SECRET.as_str()),
            create_time: Timestamp::default(),
            expire_time: None,
        };
        Webhook {
            id: id_of(number),
            lane: Lane(0),
            namespace: self.plan.hooks[number].namespace.clone(),
            spec: self.plan.hooks[number].spec.clone(),
            signing_keys: vec![key],
            revision: 0,
            ..tenterhook_fixtures::webhook(1)
        }
    }

    fn event(&self, plan: &EventPlan) -> Event {
        let now = self.machine.clock.now();
        let data = format!("{{\"number\": {}, \"divisor\": {}}}", plan.number, plan.divisor);
        Event {
            namespace: plan.namespace.parse().expect("the name is legal"),
            event_type: plan.event_type.into(),
            object_type: "sim.thing".into(),
            data: Some(JsonText::parse(&data).expect("it is JSON")),
            ordering_key: plan.ordering_key.to_owned(),
            deliver_after: plan.deliver_after.map(|wait| now.after(wait)),
            expire_time: plan.expire_after.map(|wait| now.after(wait)),
            publish_time: now,
            ..tenterhook_fixtures::event(&format!("event-{}", plan.number))
        }
    }
}

fn operator() -> Halt {
    Halt { by: HaltedBy::Operator, reason: "the plan says so".into() }
}

/// The id of the webhook with this number, in the order of the plan.
fn id_of(number: usize) -> WebhookId {
    WebhookId::from_bytes([number as u8 + 1; 16])
}
