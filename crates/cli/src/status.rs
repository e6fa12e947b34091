//! `tenterhook status`: what is wrong now, on one screen.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tenterhook_client::v1::{
    AttemptOutcome, AttemptSummary, CallerInfo, DeliveryStats, GetDeliveryStatsRequest, GetServerInfoRequest,
    ServerInfo, Webhook, WebhookState,
};

use crate::failure::{Done, Failure};
use crate::output::grid::{Cell, Column};
use crate::output::style::{Style, webhook_state};
use crate::output::{count, now, proto_json, thousands, times};
use crate::session::Session;

/// How far back results are counted, in seconds.
const WINDOW_SECONDS: i64 = 3_600;

/// What `tenterhook status` takes: nothing but what all commands take.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {}

/// Asks and shows.
///
/// # Errors
/// When a call fails.
pub(crate) async fn run(session: &Session) -> Done {
    let info = session.client.server().get_server_info(GetServerInfoRequest {}).await;
    let info = info.map_err(|status| session.fail(status))?.into_inner();
    let (server, caller) = (info.server.unwrap_or_default(), info.caller.unwrap_or_default());
    let webhooks = session.webhooks().await?;
    let window = Some(prost_types::Duration { seconds: WINDOW_SECONDS, nanos: 0 });
    let namespace = session.namespace.clone();
    let stats = GetDeliveryStatsRequest { namespace, window, ..Default::default() };
    let stats = session.client.deliveries().get_delivery_stats(stats).await.map_err(|status| session.fail(status))?;
    let stats = stats.into_inner().webhooks;
    let of = |webhook: &Webhook| {
        let found = stats.iter().find(|stats| stats.webhook_id == webhook.id);
        found.and_then(|found| found.stats.clone()).unwrap_or_default()
    };
    let mut shown: Vec<(Webhook, DeliveryStats)> =
        webhooks.into_iter().map(|webhook| (of(&webhook), webhook)).map(|(stats, webhook)| (webhook, stats)).collect();
    shown.sort_by_key(|(webhook, _)| urgency(webhook));
    let mut about = proto_json::json("ServerInfo", &server);
    // A hundred rows that no look at the state is for.
    about.as_object_mut().and_then(|about| about.remove("limits"));
    let value = json!({
        "server": about,
        "caller": proto_json::json("CallerInfo", &caller),
        "webhooks": shown.iter().map(|(webhook, stats)| json!({
            "webhook": proto_json::json("Webhook", webhook),
            "stats": proto_json::json("DeliveryStats", stats),
        })).collect::<Value>(),
    });
    let screen = screen(session, &server, &caller, &shown)?;
    session.out.one(&value, &server.version, || screen);
    Ok(0)
}

/// Those that need a person come first.
fn urgency(webhook: &Webhook) -> u8 {
    match webhook.state() {
        WebhookState::Suspended => 0,
        WebhookState::Active if fails(webhook) => 1,
        WebhookState::Paused => 2,
        WebhookState::Disabled => 4,
        _ => 3,
    }
}

/// Whether it is active and its last attempts failed.
pub(crate) fn fails(webhook: &Webhook) -> bool {
    let health = webhook.health.as_ref();
    webhook.state() == WebhookState::Active
        && health.is_some_and(|health| health.circuit_open || health.consecutive_failures > 0)
}

fn screen(
    session: &Session,
    server: &ServerInfo,
    caller: &CallerInfo,
    shown: &[(Webhook, DeliveryStats)],
) -> Result<String, Failure> {
    const COLUMNS: [Column; 7] = [
        Column::new("WEBHOOK", 0),
        Column::new("STATE", 0),
        Column::number("WAITING", 2),
        Column::number("OLDEST", 3),
        Column::new("LAST HOUR", 4),
        Column::new("LAST PROBLEM", 1),
        Column::wide("ID"),
    ];
    let mut text = head(session, server, caller);
    if shown.is_empty() {
        return Ok(text + "0 webhooks. Create one: tenterhook webhook create NAME --url URL\n");
    }
    let rows: Vec<Vec<Cell>> = shown.iter().map(|(webhook, stats)| row(webhook, stats)).collect();
    text.push_str(&session.out.table(&COLUMNS, &rows)?);
    for (webhook, _) in shown.iter().filter(|(webhook, _)| urgency(webhook) < 2) {
        let what =
            if webhook.state() == WebhookState::Suspended { "is suspended and sends nothing" } else { "is failing" };
        let name = tenterhook_model::harmless_line(&webhook.display_name);
        text.push_str(&format!("{name} {what}: tenterhook webhook show {}\n", quoted(&name)));
    }
    Ok(text)
}

