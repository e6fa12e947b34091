//! ListWebhooks: oldest first.

use prost::Message as _;
use tenterhook_model::{Namespace, WebhookId, limits};
use tenterhook_proto::tenterhook::v1;

use super::save::show_with;
use crate::access::Caller;
use crate::check::Check;
use crate::refusal::Refusal;
use crate::state::Shared;
use crate::token::Pages;
use crate::wire::filter::{enums, read_page_size};
use crate::wire::labels::check_labels;
use crate::wire::webhook::read_state;

/// The next page.
pub(super) async fn list(
    api: &Shared,
    caller: &Caller,
    mut request: v1::ListWebhooksRequest,
) -> Result<v1::ListWebhooksResponse, Refusal> {
    let mut check = Check::new();
    let namespace: Option<Namespace> = check.parse("namespace", &request.namespace);
    let size = read_page_size(&mut check, request.page_size);
    check_labels(&mut check, "labels", &request.labels);
    let states = enums(&mut check, "states", &request.states, read_state);
    check.finish()?;
    let namespace = namespace.unwrap_or_default();
    let reach = caller.reach(&namespace)?;
    let token = std::mem::take(&mut request.page_token);
    let pages = Pages::of(&api.token_key, "ListWebhooks", &request);
    let after = pages.read(&token)?.map(|bits| bits.try_into().map(WebhookId::from_bytes));
    let after = after.transpose().map_err(|_| Refusal::PageToken)?;
    let set = api.store.webhooks();
    let matching = set.by_id.values().filter(|webhook| {
        after.is_none_or(|after| webhook.id > after)
            && webhook.namespace == namespace
            && reach.holds(webhook.id)
            && (states.is_empty() || states.contains(&webhook.state()))
            && request.labels.iter().all(|(key, value)| webhook.spec.labels.get(key) == Some(value))
    });
    let mut matching: Vec<_> = matching.take(size + 1).collect();
    let has_more = matching.len() > size;
    matching.truncate(size);
    let backlogs = api.store.backlogs(matching.iter().map(|webhook| webhook.id).collect()).await?;
    assert_eq!(backlogs.len(), matching.len(), "each webhook is shown with its own backlog");
    let (mut webhooks, mut bytes, mut last) = (Vec::new(), 0, None);
    for (webhook, backlog) in matching.into_iter().zip(backlogs) {
        let shown = show_with(api, webhook, backlog);
        bytes += shown.encoded_len();
        if bytes > limits::PAGE_BYTES && !webhooks.is_empty() {
            return Ok(page(webhooks, &pages, last));
        }
        last = Some(webhook.id);
        webhooks.push(shown);
    }
    Ok(page(webhooks, &pages, last.filter(|_| has_more)))
}

fn page(webhooks: Vec<v1::Webhook>, pages: &Pages<'_>, more: Option<WebhookId>) -> v1::ListWebhooksResponse {
    let next_page_token = pages.write(more.map(|last| last.as_bytes().to_vec()));
    v1::ListWebhooksResponse { webhooks, next_page_token }
}
