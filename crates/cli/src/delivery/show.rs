//! `delivery show`: each attempt, what was sent and what came back, and the request as a curl command.

use clap::Args;
use tenterhook_client::v1::{Delivery, DeliveryAttempt, DeliveryView, GetDeliveryRequest, HttpHeader, HttpRequest};
use tenterhook_model::{harmless, harmless_line};

use super::next::next;
use super::why::{outcome, why};
use crate::failure::{Done, Failure};
use crate::output::style::delivery_state;
use crate::output::{proto_json, times};
use crate::session::Session;
use crate::status::quoted;
use tenterhook_terminal::folded;

/// Characters of a body that are shown.
const BODY_CHARS: usize = 4_000;

#[derive(Debug, Clone, Args)]
pub(super) struct ShowArgs {
    /// The delivery, by id or its beginning
    #[arg(value_name = "DELIVERY")]
    delivery: String,
    /// Only this attempt, from 1
    #[arg(long, value_name = "NUMBER")]
    attempt: Option<i32>,
    /// Prints the request of the attempt, the last if none is named, as a curl command
    #[arg(long)]
    curl: bool,
}

/// Shows.
pub(super) async fn run(args: ShowArgs, session: &Session) -> Done {
    let delivery_id = session.delivery_id(&args.delivery).await?;
    let request = GetDeliveryRequest { delivery_id, view: DeliveryView::Full.into() };
    let response = session.client.deliveries().get_delivery(request).await.map_err(|status| session.fail(status))?;
    let mut delivery = response.into_inner().delivery.unwrap_or_default();
    if let Some(number) = args.attempt {
        let made = delivery.attempts.len();
        delivery.attempts.retain(|attempt| attempt.number == number);
        if delivery.attempts.is_empty() {
            return Err(Failure::refused(format!("there is no attempt {number} of this delivery; {made} were made")));
        }
    }
    if args.curl {
        let last = delivery.attempts.last().and_then(|attempt| attempt.request.as_ref());
        let request =
            last.ok_or_else(|| Failure::refused("there is no request: no attempt got as far as sending one"))?;
        session.out.raw(&curl(request)?);
        return Ok(0);
    }
    let webhook = session.names().await.of(&delivery.webhook_id).to_owned();
    session.out.one(&proto_json::json("Delivery", &delivery), &delivery.id, || people(&delivery, &webhook, session));
    Ok(0)
}

fn people(delivery: &Delivery, webhook: &str, session: &Session) -> String {
    let state = delivery_state(delivery.state());
    let state = state.1.map_or(state.0.to_owned(), |style| session.out.paint(style, state.0));
    let mut text = format!("{}  {state}\n", delivery.id);
    let mut fact = |name: &str, value: &str| {
        if !value.is_empty() && value != "-" {
            text.push_str(&folded(&format!("  {name:<9}{}", harmless_line(value)), session.out.width()));
            text.push('\n');
        }
    };
    fact("webhook", webhook);
    fact("event", &format!("{}  {}", delivery.event_id, delivery.event_type));
    fact("key", &delivery.ordering_key);
    fact("made", &session.out.time(delivery.create_time.as_ref()));
    fact("ended", &session.out.time(delivery.finish_time.as_ref()));
    fact("why", &why(delivery));
    for attempt in &delivery.attempts {
        text.push_str(&format!("\nattempt {}  {}", attempt.number, session.out.time(attempt.start_time.as_ref())));
        text.push_str(&exchange(attempt));
    }
    text + &next(delivery, webhook)
}

/// What happened in an attempt, in one line.
pub(crate) fn headline(attempt: &DeliveryAttempt) -> String {
    let request = attempt.request.clone().unwrap_or_default();
    let took = times::short(times::duration(attempt.duration.as_ref()));
    harmless_line(&format!("{} {}  ->  {} in {took}", request.method, request.url, outcome(attempt)))
}

/// What was sent and what came back.
pub(crate) fn exchange(attempt: &DeliveryAttempt) -> String {
    let mut text = format!("  {}\n", headline(attempt));
    if let Some(request) = &attempt.request {
        text.push_str(&part(">", &request.headers, &request.body));
    }
    if let Some(response) = &attempt.response {
        text.push_str(&part("<", &response.headers, &response.body));
        if !response.note.is_empty() {
            text.push_str(&format!("  {}\n", harmless_line(&response.note)));
        }
    }
    text
}

/// Headers and body, each line with a sign.
fn part(sign: &str, headers: &[HttpHeader], body: &[u8]) -> String {
    let mut text = String::new();
    for header in headers {
        text.push_str(&harmless_line(&format!("  {sign} {}: {}", header.name, header.value)));
        text.push('\n');
    }
    let shown = match std::str::from_utf8(body) {
        Ok(body) => harmless(&body.chars().take(BODY_CHARS).collect::<String>()),
        Err(_) => format!("({} bytes that are no text)", body.len()),
    };
    for line in shown.lines() {
        text.push_str(&format!("  {sign} {line}\n"));
    }
    if body.len() > BODY_CHARS {
        text.push_str(&format!("  {sign} … {} bytes in all; -o json shows the rest\n", body.len()));
    }
    text
}

/// The request as a command that a shell takes. Secrets are as masked as they are stored.
fn curl(request: &HttpRequest) -> Result<String, Failure> {
    if request.body_truncated {
        return Err(Failure::refused("only the beginning of the body was kept, so it cannot be sent again by curl"));
    }
    let body =
        std::str::from_utf8(&request.body).map_err(|_| Failure::refused("the body is no text for a command line"))?;
    let mut text = format!("curl -i -X {} {}", quoted(&request.method), quoted(&request.url));
    for header in request
        .headers
        .iter()
        .filter(|header| !["host", "content-length"].contains(&header.name.to_ascii_lowercase().as_str()))
    {
        text.push_str(&format!(" \\\n  -H {}", quoted(&format!("{}: {}", header.name, header.value))));
    }
    if !body.is_empty() {
        text.push_str(&format!(" \\\n  --data-raw {}", quoted(body)));
    }
    Ok(harmless(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_a_command_that_can_be_pasted() {
        let header = |name: &str, value: &str| HttpHeader { name: name.into(), value: value.into() };
        let request = HttpRequest {
            method: "POST".into(),
            url: "https://a/b?c=1".into(),
            headers: vec![header("Host", "a"), header("X-A", "it's")],
            body: b"{}".to_vec().into(),
            ..Default::default()
        };
        let expected = "curl -i -X POST 'https://a/b?c=1' \\\n  -H 'X-A: it'\\''s' \\\n  --data-raw '{}'";
        assert_eq!(curl(&request).unwrap(), expected);
        assert!(curl(&HttpRequest { body_truncated: true, ..request }).is_err());
    }
}
