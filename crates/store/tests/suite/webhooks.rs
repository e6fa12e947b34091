//! Webhooks: expectations, names, request ids, removal, secrets.

use tenterhook_model::webhook::SigningKey;
use tenterhook_model::{DeliveryState, Next, Secret, SigningKeyId, WebhookState};
use tenterhook_store::{Expect, Redrive, SaveError, Settled, Settlement, WebhookChange};

use crate::bench::{event, new_event, ordered, settlement, webhook};
use crate::on_every_engine;

fn put(webhook: tenterhook_model::Webhook, expect: Expect, request: Option<(&str, u8)>) -> WebhookChange {
    let request = request.map(|(id, content)| (id.to_owned(), [content; 32]));
    WebhookChange::Put { webhook: Box::new(webhook), expect, request }
}

on_every_engine! {
    async fn a_new_webhook_gets_lane_revision_and_times(bench) {
        let (one, two) = (bench.webhook(1).await, bench.webhook(2).await);
        assert_eq!((one.revision, one.create_time, one.update_time), (1, bench.now(), bench.now()));
        assert_ne!(one.lane, two.lane);
        let set = bench.store.webhooks();
        assert_eq!((set.by_lane[&one.lane], set.by_lane[&two.lane]), (one.id, two.id));
        bench.reopen().await;
        assert_eq!(bench.store.webhooks().by_id, set.by_id);
    }

    async fn a_change_raises_the_revision_and_keeps_what_is_the_stores(bench) {
        let old = bench.webhook(1).await;
        bench.clock.advance(1_000);
        let mut new = webhook(1);
        new.spec.description = "changed".into();
        let saved = bench.put(new, Expect::Revision(1)).await.webhook;
        assert_eq!((saved.lane, saved.revision, saved.create_time, saved.update_time), (old.lane, 2, old.create_time, bench.now()));
    }

    async fn an_expectation_that_does_not_hold_changes_nothing(bench) {
        bench.webhook(1).await;
        let refused = |error: SaveError, what: &str| assert!(error.to_string().contains(what), "{error}");
        refused(bench.store.save_webhook(put(webhook(1), Expect::Absent, None)).await.unwrap_err(), "changed");
        refused(bench.store.save_webhook(put(webhook(1), Expect::Revision(9), None)).await.unwrap_err(), "changed");
        refused(bench.store.save_webhook(put(webhook(2), Expect::Present, None)).await.unwrap_err(), "no webhook");
        let delete = WebhookChange::Delete { id: webhook(1).id, expect: Expect::Revision(9) };
        assert!(matches!(bench.store.save_webhook(delete).await, Err(SaveError::Changed { etag }) if etag == "\"1\""));
        let delete = WebhookChange::Delete { id: webhook(2).id, expect: Expect::Present };
        assert!(matches!(bench.store.save_webhook(delete).await, Err(SaveError::NotFound(_))));
        assert_eq!(bench.store.webhooks().by_id.len(), 1);
    }

    async fn a_change_that_was_made_from_before_a_suspension_does_not_undo_it(bench) {
        let read = bench.webhook(1).await;
        let id = bench.publish(event("a"), &[read.id]).await[0];
        bench.claim(read.id, 1).await;
        let gone = Settlement { suspend: Some("answered 410".into()), ..settlement(id, 1, Next::GiveUp) };
        bench.clock.advance(1_000);
        bench.store.settle(vec![gone]).await.unwrap();
        let mut changed = read.clone();
        changed.spec.description = "changed".into();
        let refused = bench.store.save_webhook(put(changed, Expect::Revision(read.revision), None)).await;
        let suspended = bench.store.webhooks().by_id[&read.id].clone();
        assert!(matches!(refused, Err(SaveError::Changed { etag }) if etag == suspended.etag() && etag != read.etag()));
        assert_eq!((suspended.state(), suspended.update_time), (WebhookState::Suspended, bench.now()));
    }

    async fn a_display_name_is_given_once_in_a_namespace(bench) {
        bench.webhook(1).await;
        let named = |number: u8, name: &str, namespace: &str| {
            let mut webhook = webhook(number);
            webhook.spec.display_name = name.into();
            webhook.namespace = namespace.parse().unwrap();
            webhook
        };
        let taken = bench.store.save_webhook(put(named(2, "webhook 1", ""), Expect::Absent, None)).await;
        assert!(matches!(taken, Err(SaveError::NameTaken(id)) if id == webhook(1).id));
        bench.put(named(2, "webhook 1", "other"), Expect::Absent).await;
        bench.put(named(1, "renamed", ""), Expect::Present).await;
        bench.reopen().await;
        bench.put(named(3, "webhook 1", ""), Expect::Absent).await;
        let taken = bench.store.save_webhook(put(named(4, "renamed", ""), Expect::Absent, None)).await;
        assert!(matches!(taken, Err(SaveError::NameTaken(_))));
    }

    async fn a_repeated_request_gets_the_first_answer_for_a_day(bench) {
        let first = bench.store.save_webhook(put(webhook(1), Expect::Absent, Some(("r", 1)))).await.unwrap();
        assert!(!first.repeated);
        bench.put(webhook(1), Expect::Present).await;
        bench.reopen().await;
        let again = bench.store.save_webhook(put(webhook(1), Expect::Absent, Some(("r", 1)))).await.unwrap();
        assert!(again.repeated);
        assert_eq!(again.webhook, first.webhook);
        let other = bench.store.save_webhook(put(webhook(2), Expect::Absent, Some(("r", 2)))).await;
        assert!(matches!(other, Err(SaveError::RequestConflict)));
        bench.clock.advance(24 * 3_600_000);
        bench.store.save_webhook(put(webhook(2), Expect::Absent, Some(("r", 2)))).await.unwrap();
        bench.clock.advance(24 * 3_600_000);
        bench.store.expire(bench.now(), 10).await.unwrap();
        assert_eq!(bench.records().await.get("request ids"), Some(&0));
    }

    async fn a_request_of_a_clock_that_was_far_ahead_is_forgotten_once_the_clock_is_right(bench) {
        let ahead = 64 * 365 * 86_400_000;
        bench.clock.advance(ahead);
        bench.store.save_webhook(put(webhook(1), Expect::Absent, Some(("r", 1)))).await.unwrap();
        bench.clock.advance(-ahead);
        bench.store.save_webhook(put(webhook(2), Expect::Absent, Some(("r", 2)))).await.unwrap();
        bench.clock.advance(ahead);
        bench.store.remember(&Default::default(), ("s".to_owned(), [1; 32]), 7).await.unwrap();
        bench.clock.advance(-ahead);
        assert_eq!(bench.store.recall(&Default::default(), &("s".to_owned(), [2; 32])).await.unwrap(), None);
        bench.store.expire(bench.now(), 10).await.unwrap();
        assert_eq!(bench.records().await.get("request ids"), Some(&1), "only what was asked for by the right clock");
    }

    async fn a_count_is_remembered_under_its_request_id_for_a_day(bench) {
        let namespace = Default::default();
        let request = ("r".to_owned(), [1; 32]);
        assert_eq!(bench.store.recall(&namespace, &request).await.unwrap(), None);
        bench.store.remember(&namespace, request.clone(), 42).await.unwrap();
        bench.reopen().await;
        assert_eq!(bench.store.recall(&namespace, &request).await.unwrap(), Some(42));
        assert_eq!(bench.store.recall(&"other".parse().unwrap(), &request).await.unwrap(), None);
        let other = ("r".to_owned(), [2; 32]);
        assert!(matches!(bench.store.recall(&namespace, &other).await, Err(SaveError::RequestConflict)));
        let save = bench.store.save_webhook(put(webhook(1), Expect::Absent, Some(("r", 1)))).await;
        assert!(matches!(save, Err(SaveError::RequestConflict)), "the id was used for a count");
        bench.clock.advance(24 * 3_600_000);
        assert_eq!(bench.store.recall(&namespace, &request).await.unwrap(), None);
    }

    async fn removal_cancels_what_is_open_however_much_it_is(bench) {
        let (hook, other) = (bench.webhook(1).await, bench.webhook(2).await);
        for round in 0..2 {
            let events = (0..400).map(|n| {
                let key = if n % 4 == 0 { "k" } else { "" };
                new_event(ordered(&format!("e{round}-{n}"), key), &[hook.id])
            });
            bench.try_publish(events.collect()).await.unwrap();
        }
        let kept = bench.publish(event("kept"), &[other.id]).await[0];
        let claimed = bench.claim_ids(hook.id, 1).await[0];
        let delete = WebhookChange::Delete { id: hook.id, expect: Expect::Revision(1) };
        let removed = bench.store.save_webhook(delete).await.unwrap();
        assert_eq!((removed.webhook.id, removed.cancelled), (hook.id, 800));
        assert!(!bench.store.webhooks().by_id.contains_key(&hook.id));
        bench.reopen().await;
        while bench.store.gauges().await.unwrap().pending > 1 {
            tokio::task::yield_now().await;
        }
        let cancelled = bench.changes().await.iter().filter(|c| c.delivery.state == DeliveryState::Cancelled).count();
        assert_eq!(cancelled, 800);
        assert_eq!(bench.delivery(kept).await.state, DeliveryState::Pending);
        assert_eq!(bench.settle(claimed, 1, tenterhook_model::Next::Succeed).await, Settled::Fenced);
        assert_eq!(bench.delivery(claimed).await.attempt_count, 1);
        assert_eq!(bench.store.redrive(vec![claimed]).await.unwrap(), [Redrive::Forbidden(DeliveryState::Cancelled)]);
        assert!(bench.claim(hook.id, 1).await.is_empty());
        bench.check().await;
    }

    async fn a_lane_is_never_given_again(bench) {
        let first = bench.webhook(1).await;
        let id = bench.publish(event("a"), &[first.id]).await[0];
        bench.store.save_webhook(WebhookChange::Delete { id: first.id, expect: Expect::Present }).await.unwrap();
        bench.reopen().await;
        let second = bench.webhook(1).await;
        assert!(second.lane > first.lane);
        assert!(bench.claim(second.id, 9).await.is_empty());
        assert_eq!(bench.delivery(id).await.webhook_id, first.id);
    }

    async fn secrets_come_back_and_are_not_on_disk_in_plain(bench) {
        let mut secret = webhook(1);
        secret.signing_keys.push(SigningKey {
            id: SigningKeyId::from_bytes([1; 16]),
            secret: Secret::new("canary-in-the-signing-key"),
            create_time: bench.now(),
            expire_time: None,
        });
        secret.spec.transport.client_private_key_pem = Secret::new("canary-in-the-private-key");
        let saved = bench.store.save_webhook(put(secret.clone(), Expect::Absent, Some(("r", 1)))).await.unwrap();
        bench.reopen().await;
        assert_eq!(*bench.store.webhooks().by_id[&secret.id], *saved.webhook);
        assert_eq!(saved.webhook.signing_keys, secret.signing_keys);
        bench.close().await;
        assert!(!bench.disk_contains(b"canary-in-the"));
        assert!(bench.disk_contains(b"webhook 1"), "the test looks at the right place");
    }

    async fn a_webhook_can_be_disabled_and_what_it_has_goes_on(bench) {
        let hook = bench.webhook(1).await;
        let id = bench.publish(event("a"), &[hook.id]).await[0];
        let mut disabled = webhook(1);
        disabled.spec.disabled = true;
        bench.put(disabled, Expect::Present).await;
        assert_eq!(bench.claim_ids(hook.id, 9).await, [id]);
    }
}
