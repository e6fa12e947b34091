//! What the log says of a webhook that fails: one line a change, with all that an operator asks first.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tenterhook_model::Excuse;
use tenterhook_model::webhook::{BreakerPolicy, RetryPolicy};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;

use super::hold::{narrow, store};
use super::world::{Receivers, Reply, World};

/// The log of this thread.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let layer = fmt::layer().with_ansi(false).with_writer(move || writer.clone());
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        (log, guard)
    }

    fn lines_with(&self, text: &str) -> Vec<String> {
        let log = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_fails_is_one_line_a_change_with_its_name_its_last_word_and_what_comes_next() {
    let (log, _guard) = Log::start();
    let mut webhook = narrow();
    webhook.spec.display_name = "orders".into();
    webhook.spec.retry = RetryPolicy { max_attempts: Some(1), ..RetryPolicy::default() };
    webhook.spec.circuit_breaker =
        BreakerPolicy { suspend_after: Some(Duration::from_secs(200)), ..BreakerPolicy::default() };
    let world = World::start(store(&webhook, 20), Receivers::new(|_, _| Reply::Status(500)));
    world.pass_seconds(2_000).await;
    let opened = log.lines_with("circuit breaker opened");
    assert_eq!(opened.len(), 1, "{opened:?}");
    let suspended = log.lines_with("webhook suspended");
    assert_eq!(suspended.len(), 1, "{suspended:?}");
    let given_up = log.lines_with("delivery given up");
    assert_eq!(given_up.len(), 5, "{given_up:?}");
    let id = format!("id={}", webhook.id);
    for line in [&opened[0], &suspended[0], &given_up[0]] {
        for part in ["webhook=\"orders\"", id.as_str(), "namespace=default", "last=\"HTTP 500\""] {
            assert!(line.contains(part), "{part} in {line}");
        }
    }
    assert!(opened[0].contains("failures=5") && opened[0].contains("next_probe=30s"), "{}", opened[0]);
    assert!(suspended[0].contains("ResumeWebhook") && suspended[0].contains("reason="), "{}", suspended[0]);
    assert!(given_up[0].contains("RetryDelivery") && given_up[0].contains("delivery=dlv_"), "{}", given_up[0]);
}

#[tokio::test(start_paused = true)]
async fn many_deliveries_that_are_given_up_are_few_lines() {
    let (log, _guard) = Log::start();
    let mut webhook = narrow();
    webhook.spec.retry = RetryPolicy { permanent_statuses: [422].into(), ..RetryPolicy::default() };
    webhook.spec.circuit_breaker.failures_to_open = Some(1_000);
    let world = World::start(store(&webhook, 100), Receivers::new(|_, _| Reply::Status(422)));
    world.pass_seconds(10).await;
    assert_eq!(world.calls().len(), 100);
    assert_eq!(log.lines_with("delivery given up").len(), 20);
}

#[tokio::test(start_paused = true)]
async fn what_no_receiver_is_to_blame_for_is_one_line_a_minute_for_each_cause() {
    let (log, _guard) = Log::start();
    let mut webhook = narrow();
    webhook.spec.display_name = "orders".into();
    // A connection that was closed first, then a proxy that is down for good.
    let excuse = |number| if number == 0 { Excuse::Unprocessed } else { Excuse::Proxy };
    let world = World::start(store(&webhook, 5), Receivers::new(move |_, number| Reply::Excused(excuse(number))));
    let lines = |cause: &str| log.lines_with(&format!("cause=\"{cause}\""));
    world.pass_seconds(55).await;
    assert_eq!((lines("unprocessed").len(), lines("proxy").len()), (1, 1));
    assert!(world.calls().len() > 3, "the proxy is asked again");
    for part in ["webhook=\"orders\"", "namespace=default", "left_out=0", "no doing of the receiver"] {
        assert!(lines("proxy")[0].contains(part), "{part} in {}", lines("proxy")[0]);
    }
    world.pass_seconds(600).await;
    let proxy = lines("proxy");
    assert!((2..=11).contains(&proxy.len()), "one line a minute: {proxy:?}");
    assert!(!proxy[1].contains("left_out=0"), "{}", proxy[1]);
}
