//! Random operations: every engine gives the same answers, a plain model agrees about every
//! delivery, and the store is whole at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use tenterhook_model::{DeliveryId, DeliveryState, Event, Next, WebhookId};
use tenterhook_store::{DeliveryQuery, EventQuery, Expect, Redrive, Settled, WebhookChange};

use crate::bench::{Bench, Engine, event, new_event, settlement, webhook};

/// Webhooks that the operations speak of.
const WEBHOOKS: u8 = 3;

/// One step of a random sequence. Numbers pick among what there is.
#[derive(Debug, Clone)]
enum Step {
    Publish { event: u8, key: u8, webhooks: u8, later: bool },
    Claim { webhook: u8, limit: u8 },
    Settle { pick: u8, next: u8 },
    Release { pick: u8 },
    Redrive { pick: u8 },
    Cancel { pick: u8 },
    Replay { webhook: u8, event: u8 },
    Pause { webhook: u8, paused: bool },
    Remove { webhook: u8 },
    Make { webhook: u8 },
    Advance { seconds: u8 },
    Expire { limit: u8 },
    Reopen { crash: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let webhook = || 0..WEBHOOKS;
    prop_oneof![
        6 => (any::<u8>(), 0u8..3, 1u8..8, prop::bool::weighted(0.1))
            .prop_map(|(event, key, webhooks, later)| Step::Publish { event: event % 30, key, webhooks, later }),
        6 => (webhook(), 1u8..5).prop_map(|(webhook, limit)| Step::Claim { webhook, limit }),
        8 => (any::<u8>(), 0u8..4).prop_map(|(pick, next)| Step::Settle { pick, next }),
        1 => any::<u8>().prop_map(|pick| Step::Release { pick }),
        2 => any::<u8>().prop_map(|pick| Step::Redrive { pick }),
        2 => any::<u8>().prop_map(|pick| Step::Cancel { pick }),
        1 => (webhook(), any::<u8>()).prop_map(|(webhook, event)| Step::Replay { webhook, event: event % 30 }),
        1 => (webhook(), any::<bool>()).prop_map(|(webhook, paused)| Step::Pause { webhook, paused }),
        1 => webhook().prop_map(|webhook| Step::Remove { webhook }),
        2 => webhook().prop_map(|webhook| Step::Make { webhook }),
        3 => (1u8..30).prop_map(|seconds| Step::Advance { seconds }),
        1 => (1u8..20).prop_map(|limit| Step::Expire { limit }),
        1 => any::<bool>().prop_map(|crash| Step::Reopen { crash }),
    ]
}

/// What the test knows of each delivery, and what is claimed.
#[derive(Debug, Default)]
struct Model {
    deliveries: BTreeMap<DeliveryId, (DeliveryState, u32)>,
    claimed: Vec<(DeliveryId, String)>,
    changes: usize,
}

/// One run of a sequence over one engine.
struct Run {
    bench: Bench,
    model: Model,
    answers: Vec<String>,
}

impl Run {
    async fn over(engine: Engine, steps: &[Step]) -> Vec<String> {
        let mut run = Self { bench: Bench::new(engine), model: Model::default(), answers: Vec::new() };
        for number in 0..WEBHOOKS {
            run.bench.webhook(number).await;
        }
        for step in steps {
            let answer = run.step(step).await;
            run.answers.push(format!("{step:?}: {answer}"));
            run.compare().await;
        }
        run.bench.reopen().await;
        run.model.claimed.clear();
        run.compare().await;
        run.bench.check().await;
        run.answers
    }

    fn exists(&self, number: u8) -> bool {
        self.bench.store.webhooks().by_id.contains_key(&webhook(number).id)
    }

    fn any_delivery(&self, pick: u8) -> Option<DeliveryId> {
        let count = self.model.deliveries.len();
        self.model.deliveries.keys().nth(pick as usize % count.max(1)).copied()
    }

