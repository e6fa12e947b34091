//! Bodies of fuzz targets: tokens of any text and messages of any bytes.

use prost::Message as _;
use tenterhook_model::{EventId, Namespace, OsEntropy, Timestamp, limits};
use tenterhook_proto::tenterhook::v1;
use tenterhook_store::Sequence;

use crate::check::Check;
use crate::token::{Pages, Resume, TokenKey};
use crate::wire::event::{Arrival, read_event, write_event};
use crate::wire::filter::read_page_size;
use crate::wire::spec::{Setting, read_spec};

const KEY: TokenKey = TokenKey::new([7; 32]);
/// Bytes of the longest place that a page begins at.
const PLACE_BYTES: usize = 1_024;
const OTHER: TokenKey = TokenKey::new([8; 32]);

/// A token that was not made with the key, for this very request, is refused.
///
/// # Panics
/// When that does not hold; so for every body below.
pub fn tokens(data: &[u8]) {
    let data = &data[..data.len().min(PLACE_BYTES)];
    let request = v1::ListWebhooksRequest::default();
    let pages = Pages::of(&KEY, "ListWebhooks", &request);
    let made = pages.write(Some(data.to_vec()));
    assert_eq!(pages.read(&made).ok(), Some(Some(data.to_vec())), "the server knows its own token");
    assert!(Pages::of(&OTHER, "ListWebhooks", &request).read(&made).is_err(), "another server does not");
    assert!(Pages::of(&KEY, "ListEvents", &request).read(&made).is_err(), "nor another method");
    let Ok(text) = std::str::from_utf8(data) else { return };
    // A tag of 16 bytes is not to be guessed.
    assert!(text.is_empty() || pages.read(text).is_err(), "{text:?} is no token");
    let resume = Resume::of(&KEY, &Namespace::default(), 1);
    assert!(resume.read(text, Sequence(u64::MAX)).is_err(), "{text:?} is no token");
}

/// An event or webhook that is accepted is within its limits, and an event is written as it was read.
pub fn wire_to_model(data: &[u8]) {
    if let Ok(event) = v1::Event::decode(data) {
        try_event(event);
    }
    if let Ok(webhook) = v1::Webhook::decode(data) {
        let mut check = Check::new();
        let spec = read_spec(&mut check, webhook, Setting { stored: None, may_skip_verify: false });
        if check.finish().is_ok() {
            assert!(!spec.transport.insecure_skip_verify, "it is not allowed");
            assert!(spec.rules.len() <= limits::RULES && spec.labels.len() <= limits::LABELS);
            assert!(spec.request.headers.len() <= limits::HEADERS);
            assert!(spec.retry.max_attempts.is_none_or(|attempts| (1..=limits::ATTEMPTS_MAX).contains(&attempts)));
        }
    }
    if let Ok(request) = v1::ListNamespacesRequest::decode(data) {
        let mut check = Check::new();
        let size = read_page_size(&mut check, request.page_size);
        assert!(check.finish().is_err() || (1..=limits::PAGE_MAX).contains(&size), "a page of {size}");
    }
}

fn try_event(event: v1::Event) {
    let now = Timestamp::default();
    let fresh_id = || EventId::generate(now, &OsEntropy);
    let arrival = Arrival { fresh_id: &fresh_id, now, trace_parent: None };
    let mut check = Check::new();
    let read = read_event(&mut check, event, &arrival);
    let (Ok(()), Some(read)) = (check.finish(), read) else { return };
    assert!(read.size() <= limits::EVENT_BYTES, "{} bytes are accepted", read.size());
    let mut check = Check::new();
    let again = read_event(&mut check, write_event(&read), &arrival);
    assert!(check.finish().is_ok(), "an event that was accepted is accepted again");
    assert_eq!(again.as_ref(), Some(&read), "and is the same");
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenterhook_fixtures::mutate;

    #[test]
    fn texts_of_chance_are_no_tokens() {
        mutate::each("tokens", 3_000, tokens);
    }

    #[test]
    fn messages_of_any_bytes_become_legal_nouns_or_are_refused() {
        mutate::each("wire_to_model", 5_000, wire_to_model);
    }
}
