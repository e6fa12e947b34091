//! Notices: part of the commit that they report, published once, and only where somebody asks.

use tenterhook_model::webhook::{EventRule, SigningKey};
use tenterhook_model::{
    CertificateEnd, DeliveryId, Event, Next, NoticeKind, Secret, SigningKeyId, Timestamp, Webhook, WebhookHealth,
    WebhookId,
};
use tenterhook_store::{EventQuery, Expect, Notice, Settlement, StoreError, WebhookChange};

use crate::bench::{Bench, event, new_event, settlement, webhook};
use crate::on_every_engine;

/// The webhook that asks for operational events.
pub(crate) fn pager() -> Webhook {
    let mut pager = webhook(9);
    let names = EventRule { event_types: vec!["tenterhook.**".into()], ..EventRule::default() };
    pager.spec.rules = vec![names];
    pager
}

async fn notices(bench: &Bench) -> Vec<Notice> {
    bench.store.notices(100).await.unwrap()
}

async fn kinds(bench: &Bench) -> Vec<NoticeKind> {
    notices(bench).await.iter().map(|notice| notice.kind).collect()
}

/// Publishes what waits, to the pager.
async fn announce_all(bench: &Bench) -> usize {
    let waiting = notices(bench).await;
    for notice in &waiting {
        let event = operational(bench, notice);
        let published = bench.store.announce(notice.id, new_event(event, &[pager().id])).await.unwrap();
        assert_eq!(published.unwrap().delivery_count, 1);
    }
    waiting.len()
}

fn operational(bench: &Bench, notice: &Notice) -> Event {
    let (id, event_type) = (notice.event_id.clone(), notice.kind.event_type().into());
    Event { id, event_type, publish_time: bench.now(), ..event("x") }
}

/// A webhook, and the pager that hears of it; nothing waits.
async fn with_pager(bench: &Bench) -> Webhook {
    bench.put(pager(), Expect::Absent).await;
    let hook = bench.webhook(1).await;
    announce_all(bench).await;
    bench.deliver_all(pager().id).await;
    hook
}

fn health(failures: u32, open: bool) -> Option<WebhookHealth> {
    let next_probe = open.then(|| Timestamp::from_millis(crate::bench::START + 99_000));
    Some(WebhookHealth { consecutive_failures: failures, next_probe, ..WebhookHealth::default() })
}

/// Publishes an event of the type to the webhook and lets its only attempt end so.
async fn deliver(bench: &Bench, id: &str, event_type: &str, to: WebhookId, end: Settlement) -> DeliveryId {
    bench.publish(Event { event_type: event_type.into(), ..event(id) }, &[to]).await;
    let delivery_id = bench.claim_ids(to, 1).await[0];
    bench.store.settle(vec![Settlement { delivery_id, ..end }]).await.unwrap();
    delivery_id
}

fn end(next: Next) -> Settlement {
    settlement(DeliveryId::from_bytes([0; 16]), 1, next)
}