    async fn step(&mut self, step: &Step) -> String {
        match *step {
            Step::Publish { event: number, key, webhooks, later } => self.publish(number, key, webhooks, later).await,
            Step::Claim { webhook: number, limit } => self.claim(webhook(number).id, limit.into()).await,
            Step::Settle { pick, next } => self.settle(pick, next).await,
            Step::Release { pick } => {
                if self.model.claimed.is_empty() {
                    return String::new();
                }
                let at = pick as usize % self.model.claimed.len();
                let (id, _) = self.model.claimed.remove(at);
                self.bench.store.release(vec![id]).await.unwrap();
                format!("{id}")
            }
            Step::Redrive { pick } => self.redrive(pick).await,
            Step::Cancel { pick } => self.cancel(pick).await,
            Step::Replay { webhook: number, event } => {
                let events = vec![format!("e{event}").parse().unwrap()];
                let made = self.bench.store.replay(webhook(number).id, events).await.unwrap();
                self.model.deliveries.extend(made.iter().map(|id| (*id, (DeliveryState::Pending, 0))));
                format!("{made:?}")
            }
            Step::Pause { webhook: number, paused } if self.exists(number) => {
                self.bench.pause(webhook(number).id, paused).await;
                String::new()
            }
            Step::Remove { webhook: number } if self.exists(number) => self.remove(number).await,
            Step::Make { webhook: number } if !self.exists(number) => {
                format!("{:?}", self.bench.put(webhook(number), Expect::Absent).await.webhook.lane)
            }
            Step::Pause { .. } | Step::Remove { .. } | Step::Make { .. } => String::new(),
            Step::Advance { seconds } => {
                self.bench.clock.advance(i64::from(seconds) * 1_000);
                format!("{:?} {:?}", self.bench.store.take_ready(self.bench.now()), self.bench.store.next_due())
            }
            Step::Expire { limit } => self.expire(limit).await,
            Step::Reopen { crash } => {
                if crash {
                    self.bench.crash().await;
                } else {
                    self.bench.reopen().await;
                }
                self.model.claimed.clear();
                format!("{:?}", self.bench.store.take_ready(self.bench.now()))
            }
        }
    }

    async fn publish(&mut self, number: u8, key: u8, webhooks: u8, later: bool) -> String {
        let ids: Vec<_> = (0..WEBHOOKS).filter(|n| webhooks & (1 << n) != 0).map(|n| webhook(n).id).collect();
        let ordering_key = if key == 0 { String::new() } else { format!("k{key}") };
        let deliver_after = later.then(|| self.bench.now().after(Duration::from_secs(20)));
        let event = Event { ordering_key, deliver_after, ..event(&format!("e{number}")) };
        let published = self.bench.try_publish(vec![new_event(event, &ids)]).await.unwrap();
        let query =
            DeliveryQuery { event_ids: vec![published[0].event_id.clone()], limit: 1_000, ..Default::default() };
        let page = self.bench.store.list_deliveries(query).await.unwrap();
        for delivery in page.items {
            self.model.deliveries.entry(delivery.id).or_insert((DeliveryState::Pending, 0));
        }
        format!("{published:?}")
    }

    async fn claim(&mut self, webhook: WebhookId, limit: usize) -> String {
        let claims = self.bench.claim(webhook, limit).await;
        for claim in &claims {
            let (id, key) = (claim.delivery.id, claim.delivery.ordering_key.clone());
            let (state, attempts) = self.model.deliveries[&id];
            assert!(!state.is_final(), "{id} is {state:?} and was claimed");
            assert_eq!(claim.delivery.attempt_count, attempts);
            assert!(claim.delivery.next_attempt_time.unwrap() <= self.bench.now(), "{id} was claimed too early");
            let of_key = |(other, other_key): &&(DeliveryId, String)| other.lane() == id.lane() && *other_key == key;
            let rival = self.model.claimed.iter().find(of_key).filter(|_| !key.is_empty());
            assert_eq!(rival, None, "{id} was claimed beside another of its key");
            assert!(self.model.claimed.iter().all(|(other, _)| *other != id), "{id} was claimed twice");
            self.model.claimed.push((id, key));
        }
        format!("{:?}", claims.iter().map(|claim| claim.delivery.id).collect::<Vec<_>>())
    }

    async fn settle(&mut self, pick: u8, next: u8) -> String {
        if self.model.claimed.is_empty() {
            return String::new();
        }
        let at = pick as usize % self.model.claimed.len();
        let (id, _) = self.model.claimed.remove(at);
        let Some(known) = self.model.deliveries.get_mut(&id) else { return "removed".into() };
        let (state, number) = (known.0, known.1 + 1);
        let (next, after) = match next {
            0 | 1 => (Next::Succeed, DeliveryState::Succeeded),
            2 => (Next::GiveUp, DeliveryState::Failed),
            _ => (Next::RetryAt(self.bench.now().after(Duration::from_secs(5))), DeliveryState::Retrying),
        };
        let expected = if state.is_final() { (Settled::Fenced, state) } else { (Settled::Done, after) };
        *known = (expected.1, number);
        let settled = self.bench.store.settle(vec![settlement(id, number, next)]).await.unwrap();
        assert_eq!(settled, [expected.0], "{id} at {state:?}");
        format!("{id} {settled:?}")
    }

