//! What a person asks for: deliveries go first, breakers let one request through, and what waits
//! can be seen.

use std::time::Duration;

use tenterhook_model::{Next, Timestamp, WebhookHealth, WebhookId};
use tenterhook_store::{Backlog, Expect, Redrive, Settlement};

use crate::bench::{Bench, event, ordered, settlement};
use crate::on_every_engine;

/// Settles what is due of the webhook with a breaker that is open for an hour.
async fn fail_all(bench: &Bench, hook: WebhookId) -> WebhookHealth {
    let later = bench.now().after(Duration::from_secs(3_600));
    let health = WebhookHealth {
        consecutive_failures: 5,
        next_probe: Some(later),
        failed_probes: 7,
        not_before: Some(later),
        ..WebhookHealth::default()
    };
    let settlement =
        |id, number| Settlement { health: Some(health.clone()), ..settlement(id, number, Next::RetryAt(later)) };
    let claims = bench.claim(hook, 100).await;
    let settled = claims.iter().map(|claim| settlement(claim.delivery.id, claim.delivery.attempt_count + 1));
    bench.store.settle(settled.collect()).await.unwrap();
    bench.store.take_ready(bench.now());
    bench.store.take_asked();
    health
}

fn is_open_until(health: &WebhookHealth, time: Timestamp) -> bool {
    (health.next_probe, health.not_before) == (Some(time), Some(time))
}

