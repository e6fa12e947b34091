//! `webhook list` and `webhook show`.

use clap::Args;
use tenterhook_client::v1::{ListWebhooksRequest, Webhook, WebhookState};
use tenterhook_model::harmless_line;

use crate::delivery::GONE;
use crate::failure::Done;
use crate::output::grid::{Cell, Column};
use crate::output::style::webhook_state;
use crate::output::{Listed, Listing, Output, count, proto_json, thousands, times};
use crate::session::Session;
use crate::status::{attempt, fails, problem, quoted};
use tenterhook_terminal::folded;

#[derive(Debug, Clone, Args)]
pub(super) struct ListArgs {
    /// Only those with this label; repeatable
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = crate::input::pair)]
    labels: Vec<(String, String)>,
}

#[derive(Debug, Clone, Args)]
pub(super) struct ShowArgs {
    /// The webhook, by name, id or the beginning of an id
    #[arg(value_name = "WEBHOOK")]
    webhook: String,
}

/// Lists.
pub(super) async fn list(args: ListArgs, session: &Session) -> Done {
    const COLUMNS: [Column; 7] = [
        Column::new("WEBHOOK", 0),
        Column::new("STATE", 0),
        Column::number("WAITING", 3),
        Column::new("URL", 1),
        Column::new("WHY", 2),
        Column::wide("ID"),
        Column::wide("LABELS"),
    ];
    let request = ListWebhooksRequest { labels: args.labels.into_iter().collect(), ..Default::default() };
    let webhooks = session.all(session.client.list_webhooks(request)).await?;
    let rows = webhooks.iter().map(|webhook| {
        let (state, style) = webhook_state(webhook.state(), fails(webhook));
        let mut labels: Vec<String> = webhook.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        labels.sort();
        Listed {
            cells: vec![
                Cell::new(&webhook.display_name),
                Cell::styled(state, style),
                thousands(webhook.health.as_ref().map_or(0, |health| health.waiting)).into(),
                Cell::new(url(webhook)),
                problem(webhook).into(),
                Cell::new(&webhook.id),
                labels.join(" ").into(),
            ],
            json: proto_json::json("Webhook", webhook),
            name: webhook.display_name.clone(),
        }
    });
    session.out.many(Listing { noun: ("webhook", "webhooks"), columns: &COLUMNS, rows: rows.collect() })
}

/// Shows.
pub(super) async fn show(args: ShowArgs, session: &Session) -> Done {
    let webhook = session.webhook(&args.webhook).await?;
    print(session.out, &webhook);
    Ok(0)
}

/// Prints a webhook in any form.
pub(super) fn print(out: Output, webhook: &Webhook) {
    out.one(&proto_json::json("Webhook", webhook), &webhook.display_name, || people(out, webhook));
}

fn url(webhook: &Webhook) -> &str {
    webhook.request.as_ref().map_or("", |request| &request.url)
}

