//! ExplainEvent: which webhooks receive an event, and why the others do not.
//!
//! The rules are asked as a preview asks them, so that both give the same reasons.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tenterhook_engine::{EventContext, Matching};
use tenterhook_model::webhook::RequestTemplate;
use tenterhook_model::{Delivery, EventId, Namespace, Webhook, WebhookId, WebhookState, limits};
use tenterhook_proto::tenterhook::v1::{self, explain_event_request::Source};
use tenterhook_store::DeliveryQuery;
use tokio::time::Instant;

use crate::access::Caller;
use crate::check::Check;
use crate::refusal::Refusal;
use crate::state::Shared;
use crate::token::Pages;
use crate::waits::Waits;
use crate::webhooks::{inline_event, sample_facts, write_rules};
use crate::wire::delivery::{View, write_delivery};
use crate::wire::filter::read_page_size;
use crate::wire::webhook::write_state;

/// A page ends early after this time, so that rules which take long make many pages and no page late.
const PAGE_TIME: Duration = Duration::from_secs(2);
/// A URL that is never sent to: the request is not what is asked about.
const NOWHERE: &str = "https://invalid.invalid/";

/// The next page of webhooks, each with what it makes of the event.
pub(super) async fn explain(
    api: &Shared,
    caller: &Caller,
    mut request: v1::ExplainEventRequest,
) -> Result<v1::ExplainEventResponse, Refusal> {
    let mut check = Check::new();
    let namespace: Option<Namespace> = check.parse("namespace", &request.namespace);
    let size = read_page_size(&mut check, request.page_size);
    let token = std::mem::take(&mut request.page_token);
    let pages = Pages::of(&api.token_key, "ExplainEvent", &request);
    let Some(namespace) = namespace else { return Err(check.into_refusal()) };
    caller.within(&namespace)?;
    let (is_stored, event) = source(api, &mut check, request.source, &namespace).await?;
    check.finish()?;
    let Some(event) = event else { return Err(Refusal::Internal) };
    let after = pages.read(&token)?.map(|bits| bits.try_into().map(WebhookId::from_bytes));
    let after = after.transpose().map_err(|_| Refusal::PageToken)?;
    let set = api.store.webhooks();
    let of_namespace = set.by_id.values().filter(|webhook| webhook.namespace == namespace);
    let mut webhooks: Vec<_> = of_namespace.filter(|one| after.is_none_or(|after| one.id > after)).cloned().collect();
    let has_more = webhooks.len() > size;
    webhooks.truncate(size);
    let (explained, is_cut) = explain_each(api, &webhooks, &event).await;
    webhooks.truncate(explained.len());
    let deliveries = if is_stored { deliveries(api, &event, &webhooks).await? } else { HashMap::new() };
    let last = webhooks.last().filter(|_| has_more || is_cut).map(|webhook| webhook.id.as_bytes().to_vec());
    let shown = explained.into_iter().zip(&webhooks).map(|(matching, webhook)| {
        let deliveries = deliveries.get(&webhook.id).cloned().unwrap_or_default();
        write(webhook, &event, matching, deliveries)
    });
    Ok(v1::ExplainEventResponse { webhooks: shown.collect(), next_page_token: pages.write(last) })
}

/// The event to explain, and whether it is a stored one.
async fn source(
    api: &Shared,
    check: &mut Check,
    source: Option<Source>,
    namespace: &Namespace,
) -> Result<(bool, Option<Arc<EventContext>>), Refusal> {
    match source {
        None => {
            check.refuse("event_id", "must be set, or `event` for one that is not published");
            Ok((false, None))
        }
        Some(Source::EventId(id)) => {
            let Some(parsed) = check.parse::<EventId>("event_id", &id) else { return Ok((true, None)) };
            let event = api.store.event(namespace, &parsed).await?.ok_or(Refusal::NoEvent(id))?;
            Ok((true, Some(Arc::new(EventContext::new(event)))))
        }
        Some(Source::Event(event)) => Ok((false, inline_event(api, check, event, namespace))),
    }
}

/// What each webhook makes of the event, at least of the first, and whether time was too short for
/// all. `None` stands for rules that do not compile.
async fn explain_each(
    api: &Shared,
    webhooks: &[Arc<Webhook>],
    event: &Arc<EventContext>,
) -> (Vec<Option<Matching>>, bool) {
    let (begin, facts) = (Instant::now(), sample_facts(api.clock.now()));
    let mut explained = Vec::with_capacity(webhooks.len());
    for webhook in webhooks {
        if !explained.is_empty() && begin.elapsed() >= PAGE_TIME {
            return (explained, true);
        }
        let previewed = api.render.preview(&rules_only(webhook), event, &facts).await;
        explained.push(previewed.ok().map(|preview| preview.matching));
    }
    (explained, false)
}

/// The webhook with its rules, and a request that costs nothing to render.
fn rules_only(webhook: &Webhook) -> Webhook {
    let mut bare = webhook.clone();
    bare.spec.request = RequestTemplate { url: NOWHERE.to_owned(), body: "-".to_owned(), ..RequestTemplate::default() };
    (bare.spec.signing, bare.signing_keys) = (None, Vec::new());
    bare
}