fn head(session: &Session, server: &ServerInfo, caller: &CallerInfo) -> String {
    let up = times::timestamp(server.start_time.as_ref()).map_or(Duration::ZERO, |start| now().since(start));
    let grants: Vec<String> =
        caller.grants.iter().map(|grant| format!("{}, {}", grant.role, grant.namespace)).collect();
    let name = if caller.name.is_empty() { "anyone" } else { &caller.name };
    let context = session.context.as_ref().map(|context| format!("{context}  ")).unwrap_or_default();
    let namespace = if session.namespace.is_empty() { "default" } else { &session.namespace };
    let text = format!(
        "{context}{}  {}, up {}  namespace {namespace}  you: {name} ({})",
        session.address,
        server.version,
        times::short(up),
        grants.join("; ")
    );
    let width = session.out.width().unwrap_or(usize::MAX);
    let text = crate::output::grid::cut(&tenterhook_model::harmless_line(&text), width);
    session.out.paint(Style::Bold, &text) + "\n"
}

fn row(webhook: &Webhook, stats: &DeliveryStats) -> Vec<Cell> {
    let health = webhook.health.clone().unwrap_or_default();
    let (state, style) = webhook_state(webhook.state(), fails(webhook));
    let oldest = times::timestamp(health.oldest_waiting_time.as_ref());
    let oldest = oldest.map_or("-".to_owned(), |oldest| times::short(now().since(oldest)));
    vec![
        Cell::new(&webhook.display_name),
        Cell::styled(state, style),
        thousands(health.waiting).into(),
        oldest.into(),
        last_hour(stats).into(),
        problem(webhook).into(),
        Cell::new(&webhook.id),
    ]
}

/// How many of the last hour's deliveries arrived.
fn last_hour(stats: &DeliveryStats) -> String {
    let all = stats.succeeded + stats.failed;
    let tries = if stats.failed_attempts > 0 {
        format!(", {}", count(stats.failed_attempts, "failed try", "failed tries"))
    } else {
        String::new()
    };
    if all == 0 {
        format!("0 ended{tries}")
    } else {
        format!("{} of {} ok{tries}", thousands(stats.succeeded), thousands(all))
    }
}

/// Why it does not send, or what failed last.
pub(crate) fn problem(webhook: &Webhook) -> String {
    let last = webhook.health.as_ref().and_then(|health| health.last_error.as_ref());
    let is_well = webhook.state() == WebhookState::Active && !fails(webhook);
    match (webhook.state(), last) {
        (WebhookState::Paused | WebhookState::Disabled, _) if !webhook.state_reason.is_empty() => {
            webhook.state_reason.clone()
        }
        (_, Some(last)) if !is_well => attempt(last),
        (_, _) if !webhook.state_reason.is_empty() => webhook.state_reason.clone(),
        _ => "-".to_owned(),
    }
}

/// An attempt in a line.
pub(crate) fn attempt(last: &AttemptSummary) -> String {
    if last.outcome() == AttemptOutcome::HttpStatus {
        return format!("{} {}", last.response_status, last.response_text).trim_end().to_owned();
    }
    last.error.clone()
}