fn people(out: Output, webhook: &Webhook) -> String {
    let (state, style) = webhook_state(webhook.state(), fails(webhook));
    let state = style.map_or(state.to_owned(), |style| out.paint(style, state));
    let mut text = format!("{}  {}  {state}\n", harmless_line(&webhook.display_name), webhook.id);
    let mut fact = |name: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&folded(&format!("  {name:<9}{}", harmless_line(value)), out.width()));
            text.push('\n');
        }
    };
    let health = webhook.health.clone().unwrap_or_default();
    fact("why", &webhook.state_reason);
    if let Some(since) = health.failing_since.as_ref() {
        let failures = count(i64::from(health.consecutive_failures), "failure", "failures");
        fact("failing", &format!("{failures} in a row, the first {}", out.time(Some(since))));
    }
    if let Some(last) = &health.last_error {
        let took = times::short(times::duration(last.duration.as_ref()));
        fact("last", &format!("{}  ->  {} in {took}", out.time(last.end_time.as_ref()), attempt(last)));
    }
    let oldest =
        health.oldest_waiting_time.as_ref().map(|oldest| format!(", the oldest made {}", out.time(Some(oldest))));
    fact("waiting", &(count(health.waiting, "delivery", "deliveries") + &oldest.unwrap_or_default()));
    fact("url", url(webhook));
    for (index, rule) in webhook.rules.iter().enumerate() {
        let types = if rule.event_types.is_empty() { "every type".to_owned() } else { rule.event_types.join(", ") };
        let objects =
            if rule.object_types.is_empty() { String::new() } else { format!(" of {}", rule.object_types.join(", ")) };
        let more = if rule.conditions.is_some() || !rule.expression.is_empty() || !rule.attributes.is_empty() {
            ", with conditions"
        } else {
            ""
        };
        fact(if index == 0 { "rules" } else { "" }, &format!("{types}{objects}{more}"));
    }
    for warning in &webhook.warnings {
        fact("warning", warning);
    }
    for key in &webhook.signing_keys {
        let until =
            key.expire_time.as_ref().map(|time| format!(", signs until {}", out.time(Some(time)))).unwrap_or_default();
        fact("key", &format!("{}{until}", key.id));
    }
    text + &next(webhook)
}

/// What helps.
fn next(webhook: &Webhook) -> String {
    let name = quoted(&harmless_line(&webhook.display_name));
    let last = webhook.health.as_ref().and_then(|health| health.last_error.as_ref());
    let event = last.map(|last| format!(" --event {}", last.event_id)).unwrap_or_default();
    match webhook.state() {
        WebhookState::Suspended => {
            // What was answered so does not wait: it has failed.
            let is_gone = last.is_some_and(|last| last.response_status == GONE);
            let retry = format!("  tenterhook delivery retry --webhook {name} --failed --wait\n");
            format!(
                "When the receiver is well:\n  tenterhook webhook test {name}{event}\n  tenterhook webhook resume {name} --wait\n{}",
                if is_gone { &retry } else { "" }
            )
        }
        WebhookState::Paused => format!("Send again:\n  tenterhook webhook resume {name} --wait\n"),
        WebhookState::Active if fails(webhook) => format!("Try it:\n  tenterhook webhook test {name}{event}\n"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use tenterhook_client::v1::{AttemptSummary, WebhookHealth};

    fn webhook(state: WebhookState, failures: i32, status: i32) -> Webhook {
        let last_error =
            Some(AttemptSummary { event_id: "evt_1".into(), response_status: status, ..Default::default() });
        let health = WebhookHealth { consecutive_failures: failures, last_error, ..Default::default() };
        Webhook { display_name: "my orders".into(), state: state.into(), health: Some(health), ..Default::default() }
    }

    #[test]
    fn what_helps_depends_on_the_state() {
        assert_eq!(next(&webhook(WebhookState::Active, 0, 0)), "");
        assert_eq!(next(&webhook(WebhookState::Disabled, 3, 0)), "");
        let test = "tenterhook webhook test 'my orders' --event evt_1\n";
        assert_eq!(next(&webhook(WebhookState::Active, 1, 500)), format!("Try it:\n  {test}"));
        let resume = "tenterhook webhook resume 'my orders' --wait\n";
        assert_eq!(next(&webhook(WebhookState::Paused, 0, 0)), format!("Send again:\n  {resume}"));
        let suspended = format!("When the receiver is well:\n  {test}  {resume}");
        assert_eq!(next(&webhook(WebhookState::Suspended, 5, 500)), suspended);
        let gone = next(&webhook(WebhookState::Suspended, 5, GONE));
        assert_eq!(gone, format!("{suspended}  tenterhook delivery retry --webhook 'my orders' --failed --wait\n"));
        let unknown = Webhook { health: None, ..webhook(WebhookState::Suspended, 0, 0) };
        assert!(!next(&unknown).contains("--event"), "{}", next(&unknown));
    }

    #[test]
    fn a_webhook_without_a_request_has_no_url() {
        assert_eq!(url(&Webhook::default()), "");
    }
}