/// The deliveries of the event to these webhooks, newest first.
async fn deliveries(
    api: &Shared,
    event: &EventContext,
    webhooks: &[Arc<Webhook>],
) -> Result<HashMap<WebhookId, Vec<v1::Delivery>>, Refusal> {
    let query = DeliveryQuery {
        namespace: event.event().namespace.clone(),
        event_ids: vec![event.event().id.clone()],
        webhook_ids: webhooks.iter().map(|webhook| webhook.id).collect(),
        limit: limits::PAGE_MAX,
        ..DeliveryQuery::default()
    };
    let (mut found, mut after): (Vec<Delivery>, _) = (Vec::new(), None);
    loop {
        let page = api.store.list_deliveries(DeliveryQuery { after, ..query.clone() }).await?;
        found.extend(page.items);
        after = page.next;
        if after.is_none() || found.len() >= limits::PAGE_MAX {
            break;
        }
    }
    let waits = Waits::of(api, &found).await?;
    let mut by_webhook: HashMap<WebhookId, Vec<v1::Delivery>> = HashMap::new();
    for delivery in &found {
        let mut shown = write_delivery(delivery, View::Basic, &[]);
        waits.explain(delivery, &mut shown);
        by_webhook.entry(delivery.webhook_id).or_default().push(shown);
    }
    Ok(by_webhook)
}

fn write(
    webhook: &Webhook,
    event: &EventContext,
    matching: Option<Matching>,
    deliveries: Vec<v1::Delivery>,
) -> v1::WebhookExplanation {
    let compiles = matching.is_some();
    // Rules that do not compile refuse nothing but operational events.
    let operational = event.event().is_operational();
    let matched = webhook.state() != WebhookState::Disabled && !operational;
    let Matching { matched, rules } = matching.unwrap_or(Matching { matched, rules: Vec::new() });
    let reason = if compiles {
        reason(webhook, operational, &rules.iter().map(|rule| rule.matched).collect::<Vec<_>>())
    } else if operational {
        "its rules do not compile, so it receives no operational event; save the webhook again".to_owned()
    } else {
        "its rules do not compile, so it receives every event; save the webhook again".to_owned()
    };
    v1::WebhookExplanation {
        webhook_id: webhook.id.to_string(),
        display_name: webhook.spec.display_name.clone(),
        state: write_state(webhook.state()).into(),
        matched,
        reason: reason + change_since(webhook, event, matched),
        rules: write_rules(rules),
        deliveries,
    }
}

/// Why the event matches or not, in one line, by which of the rules matched.
fn reason(webhook: &Webhook, operational: bool, matched: &[bool]) -> String {
    if webhook.state() == WebhookState::Disabled {
        return "the webhook is disabled".to_owned();
    }
    if matched.is_empty() && operational {
        return "it has no rules, and operational events go only to rules that name them, such as `tenterhook.**`"
            .to_owned();
    }
    if matched.is_empty() {
        return "it has no rules, so it receives every event".to_owned();
    }
    let Some(index) = matched.iter().position(|matched| *matched) else {
        return match matched.len() {
            1 => "its rule does not match".to_owned(),
            count => format!("none of its {count} rules matches"),
        };
    };
    let name = webhook.spec.rules.get(index).map(|rule| rule.display_name.as_str()).filter(|name| !name.is_empty());
    let name = name.map_or_else(String::new, |name| format!(" (`{name}`)"));
    format!("rules[{index}]{name} matches")
}

/// What to add when the webhook is not the one that the event was matched against.
fn change_since(webhook: &Webhook, event: &EventContext, matched: bool) -> &'static str {
    let published = event.event().publish_time;
    if webhook.create_time > published {
        // What does not match now did not match then, nor would a replay change that.
        if matched {
            "; it was created after the event was published, and a replay delivers the event to it"
        } else {
            ""
        }
    } else if webhook.update_time > published {
        "; it was changed after the event was published"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenterhook_model::webhook::EventRule;
    use tenterhook_model::{Lane, Timestamp, WebhookSpec};

    fn webhook(rules: &[&str]) -> Webhook {
        let rule = |name: &&str| EventRule { display_name: (*name).to_owned(), ..EventRule::default() };
        Webhook {
            id: WebhookId::from_bytes([1; 16]),
            lane: Lane(1),
            namespace: Namespace::default(),
            spec: WebhookSpec { rules: rules.iter().map(rule).collect(), ..WebhookSpec::default() },
            halt: None,
            signing_keys: Vec::new(),
            revision: 1,
            create_time: Timestamp::from_millis(1),
            update_time: Timestamp::from_millis(2),
        }
    }

    #[test]
    fn the_first_rule_that_matches_is_named() {
        let named = webhook(&["", "active sites"]);
        assert_eq!(reason(&named, false, &[false, true]), "rules[1] (`active sites`) matches");
        assert_eq!(reason(&named, false, &[true, true]), "rules[0] matches");
        assert_eq!(reason(&named, false, &[false, false]), "none of its 2 rules matches");
        assert_eq!(reason(&webhook(&["x"]), false, &[false]), "its rule does not match");
    }

    #[test]
    fn a_webhook_without_rules_or_that_is_disabled_says_so() {
        assert_eq!(reason(&webhook(&[]), false, &[]), "it has no rules, so it receives every event");
        assert!(reason(&webhook(&[]), true, &[]).contains("operational events go only to rules that name them"));
        let mut disabled = webhook(&["x"]);
        disabled.spec.disabled = true;
        assert_eq!(reason(&disabled, false, &[true]), "the webhook is disabled");
    }
}
