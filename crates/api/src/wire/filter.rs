//! Filters of lists, watches and batches, from the wire to a store's query.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use tenterhook_engine::Pattern;
use tenterhook_model::{Delivery, Event, Namespace, Webhook, WebhookId, limits};
use tenterhook_proto::tenterhook::v1;
use tenterhook_store::{DeliveryQuery, EventQuery, WebhookSet};

use super::delivery::{View, read_outcome, read_state};
use super::labels::{check_labels, check_patterns};
use super::time::read_timestamp;
use crate::check::{Check, grouped};

/// Patterns of a filter, any of which must match; none match everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patterns(Vec<Pattern>);

impl Patterns {
    /// Whether one of them matches `text`.
    pub(crate) fn match_text(&self, text: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| pattern.matches(text))
    }

    fn read(check: &mut Check, name: &'static str, patterns: &[String]) -> Self {
        check_patterns(check, name, patterns, limits::FILTER_ITEMS);
        let mut read = Vec::new();
        check.within(name, |check| {
            for (index, pattern) in patterns.iter().enumerate().filter(|(_, pattern)| !pattern.is_empty()) {
                match Pattern::parse(pattern) {
                    Ok(pattern) => read.push(pattern),
                    Err(error) => check.item(index, |check| check.refuse_here(error.to_string())),
                }
            }
        });
        Self(read)
    }
}

/// A filter of deliveries, as a query without namespace, place and limit.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeliveryFilter {
    /// What the store looks for.
    pub(crate) query: DeliveryQuery,
    /// Patterns for the event's type.
    pub(crate) event_types: Patterns,
    /// Labels of the webhook.
    pub(crate) webhook_labels: BTreeMap<String, String>,
}

impl DeliveryFilter {
    /// The filter at this place.
    pub(crate) fn read(check: &mut Check, filter: &v1::DeliveryFilter) -> Self {
        let query = DeliveryQuery {
            webhook_ids: ids(check, "webhook_ids", &filter.webhook_ids),
            event_ids: ids(check, "event_ids", &filter.event_ids),
            event_types: filter.event_types.clone(),
            states: enums(check, "states", &filter.states, read_state),
            last_outcomes: enums(check, "last_outcomes", &filter.last_outcomes, read_outcome),
            start_time: read_timestamp(check, "start_time", filter.start_time),
            end_time: read_timestamp(check, "end_time", filter.end_time),
            response_statuses: statuses(check, &filter.response_statuses),
            min_attempts: read_min_attempts(check, filter.min_attempts),
            ..DeliveryQuery::default()
        };
        check_span(check, query.start_time.zip(query.end_time).is_some_and(|(start, end)| start >= end));
        check_labels(check, "webhook_labels", &filter.webhook_labels);
        let webhook_labels = filter.webhook_labels.clone().into_iter().collect();
        Self { query, event_types: Patterns::read(check, "event_types", &filter.event_types), webhook_labels }
    }

    /// Whether it names anything at all: a batch over everything is more likely a slip.
    pub(crate) fn is_empty(filter: &v1::DeliveryFilter) -> bool {
        *filter == v1::DeliveryFilter::default()
    }

    /// Whether `delivery`, of the right namespace, passes. Times are not looked at.
    pub(crate) fn passes(&self, delivery: &Delivery, webhooks: &WebhookSet) -> bool {
        self.query.passes(delivery)
            && self.event_types.match_text(&delivery.event_type)
            && (self.webhook_labels.is_empty()
                || webhooks.by_id.get(&delivery.webhook_id).is_some_and(|webhook| self.labels_match(webhook)))
    }

    /// The only webhook whose deliveries pass, if there is one.
    pub(crate) fn only_webhook(&self) -> Option<WebhookId> {
        match self.query.webhook_ids[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The query of a page in `namespace`, whose labels name webhooks as they are now; `None` when
    /// no webhook carries them.
    pub(crate) fn in_namespace(&self, namespace: &Namespace, webhooks: &WebhookSet) -> Option<DeliveryQuery> {
        let mut query = DeliveryQuery { namespace: namespace.clone(), ..self.query.clone() };
        if !self.webhook_labels.is_empty() {
            let of_namespace = webhooks.by_id.values().filter(|webhook| webhook.namespace == *namespace);
            let labelled = of_namespace.filter(|webhook| self.labels_match(webhook)).map(|webhook| webhook.id);
            let asked = &self.query.webhook_ids;
            query.webhook_ids = labelled.filter(|id| asked.is_empty() || asked.contains(id)).collect();
            if query.webhook_ids.is_empty() {
                return None;
            }
        }
        Some(query)
    }

    fn labels_match(&self, webhook: &Webhook) -> bool {
        self.webhook_labels.iter().all(|(key, value)| webhook.spec.labels.get(key) == Some(value))
    }
}

/// A filter of events, as a query without namespace, place and limit.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventFilter {
    /// What the store looks for.
    pub(crate) query: EventQuery,
    /// Patterns for the type.
    pub(crate) event_types: Patterns,
    /// Patterns for the object type.
    pub(crate) object_types: Patterns,
}

impl EventFilter {
    /// The filter at this place.
    pub(crate) fn read(check: &mut Check, filter: &v1::EventFilter) -> Self {
        let event_ids = ids(check, "event_ids", &filter.event_ids);
        let event_types = Patterns::read(check, "event_types", &filter.event_types);
        let object_types = Patterns::read(check, "object_types", &filter.object_types);
        check_labels(check, "attributes", &filter.attributes);
        let query = EventQuery {
            event_ids,
            event_types: filter.event_types.clone(),
            object_types: filter.object_types.clone(),
            attributes: filter.attributes.clone(),
            start_time: read_timestamp(check, "start_time", filter.start_time),
            end_time: read_timestamp(check, "end_time", filter.end_time),
            ..EventQuery::default()
        };
        check_span(check, query.start_time.zip(query.end_time).is_some_and(|(start, end)| start >= end));
        Self { query, event_types, object_types }
    }

