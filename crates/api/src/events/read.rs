//! GetEvent and ListEvents.

use tenterhook_model::{EventId, Namespace};
use tenterhook_proto::tenterhook::v1;
use tenterhook_store::EventQuery;

use crate::access::Caller;
use crate::check::Check;
use crate::refusal::Refusal;
use crate::state::Shared;
use crate::token::Pages;
use crate::wire::event::write_event;
use crate::wire::filter::{EventFilter, read_page_size};

/// Reads that one page may cost when few events match.
const READS_MAX: usize = 32;

pub(super) async fn get(api: &Shared, caller: &Caller, request: &v1::GetEventRequest) -> Result<v1::Event, Refusal> {
    let mut check = Check::new();
    let namespace: Option<Namespace> = check.parse("namespace", &request.namespace);
    let id: Option<EventId> = check.parse("event_id", &request.event_id);
    let (Some(namespace), Some(id)) = (namespace, id) else { return Err(check.into_refusal()) };
    caller.within(&namespace)?;
    let event = api.store.event(&namespace, &id).await?;
    event.map(|event| write_event(&event)).ok_or_else(|| Refusal::NoEvent(id.to_string()))
}

pub(super) async fn list(
    api: &Shared,
    caller: &Caller,
    mut request: v1::ListEventsRequest,
) -> Result<v1::ListEventsResponse, Refusal> {
    let mut check = Check::new();
    let namespace = check.parse("namespace", &request.namespace);
    let limit = read_page_size(&mut check, request.page_size);
    let filter = request.filter.clone().unwrap_or_default();
    let filter = check.within("filter", |check| EventFilter::read(check, &filter));
    check.finish()?;
    let namespace = namespace.unwrap_or_default();
    caller.within(&namespace)?;
    let token = std::mem::take(&mut request.page_token);
    let pages = Pages::of(&api.token_key, "ListEvents", &request);
    let mut after = pages.read(&token)?;
    let mut events = Vec::new();
    for _ in 0..READS_MAX {
        let query = EventQuery { namespace: namespace.clone(), after, limit, ..filter.query.clone() };
        let page = api.store.list_events(query).await?;
        events.extend(page.items.iter().filter(|event| filter.passes(event)).map(|event| write_event(event)));
        after = page.next;
        if after.is_none() || !events.is_empty() {
            break;
        }
    }
    Ok(v1::ListEventsResponse { events, next_page_token: pages.write(after) })
}
