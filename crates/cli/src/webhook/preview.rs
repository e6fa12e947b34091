//! `webhook preview`: the request that an event would make.

use clap::Args;
use serde_json::{Map, Value, json};
use tenterhook_client::v1::render_preview_request::{Source, Target};
use tenterhook_client::v1::{RenderPreviewRequest, RenderPreviewResponse, Webhook};
use tenterhook_model::webhook::SignatureScheme;
use tenterhook_model::{harmless, harmless_line};

use super::sample::{Chosen, SampleArgs};
use crate::difference;
use crate::failure::{Done, Failure, NO, WOULD_CHANGE};
use crate::output::proto_json;
use crate::session::Session;

/// The header that names the delivery, which no two requests share.
const DELIVERY: &str = "X-Tenterhook-Delivery";

#[derive(Debug, Clone, Args)]
pub(super) struct PreviewArgs {
    #[command(flatten)]
    which: SampleArgs,
    /// A second stored event: shows only what differs between the two requests
    #[arg(long, value_name = "EVENT")]
    diff: Option<String>,
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
        return Ok(compare(&webhook, [&response, &other], session));
    }
    session.out.one(
        &proto_json::json("RenderPreviewResponse", &response),
        if response.matched { "matched" } else { "no" },
        || preview_text(&response),
    );
    Ok(if response.matched && response.errors.is_empty() { 0 } else { NO })
}

/// The request that an event would make.
///
/// # Errors
/// When the call fails.
pub(crate) async fn render(
    webhook_id: &str,
    source: Source,
    session: &Session,
) -> Result<RenderPreviewResponse, Failure> {
    let target = Some(Target::WebhookId(webhook_id.to_owned()));
    let request = RenderPreviewRequest { target, source: Some(source) };
    let response = session.client.webhooks().render_preview(request).await;
    Ok(response.map_err(|status| session.fail(status))?.into_inner())
}

/// Shows what differs between two requests.
fn compare(webhook: &Webhook, [one, other]: [&RenderPreviewResponse; 2], session: &Session) -> u8 {
    let differences = difference::between(&comparable(webhook, one), &comparable(webhook, other));
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

/// A preview as a value whose fields people know: headers by name, without those that say nothing of what differs
/// between two events, and a body of JSON as what it says.
fn comparable(webhook: &Webhook, response: &RenderPreviewResponse) -> Value {
    let request = response.request.clone().unwrap_or_default();
    let custom: Vec<&str> = webhook.signing.iter().flat_map(|it| &it.custom).map(|it| it.header.as_str()).collect();
    let is_its_own = |name: &str| {
        SignatureScheme::sets(name) || custom.iter().chain([&DELIVERY]).any(|own| own.eq_ignore_ascii_case(name))
    };
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
