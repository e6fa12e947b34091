//! `webhook test`: one request sent now, or one after another until the receiver accepts it.

use std::time::Duration;

use clap::Args;
use tenterhook_client::v1::{AttemptOutcome, DeliveryAttempt, TestWebhookRequest, TestWebhookResponse};

use super::sample::{Chosen, SampleArgs};
use crate::delivery::{exchange, headline};
use crate::failure::{Done, Failure, NO};
use crate::output::{now, proto_json};
use crate::session::Session;

/// Time for a test: an attempt takes a minute at most (`TransportPolicy.attempt_timeout`).
const PATIENCE: Duration = Duration::from_secs(70);
/// The longest pause that `--every` takes.
const PAUSE_MAX: Duration = Duration::from_secs(3_600);

#[derive(Debug, Clone, Args)]
pub(super) struct TestArgs {
    #[command(flatten)]
    which: SampleArgs,
    /// Repeats the request until the receiver accepts it, and shows each attempt
    #[arg(long)]
    watch: bool,
    /// Pause between two requests of --watch, 0s to 1h
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = pause, requires = "watch")]
    every: Duration,
}

fn pause(text: &str) -> Result<Duration, String> {
    let pause = crate::input::span(text)?;
    if pause <= PAUSE_MAX { Ok(pause) } else { Err("must be 0s to 1h".to_owned()) }
}

/// Tests.
pub(super) async fn run(args: TestArgs, session: &Session) -> Done {
    let webhook = session.webhook(&args.which.webhook).await?;
    session.may_write(&format!("Send a request to {}", webhook.display_name))?;
    let again = args.which.again(&webhook.display_name);
    let mut message = TestWebhookRequest { webhook_id: webhook.id, ..Default::default() };
    match args.which.source(session).await? {
        Chosen::Stored(event_id) => message.event_id = event_id,
        Chosen::Draft(mut event) => {
            event.namespace.clone_from(&webhook.namespace);
            message.event = Some(*event);
        }
    }
    loop {
        let response = send(message.clone(), session).await?;
        let attempt = response.attempt.clone().unwrap_or_default();
        let is_well = attempt.outcome() == AttemptOutcome::Success;
        let text = || if args.watch && !is_well { line(&attempt, session) } else { verdict(&attempt, is_well, &again) };
        session.out.one(&proto_json::json("TestWebhookResponse", &response), if is_well { "ok" } else { "no" }, text);
        match (is_well, args.watch) {
            (true, _) => return Ok(0),
            (false, false) => return Ok(NO),
            (false, true) => tokio::time::sleep(args.every).await,
        }
    }
}

/// Sends one request, and waits as long as an attempt may take.
async fn send(message: TestWebhookRequest, session: &Session) -> Result<TestWebhookResponse, Failure> {
    let mut request = tenterhook_client::Request::new(message);
    request.set_timeout(PATIENCE);
    let response = session.client.webhooks().test_webhook(request).await;
    Ok(response.map_err(|status| session.fail(status))?.into_inner())
}

/// What came of it; `again` is the command to repeat it with.
fn verdict(attempt: &DeliveryAttempt, is_well: bool, again: &str) -> String {
    let exchange = exchange(attempt);
    if is_well {
        return format!("* The receiver accepted it.\n{exchange}");
    }
    format!("x The receiver did not accept it.\n{exchange}Repeat it until the receiver is well:\n  {again} --watch\n")
}

/// An attempt in one line, while the next one is waited for.
fn line(attempt: &DeliveryAttempt, session: &Session) -> String {
    let time = session.out.clock(now());
    format!("{}  x {}", time.get(11..19).unwrap_or("--:--:--"), headline(attempt))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_an_hour_at_most() {
        assert_eq!((pause("0s"), pause("1h")), (Ok(Duration::ZERO), Ok(PAUSE_MAX)));
        for wrong in ["61m", "2h", "soon"] {
            assert!(pause(wrong).is_err(), "{wrong}");
        }
    }
}
