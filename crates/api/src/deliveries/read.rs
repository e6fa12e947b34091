//! GetDelivery and ListDeliveries.

use prost::Message as _;
use tenterhook_model::{Delivery, DeliveryId, Namespace, limits};
use tenterhook_proto::tenterhook::v1;
use tenterhook_store::DeliveryQuery;

use crate::access::{Caller, Reach};
use crate::check::Check;
use crate::refusal::Refusal;
use crate::state::Shared;
use crate::token::{Pages, Resume};
use crate::waits::Waits;
use crate::wire::delivery::{View, write_delivery};
use crate::wire::filter::{DeliveryFilter, read_page_size, read_view};

/// Deliveries on one page of the full view at most, whose attempts are read one by one.
const FULL_PAGE: usize = limits::PAGE_FULL_MAX;
/// Reads that one page may cost when few deliveries match.
const READS_MAX: usize = 32;

/// The delivery `id`, if the caller may see it.
pub(super) async fn find(api: &Shared, caller: &Caller, id: &str) -> Result<Delivery, Refusal> {
    let mut check = Check::new();
    let Some(parsed) = check.parse::<DeliveryId>("delivery_id", id) else { return Err(check.into_refusal()) };
    let found = api
        .store
        .delivery(parsed)
        .await?
        .filter(|delivery| caller.sees_webhook(&delivery.namespace, delivery.webhook_id));
    let found = found.ok_or_else(|| Refusal::NoDelivery(id.to_owned()))?;
    caller.about(|| format!("{} delivery {} of webhook {}", found.namespace, found.id, found.webhook_id));
    Ok(found)
}

pub(super) async fn get(
    api: &Shared,
    caller: &Caller,
    request: &v1::GetDeliveryRequest,
) -> Result<v1::GetDeliveryResponse, Refusal> {
    let mut check = Check::new();
    check.parse::<DeliveryId>("delivery_id", &request.delivery_id);
    let view = read_view(&mut check, request.view, View::Full);
    check.finish()?;
    let delivery = find(api, caller, &request.delivery_id).await?;
    let mut shown = show(api, &delivery, view, limits::PAGE_BYTES).await?;
    explain(api, &delivery, &mut shown).await?;
    Ok(v1::GetDeliveryResponse { delivery: Some(shown) })
}

/// Says in `shown` why the delivery waits.
pub(super) async fn explain(api: &Shared, delivery: &Delivery, shown: &mut v1::Delivery) -> Result<(), Refusal> {
    Waits::of(api, std::slice::from_ref(delivery)).await?.explain(delivery, shown);
    Ok(())
}

/// The delivery on the wire; in the full view with the attempts that it had, in `budget` bytes.
pub(super) async fn show(
    api: &Shared,
    delivery: &Delivery,
    view: View,
    budget: usize,
) -> Result<v1::Delivery, Refusal> {
    let mut attempts = match view {
        View::Basic => Vec::new(),
        View::Full => api.store.attempts(delivery.id).await?,
    };
    attempts.retain(|attempt| attempt.number <= delivery.attempt_count);
    let mut shown = write_delivery(delivery, view, &attempts);
    fit(&mut shown, budget);
    Ok(shown)
}

/// Makes the message fit into `budget` bytes: first bodies go, then requests and answers, those
/// of the oldest attempts first.
fn fit(delivery: &mut v1::Delivery, budget: usize) {
    let mut excess = delivery.encoded_len().saturating_sub(budget);
    let steps: [fn(&mut v1::DeliveryAttempt); 2] = [drop_bodies, drop_exchange];
    for step in steps {
        for attempt in delivery.attempts.iter_mut().chain(&mut delivery.last_attempt) {
            if excess == 0 {
                return;
            }
            let before = attempt.encoded_len();
            step(attempt);
            excess = excess.saturating_sub(before - attempt.encoded_len());
        }
    }
}

fn drop_bodies(attempt: &mut v1::DeliveryAttempt) {
    if let Some(request) = attempt.request.as_mut().filter(|request| !request.body.is_empty()) {
        (request.body, request.body_truncated) = (Default::default(), true);
        request.body_text.clear();
    }
    if let Some(response) = attempt.response.as_mut().filter(|response| !response.body.is_empty()) {
        (response.body, response.body_truncated) = (Default::default(), true);
        response.body_text.clear();
    }
}

fn drop_exchange(attempt: &mut v1::DeliveryAttempt) {
    (attempt.request, attempt.response) = (None, None);
}

/// A list that was checked.
struct List {
    namespace: Namespace,
    filter: DeliveryFilter,
    view: View,
    page_size: usize,
}

impl List {
    fn read(request: &v1::ListDeliveriesRequest) -> Result<Self, Refusal> {
        let mut check = Check::new();
        let namespace = check.parse("namespace", &request.namespace);
        let page_size = read_page_size(&mut check, request.page_size);
        let filter = request.filter.clone().unwrap_or_default();
        let filter = check.within("filter", |check| DeliveryFilter::read(check, &filter));
        let view = read_view(&mut check, request.view, View::Basic);
        check.finish()?;
        Ok(Self { namespace: namespace.unwrap_or_default(), filter, view, page_size })
    }
}

