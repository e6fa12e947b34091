//! Admission: what is too much is refused, what keeps up is waited for, what does not is not.

use tenterhook_model::{JsonText, limits};
use tenterhook_store::{NewEvent, StoreError};
use tokio::time::Instant;

use crate::bench::{Bench, Engine, event, new_event, run};

fn bench() -> Bench {
    Bench::new(Engine::Memory(Default::default()))
}

#[test]
fn publishers_over_the_count_of_the_queue_are_refused_and_told_when_to_come_back() {
    run(async {
        let bench = bench();
        let many =
            (0..limits::COMMIT_QUEUE + 10).map(|n| bench.try_publish(vec![new_event(event(&format!("e{n}")), &[])]));
        let results = futures_util::future::join_all(many).await;
        let refused: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
        assert_eq!(refused.len(), 10);
        assert!(
            refused
                .iter()
                .all(|error| matches!(error, StoreError::Overloaded { retry_after } if !retry_after.is_zero()))
        );
        bench.try_publish(vec![new_event(event("after"), &[])]).await.unwrap();
    });
}

#[test]
fn publishers_over_the_bytes_of_the_queue_are_refused() {
    run(async {
        let bench = bench();
        let large = |n: usize| -> NewEvent {
            let mut event = event(&format!("e{n}"));
            event.data = Some(JsonText::parse(&format!("\"{}\"", "x".repeat(200 * 1024))).unwrap());
            new_event(event, &[])
        };
        let fit = limits::COMMIT_QUEUE_BYTES / (200 * 1024);
        let results = futures_util::future::join_all((0..fit + 20).map(|n| bench.try_publish(vec![large(n)]))).await;
        let stored = results.iter().filter(|result| result.is_ok()).count();
        assert!((fit - 2..=fit).contains(&stored), "{stored} of {fit}");
        let batch = (0..fit + 20).map(|n| large(1_000 + n)).collect();
        assert!(
            bench.try_publish(batch).await.is_ok(),
            "a batch that is larger than the queue goes through an empty one"
        );
    });
}

/// Publishes with the paused clock of the runtime running; answers whether it had to wait.
async fn waits(bench: &Bench, name: &str, webhook: tenterhook_model::WebhookId) -> bool {
    let start = Instant::now();
    bench.try_publish(vec![new_event(event(&name.replace(' ', "-")), &[webhook])]).await.unwrap();
    !start.elapsed().is_zero()
}

#[test]
fn a_publisher_waits_a_bounded_time_for_a_lane_that_keeps_up() {
    run(async {
        let bench = bench();
        let hook = bench.webhook(1).await;
        let backlog = limits::MOVING_BACKLOG + 64;
        let events = (0..backlog + 10).map(|n| new_event(event(&format!("e{n}")), &[hook.id])).collect();
        bench.try_publish(events).await.unwrap();
        assert!(!waits(&bench, "no one has claimed yet", hook.id).await);
        bench.claim(hook.id, 64).await;
        let start = Instant::now();
        assert!(waits(&bench, "now it moves", hook.id).await);
        assert!(start.elapsed() <= limits::ADMISSION_WAIT * 2, "{:?}", start.elapsed());
        let publisher = waits(&bench, "until there is room", hook.id);
        let claimer = async { bench.claim(hook.id, 64).await };
        let start = Instant::now();
        let (_, claims) = tokio::join!(biased; publisher, claimer);
        assert_eq!((claims.len(), start.elapsed().as_millis()), (64, 0));
    });
}

#[test]
fn a_lane_that_does_not_keep_up_holds_nobody_back() {
    run(async {
        let bench = bench();
        let (dead, alive) = (bench.webhook(1).await, bench.webhook(2).await);
        let events = (0..1_000).map(|n| new_event(event(&format!("e{n}")), &[dead.id])).collect();
        bench.try_publish(events).await.unwrap();
        bench.claim(dead.id, 10).await;
        assert!(!waits(&bench, "slow", dead.id).await);
        bench.claim(dead.id, 64).await;
        bench.clock.advance(1_000);
        assert!(!waits(&bench, "dead by now", dead.id).await);
        assert!(!waits(&bench, "another", alive.id).await);
    });
}