/// A name as a shell takes it.
pub(crate) fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    if !name.is_empty() && !name.starts_with('-') && name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_be_pasted_into_a_shell() {
        assert_eq!(quoted("orders"), "orders");
        assert_eq!(quoted("it's; rm"), "'it'\\''s; rm'");
        assert_eq!((quoted(""), quoted("-x")), ("''".to_owned(), "'-x'".to_owned()));
    }

    #[test]
    fn the_hour_is_told_in_words() {
        let stats = DeliveryStats { succeeded: 1_200, failed: 4, failed_attempts: 1, ..Default::default() };
        assert_eq!(last_hour(&stats), "1,200 of 1,204 ok, 1 failed try");
        assert_eq!(last_hour(&DeliveryStats::default()), "0 ended");
    }

    fn webhook(state: WebhookState, health: Option<tenterhook_client::v1::WebhookHealth>) -> Webhook {
        Webhook { state: state.into(), health, ..Default::default() }
    }

    fn health(consecutive_failures: i32, circuit_open: bool) -> Option<tenterhook_client::v1::WebhookHealth> {
        Some(tenterhook_client::v1::WebhookHealth { consecutive_failures, circuit_open, ..Default::default() })
    }

    #[test]
    fn what_needs_a_person_comes_first() {
        let all = [
            webhook(WebhookState::Suspended, None),
            webhook(WebhookState::Active, health(1, false)),
            webhook(WebhookState::Paused, health(9, true)),
            webhook(WebhookState::Active, health(0, false)),
            webhook(WebhookState::Disabled, None),
        ];
        assert_eq!(all.each_ref().map(urgency), [0, 1, 2, 3, 4]);
        assert_eq!(all.each_ref().map(fails), [false, true, false, false, false], "only what is active fails");
        assert!(fails(&webhook(WebhookState::Active, health(0, true))) && !fails(&webhook(WebhookState::Active, None)));
    }

    #[test]
    fn the_problem_is_what_explains_the_state() {
        let last = |outcome: AttemptOutcome, status, text: &str, error: &str| AttemptSummary {
            outcome: outcome.into(),
            response_status: status,
            response_text: text.into(),
            error: error.into(),
            ..Default::default()
        };
        let with = |state, reason: &str, failures, last: Option<AttemptSummary>| {
            let health = tenterhook_client::v1::WebhookHealth {
                consecutive_failures: failures,
                last_error: last,
                ..Default::default()
            };
            problem(&Webhook { state_reason: reason.into(), ..webhook(state, Some(health)) })
        };
        let http = || Some(last(AttemptOutcome::HttpStatus, 503, "Service Unavailable", ""));
        assert_eq!(with(WebhookState::Active, "", 2, http()), "503 Service Unavailable");
        assert_eq!(with(WebhookState::Active, "", 0, http()), "-", "it is well again");
        assert_eq!(with(WebhookState::Paused, "night", 2, http()), "night");
        assert_eq!(with(WebhookState::Paused, "", 2, http()), "503 Service Unavailable");
        assert_eq!(with(WebhookState::Suspended, "gone", 2, http()), "503 Service Unavailable");
        assert_eq!(with(WebhookState::Suspended, "gone", 2, None), "gone");
        assert_eq!(with(WebhookState::Disabled, "", 0, None), "-");
        assert_eq!(attempt(&last(AttemptOutcome::HttpStatus, 599, "", "x")), "599");
        assert_eq!(attempt(&last(AttemptOutcome::Unspecified, 0, "y", "no route")), "no route");
    }

    #[test]
    fn an_hour_without_an_end_may_have_tries() {
        let of = |succeeded, failed, failed_attempts| {
            last_hour(&DeliveryStats { succeeded, failed, failed_attempts, ..Default::default() })
        };
        assert_eq!(of(0, 0, 1_000), "0 ended, 1,000 failed tries");
        assert_eq!(of(0, 3, 3), "0 of 3 ok, 3 failed tries");
        assert_eq!(of(5, 0, 0), "5 of 5 ok");
    }

    #[test]
    fn what_is_quoted_is_one_word_for_a_shell() {
        for (name, shown) in [
            ("a-b_c.d/e:f9", "a-b_c.d/e:f9"),
            ("a b", "'a b'"),
            ("$(x)", "'$(x)'"),
            ("a*", "'a*'"),
            ("é", "'é'"),
            ("''", r"''\'''\'''"),
            ("a\nb", "'a\nb'"),
            ("--all", "'--all'"),
            ("~", "'~'"),
        ] {
            assert_eq!(quoted(name), shown);
        }
    }
}
