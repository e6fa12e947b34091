//! Reads everything that a store holds, page by page, as a client would.

use std::collections::BTreeMap;
use std::sync::Arc;

use tenterhook_model::{Delivery, DeliveryId, Event, EventId, Namespace};
use tenterhook_store::{Change, DeliveryQuery, EventQuery, Sequence, Store};

use super::plan::NAMESPACES;

/// Items of a page; few, so that pages are turned.
const PAGE: usize = 7;

/// The whole journal.
pub(crate) async fn journal(store: &dyn Store) -> Vec<Arc<Change>> {
    let mut journal: Vec<Arc<Change>> = Vec::new();
    loop {
        let after = journal.last().map_or(Sequence(0), |change| change.sequence);
        let page = store.changes(after, PAGE).await.expect("nothing has expired");
        if page.changes.is_empty() {
            return journal;
        }
        journal.extend_from_slice(&page.changes);
    }
}

/// Every delivery, each of which must come once.
pub(crate) async fn deliveries(store: &dyn Store) -> BTreeMap<DeliveryId, Delivery> {
    let mut found = BTreeMap::new();
    for namespace in namespaces() {
        let mut query = DeliveryQuery { namespace, limit: PAGE, ..DeliveryQuery::default() };
        loop {
            let page = store.list_deliveries(query.clone()).await.expect("the disk can be read");
            for delivery in page.items {
                let id = delivery.id;
                assert!(found.insert(id, delivery).is_none(), "{id} is listed twice");
            }
            match page.next {
                None => break,
                next => query.after = next,
            }
        }
    }
    found
}

/// Every event.
pub(crate) async fn events(store: &dyn Store) -> BTreeMap<EventId, Arc<Event>> {
    let mut found = BTreeMap::new();
    for namespace in namespaces() {
        let mut query = EventQuery { namespace, limit: PAGE, ..EventQuery::default() };
        loop {
            let page = store.list_events(query.clone()).await.expect("the disk can be read");
            for event in page.items {
                let id = event.id.clone();
                assert!(found.insert(id.clone(), event).is_none(), "{id} is listed twice");
            }
            match page.next {
                None => break,
                next => query.after = next,
            }
        }
    }
    found
}

/// The server's own events of the default namespace, in the order of their publication.
pub(crate) async fn operational(store: &dyn Store) -> Vec<Arc<Event>> {
    let mut found = Vec::new();
    let mut query = EventQuery { limit: PAGE, ..EventQuery::default() };
    loop {
        let page = store.list_events(query.clone()).await.expect("the disk can be read");
        found.extend(page.items.into_iter().filter(|event| event.is_operational()));
        match page.next {
            None => break,
            next => query.after = next,
        }
    }
    found.reverse();
    found
}

/// Every namespace of a plan.
pub(crate) fn namespaces() -> impl Iterator<Item = Namespace> {
    NAMESPACES.into_iter().map(|name| name.parse().expect("the name is legal"))
}