on_every_engine! {
    async fn what_is_retried_by_hand_goes_before_all_that_is_due(bench) {
        let hook = bench.webhook(1).await.id;
        let mut ids = Vec::new();
        for name in ["a", "b", "c", "d"] {
            ids.extend(bench.publish(event(name), &[hook]).await);
        }
        fail_all(&bench, hook).await;
        let late = bench.publish(event("late"), &[hook]).await[0];
        bench.clock.advance(7_200_000);
        for id in [ids[2], ids[1]] {
            assert!(matches!(bench.store.redrive(vec![id]).await.unwrap()[..], [Redrive::Done(_)]));
        }
        assert_eq!(bench.claim_ids(hook, 10).await, [ids[2], ids[1], late, ids[0], ids[3]]);
    }

    async fn one_that_goes_first_is_handed_out_once_and_not_after_it_was_cancelled(bench) {
        let hook = bench.webhook(1).await.id;
        let a = bench.publish(event("a"), &[hook]).await[0];
        let b = bench.publish(event("b"), &[hook]).await[0];
        fail_all(&bench, hook).await;
        bench.store.redrive(vec![b, a, b]).await.unwrap();
        bench.store.cancel(vec![a]).await.unwrap();
        assert_eq!(bench.claim_ids(hook, 10).await, [b]);
        assert!(bench.claim_ids(hook, 10).await.is_empty());
        bench.store.release(vec![b]).await.unwrap();
        assert_eq!(bench.claim_ids(hook, 10).await, [b]);
    }

    async fn more_than_a_head_holds_go_by_hand_and_none_is_lost(bench) {
        let hook = bench.webhook(1).await.id;
        let mut ids = Vec::new();
        for number in 0..600 {
            ids.extend(bench.publish(event(&format!("e{number}")), &[hook]).await);
        }
        while !bench.claim(hook, 100).await.is_empty() {}
        for chunk in ids.chunks(100) {
            let next = Next::RetryAt(bench.now().after(Duration::from_secs(9)));
            bench.store.settle(chunk.iter().map(|id| settlement(*id, 1, next)).collect()).await.unwrap();
        }
        bench.store.redrive(ids.clone()).await.unwrap();
        let mut claimed = Vec::new();
        loop {
            let more = bench.claim_ids(hook, 64).await;
            if more.is_empty() {
                break;
            }
            claimed.extend(more);
        }
        claimed.sort_unstable();
        ids.sort_unstable();
        assert_eq!(claimed, ids);
    }

    async fn a_retry_by_hand_lets_the_next_request_go_now_and_says_so_on_disk(bench) {
        let hook = bench.webhook(1).await.id;
        let id = bench.publish(event("a"), &[hook]).await[0];
        let health = fail_all(&bench, hook).await;
        assert!(is_open_until(&bench.store.health(hook), health.next_probe.unwrap()));
        bench.store.redrive(vec![id]).await.unwrap();
        let now = bench.now();
        assert!(is_open_until(&bench.store.health(hook), now));
        assert_eq!(bench.store.health(hook).failed_probes, 0);
        assert_eq!(bench.store.take_ready(now), [hook], "the loop is rung");
        assert_eq!((bench.store.take_asked(), bench.store.take_asked()), (vec![hook], vec![]));
        bench.crash().await;
        assert!(is_open_until(&bench.store.health(hook), now), "a restart keeps the promise");
    }

    async fn an_outcome_that_did_not_know_of_the_asking_does_not_undo_it(bench) {
        let hook = bench.webhook(1).await.id;
        let id = bench.publish(event("a"), &[hook]).await[0];
        bench.publish(event("b"), &[hook]).await;
        let health = fail_all(&bench, hook).await;
        bench.store.redrive(vec![id]).await.unwrap();
        let claim = bench.claim(hook, 1).await.remove(0);
        let next = Next::RetryAt(bench.now());
        let stale = Settlement { health: Some(health.clone()), ..settlement(claim.delivery.id, 2, next) };
        bench.store.settle(vec![stale.clone()]).await.unwrap();
        assert!(is_open_until(&bench.store.health(hook), bench.now()), "nobody has taken it yet");
        assert_eq!(bench.store.take_asked(), [hook]);
        let claim = bench.claim(hook, 1).await.remove(0);
        let known = Settlement { delivery_id: claim.delivery.id, ..stale };
        let known = Settlement { attempt: settlement(claim.delivery.id, 3, next).attempt, ..known };
        bench.store.settle(vec![known]).await.unwrap();
        assert_eq!(bench.store.health(hook), health, "now it is the dispatcher's to say");
    }

    async fn asking_changing_and_replaying_all_let_the_next_request_go(bench) {
        let hook = bench.webhook(1).await;
        bench.publish(event("a"), &[hook.id]).await;
        for way in ["ask", "change", "replay"] {
            bench.clock.advance(1_000);
            fail_all(&bench, hook.id).await;
            match way {
                "ask" => bench.store.ask(hook.id).await.unwrap(),
                "change" => drop(bench.put(hook.clone(), Expect::Present).await),
                _ => drop(bench.store.replay(hook.id, vec!["a".parse().unwrap()]).await.unwrap()),
            }
            assert_eq!(bench.store.take_asked(), [hook.id], "{way}");
            assert!(bench.store.take_ready(bench.now()).contains(&hook.id), "{way}");
            bench.clock.advance(7_200_000);
        }
    }

    async fn a_paused_webhook_is_asked_for_in_vain_until_it_is_resumed(bench) {
        let hook = bench.webhook(1).await.id;
        let id = bench.publish(event("a"), &[hook]).await[0];
        fail_all(&bench, hook).await;
        bench.pause(hook, true).await;
        bench.store.take_asked();
        bench.store.redrive(vec![id]).await.unwrap();
        bench.store.ask(hook).await.unwrap();
        assert!(bench.store.take_asked().is_empty() && bench.store.take_ready(bench.now()).is_empty());
        bench.pause(hook, false).await;
        assert_eq!(bench.store.take_asked(), [hook]);
        let health = bench.store.health(hook);
        assert_eq!((health.next_probe, health.not_before), (None, Some(bench.now())));
        assert_eq!(bench.claim_ids(hook, 10).await, [id]);
    }

    async fn a_webhook_that_is_gone_is_not_asked_for(bench) {
        let hook = bench.webhook(1).await.id;
        bench.store.ask(hook).await.unwrap();
        let delete = tenterhook_store::WebhookChange::Delete { id: hook, expect: Expect::Present };
        bench.store.save_webhook(delete).await.unwrap();
        bench.store.ask(hook).await.unwrap();
        assert!(bench.store.take_asked().is_empty());
        assert_eq!(bench.store.health(hook), WebhookHealth::default());
        bench.check().await;
    }

    async fn a_backlog_is_what_is_open_and_not_in_flight(bench) {
        let (hook, other) = (bench.webhook(1).await.id, bench.webhook(2).await.id);
        for number in 0..40 {
            bench.publish(event(&format!("e{number}")), &[hook]).await;
            bench.clock.advance(1_000);
        }
        let begin = bench.now().before(Duration::from_secs(40));
        let second = |seconds| Some(begin.after(Duration::from_secs(seconds)));
        let backlogs = bench.store.backlogs(vec![hook, other]).await.unwrap();
        assert_eq!(backlogs, [Backlog { waiting: 40, oldest: second(0) }, Backlog::default()]);
        bench.claim(hook, 33).await;
        let backlogs = bench.store.backlogs(vec![hook]).await.unwrap();
        assert_eq!(backlogs, [Backlog { waiting: 7, oldest: second(33) }]);
        bench.claim(hook, 100).await;
        assert_eq!(bench.store.backlogs(vec![hook]).await.unwrap(), [Backlog::default()]);
    }

    async fn the_turn_of_an_ordering_key_is_told(bench) {
        let hook = bench.webhook(1).await.id;
        let first = bench.publish(ordered("a", "k"), &[hook]).await[0];
        let second = bench.publish(ordered("b", "k"), &[hook]).await[0];
        let of = || vec![(hook, "k".to_owned()), (hook, "none".to_owned())];
        assert_eq!(bench.store.turns(of()).await.unwrap(), [Some(first), None]);
        bench.deliver_all(hook).await;
        assert_eq!(bench.store.turns(of()).await.unwrap(), [None, None]);
        assert!(bench.delivery(second).await.state.is_final());
    }
}
