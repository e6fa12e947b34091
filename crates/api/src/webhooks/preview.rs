//! RenderPreview: what would be sent, without sending it.

use std::sync::Arc;

use tenterhook_engine::{AttemptFacts, EventContext, Matching, Preview, RenderFault, RuleResult};
use tenterhook_model::{DeliveryId, EventId, Fault, FaultKind, Lane, Namespace, SentRequest, Timestamp, Webhook};
use tenterhook_proto::tenterhook::v1::{self, render_preview_request::Source, render_preview_request::Target};

use super::create::read_new;
use super::save::find;
use crate::access::Caller;
use crate::check::Check;
use crate::refusal::Refusal;
use crate::state::Shared;
use crate::wire::delivery::{View, write_sent};
use crate::wire::event::{Arrival, read_event};

/// Tries a webhook, stored or not, out with an event, stored or not.
pub(super) async fn preview(
    api: &Shared,
    caller: &Caller,
    request: v1::RenderPreviewRequest,
) -> Result<v1::RenderPreviewResponse, Refusal> {
    let mut check = Check::new();
    let webhook = target(api, caller, &mut check, request.target)?;
    // Before the event is looked for: that it exists is not for everybody to know.
    let event = match (&webhook, request.source) {
        (Some(webhook), event) => {
            caller.within(&webhook.namespace)?;
            source(api, &mut check, event, &webhook.namespace).await?
        }
        (None, Some(Source::EventId(id))) => {
            check.parse::<EventId>("event_id", &id);
            None
        }
        (None, event) => source(api, &mut check, event, &Namespace::default()).await?,
    };
    let (Some(webhook), Some(event)) = (webhook, event) else { return Err(check.into_refusal()) };
    let facts = sample_facts(api.clock.now());
    match api.render.preview(&webhook, &event, &facts).await {
        Ok(preview) => {
            check.finish()?;
            Ok(write(preview))
        }
        Err(faults) => of_faults(check, faults),
    }
}

/// The webhook to try.
fn target(
    api: &Shared,
    caller: &Caller,
    check: &mut Check,
    target: Option<Target>,
) -> Result<Option<Webhook>, Refusal> {
    match target {
        None => {
            check.refuse("webhook_id", "must be set, or `webhook` for a draft");
            Ok(None)
        }
        Some(Target::WebhookId(id)) => match find(api, caller, "webhook_id", &id) {
            Ok(webhook) => Ok(Some(Webhook::clone(&webhook))),
            Err(Refusal::Faults(faults)) => {
                check.take(faults);
                Ok(None)
            }
            Err(other) => Err(other),
        },
        Some(Target::Webhook(draft)) => Ok(check.within("webhook", |check| read_draft(api, check, draft))),
    }
}

/// A draft that is not stored; it needs no name.
fn read_draft(api: &Shared, check: &mut Check, mut draft: v1::Webhook) -> Option<Webhook> {
    if draft.display_name.is_empty() {
        draft.display_name = "draft".to_owned();
    }
    read_new(api, check, draft)
}

/// The event to try it with.
async fn source(
    api: &Shared,
    check: &mut Check,
    source: Option<Source>,
    namespace: &Namespace,
) -> Result<Option<Arc<EventContext>>, Refusal> {
    match source {
        None => {
            check.refuse("event_id", "must be set, or `event` for one that is not published");
            Ok(None)
        }
        Some(Source::EventId(id)) => {
            let Some(parsed) = check.parse::<EventId>("event_id", &id) else { return Ok(None) };
            let event = api.store.event(namespace, &parsed).await?.ok_or(Refusal::NoEvent(id))?;
            Ok(Some(Arc::new(EventContext::new(event))))
        }
        Some(Source::Event(event)) => Ok(inline_event(api, check, event, namespace)),
    }
}

/// An event of the request, which belongs to the webhook's namespace.
pub(crate) fn inline_event(
    api: &Shared,
    check: &mut Check,
    mut event: v1::Event,
    namespace: &Namespace,
) -> Option<Arc<EventContext>> {
    if event.namespace.is_empty() {
        event.namespace = namespace.to_string();
    }
    let now = api.clock.now();
    let fresh_id = || EventId::generate(now, &*api.entropy);
    let arrival = Arrival { fresh_id: &fresh_id, now, trace_parent: None };
    let event = check.within("event", |check| {
        let read = read_event(check, event, &arrival);
        if read.as_ref().is_some_and(|event| event.namespace != *namespace) {
            check.refuse("namespace", format!("must be `{namespace}`, as that of the webhook"));
        }
        read
    })?;
    Some(Arc::new(EventContext::new(Arc::new(event))))
}

/// What an attempt that never happens is told of itself.
pub(crate) fn sample_facts(now: Timestamp) -> AttemptFacts {
    AttemptFacts { delivery_id: DeliveryId::new(now, 0, Lane(0)), attempt: 1, now, trace_parent: None }
}

fn write(preview: Preview) -> v1::RenderPreviewResponse {
    let Matching { matched, rules } = preview.matching;
    v1::RenderPreviewResponse {
        matched,
        rules: write_rules(rules),
        request: preview.request.map(|draft| {
            let shown = SentRequest::of(draft.method, draft.url, &draft.headers, &draft.body);
            write_sent(&shown, View::Full)
        }),
        errors: preview.errors.into_iter().map(write_error).collect(),
    }
}

/// How each rule did, on the wire.
pub(crate) fn write_rules(rules: Vec<RuleResult>) -> Vec<v1::RuleResult> {
    let rule = |(index, rule): (usize, RuleResult)| v1::RuleResult {
        index: i32::try_from(index).unwrap_or(i32::MAX),
        matched: rule.matched,
        reason: rule.reason,
    };
    rules.into_iter().enumerate().map(rule).collect()
}

fn write_error(fault: RenderFault) -> v1::TemplateError {
    let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let message =
        if fault.excerpt.is_empty() { fault.message } else { format!("{}\n{}", fault.message, fault.excerpt) };
    v1::TemplateError { field: fault.field, line: number(fault.line), column: number(fault.column), message }
}

/// The answer for a draft that does not compile: faults of templates are what the caller asked
/// for, all others refuse the call.
fn of_faults(mut check: Check, faults: Vec<Fault>) -> Result<v1::RenderPreviewResponse, Refusal> {
    let is_template = |fault: &Fault| matches!(fault.kind, FaultKind::TemplateSyntax { .. });
    if faults.iter().all(is_template) {
        check.finish()?;
        let errors = faults.into_iter().map(|fault| match fault.kind {
            FaultKind::TemplateSyntax { line, column } => v1::TemplateError {
                field: fault.field,
                line: i32::try_from(line).unwrap_or(i32::MAX),
                column: i32::try_from(column).unwrap_or(i32::MAX),
                message: fault.message,
            },
            FaultKind::InvalidField | FaultKind::Unavailable | FaultKind::UrlForbidden { .. } => {
                v1::TemplateError::default()
            }
        });
        return Ok(v1::RenderPreviewResponse { errors: errors.collect(), ..Default::default() });
    }
    check.within("webhook", |check| check.take_new(faults));
    Err(check.into_refusal())
}
