//! `webhook preview` and `webhook test`: what an event would make, and one request sent now.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};
use tenterhook_client::v1::render_preview_request::{Source, Target};
use tenterhook_client::v1::{
    AttemptOutcome, DeliveryAttempt, Event, RenderPreviewRequest, RenderPreviewResponse, TestWebhookRequest,
};
use tenterhook_model::{harmless, harmless_line};

use crate::delivery::exchange;
use crate::difference;
use crate::failure::{Done, Failure, NO, WOULD_CHANGE};
use crate::input::data;
use crate::output::proto_json;
use crate::session::Session;

/// Time for a test: an attempt takes a minute at most (`TransportPolicy.attempt_timeout`).
const TEST_PATIENCE: Duration = Duration::from_secs(70);

/// Headers whose values no two requests share: they say nothing of what differs between two events.
const OF_ONE_REQUEST: [&str; 6] = [
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "x-tenterhook-delivery",
    "x-hook-signature",
    "x-hub-signature-256",
];

#[derive(Debug, Clone, Args)]
pub(super) struct PreviewArgs {
    #[command(flatten)]
    which: TestArgs,
    /// A second stored event: shows only what differs between the two requests
    #[arg(long, value_name = "EVENT")]
    diff: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub(super) struct TestArgs {
    /// The webhook, by name, id or the beginning of an id
    #[arg(value_name = "WEBHOOK")]
    webhook: String,
    /// The stored event to use, by id or its beginning
    #[arg(long, value_name = "EVENT", conflicts_with_all = ["file", "type_", "object_type"])]
    event: Option<String>,
    /// File with the JSON data of an event that is not published; `-` is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Type of an event that is not published [default: ping]
    #[arg(long = "type", id = "type_", value_name = "TYPE")]
    type_: Option<String>,
    /// Object type of an event that is not published
    #[arg(long, value_name = "TYPE")]
    object_type: Option<String>,
}

/// The event to use.
enum Chosen {
    Stored(String),
    Draft(Box<Event>),
}

impl TestArgs {
    async fn source(&self, session: &Session) -> Result<Chosen, Failure> {
        if let Some(event) = &self.event {
            return Ok(Chosen::Stored(session.event_id(event).await?));
        }
        Ok(Chosen::Draft(Box::new(Event {
            namespace: session.namespace.clone(),
            r#type: self.type_.clone().unwrap_or_else(|| "ping".to_owned()),
            object_type: self.object_type.clone().unwrap_or_default(),
            data: Some(match &self.file {
                Some(file) => data(file)?,
                None => crate::input::document("{}"),
            }),
            ..Default::default()
        })))
    }
}

/// Previews.
pub(super) async fn preview(args: PreviewArgs, session: &Session) -> Done {
    let webhook = session.webhook(&args.which.webhook).await?;
    let source = match args.which.source(session).await? {
        Chosen::Stored(event_id) => Source::EventId(event_id),
        Chosen::Draft(mut event) => {
            event.namespace.clone_from(&webhook.namespace);
            Source::Event(*event)
        }
    };
    let response = render(&webhook.id, source, session).await?;
    if let Some(event) = &args.diff {
        let other = render(&webhook.id, Source::EventId(session.event_id(event).await?), session).await?;
        return Ok(compare(&response, &other, session));
    }
    session.out.one(
        &proto_json::json("RenderPreviewResponse", &response),
        if response.matched { "matched" } else { "no" },
        || preview_text(&response),
    );
    Ok(if response.matched && response.errors.is_empty() { 0 } else { NO })
}

async fn render(webhook_id: &str, source: Source, session: &Session) -> Result<RenderPreviewResponse, Failure> {
    let target = Some(Target::WebhookId(webhook_id.to_owned()));
    let request = RenderPreviewRequest { target, source: Some(source) };
    let response = session.client.webhooks().render_preview(request).await;
    Ok(response.map_err(|status| session.fail(status))?.into_inner())
}

/// Shows what differs between two requests.
fn compare(one: &RenderPreviewResponse, other: &RenderPreviewResponse, session: &Session) -> u8 {
    let differences = difference::between(&comparable(one), &comparable(other));
    let value = differences.iter();
    let value = value.map(|one| json!({"field": one.field, "before": one.before, "after": one.after})).collect();
    session.out.one(&value, if differences.is_empty() { "same" } else { "different" }, || {
        if differences.is_empty() {
            return "Both events make the same request.".to_owned();
        }
        let lines = differences.iter().map(|one| harmless_line(&format!("~ {}", one.line("nothing"))));
        lines.collect::<Vec<_>>().join("\n")
    });
    if differences.is_empty() { 0 } else { WOULD_CHANGE }
}

/// A preview as a value whose fields people know: headers by name, and a body of JSON as what it says.
fn comparable(response: &RenderPreviewResponse) -> Value {
    let request = response.request.clone().unwrap_or_default();
    let is_its_own = |name: &str| OF_ONE_REQUEST.iter().any(|own| name.eq_ignore_ascii_case(own));
    let headers = request.headers.iter().filter(|header| !is_its_own(&header.name));
    let headers: Map<String, Value> = headers.map(|header| (header.name.clone(), json!(header.value))).collect();
    let text = String::from_utf8_lossy(&request.body);
    let body = serde_json::from_str(&text).unwrap_or_else(|_| json!(text));
    let errors: Vec<&str> = response.errors.iter().map(|error| error.message.as_str()).collect();
    json!({
        "matched": response.matched, "errors": errors,
        "method": request.method, "url": request.url, "headers": headers, "body": body,
    })
}

fn preview_text(response: &RenderPreviewResponse) -> String {
    let mut text = format!("The event {}.\n", if response.matched { "matches" } else { "does not match" });
    for rule in response.rules.iter().filter(|rule| !rule.matched) {
        text.push_str(&harmless_line(&format!("  rule {}: {}", rule.index + 1, rule.reason)));
        text.push('\n');
    }
    for error in &response.errors {
        text.push_str(&format!(
            "  {}:{}:{}: {}\n",
            error.field,
            error.line,
            error.column,
            harmless(&error.message).replace('\n', "\n    ")
        ));
    }
    if let Some(request) = &response.request {
        text.push_str(&harmless_line(&format!("{} {}", request.method, request.url)));
        for header in &request.headers {
            text.push_str(&format!("\n{}", harmless_line(&format!("{}: {}", header.name, header.value))));
        }
        text.push_str(&format!("\n\n{}\n", harmless(&String::from_utf8_lossy(&request.body))));
    }
    text
}

/// A call that waits as long as an attempt may take.
fn patiently<M>(message: M) -> tenterhook_client::Request<M> {
    let mut request = tenterhook_client::Request::new(message);
    request.set_timeout(TEST_PATIENCE);
    request
}

/// Tests.
pub(super) async fn test(args: TestArgs, session: &Session) -> Done {
    let webhook = session.webhook(&args.webhook).await?;
    session.may_write(&format!("Send a request to {}", webhook.display_name))?;
    let mut message = TestWebhookRequest { webhook_id: webhook.id, ..Default::default() };
    match args.source(session).await? {
        Chosen::Stored(event_id) => message.event_id = event_id,
        Chosen::Draft(mut event) => {
            event.namespace.clone_from(&webhook.namespace);
            message.event = Some(*event);
        }
    }
    let response =
        session.client.webhooks().test_webhook(patiently(message)).await.map_err(|status| session.fail(status))?;
    let response = response.into_inner();
    let attempt: DeliveryAttempt = response.attempt.clone().unwrap_or_default();
    let is_well = attempt.outcome() == AttemptOutcome::Success;
    session.out.one(&proto_json::json("TestWebhookResponse", &response), if is_well { "ok" } else { "no" }, || {
        let verdict = if is_well { "* The receiver accepted it." } else { "x The receiver did not accept it." };
        format!("{verdict}\n{}", exchange(&attempt))
    });
    Ok(if is_well { 0 } else { NO })
}
