//! `event explain` and `event replay`.

use clap::Args;
use serde_json::{Value, json};
use tenterhook_client::v1::explain_event_request::Source;
use tenterhook_client::v1::{Event, ExplainEventRequest, ReplayEventsRequest, WebhookExplanation, WebhookState};
use tenterhook_model::{OPERATIONAL_PREFIX, harmless_line, is_operational};
use tenterhook_terminal::folded;

use super::shown::{self, Which};
use crate::failure::{Done, Failure, NO, WOULD_CHANGE};
use crate::find::PAGE;
use crate::output::grid::{Cell, Column};
use crate::output::style::{Style, delivery_state, webhook_state};
use crate::output::{count, proto_json, thousands};
use crate::session::Session;

#[derive(Debug, Clone, Args)]
pub(super) struct ExplainArgs {
    /// The event, by id or its beginning
    #[arg(value_name = "EVENT")]
    event: String,
}

#[derive(Debug, Clone, Args)]
pub(super) struct ReplayArgs {
    /// The webhook to deliver to, by name, id or the beginning of an id
    #[arg(value_name = "WEBHOOK")]
    webhook: String,
    #[command(flatten)]
    which: Which,
    /// Only this event, by id or its beginning; repeatable
    #[arg(long = "event", value_name = "EVENT")]
    events: Vec<String>,
    /// Also events that were delivered to it before
    #[arg(long)]
    include_delivered: bool,
    /// Shows the count, and changes nothing; exit code 3 if it would
    #[arg(long)]
    dry_run: bool,
}

/// Explains.
pub(super) async fn explain(args: ExplainArgs, session: &Session) -> Done {
    let event_id = session.event_id(&args.event).await?;
    let webhooks = explanations(Source::EventId(event_id.clone()), session).await?;
    let value = json!({"event_id": event_id, "webhooks": json(&webhooks)});
    let head = shown::headline(&shown::event(event_id.clone(), session).await?, session);
    let text = format!("{}\n{}", folded(&head, session.out.width()), people(&webhooks, true, session)?);
    session.out.one(&value, &event_id, || text);
    Ok(if webhooks.iter().any(|webhook| webhook.matched) { 0 } else { NO })
}

/// Shows which webhooks would receive an event that is not published.
///
/// # Errors
/// When the call fails.
pub(super) async fn foresee(mut event: Event, session: &Session) -> Done {
    if is_operational(&event.r#type) {
        // It can be explained, but not published.
        let wrong = format!("must not begin with `{OPERATIONAL_PREFIX}`, as the server's own events do");
        return Err(Failure::refused("the event would be refused").fields(vec![("event.type".to_owned(), wrong)]));
    }
    event.namespace.clone_from(&session.namespace);
    let webhooks = explanations(Source::Event(event), session).await?;
    let value = json!({"webhooks": json(&webhooks), "dry_run": true});
    let text = people(&webhooks, false, session)?;
    session.out.one(&value, "", || text);
    Ok(WOULD_CHANGE)
}

/// How every webhook of the namespace takes an event.
///
/// # Errors
/// When a call fails.
async fn explanations(source: Source, session: &Session) -> Result<Vec<WebhookExplanation>, Failure> {
    let (namespace, source) = (session.namespace.clone(), Some(source));
    let mut request = ExplainEventRequest { namespace, source, page_size: PAGE, ..Default::default() };
    let mut webhooks = Vec::new();
    loop {
        let response = session.client.events().explain_event(request.clone()).await;
        let response = response.map_err(|status| session.fail(status))?.into_inner();
        webhooks.extend(response.webhooks);
        request.page_token = response.next_page_token;
        if request.page_token.is_empty() {
            return Ok(webhooks);
        }
    }
}

fn json(webhooks: &[WebhookExplanation]) -> Value {
    webhooks.iter().map(|webhook| proto_json::json("WebhookExplanation", webhook)).collect()
}

/// A table; an event that is not published has no deliveries.
fn people(webhooks: &[WebhookExplanation], is_published: bool, session: &Session) -> Result<String, Failure> {
    let mut columns = vec![Column::new("WEBHOOK", 0), Column::new("GETS IT", 0), Column::new("WHY", 1).folded(30)];
    if is_published {
        columns.insert(2, Column::new("DELIVERY", 2));
    }
    let rows: Vec<Vec<Cell>> = webhooks
        .iter()
        .map(|webhook| {
            let (verdict, style) = match (webhook.matched, webhook.state()) {
                (true, WebhookState::Active) => ("* yes", Some(Style::Green)),
                (true, state) => webhook_state(state, false),
                (false, _) => ("- no", None),
            };
            let delivery = webhook.deliveries.first().map_or("-", |delivery| delivery_state(delivery.state()).0);
            let refused = webhook.rules.iter().find(|rule| !rule.matched).filter(|_| !webhook.matched);
            let why = match refused {
                Some(rule) if webhook.rules.len() > 1 => format!("rule {}: {}", rule.index + 1, rule.reason),
                Some(rule) => rule.reason.clone(),
                None => webhook.reason.clone(),
            };
            let mut row = vec![Cell::new(&webhook.display_name), Cell::styled(verdict, style), why.into()];
            if is_published {
                row.insert(2, delivery.into());
            }
            row
        })
        .collect();
    let matched = i64::try_from(webhooks.iter().filter(|webhook| webhook.matched).count()).unwrap_or(i64::MAX);
    let all = i64::try_from(webhooks.len()).unwrap_or(i64::MAX);
    let verb = match (is_published, all) {
        (false, _) => "would receive",
        (true, 1) => "receives",
        (true, _) => "receive",
    };
    let table = if rows.is_empty() { String::new() } else { session.out.table(&columns, &rows)? };
    Ok(format!("{table}{} of {} {verb} it.", thousands(matched), count(all, "webhook", "webhooks")))
}

/// Replays.
pub(super) async fn replay(args: ReplayArgs, session: &Session) -> Done {
    let webhook = session.webhook(&args.webhook).await?;
    let mut filter = args.which.filter()?;
    for event in &args.events {
        filter.event_ids.push(session.event_id(event).await?);
    }
    if filter == Default::default() {
        return Err(Failure::usage("nothing says which events").next("give --since, --type or --event"));
    }
    let request = ReplayEventsRequest {
        namespace: webhook.namespace.clone(),
        webhook_id: webhook.id.clone(),
        filter: Some(filter),
        include_delivered: args.include_delivered,
        validate_only: true,
        ..Default::default()
    };
    let counted =
        session.client.events().replay_events(request.clone()).await.map_err(|status| session.fail(status))?;
    let mut number = counted.into_inner().delivery_count;
    let to = harmless_line(&webhook.display_name);
    if !args.dry_run && number > 0 {
        session.must_confirm(&format!("Deliver {} to {to} again", count(number, "event", "events")))?;
        let made = session.client.events().replay_events(ReplayEventsRequest { validate_only: false, ..request }).await;
        number = made.map_err(|status| session.fail(status))?.into_inner().delivery_count;
    }
    session.out.one(&json!({"delivery_count": number, "dry_run": args.dry_run}), &number.to_string(), || {
        let would = if args.dry_run { "Would deliver" } else { "Delivering" };
        format!("{would} {} to {to} again.", count(number, "event", "events"))
    });
    Ok(if args.dry_run && number > 0 { WOULD_CHANGE } else { 0 })
}
