//! `webhook pause`, `resume` and `delete`.

use std::time::Duration;

use clap::Args;
use serde_json::json;
use tenterhook_client::v1::{
    DeleteWebhookRequest, DeliveryFilter, PauseWebhookRequest, ResumeWebhookRequest, Webhook, WebhookState,
};
use tenterhook_model::harmless_line;

use super::shown::print;
use crate::failure::{Done, WOULD_CHANGE};
use crate::output::count;
use crate::output::style::webhook_state;
use crate::session::Session;

#[derive(Debug, Clone, Args)]
pub(super) struct DeleteArgs {
    /// The webhooks, by name, id or the beginning of an id
    #[arg(value_name = "WEBHOOK", required = true)]
    webhooks: Vec<String>,
    /// Shows the count, and changes nothing; exit code 3
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Args)]
pub(super) struct PauseArgs {
    /// The webhook, by name, id or the beginning of an id
    #[arg(value_name = "WEBHOOK")]
    webhook: String,
    /// The reason, shown with the webhook
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    /// Shows how many deliveries wait, and changes nothing; exit code 3 if it would
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Args)]
pub(super) struct ResumeArgs {
    /// The webhook, by name, id or the beginning of an id
    #[arg(value_name = "WEBHOOK")]
    webhook: String,
    /// Waits until what queued up has been delivered; exit code 4 if something fails
    #[arg(long)]
    wait: bool,
    /// How long --wait waits
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = crate::input::span)]
    timeout: Duration,
    /// Shows how many deliveries would be sent, and changes nothing; exit code 3 if it would
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
}

/// Pauses.
pub(super) async fn pause(args: PauseArgs, session: &Session) -> Done {
    let webhook = session.webhook(&args.webhook).await?;
    if args.dry_run {
        let is_news = webhook.state() != WebhookState::Paused || webhook.state_reason != args.reason;
        return Ok(would(session, &webhook, is_news.then_some("pause")));
    }
    session.may_write(&format!("Pause {}", webhook.display_name))?;
    let request = PauseWebhookRequest { webhook_id: webhook.id, reason: args.reason, ..Default::default() };
    let response = session.client.webhooks().pause_webhook(request).await.map_err(|status| session.fail(status))?;
    print(session.out, &response.into_inner().webhook.unwrap_or_default());
    Ok(0)
}

/// Resumes.
pub(super) async fn resume(args: ResumeArgs, session: &Session) -> Done {
    let webhook = session.webhook(&args.webhook).await?;
    if args.dry_run {
        let is_held = webhook.health.as_ref().is_some_and(|health| health.circuit_open);
        let is_news = is_held || matches!(webhook.state(), WebhookState::Paused | WebhookState::Suspended);
        return Ok(would(session, &webhook, is_news.then_some("resume")));
    }
    session.may_write(&format!("Resume {}", webhook.display_name))?;
    let open = if args.wait {
        let filter = DeliveryFilter { webhook_ids: vec![webhook.id.clone()], ..Default::default() };
        Some(session.open_deliveries(filter).await?)
    } else {
        None
    };
    let request = ResumeWebhookRequest { webhook_id: webhook.id, ..Default::default() };
    let response = session.client.webhooks().resume_webhook(request).await.map_err(|status| session.fail(status))?;
    let webhook = response.into_inner().webhook.unwrap_or_default();
    match open {
        None => print(session.out, &webhook),
        Some(open) => {
            let waiting = count(i64::try_from(open.len()).unwrap_or(i64::MAX), "delivery", "deliveries");
            session.out.say(&format!("Resumed {}; sending {waiting}.", harmless_line(&webhook.display_name)));
            return open.wait(session, args.timeout).await;
        }
    }
    Ok(0)
}

/// Says what a change of the state would do; there is no verb when it would do nothing.
fn would(session: &Session, webhook: &Webhook, verb: Option<&str>) -> u8 {
    let waiting = webhook.health.as_ref().map_or(0, |health| health.waiting);
    let value = json!({"would_change": verb.is_some(), "waiting_deliveries": waiting, "dry_run": true});
    session.out.one(&value, &webhook.display_name, || {
        let name = harmless_line(&webhook.display_name);
        let wait = count(waiting, "delivery waits", "deliveries wait");
        let word = webhook_state(webhook.state(), false).0.trim_start_matches(|c: char| !c.is_alphabetic());
        match verb {
            Some(verb) => format!("Would {verb} {name}; {wait}."),
            None => format!("Would change nothing: {name} is {word}."),
        }
    });
    if verb.is_some() { WOULD_CHANGE } else { 0 }
}

/// Deletes.
pub(super) async fn delete(args: DeleteArgs, session: &Session) -> Done {
    let mut webhooks = Vec::new();
    for webhook in &args.webhooks {
        webhooks.push(session.webhook(webhook).await?);
    }
    let waiting = webhooks.iter().map(|webhook| webhook.health.as_ref().map_or(0, |health| health.waiting)).sum();
    let number = i64::try_from(webhooks.len()).unwrap_or(i64::MAX);
    let what = format!(
        "elete {} and cancel {}",
        count(number, "webhook", "webhooks"),
        count(waiting, "delivery", "deliveries")
    );
    if args.dry_run {
        session.out.one(
            &json!({"webhook_count": number, "cancelled_deliveries": waiting, "dry_run": true}),
            "",
            || format!("Would d{what}."),
        );
        return Ok(WOULD_CHANGE);
    }
    // What is deleted is gone, so that one alone is asked for too.
    session.must_confirm(&format!("D{what}"))?;
    let mut cancelled = 0;
    for webhook in webhooks {
        let request = DeleteWebhookRequest { webhook_id: webhook.id, ..Default::default() };
        let response = session.client.webhooks().delete_webhook(request).await;
        cancelled += response.map_err(|status| session.fail(status))?.into_inner().cancelled_deliveries;
    }
    let value = json!({"webhook_count": number, "cancelled_deliveries": cancelled, "dry_run": false});
    session.out.one(&value, "", || {
        let cancelled = count(cancelled, "delivery", "deliveries");
        format!("Deleted {} and cancelled {cancelled}.", count(number, "webhook", "webhooks"))
    });
    Ok(0)
}