pub(super) async fn list(
    api: &Shared,
    caller: &Caller,
    mut request: v1::ListDeliveriesRequest,
) -> Result<v1::ListDeliveriesResponse, Refusal> {
    let list = List::read(&request)?;
    let reach = caller.reach(&list.namespace)?;
    let token = std::mem::take(&mut request.page_token);
    let pages = Pages::of(&api.token_key, "ListDeliveries", &request);
    let after = pages.read(&token)?;
    // Taken before the read, so that a watch from it misses nothing that the read did not see.
    let resume_token = if after.is_none() {
        let journal = api.store.journal();
        Resume::of(&api.token_key, &list.namespace, journal.epoch).write(journal.last)
    } else {
        String::new()
    };
    let (deliveries, next) = page(api, &list, reach, after).await?;
    Ok(v1::ListDeliveriesResponse { deliveries, next_page_token: pages.write(next), resume_token })
}

/// The next page. It is read on only while nothing has passed the filter, so that one page of
/// the store, which is bounded in bytes, is at most one of ours.
async fn page(
    api: &Shared,
    list: &List,
    reach: Reach,
    mut after: Option<Vec<u8>>,
) -> Result<(Vec<v1::Delivery>, Option<Vec<u8>>), Refusal> {
    let limit = if list.view == View::Full { list.page_size.min(FULL_PAGE) } else { list.page_size };
    let mut shown = Vec::new();
    let query = list.filter.in_namespace(&list.namespace, &api.store.webhooks());
    let Some(query) = query.and_then(|query| within_reach(query, reach)) else { return Ok((shown, None)) };
    for _ in 0..READS_MAX {
        let query = DeliveryQuery { after, limit, ..query.clone() };
        let page = api.store.list_deliveries(query).await?;
        let waits = Waits::of(api, &page.items).await?;
        let mut room = limits::PAGE_BYTES;
        for (index, delivery) in page.items.iter().enumerate() {
            if list.filter.event_types.match_text(&delivery.event_type) {
                let share = room / (page.items.len() - index);
                let mut written = show(api, delivery, list.view, share).await?;
                waits.explain(delivery, &mut written);
                room = room.saturating_sub(written.encoded_len());
                shown.push(written);
            }
        }
        after = page.next;
        if after.is_none() || !shown.is_empty() {
            break;
        }
    }
    Ok((shown, after))
}

/// The query of what the caller may look at; `None` when it asks for other webhooks only.
fn within_reach(query: DeliveryQuery, reach: Reach) -> Option<DeliveryQuery> {
    match reach {
        Reach::All => Some(query),
        Reach::One(only) if query.webhook_ids.is_empty() || query.webhook_ids.contains(&only) => {
            Some(DeliveryQuery { webhook_ids: vec![only], ..query })
        }
        Reach::One(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_with_one_webhook_asks_for_that_whatever_it_names() {
        let [one, two] = [1, 2].map(|number| tenterhook_model::WebhookId::from_bytes([number; 16]));
        let asked = |ids: &[_]| DeliveryQuery { webhook_ids: ids.to_vec(), ..DeliveryQuery::default() };
        let found = |ids: &[_], reach| within_reach(asked(ids), reach).map(|query| query.webhook_ids);
        assert_eq!(found(&[], Reach::One(one)), Some(vec![one]));
        assert_eq!(found(&[two, one], Reach::One(one)), Some(vec![one]));
        assert_eq!(found(&[two], Reach::One(one)), None);
        assert_eq!(found(&[two], Reach::All), Some(vec![two]));
    }

    fn attempt(number: i32, body: usize) -> v1::DeliveryAttempt {
        let request = v1::HttpRequest { method: "POST".into(), body: vec![b'x'; body].into(), ..Default::default() };
        let response = v1::HttpResponse { status: 500, body: vec![b'y'; body].into(), ..Default::default() };
        v1::DeliveryAttempt { number, request: Some(request), response: Some(response), ..Default::default() }
    }

    fn delivery(attempts: i32) -> v1::Delivery {
        v1::Delivery { attempts: (1..=attempts).map(|number| attempt(number, 1_000)).collect(), ..Default::default() }
    }

    #[test]
    fn what_fits_is_left_as_it_is() {
        let mut fits = delivery(3);
        fit(&mut fits, 10_000);
        assert_eq!(fits, delivery(3));
    }

    #[test]
    fn bodies_of_the_oldest_attempts_go_first() {
        let mut cut = delivery(3);
        fit(&mut cut, 4_500);
        assert!(cut.encoded_len() <= 4_500);
        let bodies: Vec<_> = cut.attempts.iter().map(|a| a.request.as_ref().unwrap().body.len()).collect();
        assert_eq!(bodies, [0, 1_000, 1_000]);
        assert!(cut.attempts[0].response.as_ref().unwrap().body_truncated);
    }

    #[test]
    fn every_attempt_stays_however_small_the_budget() {
        let mut cut = delivery(3);
        fit(&mut cut, 1);
        assert_eq!(cut.attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(cut.attempts.iter().all(|attempt| attempt.request.is_none() && attempt.response.is_none()));
    }
}