on_every_engine! {
    async fn each_change_of_a_webhook_is_reported_in_its_commit(bench) {
        let hook = with_pager(&bench).await;
        let mut changed = hook.clone();
        changed.spec.description = "new".into();
        bench.put(changed.clone(), Expect::Present).await;
        bench.put(changed.clone(), Expect::Present).await;
        bench.pause(hook.id, true).await;
        bench.pause(hook.id, false).await;
        changed.signing_keys.insert(0, SigningKey {
            id: SigningKeyId::from_bytes([7; 16]),
            secret: Secret::new("whsec_notice-canary"),
            create_time: bench.now(),
            expire_time: None,
        });
        bench.put(changed, Expect::Present).await;
        let delete = WebhookChange::Delete { id: hook.id, expect: Expect::Present };
        bench.store.save_webhook(delete).await.unwrap();
        let expected = [
            NoticeKind::Updated, NoticeKind::Paused, NoticeKind::Resumed, NoticeKind::KeyRotated, NoticeKind::Deleted,
        ];
        assert_eq!(kinds(&bench).await, expected, "a change of nothing is not reported");
        bench.crash().await;
        let kept = notices(&bench).await;
        assert_eq!(kept.iter().map(|notice| notice.kind).collect::<Vec<_>>(), expected, "nothing but the disk is left");
        assert_eq!((kept[1].reason.as_str(), kept[4].webhook.id), ("test", hook.id));
        assert_eq!(kept[3].webhook.signing_keys[0].secret.expose(), "whsec_notice-canary");
        assert!(!bench.disk_contains(b"whsec_notice-canary"), "secrets of notices are sealed");
        bench.check().await;
    }

    async fn a_notice_is_published_once(bench) {
        bench.put(pager(), Expect::Absent).await;
        let created = notices(&bench).await.remove(0);
        let event = || new_event(operational(&bench, &created), &[pager().id]);
        assert!(bench.store.announce(created.id, event()).await.unwrap().is_some());
        assert_eq!(bench.store.announce(created.id, event()).await.unwrap(), None);
        bench.crash().await;
        assert!(notices(&bench).await.is_empty());
        let query = EventQuery { limit: 10, ..EventQuery::default() };
        assert_eq!(bench.store.list_events(query).await.unwrap().items.len(), 1);
        assert_eq!(bench.deliver_all(pager().id).await.len(), 1);
        bench.webhook(1).await;
        let other = Event { id: notices(&bench).await[0].event_id.clone(), ..self::event("x") };
        bench.publish(other, &[]).await;
        let waiting = notices(&bench).await.remove(0);
        let mut conflicting = new_event(operational(&bench, &waiting), &[]);
        conflicting.content = [9; 32];
        let refused = bench.store.announce(waiting.id, conflicting).await;
        assert!(matches!(refused, Err(StoreError::EventConflict { .. })), "{refused:?}");
        assert_eq!(notices(&bench).await, [waiting], "what is refused is kept");
    }

    async fn nothing_is_reported_where_nobody_asks(bench) {
        let hook = bench.webhook(1).await;
        let mut other = pager();
        other.namespace = "other".parse().unwrap();
        bench.put(other.clone(), Expect::Absent).await;
        let mut disabled = pager();
        disabled.id = WebhookId::from_bytes([8; 16]);
        disabled.spec.display_name = "disabled".into();
        disabled.spec.disabled = true;
        bench.put(disabled, Expect::Absent).await;
        bench.pause(hook.id, true).await;
        bench.pause(hook.id, false).await;
        deliver(&bench, "a", "created", hook.id, Settlement { health: health(1, true), ..end(Next::GiveUp) }).await;
        let found: Vec<_> = notices(&bench).await.iter().map(|notice| notice.webhook.id).collect();
        assert_eq!(found, [other.id], "only its own creation");
        let records = bench.records().await;
        assert_eq!(records["reports"], 0);
    }

    async fn failures_are_reported_at_first_and_then_once_an_hour_with_their_count(bench) {
        let hook = with_pager(&bench).await;
        for (number, minutes) in [0, 1, 58, 1, 30].into_iter().enumerate() {
            bench.clock.advance(minutes * 60_000);
            deliver(&bench, &format!("f{number}"), "created", hook.id, end(Next::GiveUp)).await;
            if number == 1 {
                bench.crash().await;
            }
        }
        let reported = notices(&bench).await;
        let found: Vec<_> = reported.iter().map(|notice| (notice.kind, notice.count)).collect();
        assert_eq!(found, [(NoticeKind::Failing, 1), (NoticeKind::Failing, 3)]);
        let trigger = reported[0].trigger.clone().unwrap();
        assert_eq!((trigger.event_id.as_str(), trigger.attempt.unwrap().number), ("f0", 1));
        announce_all(&bench).await;
        deliver(&bench, "s0", "created", hook.id, end(Next::Succeed)).await;
        deliver(&bench, "s1", "created", hook.id, end(Next::Succeed)).await;
        let reported = notices(&bench).await;
        assert_eq!(reported.len(), 1, "{reported:?}");
        assert_eq!((reported[0].kind, reported[0].count), (NoticeKind::Recovered, 5));
        deliver(&bench, "f9", "created", hook.id, end(Next::GiveUp)).await;
        assert_eq!(kinds(&bench).await, [NoticeKind::Recovered, NoticeKind::Failing], "a new story");
    }

    async fn a_clock_that_was_set_back_silences_no_failure(bench) {
        let hook = with_pager(&bench).await;
        deliver(&bench, "a", "created", hook.id, end(Next::GiveUp)).await;
        bench.clock.advance(-86_400_000);
        deliver(&bench, "b", "created", hook.id, end(Next::GiveUp)).await;
        assert_eq!(kinds(&bench).await, [NoticeKind::Failing, NoticeKind::Failing]);
    }

    async fn a_breaker_that_turns_and_a_suspension_are_reported(bench) {
        let hook = with_pager(&bench).await;
        let retry = Next::RetryAt(bench.now());
        let failed = |health| Settlement { health, ..end(retry) };
        let id = deliver(&bench, "a", "created", hook.id, failed(health(5, true))).await;
        assert_eq!(kinds(&bench).await, [NoticeKind::BreakerOpened]);
        let opened = notices(&bench).await.remove(0);
        assert_eq!((opened.count, opened.health.circuit_open()), (5, true));
        bench.crash().await;
        bench.claim(hook.id, 1).await;
        let success = Settlement { health: health(0, false), ..settlement(id, 2, Next::Succeed) };
        bench.store.settle(vec![success]).await.unwrap();
        assert_eq!(kinds(&bench).await, [NoticeKind::BreakerOpened, NoticeKind::BreakerClosed]);
        announce_all(&bench).await;
        let gone = Settlement { suspend: Some("answered 410".into()), ..end(Next::GiveUp) };
        deliver(&bench, "b", "created", hook.id, gone).await;
        assert_eq!(kinds(&bench).await, [NoticeKind::Failing, NoticeKind::Suspended]);
        let suspended = notices(&bench).await.remove(1);
        assert_eq!(suspended.reason, "answered 410");
        assert!(suspended.webhook.halt.is_some() && suspended.trigger.is_some());
    }

    async fn resuming_a_webhook_closes_the_breaker_that_was_reported(bench) {
        let hook = with_pager(&bench).await;
        let failed = Settlement { health: health(5, true), ..end(Next::RetryAt(bench.now())) };
        deliver(&bench, "a", "created", hook.id, failed).await;
        bench.pause(hook.id, true).await;
        announce_all(&bench).await;
        bench.pause(hook.id, false).await;
        assert_eq!(kinds(&bench).await, [NoticeKind::Resumed, NoticeKind::BreakerClosed]);
    }

    async fn operational_deliveries_begin_no_report(bench) {
        let hook = with_pager(&bench).await;
        let type_of = NoticeKind::Failing.event_type();
        for (number, to) in [pager().id, hook.id].into_iter().enumerate() {
            let failed = Settlement { health: health(5, true), suspend: Some("410".into()), ..end(Next::GiveUp) };
            deliver(&bench, &format!("o{number}"), type_of, to, failed).await;
        }
        assert_eq!(kinds(&bench).await, [], "neither failing, nor breaker, nor suspension");
        let set = bench.store.webhooks();
        assert!(set.by_id.values().all(|webhook| webhook.halt.is_some()), "they are stopped all the same");
    }

    async fn an_operational_delivery_may_end_a_report(bench) {
        let hook = with_pager(&bench).await;
        let failed = Settlement { health: health(5, true), ..end(Next::GiveUp) };
        deliver(&bench, "a", "created", hook.id, failed).await;
        announce_all(&bench).await;
        let success = Settlement { health: health(0, false), ..end(Next::Succeed) };
        deliver(&bench, "b", NoticeKind::Failing.event_type(), hook.id, success).await;
        assert_eq!(kinds(&bench).await, [NoticeKind::Recovered, NoticeKind::BreakerClosed]);
    }

    async fn a_certificate_is_reported_once_for_each_number_of_days(bench) {
        let hook = with_pager(&bench).await;
        let end = |hours: i64| CertificateEnd {
            field: "client_certificate_pem",
            time: Timestamp::from_millis(crate::bench::START + hours * 3_600_000),
        };
        let of = (hook.id, hook.revision);
        assert!(bench.store.note_expiry(of, end(700), 30).await.unwrap());
        assert!(!bench.store.note_expiry(of, end(700), 30).await.unwrap());
        bench.crash().await;
        assert!(!bench.store.note_expiry(of, end(700), 30).await.unwrap());
        assert!(bench.store.note_expiry(of, end(700), 7).await.unwrap());
        assert!(!bench.store.note_expiry(of, end(700), 30).await.unwrap(), "the clock was set back");
        assert!(bench.store.note_expiry(of, end(800), 30).await.unwrap(), "another certificate");
        assert!(!bench.store.note_expiry((hook.id, 99), end(900), 1).await.unwrap(), "it has changed meanwhile");
        let counts: Vec<_> = notices(&bench).await.iter().map(|notice| (notice.kind, notice.count)).collect();
        let expiring = NoticeKind::CertificateExpiring;
        assert_eq!(counts, [(expiring, 30), (expiring, 7), (expiring, 30)]);
        assert!(notices(&bench).await[0].reason.starts_with("transport.client_certificate_pem ends "));
    }

    async fn a_deleted_webhook_leaves_no_report(bench) {
        let hook = with_pager(&bench).await;
        deliver(&bench, "a", "created", hook.id, end(Next::GiveUp)).await;
        assert_eq!(bench.records().await["reports"], 1);
        let delete = WebhookChange::Delete { id: hook.id, expect: Expect::Present };
        bench.store.save_webhook(delete).await.unwrap();
        assert_eq!(bench.records().await["reports"], 0);
        assert_eq!(kinds(&bench).await, [NoticeKind::Failing, NoticeKind::Deleted]);
        bench.webhook(2).await;
        let last = notices(&bench).await.pop().unwrap();
        assert_eq!(last.id.0, 5, "numbers rise over restarts");
    }
}
