//! ListNamespaces: the namespaces that hold webhooks or events.

use std::collections::BTreeMap;

use tenterhook_model::Namespace;
use tenterhook_proto::tenterhook::v1;

use crate::access::{Caller, Scope};
use crate::check::Check;
use crate::refusal::Refusal;
use crate::state::Shared;
use crate::token::Pages;
use crate::wire::filter::read_page_size;

/// Namespaces with events that one page looks at; it ends early beyond this.
const LOOKED_AT: usize = 1_000;

/// Namespaces in the order of the list: by length, then by name, which is the order of the store's keys.
type Found = BTreeMap<(usize, Namespace), usize>;

/// The next page.
pub(super) async fn list(
    api: &Shared,
    caller: &Caller,
    mut request: v1::ListNamespacesRequest,
) -> Result<v1::ListNamespacesResponse, Refusal> {
    let mut check = Check::new();
    let size = read_page_size(&mut check, request.page_size);
    check.finish()?;
    let token = std::mem::take(&mut request.page_token);
    let pages = Pages::of(&api.token_key, "ListNamespaces", &request);
    let after = pages.read(&token)?.map(read_cursor).transpose()?;
    let mut found = with_webhooks(api, caller);
    let looked_to = add_those_with_events(api, caller, after.as_ref(), &mut found).await?;
    let on_page = |key: &(usize, Namespace)| {
        after.as_ref().is_none_or(|after| *key > place(after))
            && looked_to.as_ref().is_none_or(|end| *key <= place(end))
            && caller.reaches(&key.1).is_some()
    };
    let mut shown: Vec<_> = found.into_iter().filter(|(key, _)| on_page(key)).collect();
    let more = shown.len() > size;
    shown.truncate(size);
    let next = if more { shown.last().map(|((_, last), _)| last.clone()) } else { looked_to };
    let namespaces = shown.into_iter().map(|((_, name), count)| v1::NamespaceInfo {
        name: name.to_string(),
        webhook_count: i32::try_from(count).unwrap_or(i32::MAX),
    });
    Ok(v1::ListNamespacesResponse {
        namespaces: namespaces.collect(),
        next_page_token: pages.write(next.map(|last| last.as_str().as_bytes().to_vec())),
    })
}

fn place(namespace: &Namespace) -> (usize, Namespace) {
    (namespace.as_str().len(), namespace.clone())
}

fn read_cursor(bytes: Vec<u8>) -> Result<Namespace, Refusal> {
    String::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).ok_or(Refusal::PageToken)
}

/// The number of webhooks that the caller sees of each namespace that has some.
fn with_webhooks(api: &Shared, caller: &Caller) -> Found {
    let mut found = Found::new();
    let set = api.store.webhooks();
    for webhook in set.by_id.values().filter(|webhook| caller.sees_webhook(&webhook.namespace, webhook.id)) {
        *found.entry(place(&webhook.namespace)).or_default() += 1;
    }
    found
}

/// Adds the namespaces with events from `after` on. Returns the last that was looked at when more
/// may follow.
async fn add_those_with_events(
    api: &Shared,
    caller: &Caller,
    after: Option<&Namespace>,
    found: &mut Found,
) -> Result<Option<Namespace>, Refusal> {
    if let Some(granted) = granted(caller) {
        // One look for each namespace that the caller may see, however many others there are.
        for namespace in granted {
            let first = api.store.namespaces(Some(namespace), 1).await?;
            if first.first() == Some(namespace) {
                found.entry(place(namespace)).or_default();
            }
        }
        return Ok(None);
    }
    let held = api.store.namespaces(after, LOOKED_AT).await?;
    let looked_to = (held.len() == LOOKED_AT).then(|| held.last().cloned()).flatten();
    for namespace in held {
        found.entry(place(&namespace)).or_default();
    }
    Ok(looked_to)
}

/// The namespaces of a caller that has no grant for every one.
fn granted(caller: &Caller) -> Option<Vec<&Namespace>> {
    let scopes = caller.grants().iter().map(|grant| match &grant.scope {
        Scope::Every => None,
        Scope::One(namespace) => Some(namespace),
    });
    scopes.collect()
}