    async fn redrive(&mut self, pick: u8) -> String {
        let Some(id) = self.any_delivery(pick) else { return String::new() };
        let answer = self.bench.store.redrive(vec![id]).await.unwrap().remove(0);
        if let Redrive::Done(delivery) = &answer {
            let known = self.model.deliveries.get_mut(&id).unwrap();
            known.0 = if known.1 == 0 { DeliveryState::Pending } else { DeliveryState::Retrying };
            assert_eq!(delivery.state, known.0);
        }
        format!("{answer:?}")
    }

    async fn cancel(&mut self, pick: u8) -> String {
        let Some(id) = self.any_delivery(pick) else { return String::new() };
        let answer = self.bench.store.cancel(vec![id]).await.unwrap().remove(0);
        let known = self.model.deliveries.get_mut(&id).unwrap();
        match &answer {
            Redrive::Done(_) => known.0 = DeliveryState::Cancelled,
            other => assert_eq!(*other, Redrive::Forbidden(known.0)),
        }
        format!("{answer:?}")
    }

    async fn remove(&mut self, number: u8) -> String {
        let change = WebhookChange::Delete { id: webhook(number).id, expect: Expect::Present };
        let removed = self.bench.store.save_webhook(change).await.unwrap();
        let lane = removed.webhook.lane;
        let open = self.model.deliveries.iter_mut().filter(|(id, known)| id.lane() == lane && !known.0.is_final());
        let mut cancelled = 0;
        for (_, known) in open {
            known.0 = DeliveryState::Cancelled;
            cancelled += 1;
        }
        assert_eq!(removed.cancelled, cancelled);
        format!("{cancelled}")
    }

    async fn expire(&mut self, limit: u8) -> String {
        let before = self.bench.now().before(Duration::from_secs(30));
        let removed = self.bench.store.expire(before, limit.into()).await.unwrap().removed;
        let mut gone = Vec::new();
        for (id, (state, _)) in &self.model.deliveries {
            if self.bench.store.delivery(*id).await.unwrap().is_none() {
                assert!(state.is_final(), "{id} was {state:?} and is gone");
                gone.push(*id);
            }
        }
        self.model.deliveries.retain(|id, _| !gone.contains(id));
        format!("{removed} {gone:?}")
    }

    /// Every delivery is as the model says, in the list and in the journal.
    async fn compare(&mut self) {
        let query = DeliveryQuery { limit: 1_000, ..Default::default() };
        let page = self.bench.store.list_deliveries(query).await.unwrap();
        assert!(page.items.is_sorted_by(|a, b| a.id > b.id));
        let claimed: BTreeSet<_> = self.model.claimed.iter().map(|(id, _)| *id).collect();
        let found: BTreeMap<_, _> = page.items.iter().map(|d| (d.id, (d.state, d.attempt_count))).collect();
        let shown = |(id, (state, attempts)): (&DeliveryId, &(DeliveryState, u32))| {
            let in_flight = claimed.contains(id) && !state.is_final();
            (*id, (if in_flight { DeliveryState::InFlight } else { *state }, *attempts))
        };
        let expected: BTreeMap<_, _> = self.model.deliveries.iter().map(shown).collect();
        assert_eq!(found, expected);
        let changes = self.bench.changes().await;
        let dense = changes.windows(2).all(|pair| pair[0].sequence.0 + 1 == pair[1].sequence.0);
        assert!(dense, "the journal has a gap");
        self.model.changes = changes.len();
        let events = self.bench.store.list_events(EventQuery { limit: 100, ..Default::default() }).await.unwrap();
        let last = changes.last().map(|change| (change.sequence, change.delivery.id, change.delivery.state));
        self.answers.push(format!("{} events, {last:?}", events.items.len()));
    }
}

fn answers(engine: Engine, steps: &[Step]) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(Run::over(engine, steps))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_as_the_model_says(steps in prop::collection::vec(step(), 1..120)) {
        answers(Engine::Memory(Default::default()), &steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_engine_gives_the_same_answers(steps in prop::collection::vec(step(), 1..60)) {
        let mut runs = Engine::all().into_iter().map(|engine| answers(engine, &steps));
        let first = runs.next().unwrap();
        for run in runs {
            prop_assert_eq!(&run, &first);
        }
    }
}