    /// Whether the patterns of the filter match `event`; the rest is the store's to look for.
    pub(crate) fn passes(&self, event: &Event) -> bool {
        self.event_types.match_text(&event.event_type) && self.object_types.match_text(&event.object_type)
    }

    /// Whether it names anything at all.
    pub(crate) fn is_empty(filter: &v1::EventFilter) -> bool {
        *filter == v1::EventFilter::default()
    }
}

/// The statuses in `response_statuses`.
fn statuses(check: &mut Check, numbers: &[i32]) -> Vec<u16> {
    check.count("response_statuses", numbers.len(), limits::FILTER_ITEMS);
    check.within("response_statuses", |check| {
        let mut known = Vec::new();
        for (index, number) in numbers.iter().enumerate() {
            match u16::try_from(*number).ok().filter(|status| (100..=599).contains(status)) {
                Some(status) => known.push(status),
                None => check.item(index, |check| check.refuse_here("must be a status from 100 to 599")),
            }
        }
        known
    })
}

fn read_min_attempts(check: &mut Check, number: i32) -> u32 {
    u32::try_from(number).unwrap_or_else(|_| {
        check.refuse("min_attempts", "must not be negative");
        0
    })
}

fn check_span(check: &mut Check, is_backwards: bool) {
    if is_backwards {
        check.refuse("end_time", "must be after `start_time`");
    }
}

fn ids<T>(check: &mut Check, name: &'static str, texts: &[String]) -> Vec<T>
where
    T: FromStr,
    T::Err: Display,
{
    check.count(name, texts.len(), limits::FILTER_ITEMS);
    check.within(name, |check| {
        let parse = |(index, text): (usize, &String)| check.item(index, |check| check.parse("", text));
        texts.iter().enumerate().filter_map(parse).collect()
    })
}

/// The values of the field `name`, each of which must be one that can be asked for.
pub(crate) fn enums<T>(
    check: &mut Check,
    name: &'static str,
    numbers: &[i32],
    read: impl Fn(i32) -> Option<T>,
) -> Vec<T> {
    check.count(name, numbers.len(), limits::FILTER_ITEMS);
    check.within(name, |check| {
        let mut known = Vec::new();
        for (index, number) in numbers.iter().enumerate() {
            match read(*number) {
                Some(value) => known.push(value),
                None => {
                    check.item(index, |check| check.refuse_here(format!("{number} is not one that can be asked for")))
                }
            }
        }
        known
    })
}

/// The view in the field `view`; `unset` is what leaving it out means.
pub(crate) fn read_view(check: &mut Check, view: i32, unset: View) -> View {
    match v1::DeliveryView::try_from(view) {
        Ok(v1::DeliveryView::Unspecified) => unset,
        Ok(v1::DeliveryView::Basic) => View::Basic,
        Ok(v1::DeliveryView::Full) => View::Full,
        Err(_) => {
            check.refuse("view", "must be DELIVERY_VIEW_BASIC or DELIVERY_VIEW_FULL");
            unset
        }
    }
}

/// The number of items in the field `page_size`: 0 takes the default, too many the most.
pub(crate) fn read_page_size(check: &mut Check, size: i32) -> usize {
    match usize::try_from(size) {
        Ok(0) => limits::PAGE_DEFAULT,
        Ok(size) => size.min(limits::PAGE_MAX),
        Err(_) => {
            let (default, most) = (limits::PAGE_DEFAULT, grouped(limits::PAGE_MAX));
            check.refuse("page_size", format!("must not be negative; 0 means {default}, the most is {most}"));
            limits::PAGE_DEFAULT
        }
    }
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
