//! The watch feed from its start: that it explains every state, and what the states are.

use std::collections::BTreeMap;

use tenterhook_proto::tenterhook::v1::delivery_service_client::DeliveryServiceClient;
use tenterhook_proto::tenterhook::v1::watch_deliveries_request::Start;
use tenterhook_proto::tenterhook::v1::watch_deliveries_response::Payload;
use tenterhook_proto::tenterhook::v1::{
    Delivery, DeliveryFilter, DeliveryState, ListDeliveriesRequest, WatchDeliveriesRequest, WatchPosition,
};

use crate::process::serve::Channel;

/// A delivery as the feed tells it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    pub(super) event: String,
    pub(super) state: DeliveryState,
    pub(super) attempts: i32,
}

/// Deliveries by id.
pub(super) type Deliveries = BTreeMap<String, Told>;

/// Reads the feed from its start until `is_enough`, and checks on the way that each change
/// begins where the one before it ended.
pub(super) async fn read(channel: Channel, is_enough: impl Fn(&Deliveries) -> bool) -> Deliveries {
    let request = WatchDeliveriesRequest {
        start: Some(Start::Position(WatchPosition::Earliest.into())),
        ..WatchDeliveriesRequest::default()
    };
    let stream = DeliveryServiceClient::new(channel).watch_deliveries(request).await.expect("a watch begins");
    let mut stream = stream.into_inner();
    let mut told = Deliveries::new();
    while !is_enough(&told) {
        let message = stream.message().await.expect("the feed goes on").expect("the feed has no end");
        let Some(Payload::Change(change)) = message.payload else { continue };
        let previous = change.previous_state();
        let delivery = change.delivery.expect("a change has a delivery");
        let now = Told { event: delivery.event_id.clone(), state: delivery.state(), attempts: delivery.attempt_count };
        let before = told.insert(delivery.id.clone(), now.clone());
        let known = before.as_ref().map_or(DeliveryState::Unspecified, |before| before.state);
        assert_eq!(known, previous, "{} was {before:?} and became {now:?}", delivery.id);
        let attempts = before.map_or(0, |before| before.attempts);
        assert!((attempts..=attempts + 1).contains(&now.attempts), "{} had {attempts} attempts: {now:?}", delivery.id);
    }
    told
}

/// Every delivery as the lists have it.
pub(super) async fn list(channel: Channel) -> Deliveries {
    let mut client = DeliveryServiceClient::new(channel);
    let mut listed = Deliveries::new();
    let mut request = ListDeliveriesRequest { page_size: 1_000, ..ListDeliveriesRequest::default() };
    loop {
        let page = client.list_deliveries(request.clone()).await.expect("lists are answered").into_inner();
        for delivery in page.deliveries {
            let told =
                Told { event: delivery.event_id.clone(), state: delivery.state(), attempts: delivery.attempt_count };
            assert_eq!(listed.insert(delivery.id.clone(), told), None, "{} is listed twice", delivery.id);
        }
        if page.next_page_token.is_empty() {
            return listed;
        }
        request.page_token = page.next_page_token;
    }
}

/// What is still to be delivered.
pub(super) async fn unfinished(channel: Channel) -> Vec<Delivery> {
    let states = [DeliveryState::Pending, DeliveryState::InFlight, DeliveryState::Retrying].map(i32::from).to_vec();
    let filter = Some(DeliveryFilter { states, ..DeliveryFilter::default() });
    let request = ListDeliveriesRequest { filter, ..ListDeliveriesRequest::default() };
    DeliveryServiceClient::new(channel)
        .list_deliveries(request)
        .await
        .expect("lists are answered")
        .into_inner()
        .deliveries
}
