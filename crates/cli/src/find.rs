//! Names instead of ids: a webhook by name, id or the beginning of an id; a delivery or an event by id or its
//! beginning.

use std::pin::pin;

use futures_util::{Stream, StreamExt as _};
use tenterhook_client::v1::{GetEventRequest, GetWebhookRequest, ListDeliveriesRequest, ListEventsRequest, Webhook};
use tenterhook_client::{Code, Error, Kind};

use crate::failure::Failure;
use crate::session::Session;

/// Characters of an id after its prefix.
const ID_CHARS: usize = 26;
/// Deliveries or events, the newest first, among which the beginning of an id is looked for.
const LOOKED_AT_MAX: usize = 10_000;
/// The largest page of a list.
pub(crate) const PAGE: i32 = 1_000;

impl Session {
    /// The webhook that `text` means.
    ///
    /// # Errors
    /// When there is none, or several.
    pub(crate) async fn webhook(&self, text: &str) -> Result<Webhook, Failure> {
        let mut request = GetWebhookRequest::default();
        if is_id(text, "wh_") {
            request.webhook_id = text.to_owned();
        } else {
            request.display_name = text.to_owned();
            request.namespace.clone_from(&self.namespace);
        }
        let by_name = !request.display_name.is_empty();
        match self.client.webhooks().get_webhook(request).await.map_err(Error::from) {
            Ok(response) => Ok(response.into_inner().webhook.unwrap_or_default()),
            Err(error) if by_name && matches!(error.kind(), Kind::NotFound | Kind::Invalid) => {
                let webhooks = self.webhooks().await?;
                let mut found =
                    webhooks.into_iter().filter(|webhook| text.starts_with("wh_") && webhook.id.starts_with(text));
                let first = found.next().ok_or_else(|| unknown("webhook", text))?;
                let others = found.count();
                if others > 0 { Err(ambiguous("webhooks", text, others + 1)) } else { Ok(first) }
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// The id of the delivery that `text` means.
    ///
    /// # Errors
    /// When there is none, or several.
    pub(crate) async fn delivery_id(&self, text: &str) -> Result<String, Failure> {
        if is_id(text, "dlv_") {
            return Ok(text.to_owned());
        }
        let (deliveries, _) =
            self.client.list_deliveries(ListDeliveriesRequest { page_size: PAGE, ..Default::default() });
        self.beginning("delivery", text, deliveries.map(|delivery| delivery.map(|delivery| delivery.id))).await
    }

    /// The id of the event that `text` means: the publisher's own, or the beginning of one.
    ///
    /// # Errors
    /// When there is none, or several.
    pub(crate) async fn event_id(&self, text: &str) -> Result<String, Failure> {
        let request = GetEventRequest { namespace: self.namespace.clone(), event_id: text.to_owned() };
        match self.client.events().get_event(request).await {
            Ok(_) => Ok(text.to_owned()),
            Err(status) if matches!(status.code(), Code::NotFound | Code::InvalidArgument) && !is_id(text, "evt_") => {
                let events = self.client.list_events(ListEventsRequest { page_size: PAGE, ..Default::default() });
                self.beginning("event", text, events.map(|event| event.map(|event| event.id))).await
            }
            Err(status) => Err(self.fail(status)),
        }
    }

    /// The only one of the newest `ids` that begins with `text`.
    async fn beginning(
        &self,
        noun: &str,
        text: &str,
        ids: impl Stream<Item = Result<String, Error>>,
    ) -> Result<String, Failure> {
        let mut ids = pin!(ids.take(LOOKED_AT_MAX));
        let mut found: Vec<String> = Vec::new();
        while let Some(id) = ids.next().await {
            let id = id.map_err(|error| self.fail(error))?;
            if !text.is_empty() && id.starts_with(text) && !found.contains(&id) {
                found.push(id);
            }
        }
        match found.len() {
            0 => Err(unknown(noun, text)),
            1 => Ok(found.remove(0)),
            several => Err(ambiguous(if noun == "event" { "events" } else { "deliveries" }, text, several)),
        }
    }
}

/// The only one of those that `text` means.
///
/// # Errors
/// When there is none, or several.
pub(crate) fn only<T>(noun: &str, text: &str, mut found: Vec<T>) -> Result<T, Failure> {
    match found.len() {
        0 => Err(unknown(noun, text)),
        1 => Ok(found.remove(0)),
        several => Err(Failure::refused(format!("{several} {noun}s are called {text}")).next("give the id")),
    }
}

fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| rest.len() == ID_CHARS)
}

fn unknown(noun: &str, text: &str) -> Failure {
    Failure::refused(format!("there is no {noun} {text}")).next(format!("`tenterhook {noun} list` shows what there is"))
}

fn ambiguous(nouns: &str, text: &str, count: usize) -> Failure {
    Failure::refused(format!("{text} is the beginning of {count} {nouns}")).next("give more of the id, or all of it")
}

/// The ids as short as they are still told apart from each other, 12 characters at least.
pub(crate) fn short_ids<'a>(ids: impl Iterator<Item = &'a str> + Clone) -> usize {
    let mut sorted: Vec<&str> = ids.collect();
    sorted.sort_unstable();
    sorted.dedup();
    let shared = |pair: &[&str]| pair[0].bytes().zip(pair[1].bytes()).take_while(|(one, other)| one == other).count();
    sorted.windows(2).map(|pair| shared(pair) + 1).max().unwrap_or(0).max(12)
}

