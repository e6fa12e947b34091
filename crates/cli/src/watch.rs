//! `tenterhook watch`: each change of a delivery, as it happens.

use std::collections::HashSet;

use clap::Args;
use serde_json::json;
use tenterhook_client::v1::watch_deliveries_request::Start;
use tenterhook_client::v1::{
    DeliveryChange, DeliveryFilter, GetServerInfoRequest, WatchDeliveriesRequest, WatchPosition,
};

use crate::delivery::{FAILING, suspension, why};
use crate::failure::Done;
use crate::output::style::{Style, delivery_state};
use crate::output::{grid, now, proto_json, times};
use crate::session::{Names, Session};

/// Columns of the state.
const STATE_WIDTH: usize = 11;
/// Columns of the name of a webhook.
const NAME_WIDTH: usize = 16;

/// What `tenterhook watch` takes.
#[derive(Debug, Clone, Args)]
pub struct WatchArgs {
    /// Only those to this webhook; repeatable
    #[arg(long = "webhook", value_name = "WEBHOOK")]
    webhooks: Vec<String>,
    /// Only those that failed or are being retried
    #[arg(long)]
    failed: bool,
    /// Where to start: earliest, a resume token, an age such as 1h, or a time [default: now]
    #[arg(long, value_name = "START")]
    from: Option<String>,
    /// Stops after this many changes
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
}

/// Shows changes until it is interrupted.
///
/// # Errors
/// When the watch fails for good.
pub(crate) async fn run(args: WatchArgs, session: &Session) -> Done {
    // A watch connects again for ever; that there is no server is shown once, here.
    let server = session.client.server().get_server_info(GetServerInfoRequest {}).await;
    server.map_err(|status| session.fail(status))?;
    let mut filter = DeliveryFilter::default();
    for webhook in &args.webhooks {
        filter.webhook_ids.push(session.webhook(webhook).await?.id);
    }
    if args.failed {
        filter.states = FAILING.iter().map(|&state| state.into()).collect();
    }
    let start = args.from.as_deref().map(start);
    let mut watch = session.watch(WatchDeliveriesRequest { filter: Some(filter), start, ..Default::default() });
    let mut names = session.names().await;
    let mut left = args.limit.unwrap_or(u64::MAX);
    // What to do about a webhook is said once.
    let mut suspended = HashSet::new();
    while left > 0 {
        let change = watch.next().await.map_err(|error| session.fail(error))?;
        let webhook_id =
            change.change.delivery.as_ref().map(|delivery| delivery.webhook_id.clone()).unwrap_or_default();
        if names.of(&webhook_id) == webhook_id {
            // It was made since.
            names = session.names().await;
        }
        let mut value = proto_json::json("DeliveryChange", &change.change);
        value["resume_token"] = json!(change.token);
        session.out.one(&value, &change.token, || line(session, &names, &change.change));
        let delivery = change.change.delivery.unwrap_or_default();
        let webhook = names.of(&webhook_id);
        if let Some(command) = suspension(&delivery, webhook)
            && suspended.insert(webhook_id.clone())
        {
            session.out.say(&format!("{} is suspended: {command}", tenterhook_model::harmless_line(webhook)));
        }
        left -= 1;
    }
    Ok(0)
}

/// Where to begin: what is no word and no time is a token.
fn start(text: &str) -> Start {
    match (text, times::moment(text, now())) {
        ("earliest", _) => Start::Position(WatchPosition::Earliest.into()),
        ("now", _) => Start::Position(WatchPosition::Now.into()),
        (_, Ok(time)) => Start::StartTime(times::wire(time)),
        (token, Err(_)) => Start::ResumeToken(token.to_owned()),
    }
}

fn line(session: &Session, names: &Names, change: &DeliveryChange) -> String {
    let delivery = change.delivery.clone().unwrap_or_default();
    let time = times::timestamp(change.change_time.as_ref());
    let time = time.map(|time| session.out.clock(time)).unwrap_or_default();
    let clock = time.get(11..19).unwrap_or("--:--:--");
    let (state, style) = delivery_state(delivery.state());
    let fixed = |text: &str, width: usize| {
        let text = grid::cut(&tenterhook_model::harmless_line(text), width);
        format!("{text}{}", " ".repeat(width - unicode_width::UnicodeWidthStr::width(text.as_str())))
    };
    let state = fixed(state, STATE_WIDTH);
    let rest = format!("{}  {}", fixed(names.of(&delivery.webhook_id), NAME_WIDTH), delivery.event_type);
    let taken = clock.len() + 2 + STATE_WIDTH + 2 + 2 + delivery.id.len();
    let room = session.out.width().map_or(usize::MAX, |width| width.saturating_sub(taken).max(NAME_WIDTH));
    let rest = grid::cut(&tenterhook_model::harmless_line(rest.trim_end()), room);
    let indent = " ".repeat(clock.len() + 2);
    let clock = session.out.paint(Style::Dim, clock);
    let state = style.map_or(state.clone(), |style| session.out.paint(style, &state));
    let mut line = format!("{clock}  {}  {state}  {rest}", delivery.id);
    // The reason has a line to itself: next to an id it would be cut to nothing.
    let why = tenterhook_model::harmless_line(&why(&delivery));
    if !why.is_empty() {
        let room = session.out.width().map_or(usize::MAX, |width| width.saturating_sub(indent.len()).max(NAME_WIDTH));
        line.push_str(&format!("\n{indent}{}", grid::cut(&why, room)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_a_word_a_time_or_a_token() {
        assert_eq!(start("earliest"), Start::Position(2));
        assert!(
            matches!(start("1h"), Start::StartTime(_)) && matches!(start("2026-11-28T12:00:00Z"), Start::StartTime(_))
        );
        assert_eq!(start("AAEC"), Start::ResumeToken("AAEC".to_owned()));
    }
}