/// The first `length` bytes of an id, or all of one that is shorter or no ASCII.
pub(crate) fn short(id: &str, length: usize) -> &str {
    id.get(..length).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_shortened_as_far_as_they_are_distinct() {
        let ids = ["dlv_01m8f64xaaaa", "dlv_01m8f64xaaab", "dlv_01m8f64xb"];
        assert_eq!(short_ids(ids.into_iter()), 16);
        assert_eq!(short_ids(ids[1..].iter().copied()), 13);
        assert_eq!(short_ids(["a"].into_iter()), 12);
        assert_eq!((short("dlv_0", 12), short("abcdef", 3)), ("dlv_0", "abc"));
    }

    #[test]
    fn an_id_has_its_prefix_and_26_characters() {
        assert!(is_id("wh_01m8f64x0000000000000000xx", "wh_") && !is_id("wh_01", "wh_") && !is_id("orders", "wh_"));
    }

    #[test]
    fn the_only_one_is_taken_and_none_or_several_are_refused() {
        assert_eq!(only("webhook", "orders", vec![7]).unwrap(), 7);
        let refused = |found: Vec<u8>| only("webhook", "orders", found).unwrap_err().to_string();
        assert_eq!(
            refused(vec![]),
            "there is no webhook orders\n  next: `tenterhook webhook list` shows what there is"
        );
        assert_eq!(refused(vec![1, 2, 3]), "3 webhooks are called orders\n  next: give the id");
        assert_eq!(
            ambiguous("events", "evt_", 2).to_string(),
            "evt_ is the beginning of 2 events\n  next: give more of the id, or all of it"
        );
    }

    #[test]
    fn an_id_is_never_shorter_than_it_must_be() {
        assert_eq!(short_ids([].into_iter()), 12);
        assert_eq!(short_ids(["same-id-twice-x", "same-id-twice-x"].into_iter()), 12, "one thing that is there twice");
        assert_eq!(short_ids(["aaaaaaaaaaaab", "aaaaaaaaaaaa"].into_iter()), 13, "one is the beginning of the other");
        let ids = ["dlv_01m8f64xaaaa", "dlv_01m8f64xaaab", "dlv_01m8f64xaaba", "dlv_01m8f64xabaa"];
        let length = short_ids(ids.into_iter());
        let shown: std::collections::BTreeSet<&str> = ids.iter().map(|id| short(id, length)).collect();
        assert_eq!((length, shown.len()), (16, 4));
        assert_eq!((short("é", 1), short("", 5), short("abc", usize::MAX)), ("é", "", "abc"));
    }

    #[test]
    fn what_is_as_long_as_an_id_is_one() {
        let of = |length: usize| is_id(&format!("dlv_{}", "0".repeat(length)), "dlv_");
        assert_eq!([25, 26, 27].map(of), [false, true, false]);
        assert!(!is_id(&format!("wh_{}", "0".repeat(26)), "dlv_"));
    }
}
